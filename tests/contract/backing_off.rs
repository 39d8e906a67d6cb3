//! How long a client waits before it calls again: in virtual time, exactly.

use std::collections::BTreeSet;
use std::time::Duration;

use ropewalk::{Backoff, ConnectError};

use crate::calling::Odd;
use crate::staying::{Course, start, stop};
use crate::world::{World, contract};

contract! { simulated:
    waits_grow_to_the_maximum,
    a_wait_ends_when_it_was_said_to,
    a_connection_that_stands_makes_waits_short_again,
    waits_are_left_to_chance_within_bounds,
    an_attempt_that_is_not_answered_fails_at_its_deadline,
}

const SECOND: Duration = Duration::from_secs(1);

fn exact() -> Backoff {
    Backoff::default()
        .initial(SECOND)
        .factor(2.0)
        .maximum(5 * SECOND)
        .jitter(0.0)
}

fn waits_grow_to_the_maximum(world: &World) {
    let (odd, course) = (Odd::refuses(world), Course::default());
    let service = course.service(world, &odd.address).backoff(exact());
    start(world, &service);
    world.run_until("it has waited", || course.delays.borrow().len() == 6);
    let seconds: Vec<u64> = course
        .delays
        .borrow()
        .iter()
        .map(Duration::as_secs)
        .collect();
    assert_eq!(seconds, [1, 2, 4, 5, 5, 5]);
    stop(world, &service, &course.log);
}

fn a_wait_ends_when_it_was_said_to(world: &World) {
    let (odd, course) = (Odd::refuses(world), Course::default());
    let service = course.service(world, &odd.address).backoff(exact());
    start(world, &service);
    for (round, delay) in [1, 2, 4, 5].into_iter().enumerate() {
        world.run_until("it waits", || course.log.count("waits") == round + 1);
        let begin = world.now();
        world.run_until("it goes on", || course.log.count("started") == round + 2);
        assert!(world.now() - begin >= delay * SECOND);
        assert!(
            world.now() - begin < delay * SECOND + SECOND / 4,
            "delays of the network"
        );
    }
    stop(world, &service, &course.log);
}

fn a_connection_that_stands_makes_waits_short_again(world: &World) {
    let course = Course::default();
    let log = course.log.clone();
    let listener = world.serve(move |_| {
        let log = log.clone();
        crate::spy::Spy::new(&crate::spy::Log::default()).made(move |transport| {
            log.note("taken");
            transport.abort_connection();
        })
    });
    let address = listener.address().clone();
    world.on(|reactor| reactor.stop_listening(&listener));
    let service = course.service(world, &address).backoff(exact());
    start(world, &service);
    world.run_until("it has waited", || course.delays.borrow().len() == 3);
    let endpoint = format!("tcp:{}", address.port().expect("a TCP address has one"));
    let log = course.log.clone();
    world
        .on(|reactor| {
            let limits = ropewalk::Limits::default();
            world.listen(reactor, &endpoint, limits, move |_| {
                let log = log.clone();
                crate::spy::Spy::new(&crate::spy::Log::default()).data(move |transport, _| {
                    log.note("taken");
                    transport.abort_connection();
                })
            })
        })
        .expect("the port is free");
    for round in 1..=2 {
        world.run_until("it is connected", || course.log.count("connected") == round);
        let id = service.connection().expect("it is connected");
        world.on(|reactor| reactor.write(id, "x"));
        world.run_until("it is lost", || course.log.count("gone") == round);
    }
    let seconds: Vec<u64> = course
        .delays
        .borrow()
        .iter()
        .map(Duration::as_secs)
        .collect();
    assert_eq!(seconds, [1, 2, 4, 1, 1]);
    stop(world, &service, &course.log);
}

fn waits_are_left_to_chance_within_bounds(world: &World) {
    let (odd, course) = (Odd::refuses(world), Course::default());
    let services: Vec<_> = (0..200)
        .map(|_| {
            course
                .service(world, &odd.address)
                .backoff(exact().jitter(0.5))
        })
        .collect();
    for service in &services {
        start(world, service);
    }
    world.run_until("all wait", || course.delays.borrow().len() == 200);
    let mut delays = course.delays.borrow().clone();
    delays.sort();
    assert!(delays[0] >= SECOND / 2 && delays[199] <= SECOND);
    let different: BTreeSet<Duration> = delays.iter().copied().collect();
    assert!(different.len() > 195, "{}", different.len());
    // A tenth of the time has a tenth of them, more or less.
    for part in 0..10 {
        let begin = SECOND / 2 + part * SECOND / 20;
        let within = delays
            .iter()
            .filter(|delay| (begin..begin + SECOND / 20).contains(*delay));
        assert!((3..=45).contains(&within.count()), "{delays:?}");
    }
    world.on(|reactor| {
        for service in &services {
            service.stop(reactor);
        }
    });
    world.run_until("all are stopped", || course.log.count("stopped") == 200);
    assert_eq!(world.on(|reactor| reactor.counters().timers), 0);
}

fn an_attempt_that_is_not_answered_fails_at_its_deadline(world: &World) {
    let (odd, course) = (Odd::is_silent(world), Course::default());
    let service = course
        .service(world, &odd.address)
        .connecting(|connect| connect.timeout(SECOND));
    start(world, &service);
    let begin = world.now();
    world.run_until("it fails", || course.log.has("failed"));
    assert!(world.now() - begin >= SECOND);
    assert!(matches!(course.last_error(), ConnectError::TimedOut { .. }));
    stop(world, &service, &course.log);
}
