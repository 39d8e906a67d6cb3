//! How connections are accepted: those that broke before, floods of them, too many of them, and those nobody wants.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::rc::Rc;

use ropewalk::sim::{self, Call, Faults};
use ropewalk::{Address, Factory, Limits, Listener, Overflow};

use crate::logs;
use crate::spy::{Log, Spy};
use crate::world::{Peer, SERVER, World, contract};

contract! { simulated:
    an_error_of_one_connection_does_not_hold_up_the_next,
}

contract! { bare:
    a_connection_that_was_reset_before_it_was_accepted_is_made_and_lost,
    a_flood_is_accepted_by_and_by,
    a_full_listener_leaves_the_next_ones_waiting,
    a_full_listener_refuses_the_next_ones_if_told_to,
    a_full_reactor_leaves_the_next_ones_of_all_listeners_waiting,
    a_full_reactor_refuses_the_next_ones_if_told_to,
    those_who_wait_are_let_in_when_more_may_come,
    a_connection_without_a_protocol_is_closed,
    a_factory_that_panics_costs_its_connection_only,
}

contract! { real:
    those_who_are_in_are_served_during_a_flood,
}

/// As many are accepted in a turn.
const SHARE: u64 = 64;

fn echoes(world: &World, limits: Limits) -> (Listener, Log) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve_with(limits, move |_| Spy::new(&ours).echo());
    (listener, log)
}

fn is_served(peer: &Peer) {
    peer.send("hello").expect("hello");
}

fn an_error_of_one_connection_does_not_hold_up_the_next(world: &World) {
    // ECONNABORTED, EINTR, EPERM, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EOPNOTSUPP, ENETDOWN, ENETUNREACH, EHOSTUNREACH,
    // ETIMEDOUT, ECONNRESET.
    let errors = [103, 4, 1, 71, 92, 112, 64, 95, 100, 101, 113, 110, 104];
    let (listener, _) = echoes(world, Limits::default());
    let sim = world.simulated().expect("only there errors can be had");
    let lines = logs::warnings(|| {
        for error in errors {
            sim.fail_next(SERVER, Call::Accept, &[error]);
            is_served(&world.peer(&listener));
        }
        sim.fail_next(SERVER, Call::Accept, &errors);
        is_served(&world.peer(&listener));
    });
    assert!(lines.is_empty(), "{lines:?}");
    let counters = world.on(|reactor| reactor.counters().clone());
    assert_eq!(counters.accepts_failed, 2 * errors.len() as u64);
    assert_eq!(counters.accepted, 1 + errors.len() as u64);
}

fn a_connection_that_was_reset_before_it_was_accepted_is_made_and_lost(world: &World) {
    const ENOBUFS: i32 = 105;
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |peer| {
        let peer = peer.clone();
        Spy::new(&ours).echo().made(move |transport| {
            // The kernel no longer knows it.
            assert_eq!(transport.peer(), peer);
        })
    });
    if let Some(sim) = world.simulated() {
        // There it would be accepted before the peer can reset it.
        sim.fail_next(SERVER, Call::Accept, &[ENOBUFS]);
    }
    world.peer(&listener).resets();
    world.run_until("it is lost", || log.count("lost") == 1);
    assert_eq!(log.lines(), ["made", "lost reset by the peer"]);
    is_served(&world.peer(&listener));
}

/// Callers that are never heard of again.
struct Crowd<'a> {
    world: &'a World,
    address: Address,
    streams: RefCell<Vec<TcpStream>>,
    hosts: Cell<usize>,
}

impl<'a> Crowd<'a> {
    fn new(world: &'a World, listener: &Listener) -> Self {
        let port = listener.address().port().expect("a TCP address has a port");
        let ip = match world.simulated() {
            Some(sim) => sim.address(SERVER),
            None => [127, 0, 0, 1].into(),
        };
        Self {
            world,
            address: Address::Tcp((ip, port).into()),
            streams: RefCell::default(),
            hosts: Cell::new(0),
        }
    }

