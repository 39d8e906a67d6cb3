//! Who waits for the connection of a client: is told once, of the one that is there, of the next one, or why there is none.

use std::time::Duration;

use ropewalk::{Backoff, ClientService, NotConnected};

use crate::calling::Odd;
use crate::spy::Log;
use crate::staying::{Course, start, stop};
use crate::world::{World, contract};

contract! { everywhere:
    who_waits_is_told_of_the_connection_there_is_or_of_the_next_one,
    who_waits_is_told_of_so_many_failures_as_it_puts_up_with,
    who_waits_is_told_that_the_service_was_stopped,
    who_waits_is_told_that_the_service_gave_up,
    who_waits_through_a_restart_is_told_of_the_connection_after_it,
    of_those_who_wait_there_are_only_so_many,
    a_panic_of_one_who_waits_keeps_no_other_from_being_told,
}

fn ask(world: &World, service: &ClientService, failures: Option<u32>, name: &str, log: &Log) {
    let (own, name) = (log.clone(), name.to_owned());
    world.on(|reactor| {
        let before = own.lines();
        let told = own.clone();
        service.when_connected(reactor, failures, move |reactor, outcome| {
            told.note(match outcome {
                Ok(id) => {
                    assert!(reactor.is_connected(id));
                    format!("{name}: connected")
                }
                Err(NotConnected::Failed(_)) => format!("{name}: failed"),
                Err(NotConnected::GaveUp(_)) => format!("{name}: given up"),
                Err(why) => format!("{name}: {why}"),
            });
        });
        assert_eq!(own.lines(), before, "it is told later");
    });
}

fn who_waits_is_told_of_the_connection_there_is_or_of_the_next_one(world: &World) {
    let (listener, course, log) = (world.peer_listener(), Course::default(), Log::default());
    let service = course.service(world, listener.address());
    ask(world, &service, None, "before the start", &log);
    world.settle();
    start(world, &service);
    ask(world, &service, Some(1), "before the connection", &log);
    let peer = listener.accept();
    world.run_until("they are told", || log.lines().len() == 2);
    ask(world, &service, None, "with the connection", &log);
    world.run_until("it is told", || log.lines().len() == 3);
    peer.resets();
    world.run_until("it is lost", || course.log.has("gone"));
    ask(world, &service, None, "after the connection", &log);
    let _peer = listener.accept();
    world.run_until("it is told", || log.lines().len() == 4);
    assert_eq!(
        log.lines(),
        [
            "before the start: connected",
            "before the connection: connected",
            "with the connection: connected",
            "after the connection: connected",
        ]
    );
    stop(world, &service, &course.log);
}

fn who_waits_is_told_of_so_many_failures_as_it_puts_up_with(world: &World) {
    let (odd, course) = (Odd::refuses(world), Course::default());
    let service = course.service(world, &odd.address);
    for (failures, name) in [
        (Some(3), "three"),
        (None, "any"),
        (Some(1), "one"),
        (Some(2), "two"),
    ] {
        ask(world, &service, failures, name, &course.log);
    }
    start(world, &service);
    world.run_until("it has failed often", || course.log.count("failed") == 4);
    let told = course.log.lines();
    let after = |failures: usize| -> &str {
        let (at, _) = told
            .iter()
            .enumerate()
            .filter(|(_, line)| *line == "failed")
            .nth(failures - 1)
            .expect("it has failed as often");
        &told[at + 1]
    };
    assert_eq!(
        [after(1), after(2), after(3), after(4)],
        ["one: failed", "two: failed", "three: failed", "waits"]
    );
    stop(world, &service, &course.log);
    assert!(course.log.has("any: the service was stopped"));
}

fn who_waits_is_told_that_the_service_was_stopped(world: &World) {
    let (odd, course) = (Odd::refuses(world), Course::default());
    let service = course.service(world, &odd.address);
    let service = service.backoff(Backoff::default().initial(Duration::from_secs(1000)));
    start(world, &service);
    ask(world, &service, None, "before", &course.log);
    world.run_until("it waits", || course.log.has("waits"));
    stop(world, &service, &course.log);
    ask(world, &service, None, "after", &course.log);
    world.run_until("it is told", || course.log.count("after") == 1);
    assert_eq!(
        course.log.lines()[3..],
        [
            "stopped",
            "before: the service was stopped",
            "it is over",
            "after: the service was stopped"
        ]
    );
}

fn who_waits_is_told_that_the_service_gave_up(world: &World) {
    let (odd, course) = (Odd::refuses(world), Course::default());
    let service = course.service(world, &odd.address).give_up_after(2);
    start(world, &service);
    ask(world, &service, None, "before", &course.log);
    world.run_until("it gives up", || course.log.has("before: given up"));
    ask(world, &service, None, "after", &course.log);
    world.run_until("it is told", || course.log.has("after: given up"));
}

fn who_waits_through_a_restart_is_told_of_the_connection_after_it(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course.service(world, listener.address());
    start(world, &service);
    let peer = listener.accept();
    world.run_until("it is connected", || course.log.has("connected"));
    world.on(|reactor| service.stop(reactor));
    ask(world, &service, None, "through", &course.log);
    world.on(|reactor| service.start(reactor));
    peer.expect_eof().closes();
    let _peer = listener.accept();
    world.run_until("it is told", || course.log.count("through") == 1);
    assert_eq!(
        course.log.lines().split_off(7),
        ["connected", "through: connected"]
    );
    stop(world, &service, &course.log);
}

fn of_those_who_wait_there_are_only_so_many(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course.service(world, listener.address()).waiting(2);
    for name in ["first", "second", "third"] {
        ask(world, &service, None, name, &course.log);
    }
    world.run_until("one is refused", || {
        course.log.has("third: 2 wait for the connection already")
    });
    assert_eq!(world.on(|reactor| reactor.counters().waits_refused), 1);
    start(world, &service);
    let _peer = listener.accept();
    world.run_until("the others are told", || {
        course.log.has("second: connected")
    });
    assert!(course.log.has("first: connected"));
    stop(world, &service, &course.log);
}

fn a_panic_of_one_who_waits_keeps_no_other_from_being_told(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course.service(world, listener.address());
    world.on(|reactor| {
        service.when_connected(reactor, None, |_, _| panic!("on purpose"));
        service.stop_then(reactor, |_| panic!("on purpose"));
        service.start(reactor);
        service.when_connected(reactor, None, |_, _| panic!("on purpose"));
    });
    ask(world, &service, None, "another", &course.log);
    let _peer = listener.accept();
    world.run_until("it is told", || course.log.has("another: connected"));
    stop(world, &service, &course.log);
}
