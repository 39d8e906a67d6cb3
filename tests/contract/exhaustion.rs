//! What happens when the system has no descriptor or no memory for one more connection.

use std::cell::RefCell;
use std::fs::File;
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::{self, Call};
use ropewalk::{Limits, Listener, Reactor};

use crate::alone::alone;
use crate::logs;
use crate::spy::{Log, Spy};
use crate::world::{Peer, SERVER, World, contract};

contract! { simulated:
    a_want_of_memory_only_delays_those_who_call,
}

contract! { simulated_bare:
    a_want_of_descriptors_turns_those_who_call_away_and_is_tried_again_at_leisure,
    no_more_are_turned_away_than_a_turn_accepts,
    closes_do_not_multiply_the_attempts,
    a_close_brings_the_next_attempt_forward,
    a_listener_that_was_closed_makes_no_attempt,
}

contract! { real:
    a_process_out_of_descriptors_turns_callers_away_and_comes_back,
    a_process_out_of_descriptors_sleeps,
}

const ENOMEM: i32 = 12;
const ENOBUFS: i32 = 105;

fn simulated(world: &World) -> &sim::World {
    world.simulated().expect("this is played in simulation")
}

fn accepts_failed(world: &World) -> u64 {
    world.on(|reactor| reactor.counters().accepts_failed)
}

fn overflowed(world: &World) -> u64 {
    world.on(|reactor| reactor.counters().overflowed)
}

fn a_want_of_memory_only_delays_those_who_call(world: &World) {
    let log = Log::default();
    let listener = world.serve(move |_| Spy::new(&log).echo());
    let lines = logs::warnings(|| {
        for episode in 1..=2 {
            let errors = [ENOMEM, ENOBUFS, ENOMEM];
            simulated(world).fail_next(SERVER, Call::Accept, &errors);
            world.peer(&listener).send("hello").expect("hello");
            assert_eq!(accepts_failed(world), 3 * episode);
        }
    });
    assert_eq!(
        logs::count(&lines, "can't accept"),
        2,
        "once an episode: {lines:?}"
    );
    assert_eq!(overflowed(world), 0);
}

fn a_want_of_descriptors_turns_those_who_call_away_and_is_tried_again_at_leisure(world: &World) {
    let log = Log::default();
    let listener = world.serve(move |_| Spy::new(&log).echo());
    let member = world.peer(&listener);
    member.send("in").expect("in");
    let sim = simulated(world);
    sim.limit_descriptors(SERVER, sim.descriptors(SERVER));
    let before = sim.turns();
    let lines = logs::warnings(|| {
        for _ in 0..3 {
            world.peer(&listener).expect_closed();
        }
        world.run_for(Duration::from_secs(60));
    });
    assert_eq!(overflowed(world), 3);
    assert_eq!(logs::count(&lines, "can't accept"), 1, "{lines:?}");
    assert!(sim.turns() - before < 200, "{}", sim.turns() - before);
    assert!(accepts_failed(world) > 50, "it goes on trying");
    member.send("still in").expect("still in");
    sim.limit_descriptors(SERVER, None);
    world.run_for(Duration::from_secs(2));
    world.peer(&listener).send("late").expect("late");
}

fn no_more_are_turned_away_than_a_turn_accepts(world: &World) {
    let log = Log::default();
    let listener = world
        .on(|reactor| {
            let endpoint = "tcp:0:interface=*";
            world.listen(reactor, endpoint, Limits::default(), move |_| {
                Spy::new(&log)
            })
        })
        .expect("a free port");
    let sim = simulated(world);
    // For a while nobody is accepted, nor turned away: so that all of them are there at once.
    sim.fail_next(SERVER, Call::Accept, &[ENOMEM]);
    let endpoint = format!("tcp:{}:{}", sim.address(SERVER), port(&listener));
    sim.host("crowd", |reactor| {
        for _ in 0..400 {
            reactor
                .connect(endpoint.as_str())
                .with(Spy::new(&Log::default()));
        }
        Ok(())
    });
    sim.limit_descriptors(SERVER, 1);
    let turns = Rc::new(RefCell::new(vec![(0, 0)]));
    let seen = Rc::clone(&turns);
    world.on(|reactor| {
        reactor.call_every(Duration::from_millis(1), move |reactor| {
            let counters = reactor.counters();
            let now = (counters.turns, counters.overflowed);
            seen.borrow_mut().push(now);
        });
    });
    world.run_until("all were turned away", || {
        turns.borrow().last().is_some_and(|last| last.1 == 400)
    });
    for pair in turns.borrow().windows(2) {
        let (turns, turned_away) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        assert!(turned_away <= 64 * turns, "{turned_away} in {turns} turns");
    }
}