    fn call(&self, count: usize) {
        let endpoint = format!("tcp:{}", self.address);
        let Some(sim) = self.world.simulated() else {
            let calls = (0..count).map(|_| TcpStream::connect(self.address.to_string()));
            let calls = calls.map(|call| call.expect("the backlog has room"));
            return self.streams.borrow_mut().extend(calls);
        };
        self.hosts.set(self.hosts.get() + 1);
        sim.host(&format!("crowd {}", self.hosts.get()), |reactor| {
            for _ in 0..count {
                let unheard = Spy::new(&Log::default());
                reactor.connect(endpoint.as_str()).with(unheard);
            }
            Ok(())
        });
    }
}

/// A listener that a crowd can call, and how many connections were made in each turn.
fn busy_listener(world: &World) -> (Listener, Rc<RefCell<BTreeMap<u64, u64>>>) {
    let turns: Rc<RefCell<BTreeMap<u64, u64>>> = Rc::default();
    let ours = Rc::clone(&turns);
    let build = move |_: &Address| {
        let turns = Rc::clone(&ours);
        Spy::new(&Log::default()).echo().made(move |transport| {
            let turn = transport.reactor().counters().turns;
            *turns.borrow_mut().entry(turn).or_default() += 1;
        })
    };
    let endpoint = "tcp:0:interface=*:backlog=2000";
    let listener = world.on(|reactor| world.listen(reactor, endpoint, Limits::default(), build));
    (listener.expect("a free port"), turns)
}

fn a_flood_is_accepted_by_and_by(world: &World) {
    let (listener, turns) = busy_listener(world);
    let crowd = Crowd::new(world, &listener);
    for _ in 0..5 {
        // Each brings readiness of its own, while the listener goes on with what came before.
        crowd.call(150);
        world.step();
    }
    let all = || turns.borrow().values().sum::<u64>() == 750;
    world.run_until("all are accepted", all);
    let most = turns.borrow().values().max().copied();
    assert!(most <= Some(SHARE), "{:?}", turns.borrow());
}

fn those_who_are_in_are_served_during_a_flood(world: &World) {
    let (listener, turns) = busy_listener(world);
    let member = world.peer(&listener);
    is_served(&member);
    let crowd = Crowd::new(world, &listener);
    crowd.call(1000);
    is_served(&member);
    let accepted: u64 = turns.borrow().values().sum();
    assert!(accepted < 500, "{accepted} were accepted first");
}

/// With two peers in, which is all there may be, the third waits.
fn the_next_ones_wait(world: &World, first: &Listener, second: &Listener, log: &Log) {
    let lines = logs::warnings(|| {
        let members = [world.peer(first), world.peer(second)];
        members.iter().for_each(is_served);
        let waiting = [world.peer(second), world.peer(first)];
        waiting[0].send("hello");
        waiting[1].send("hello");
        world.settle();
        assert_eq!(log.count("made"), 2);
        members[0].closes();
        members[1].closes();
        waiting[0].expect("hello");
        waiting[1].expect("hello");
    });
    let told = logs::count(&lines, "full at 2 connections");
    // Readiness for no reason makes episodes of its own.
    let tame = |sim: &sim::World| sim.faults() == Faults::None;
    let most = if world.simulated().is_none_or(tame) {
        2
    } else {
        8
    };
    assert!((1..=most).contains(&told), "once a listener: {lines:?}");
    assert_eq!(world.on(|reactor| reactor.counters().overflowed), 0);
}

fn a_full_listener_leaves_the_next_ones_waiting(world: &World) {
    let (listener, log) = echoes(world, Limits::default().connections(2));
    let (other, _) = echoes(world, Limits::default());
    the_next_ones_wait(world, &listener, &listener, &log);
    is_served(&world.peer(&other));
}

