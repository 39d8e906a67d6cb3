//! How many connections one address may have.

use std::net::SocketAddr;

use ropewalk::{Counters, Limits, Listener};

use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { bare:
    one_too_many_of_an_address_is_closed_at_once,
    the_place_of_one_that_has_ended_is_free,
    another_address_has_places_of_its_own,
    each_listener_counts_by_itself,
}

contract! { streams:
    over_unix_nobody_has_an_address_to_be_counted_by,
}

fn serve(world: &World, most: usize) -> (Listener, Log) {
    let log = Log::default();
    let ours = log.clone();
    let limits = Limits::default().connections_of_address(most);
    let listener = world.serve_with(limits, move |_| Spy::new(&ours).echo());
    (listener, log)
}

fn counters(world: &World) -> Counters {
    world.on(|reactor| reactor.counters())
}

fn one_too_many_of_an_address_is_closed_at_once(world: &World) {
    let (listener, log) = serve(world, 2);
    let peers = [world.peer(&listener), world.peer(&listener)];
    world.run_until("two are made", || log.count("made") == 2);
    world.peer(&listener).expect_closed();
    for peer in &peers {
        peer.send("hello").expect("hello");
    }
    let counters = counters(world);
    assert_eq!((counters.accepted, counters.crowded_out), (2, 1));
    assert_eq!(log.count("made"), 2);
    let dump = world.on(|reactor| reactor.dump().to_string());
    assert!(dump.contains("2 connections of 1 addresses"), "{dump}");
}

fn the_place_of_one_that_has_ended_is_free(world: &World) {
    let (listener, log) = serve(world, 1);
    for round in 1..=20 {
        let peer = world.peer(&listener);
        peer.send("hello").expect("hello");
        world.peer(&listener).expect_closed();
        if round % 2 == 0 {
            peer.resets();
        } else {
            peer.closes();
        }
        world.run_until("it is lost", || log.count("lost") == round);
        world.run_until_all_are_gone();
    }
    assert_eq!(counters(world).crowded_out, 20);
    let dump = world.on(|reactor| reactor.dump().to_string());
    assert!(dump.contains("0 connections of 0 addresses"), "{dump}");
}

fn another_address_has_places_of_its_own(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let limits = Limits::default().connections_of_address(1);
    let listener = world.on(|reactor| {
        let listen = reactor.listen("tcp:0:interface=*").limits(limits);
        listen.serve(move |_| Spy::new(&ours).echo())
    });
    let listener = listener.expect("a free port");
    let port = listener.address().port().expect("a TCP address");
    let _first = world.peer(&listener);
    world.run_until("it is made", || log.count("made") == 1);
    let second = Log::default();
    let spy = Spy::new(&second);
    match world.simulated() {
        None => {
            // A machine has many addresses on its own wire.
            let elsewhere = SocketAddr::from(([127, 0, 0, 2], 0));
            world.on(|reactor| {
                let connect = reactor.connect(format!("tcp:127.0.0.1:{port}").as_str());
                connect.bind(elsewhere).with(spy)
            });
        }
        Some(sim) => {
            let endpoint = format!("tcp:{}:{port}", sim.address(crate::world::SERVER));
            sim.host("elsewhere", |reactor| {
                reactor.connect(endpoint.as_str()).with(spy);
                Ok(())
            });
        }
    }
    world.run_until("it is made", || log.count("made") == 2);
    assert_eq!(counters(world).crowded_out, 0);
    world.peer(&listener).expect_closed();
    assert_eq!(counters(world).crowded_out, 1);
}

fn each_listener_counts_by_itself(world: &World) {
    let ((one, log), (other, also)) = (serve(world, 1), serve(world, 1));
    let peers = [world.peer(&one), world.peer(&other)];
    for peer in &peers {
        peer.send("hello").expect("hello");
    }
    assert_eq!((log.count("made"), also.count("made")), (1, 1));
    world.on(|reactor| reactor.stop_listening(&one));
    peers[0].send("still").expect("still");
}

fn over_unix_nobody_has_an_address_to_be_counted_by(world: &World) {
    let (listener, log) = serve(world, 1);
    let peer = world.peer(&listener);
    peer.send("hello").expect("hello");
    if world.transport == crate::world::Transport::Unix {
        world.peer(&listener).send("hello").expect("hello");
        assert_eq!((log.count("made"), counters(world).crowded_out), (2, 0));
    } else {
        world.bare_peer(&listener).expect_closed();
        assert_eq!((log.count("made"), counters(world).crowded_out), (1, 1));
    }
}