fn port(listener: &Listener) -> u16 {
    listener.address().port().expect("a TCP address has a port")
}

fn closes_do_not_multiply_the_attempts(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).echo());
    let members: Vec<Peer> = (0..8).map(|_| world.peer(&listener)).collect();
    for member in &members {
        member.send("in").expect("in");
    }
    simulated(world).limit_descriptors(SERVER, 1);
    world.peer(&listener).expect_closed();
    for member in &members {
        member.closes();
        world.run_for(Duration::from_millis(1));
    }
    world.run_until("all are gone", || log.count("lost") == 8);
    let before = accepts_failed(world);
    world.run_for(Duration::from_secs(60));
    let failed = accepts_failed(world) - before;
    assert!((50..150).contains(&failed), "{failed} in a minute");
}

fn a_close_brings_the_next_attempt_forward(world: &World) {
    let log = Log::default();
    let listener = world.serve(move |_| Spy::new(&log).echo());
    let member = world.peer(&listener);
    member.send("in").expect("in");
    simulated(world).fail_next(SERVER, Call::Accept, &[ENOMEM; 8]);
    let caller = world.peer(&listener);
    caller.send("hello");
    // By now it would be tried once a second.
    world.run_for(Duration::from_millis(1500));
    let begin = world.now();
    member.closes();
    caller.expect("hello");
    assert!(world.now() - begin < Duration::from_millis(600));
}

fn a_listener_that_was_closed_makes_no_attempt(world: &World) {
    let log = Log::default();
    let listener = world.serve(move |_| Spy::new(&log));
    let sim = simulated(world);
    sim.limit_descriptors(SERVER, 1);
    world.peer(&listener).expect_closed();
    world.on(|reactor| reactor.stop_listening(&listener));
    world.settle();
    let before = sim.turns();
    world.run_for(Duration::from_secs(60));
    assert_eq!(sim.turns(), before);
}

/// Opens files until no descriptor is left.
fn take_all_descriptors() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

fn a_process_out_of_descriptors_turns_callers_away_and_comes_back(world: &World) {
    let name = "exhaustion::a_process_out_of_descriptors_turns_callers_away_and_comes_back::on_real_sockets";
    if !alone(name, "ulimit -n 60") {
        return;
    }
    world.on(|reactor| reactor.set_max_connections(1000));
    let log = Log::default();
    let listener = world.serve(move |_| Spy::new(&log).echo());
    let member = world.peer(&listener);
    member.send("in").expect("in");
    let lines = logs::warnings(|| {
        let early: Vec<Peer> = (0..3).map(|_| world.peer(&listener)).collect();
        let mut files = take_all_descriptors();
        for peer in early {
            peer.expect_closed();
        }
        // Of those that call later each is an edge of its own, and takes the descriptor that is given up for it.
        for _ in 0..2 {
            files.pop();
            world.peer(&listener).expect_closed();
        }
        member.send("still in").expect("still in");
    });
    assert!(logs::count(&lines, "can't accept") >= 1, "{lines:?}");
    assert_eq!(overflowed(world), 5);
    world.peer(&listener).send("late").expect("late");
    member.send("out").expect("out");
}

fn a_process_out_of_descriptors_sleeps(_: &World) {
    let name = "exhaustion::a_process_out_of_descriptors_sleeps::on_real_sockets";
    if !alone(name, "ulimit -n 60") {
        return;
    }
    let mut reactor = Reactor::new().expect("the system has a selector");
    reactor.set_max_connections(1000);
    let listener = reactor.listen("tcp:0").serve(|_| Spy::new(&Log::default()));
    let address = listener.expect("a free port").address().to_string();
    let callers: Vec<TcpStream> = (0..3)
        .map(|_| TcpStream::connect(&address).expect("the backlog has room"))
        .collect();
    let files = take_all_descriptors();
    reactor.call_later(Duration::from_millis(300), Reactor::stop);
    let lines = logs::warnings(|| {
        let counters = reactor.run().expect("the loop works").counters;
        assert_eq!((counters.accepted, counters.overflowed), (0, 3));
        assert!((2..20).contains(&counters.accepts_failed), "{counters:?}");
        assert!(counters.turns < 50, "{counters:?}");
    });
    assert_eq!(logs::count(&lines, "can't accept"), 1, "{lines:?}");
    drop((callers, files));
}
