//! Connections that are prepared before they count as such: what comes first, and every way in which it may fail.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{ClientService, ConnectError, Lost, Preparing};

use crate::peer::PeerListener;
use crate::spy::Spy;
use crate::staying::{Course, assert_nothing_is_left, start, stop};
use crate::world::{World, contract};

contract! { everywhere:
    a_connection_counts_once_it_is_prepared,
    a_connection_may_be_prepared_at_once,
    preparing_that_fails_costs_the_attempt,
    a_connection_lost_while_it_is_prepared_costs_the_attempt,
    preparing_that_takes_too_long_costs_the_attempt,
    preparing_that_panics_costs_the_attempt,
    preparing_meant_for_another_protocol_costs_the_attempt,
    a_connection_can_be_stopped_while_it_is_prepared,
    what_preparing_says_of_a_connection_of_the_past_changes_nothing,
}

type Kept = Rc<RefCell<Vec<Preparing>>>;

/// A service that keeps what it is to say of its connections, and a server for it.
fn kept(world: &World) -> (PeerListener, Course, ClientService, Kept) {
    let (listener, course, kept) = (world.peer_listener(), Course::default(), Kept::default());
    let (log, ours) = (course.log.clone(), Rc::clone(&kept));
    let service = course.service(world, listener.address()).prepare(
        move |_: &mut Spy, transport, preparing| {
            log.note("prepares");
            transport.write("alice\r\n");
            ours.borrow_mut().push(preparing);
        },
    );
    start(world, &service);
    (listener, course, service, kept)
}

fn next(kept: &Kept) -> Preparing {
    kept.borrow_mut().pop().expect("one is prepared")
}

fn a_connection_counts_once_it_is_prepared(world: &World) {
    let (listener, course, service, kept) = kept(world);
    let peer = listener.accept();
    peer.expect("alice").send("welcome");
    world.run_until("it has heard", || course.log.count("data") > 0);
    assert_eq!(course.log.lines()[..3], ["started", "made", "prepares"]);
    assert_eq!(
        (service.connection(), course.log.has("connected")),
        (None, false)
    );
    world.on(|reactor| next(&kept).done(reactor));
    world.run_until("it is connected", || course.log.has("connected"));
    assert!(service.connection().is_some());
    stop(world, &service, &course.log);
}

fn a_connection_may_be_prepared_at_once(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course
        .service(world, listener.address())
        .prepare(|_: &mut Spy, transport, preparing| preparing.done(transport));
    start(world, &service);
    let _peer = listener.accept();
    world.run_until("it is connected", || course.log.has("connected"));
    stop(world, &service, &course.log);
}

/// The next attempt follows the one that has failed.
fn goes_on(world: &World, listener: &PeerListener, course: &Course, kept: &Kept) {
    let peer = listener.accept();
    peer.expect("alice");
    world.on(|reactor| next(kept).done(reactor));
    world.run_until("it is connected", || course.log.has("connected"));
    assert_eq!(course.log.count("failed"), 1);
}

fn preparing_that_fails_costs_the_attempt(world: &World) {
    let (listener, course, service, kept) = kept(world);
    let peer = listener.accept();
    peer.expect("alice");
    world.on(|reactor| next(&kept).fail(reactor, "who is alice?"));
    peer.expect_reset();
    world.run_until("it has failed", || course.log.has("failed"));
    let why = "who is alice?".to_owned();
    assert_eq!(course.last_error(), ConnectError::Unprepared(why));
    goes_on(world, &listener, &course, &kept);
    let told = [
        "started",
        "made",
        "prepares",
        "lost aborted",
        "failed",
        "waits",
        "started",
    ];
    assert_eq!(course.log.lines()[..7], told);
    stop(world, &service, &course.log);
}

fn a_connection_lost_while_it_is_prepared_costs_the_attempt(world: &World) {
    let (listener, course, service, kept) = kept(world);
    listener.accept().expect("alice").resets();
    world.run_until("it has failed", || course.log.has("failed"));
    assert_eq!(course.last_error(), ConnectError::Lost(Lost::Reset));
    // Too late.
    world.on(|reactor| next(&kept).done(reactor));
    goes_on(world, &listener, &course, &kept);
    stop(world, &service, &course.log);
}

fn preparing_that_takes_too_long_costs_the_attempt(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course.service(world, listener.address());
    let service = service
        .prepare(|_: &mut Spy, _, preparing| drop(preparing))
        .prepare_within(world.short())
        .give_up_after(1);
    start(world, &service);
    let peer = listener.accept();
    peer.expect_reset();
    world.run_until("it gives up", || course.log.has("gave up"));
    let why = format!("not within {:?}", world.short());
    assert_eq!(course.last_error(), ConnectError::Unprepared(why));
    assert_nothing_is_left(world);
}

fn preparing_that_panics_costs_the_attempt(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course.service(world, listener.address());
    let service = service
        .prepare(|_: &mut Spy, _, _| panic!("on purpose"))
        .give_up_after(2);
    start(world, &service);
    listener.accept().expect_reset();
    listener.accept().expect_reset();
    world.run_until("it gives up", || course.log.has("gave up"));
    assert_eq!(course.last_error(), ConnectError::Lost(Lost::Panicked));
    assert_nothing_is_left(world);
}

fn preparing_meant_for_another_protocol_costs_the_attempt(world: &World) {
    struct Other;
    impl ropewalk::Protocol for Other {
        fn data_received(&mut self, _: &mut ropewalk::Transport<'_>, _: &[u8]) {}
    }
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course.service(world, listener.address());
    let service = service
        .prepare(|_: &mut Other, transport, preparing| preparing.done(transport))
        .give_up_after(1);
    start(world, &service);
    listener.accept().expect_reset();
    world.run_until("it gives up", || course.log.has("gave up"));
    assert!(matches!(course.last_error(), ConnectError::Unprepared(_)));
    assert_eq!(world.on(|reactor| reactor.counters().stale_calls), 1);
}

fn a_connection_can_be_stopped_while_it_is_prepared(world: &World) {
    let (listener, course, service, kept) = kept(world);
    let peer = listener.accept();
    peer.expect("alice");
    world.on(|reactor| {
        service.stop(reactor);
        next(&kept).done(reactor);
    });
    peer.expect_eof().closes();
    stop(world, &service, &course.log);
    let told = [
        "started",
        "made",
        "prepares",
        "lost done, ended by us",
        "stopped",
        "it is over",
    ];
    assert_eq!(course.log.lines(), told);
}

fn what_preparing_says_of_a_connection_of_the_past_changes_nothing(world: &World) {
    let (listener, course, service, kept) = kept(world);
    listener.accept().expect("alice").resets();
    let peer = listener.accept();
    peer.expect("alice");
    let second = next(&kept);
    world.on(|reactor| next(&kept).fail(reactor, "this is the first one"));
    world.run_for(Duration::from_millis(5));
    assert_eq!(course.log.count("failed"), 1);
    world.on(|reactor| second.done(reactor));
    world.run_until("it is connected", || course.log.has("connected"));
    stop(world, &service, &course.log);
}