fn a_full_reactor_leaves_the_next_ones_of_all_listeners_waiting(world: &World) {
    let log = Log::default();
    let [first, second] = [(); 2].map(|()| {
        let ours = log.clone();
        world.serve(move |_| Spy::new(&ours).echo())
    });
    world.on(|reactor| reactor.set_max_connections(2));
    the_next_ones_wait(world, &first, &second, &log);
}

/// With two peers in, which is all there may be, the third is refused.
fn the_next_ones_are_refused(world: &World, listener: &Listener, log: &Log) {
    let members = [world.peer(listener), world.peer(listener)];
    members.iter().for_each(is_served);
    world.peer(listener).expect_closed();
    world.peer(listener).expect_closed();
    assert_eq!(world.on(|reactor| reactor.counters().overflowed), 2);
    members.iter().for_each(is_served);
    members[0].closes();
    world.run_until("a place is free", || log.count("lost") == 1);
    is_served(&world.peer(listener));
    assert_eq!(log.count("made"), 3, "who is refused has no protocol");
}

fn a_full_listener_refuses_the_next_ones_if_told_to(world: &World) {
    let limits = Limits::default();
    let limits = limits.connections(2).overflow(Overflow::Refuse);
    let (listener, log) = echoes(world, limits);
    the_next_ones_are_refused(world, &listener, &log);
}

fn a_full_reactor_refuses_the_next_ones_if_told_to(world: &World) {
    let (listener, log) = echoes(world, Limits::default().overflow(Overflow::Refuse));
    world.on(|reactor| reactor.set_max_connections(2));
    the_next_ones_are_refused(world, &listener, &log);
}

/// Builds for every second connection only.
struct Picky {
    log: Log,
    calls: usize,
}

impl Factory for Picky {
    type Protocol = Spy;

    fn build_protocol(&mut self, _: &Address) -> Option<Spy> {
        self.calls += 1;
        self.calls
            .is_multiple_of(2)
            .then(|| Spy::new(&self.log).echo())
    }
}

fn a_connection_without_a_protocol_is_closed(world: &World) {
    let log = Log::default();
    let factory = Picky {
        log: log.clone(),
        calls: 0,
    };
    let listener = world
        .on(|reactor| reactor.listen("tcp:0").with(factory))
        .expect("a free port");
    one_of_two_is_served(world, &listener);
    assert_eq!(log.count("made"), 3);
    assert_eq!(world.on(|reactor| reactor.counters().panics), 0);
}

fn a_factory_that_panics_costs_its_connection_only(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let mut calls = 0;
    let listener = world.serve(move |_| {
        calls += 1;
        assert!(calls % 2 == 0, "a factory's panic");
        Spy::new(&ours).echo()
    });
    one_of_two_is_served(world, &listener);
    assert_eq!(log.count("made"), 3);
    assert_eq!(world.on(|reactor| reactor.counters().panics), 3);
}

fn one_of_two_is_served(world: &World, listener: &Listener) {
    for round in 1..=3 {
        world.peer(listener).expect_closed();
        is_served(&world.peer(listener));
        let counters = world.on(|reactor| reactor.counters().clone());
        assert_eq!((counters.unwanted, counters.accepted), (round, 2 * round));
        let open = usize::try_from(1 + round).expect("a few");
        if let Some(sim) = world.simulated() {
            assert_eq!(sim.descriptors(SERVER), open);
        }
    }
}

fn those_who_wait_are_let_in_when_more_may_come(world: &World) {
    world.on(|reactor| reactor.set_max_connections(1));
    let (listener, log) = echoes(world, Limits::default());
    let first = world.peer(&listener);
    is_served(&first);
    let second = world.peer(&listener);
    second.send("hello");
    world.settle();
    assert_eq!(log.count("made"), 1);
    world.on(|reactor| reactor.set_max_connections(2));
    second.expect("hello");
}
