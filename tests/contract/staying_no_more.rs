//! Clients that stay connected and are stopped: in whichever phase, by whom, and started again.

use std::time::Duration;

use ropewalk::{Backoff, ConnectError, Reactor};

use crate::calling::Odd;
use crate::spy::Log;
use crate::staying::{Course, assert_nothing_is_left, start, stop};
use crate::world::{World, contract};

contract! { everywhere:
    it_can_be_stopped_while_it_connects,
    it_can_be_stopped_while_it_waits,
    it_can_be_stopped_while_it_is_connected,
    it_can_be_stopped_when_it_has_not_begun,
    one_that_was_stopped_can_be_started_again,
    one_that_is_started_while_it_stops_begins_anew_behind_the_end,
    a_stop_of_the_reactor_ends_one_that_waits,
    a_stop_of_the_reactor_ends_one_that_connects,
    a_stop_of_the_reactor_ends_one_that_is_connected,
}

fn it_can_be_stopped_while_it_connects(world: &World) {
    let (odd, course) = (Odd::is_silent(world), Course::default());
    let service = course.service(world, &odd.address);
    start(world, &service);
    world.run_until("it has begun", || course.log.has("started"));
    world.settle();
    stop(world, &service, &course.log);
    assert_eq!(course.log.lines(), ["started", "stopped", "it is over"]);
}

fn it_can_be_stopped_while_it_waits(world: &World) {
    let (odd, course) = (Odd::refuses(world), Course::default());
    let service = course.service(world, &odd.address);
    let service = service.backoff(Backoff::default().initial(Duration::from_secs(1000)));
    start(world, &service);
    world.run_until("it waits", || course.log.has("waits"));
    stop(world, &service, &course.log);
    assert_eq!(
        course.log.lines(),
        ["started", "failed", "waits", "stopped", "it is over"]
    );
}

fn it_can_be_stopped_while_it_is_connected(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course.service(world, listener.address());
    start(world, &service);
    let peer = listener.accept();
    world.run_until("it is connected", || course.log.has("connected"));
    world.on(|reactor| {
        let id = service.connection().expect("it is connected");
        reactor.write(id, "goodbye\r\n");
        service.stop(reactor);
        service.stop(reactor);
    });
    peer.expect("goodbye").expect_eof().closes();
    stop(world, &service, &course.log);
    let told = [
        "started",
        "made",
        "connected",
        "lost done, ended by us",
        "gone",
        "stopped",
        "it is over",
    ];
    assert_eq!(course.log.lines(), told);
}

fn it_can_be_stopped_when_it_has_not_begun(world: &World) {
    let (odd, course) = (Odd::refuses(world), Course::default());
    let service = course.service(world, &odd.address);
    stop(world, &service, &course.log);
    world.on(|reactor| {
        service.start(reactor);
        service.stop(reactor);
    });
    stop(world, &service, &Log::default());
    assert_eq!(course.log.lines(), ["stopped", "it is over", "stopped"]);
}

fn one_that_was_stopped_can_be_started_again(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course.service(world, listener.address());
    for round in 1..=3 {
        start(world, &service);
        let peer = listener.accept();
        world.run_until("it is connected", || course.log.count("connected") == round);
        world.on(|reactor| service.stop(reactor));
        peer.expect_eof().closes();
        world.run_until("it is stopped", || course.log.count("stopped") == round);
    }
    assert_nothing_is_left(world);
}

fn one_that_is_started_while_it_stops_begins_anew_behind_the_end(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course.service(world, listener.address());
    start(world, &service);
    let peer = listener.accept();
    world.run_until("it is connected", || course.log.has("connected"));
    let log = course.log.clone();
    world.on(|reactor| {
        service.stop_then(reactor, move |_| log.note("it is over"));
        service.start(reactor);
        assert!(service.is_running());
    });
    peer.expect_eof().closes();
    let second = listener.accept();
    world.run_until("it is connected", || course.log.count("connected") == 2);
    let told = course.log.lines();
    assert_eq!(
        told[3..],
        [
            "lost done, ended by us",
            "gone",
            "it is over",
            "started",
            "made",
            "connected"
        ]
    );
    world.on(|reactor| {
        service.stop(reactor);
        service.start(reactor);
        service.stop(reactor);
    });
    second.expect_eof().closes();
    world.run_until("it is stopped", || course.log.has("stopped"));
    assert_nothing_is_left(world);
    assert_eq!(course.log.count("started"), 2);
}

/// Stops the reactor; what was told since `from`.
fn told_at_the_stop(world: &World, course: &Course, from: usize) -> Vec<String> {
    world.on(Reactor::stop);
    world.run_to_the_end();
    assert_eq!(world.on(|reactor| reactor.counters().timers), 0);
    course.log.lines().split_off(from)
}

fn a_stop_of_the_reactor_ends_one_that_waits(world: &World) {
    let (odd, course) = (Odd::refuses(world), Course::default());
    let service = course.service(world, &odd.address);
    let service = service.backoff(Backoff::default().initial(Duration::from_secs(1000)));
    start(world, &service);
    world.run_until("it waits", || course.log.has("waits"));
    let log = course.log.clone();
    world.on(|reactor| {
        service.when_connected(reactor, None, move |_, outcome| {
            log.note(outcome.expect_err("there is none").to_string());
        });
    });
    assert_eq!(
        told_at_the_stop(world, &course, 3),
        ["stopped", "the service was stopped"]
    );
    assert!(!service.is_running());
}

fn a_stop_of_the_reactor_ends_one_that_connects(world: &World) {
    let (odd, course) = (Odd::is_silent(world), Course::default());
    let service = course.service(world, &odd.address);
    start(world, &service);
    world.run_until("it has begun", || course.log.has("started"));
    world.settle();
    assert_eq!(told_at_the_stop(world, &course, 1), ["failed", "stopped"]);
    assert_eq!(course.last_error(), ConnectError::Stopping);
}

fn a_stop_of_the_reactor_ends_one_that_is_connected(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course.service(world, listener.address());
    start(world, &service);
    let peer = listener.accept();
    world.run_until("it is connected", || course.log.has("connected"));
    peer.half_closes();
    let told = told_at_the_stop(world, &course, 3);
    assert_eq!(told.last().map(String::as_str), Some("stopped"));
    let begun = told.iter().filter(|line| *line == "started").count();
    assert_eq!((begun, service.is_running()), (0, false), "{told:?}");
}
