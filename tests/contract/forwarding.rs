//! Calls that are joined when they stand, and the factory that makes one for each connection.

use ropewalk::{Forward, Listener};

use crate::calling::Odd;
use crate::logs::{count, warnings};
use crate::spy::{Log, Spy};
use crate::toy::Toy;
use crate::world::{World, contract};

use crate::piping_to_the_end::joined_with_a_call;

contract! { everywhere:
    who_cant_be_joined_is_closed_behind_what_the_hook_wrote,
    a_hook_may_join_with_another,
    forward_joins_each_connection_with_one_of_its_own,
    forward_closes_a_connection_at_once_that_it_cant_forward,
    forward_makes_its_connections_as_it_was_told,
}

fn who_cant_be_joined_is_closed_behind_what_the_hook_wrote(world: &World) {
    let (odd, log) = (Odd::refuses(world), Log::default());
    let client = joined_with_a_call(world, odd.endpoint(), &log, "502\r\n", |connect| connect);
    client.send("hello").expect("502").expect_eof();
    assert_eq!(log.count("failed Refused"), 1);
    client.closes();
    world.run_until_all_are_gone();
    assert_eq!(log.lines().len(), 2);
}

fn a_hook_may_join_with_another(world: &World) {
    let target = world.peer_listener();
    let (this, address) = (world.clone(), target.address().clone());
    let listener = world.serve(move |_| {
        let (this, address, first) = (
            this.clone(),
            address.clone(),
            "tcp:127.0.0.1:no-such-service",
        );
        Spy::new(&Log::default()).made(move |transport| {
            let (this, address, id) = (this.clone(), address.clone(), transport.id());
            let connect = transport.reactor().connect(first);
            connect
                .failed(move |reactor, _| {
                    this.connect(reactor, &address).pipe(id);
                })
                .pipe(id);
        })
    });
    let client = world.peer(&listener);
    client.send("hello");
    let target = target.accept();
    target.expect("hello").send("hi").half_closes();
    client.expect("hi").expect_eof().half_closes();
    target.expect_eof();
    world.run_until_all_are_gone();
}

/// A listener whose connections are forwarded, under the world's layers on both sides.
fn forwarding(world: &World, forward: Forward) -> Listener {
    let (forward, layered) = (forward, world.layered);
    world.on(|reactor| {
        let listen = reactor.listen("tcp:0");
        let listener = if layered {
            let forward = forward.connecting(|connect| connect.through(Toy::client()));
            listen.through(Toy::server).with(forward)
        } else {
            listen.with(forward)
        };
        listener.expect("a free port can be listened on")
    })
}

fn forward_joins_each_connection_with_one_of_its_own(world: &World) {
    let target = world.peer_listener();
    let forward = Forward::to(format!("tcp:{}", target.address())).expect("an endpoint");
    let listener = forwarding(world, forward);
    let pairs = [1, 2, 3, 4, 5].map(|n| {
        let client = world.peer(&listener);
        client.send(format!("client {n}"));
        let server = target.accept();
        server.expect(format!("client {n}"));
        (n, client, server)
    });
    for (n, client, server) in &pairs {
        server.send(format!("server {n}")).half_closes();
        client.expect(format!("server {n}")).expect_eof();
        client.half_closes();
        server.expect_eof();
    }
    world.run_until_all_are_gone();
    let counters = world.on(|reactor| reactor.counters().clone());
    assert_eq!((counters.accepted, counters.connected), (5, 5));
}

fn forward_closes_a_connection_at_once_that_it_cant_forward(world: &World) {
    let (odd, log) = (Odd::refuses(world), Log::default());
    let ours = log.clone();
    let forward =
        Forward::to(odd.endpoint())
            .expect("an endpoint")
            .failed(move |reactor, client, error| {
                assert!(reactor.peer(client).is_some());
                ours.note(format!("{error:?}"));
                reactor.write(client, "sorry\r\n");
            });
    let listener = forwarding(world, forward);
    let warnings = warnings(|| {
        let client = world.peer(&listener);
        client.send("hello").expect("sorry").expect_eof();
        client.closes();
        world.run_until_all_are_gone();
    });
    assert_eq!(log.count("Refused"), 1);
    assert_eq!(count(&warnings, "not forwarded"), 1, "{warnings:?}");
    assert!(Forward::to("tcp:nowhere").is_err());
}

fn forward_makes_its_connections_as_it_was_told(world: &World) {
    let (odd, log) = (Odd::is_silent(world), Log::default());
    let (ours, within) = (log.clone(), world.short());
    let forward = Forward::to(odd.endpoint())
        .expect("an endpoint")
        .connecting(move |connect| connect.timeout(within))
        .failed(move |_, _, error| ours.note(format!("{error:?}")));
    let listener = world.on(|reactor| reactor.listen("tcp:0").with(forward));
    let listener = listener.expect("a free port can be listened on");
    world.bare_peer(&listener).expect_eof();
    assert_eq!(log.count("TimedOut"), 1);
}
