//! Calls to names of which no address answers: one error, which lists every attempt.

use std::net::SocketAddr;
use std::time::Duration;

use ropewalk::sim::Answer;
use ropewalk::{Address, ConnectError};

use crate::calling::{Story, failure};
use crate::several_addresses::{attempts, ip, silent, simulated};
use crate::world::{SERVER, World, contract};

contract! { simulated:
    of_several_failures_each_is_told,
    a_deadline_tells_what_failed_and_what_was_under_way,
    a_single_attempt_is_told_as_itself,
    no_more_than_so_many_addresses_are_tried,
    a_stop_ends_all_attempts,
}

const PORT: u16 = 7;
const ENDPOINT: &str = "tcp:several:7";

fn at(address: &str) -> Address {
    SocketAddr::new(ip(address), PORT).into()
}

fn several(attempts: Vec<ConnectError>) -> ConnectError {
    ConnectError::Several {
        endpoint: ENDPOINT.to_owned(),
        attempts,
    }
}

fn of_several_failures_each_is_told(world: &World) {
    let sim = simulated(world);
    sim.peer_listener("target", PORT + 1);
    sim.cut_off(ip("10.9.9.1"));
    // The last one that fails is 10.9.9.2, which can't be reached.
    let addresses = ["10.9.9.1", "10.0.0.2", "10.9.9.2", "fd00::9:9"].map(ip);
    sim.name("several", Answer::Addresses(addresses.to_vec()));
    let error = failure(world, ENDPOINT, |connect| connect);
    let ConnectError::Several { endpoint, attempts } = &error else {
        panic!("{error:?}");
    };
    assert_eq!((&**endpoint, attempts.len()), (ENDPOINT, 4));
    let mut unreachable = Vec::new();
    for attempt in attempts {
        match attempt {
            ConnectError::Unreachable { address, .. } => unreachable.push(address.clone()),
            ConnectError::Refused { address } => assert_eq!(*address, at("10.0.0.2")),
            other => panic!("{other:?}"),
        }
    }
    // What has no route fails before anything is sent.
    assert_eq!(unreachable[0], at("10.9.9.1"));
    assert_eq!(unreachable.len(), 3);
    assert_eq!(unreachable[2], at("10.9.9.2"));
    let address = at("10.0.0.2");
    assert_eq!(*error.reason(), ConnectError::Refused { address });
    let told = error.to_string();
    for part in [
        ENDPOINT,
        "10.9.9.2:7 can't be reached",
        "10.0.0.2:7 refused",
        "[fd00::9:9]:7",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(world.on(|reactor| reactor.counters().connects_failed), 1);
}

fn a_deadline_tells_what_failed_and_what_was_under_way(world: &World) {
    const WITHIN: Duration = Duration::from_millis(600);
    let sim = simulated(world);
    silent(sim, &["10.9.9.1", "fd00::9:1"]);
    sim.cut_off(ip("10.9.9.2"));
    let addresses = ["10.9.9.1", "fd00::9:1", "10.9.9.2"].map(ip);
    sim.name("several", Answer::Addresses(addresses.to_vec()));
    let begin = world.now();
    let error = failure(world, ENDPOINT, |connect| connect.timeout(WITHIN));
    // The lookup is part of it.
    let passed = attempts(sim)[1].0;
    assert_eq!(passed, Duration::from_millis(250));
    let ConnectError::Several { attempts, .. } = &error else {
        panic!("{error:?}");
    };
    let [unreachable, first, second] = &attempts[..] else {
        panic!("{attempts:?}");
    };
    assert!(
        matches!(unreachable, ConnectError::Unreachable { address, .. } if *address == at("10.9.9.2"))
    );
    let mut rest = Vec::new();
    for (attempt, address) in [(first, "10.9.9.1:7"), (second, "[fd00::9:1]:7")] {
        match attempt {
            ConnectError::TimedOut {
                endpoint,
                after: Some(after),
            } if endpoint == address => {
                rest.push(*after);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rest[0] - rest[1], passed);
    assert!(rest[0] < WITHIN, "its lookup took a while");
    assert_eq!(error.reason(), second);
    assert!(world.now() - begin >= WITHIN);
    assert_eq!(sim.descriptors(SERVER), 0);
}

fn a_single_attempt_is_told_as_itself(world: &World) {
    let sim = simulated(world);
    sim.peer_listener("target", PORT + 1);
    // The same address twice is one.
    sim.name("several", Answer::Addresses(vec![ip("10.0.0.2"); 2]));
    let error = failure(world, ENDPOINT, |connect| connect);
    let address = at("10.0.0.2");
    assert_eq!(error, ConnectError::Refused { address });
    assert_eq!(error.reason(), &error);
    silent(sim, &["10.9.9.1"]);
    let after = Some(Duration::from_secs(1));
    let error = failure(world, ENDPOINT, |connect| connect.timeout(after));
    let endpoint = ENDPOINT.to_owned();
    assert_eq!(error, ConnectError::TimedOut { endpoint, after });
}

fn no_more_than_so_many_addresses_are_tried(world: &World) {
    let sim = simulated(world);
    let addresses: Vec<_> = (0..100).map(|n| ip(&format!("10.9.8.{n}"))).collect();
    for address in &addresses {
        sim.cut_off(*address);
    }
    sim.name("several", Answer::Addresses(addresses.clone()));
    let error = failure(world, ENDPOINT, |connect| connect);
    let tried = addresses
        .iter()
        .take(32)
        .map(|ip| ConnectError::Unreachable {
            address: SocketAddr::new(*ip, PORT).into(),
            error: std::io::Error::from_raw_os_error(101).into(),
        });
    assert_eq!(error, several(tried.collect()));
    assert_eq!(error.reason(), &error_of(&error)[31]);
}

fn error_of(error: &ConnectError) -> &[ConnectError] {
    match error {
        ConnectError::Several { attempts, .. } => attempts,
        one => std::slice::from_ref(one),
    }
}

fn a_stop_ends_all_attempts(world: &World) {
    let sim = simulated(world);
    silent(sim, &["10.9.9.1", "fd00::9:1", "10.9.9.2"]);
    let story = Story::default();
    world.on(|reactor| story.begin(reactor.connect(ENDPOINT)));
    world.run_until("two are under way", || attempts(sim).len() == 2);
    world.on(ropewalk::Reactor::stop);
    world.run_to_the_end();
    assert_eq!(story.failure(world), ConnectError::Stopping);
    assert_eq!(sim.descriptors(SERVER), 0);
    assert_eq!(attempts(sim).len(), 2);
}
