//! Where calls may go: the policy of the caller, and the addresses that are held against it.

use std::cell::Cell;
use std::rc::Rc;

use ropewalk::sim::Answer;
use ropewalk::{Address, ConnectError, Counters};

use crate::calling::{Story, failure};
use crate::several_addresses::{attempts, ip, simulated};
use crate::world::{World, contract};

contract! { bare:
    an_address_that_is_not_permitted_is_not_tried,
    a_policy_that_panics_permits_nothing,
}

contract! { simulated:
    of_a_names_addresses_those_that_are_permitted_are_tried,
    a_name_is_held_against_the_policy_each_time_it_is_looked_up,
}

fn forbidden(text: &str) -> ConnectError {
    let address: std::net::SocketAddr = text.parse().expect("an address");
    ConnectError::Forbidden {
        address: address.into(),
    }
}

fn counters(world: &World) -> Counters {
    world.on(|reactor| reactor.counters())
}

fn an_address_that_is_not_permitted_is_not_tried(world: &World) {
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    let error = failure(world, "tcp:127.0.0.1:9", |connect| {
        connect.permitted(move |_| {
            count.set(count.get() + 1);
            false
        })
    });
    assert_eq!(error, forbidden("127.0.0.1:9"));
    assert_eq!((asked.get(), Rc::strong_count(&asked)), (1, 1));
}

fn a_policy_that_panics_permits_nothing(world: &World) {
    let error = failure(world, "tcp:127.0.0.1:9", |connect| {
        connect.permitted(|_| panic!("in a policy"))
    });
    assert_eq!(error, ConnectError::Panicked);
    assert_eq!(counters(world).panics, 1);
}

fn of_a_names_addresses_those_that_are_permitted_are_tried(world: &World) {
    let sim = simulated(world);
    let listener = sim.peer_listener("target", 7);
    sim.peer_listener("other", 7);
    let (right, wrong) = (sim.address("target"), sim.address("other"));
    sim.name("several", Answer::Addresses(vec![wrong, right]));
    let story = Story::default();
    world.on(|reactor| {
        let connect = reactor.connect("tcp:several:7");
        let other = Address::from(std::net::SocketAddr::new(wrong, 7));
        story.begin(connect.permitted(move |address| *address != other));
    });
    listener.accept();
    world.settle();
    assert!(!story.has_failed());
    let tried: Vec<_> = attempts(sim).into_iter().map(|(_, to)| to).collect();
    assert_eq!(tried, [right]);
}

fn is_near(address: &Address) -> bool {
    matches!(address, Address::Tcp(address) if address.ip() != ip("10.9.9.1"))
}

fn a_name_is_held_against_the_policy_each_time_it_is_looked_up(world: &World) {
    let sim = simulated(world);
    let listener = sim.peer_listener("target", 7);
    sim.name("several", Answer::Addresses(vec![sim.address("target")]));
    let story = Story::default();
    world.on(|reactor| {
        let connect = reactor.connect("tcp:several:7");
        story.begin(connect.permitted(is_near));
    });
    listener.accept();
    sim.name("several", Answer::Addresses(vec![ip("10.9.9.1")]));
    let again = Story::default();
    world.on(|reactor| {
        let connect = reactor.connect("tcp:several:7");
        again.begin(connect.permitted(is_near));
    });
    assert_eq!(again.failure(world), forbidden("10.9.9.1:7"));
}
