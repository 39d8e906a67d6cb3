//! What `listen` says at once: the address that was bound, or why none was.

use std::io::ErrorKind;
use std::net::SocketAddr;

use ropewalk::{Address, Error, Limits, Listener, Result};

use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    a_listener_knows_the_address_it_was_given,
    an_address_in_use_is_an_error_at_once_and_free_after_its_listener,
    an_address_of_somebody_else_is_an_error_at_once,
    a_port_can_be_had_in_both_families_at_once,
    what_is_no_endpoint_is_an_error_at_once,
}

contract! { simulated:
    a_port_may_be_said_by_its_services_name,
}

fn listen(world: &World, endpoint: &str, log: &Log) -> Result<Listener> {
    let log = log.clone();
    world.on(|reactor| {
        world.listen(reactor, endpoint, Limits::default(), move |_| {
            Spy::new(&log).echo()
        })
    })
}

fn listen_well(world: &World, endpoint: &str, log: &Log) -> SocketAddr {
    let listener = listen(world, endpoint, log);
    let Address::Tcp(address) = *listener.expect("it can be listened on").address() else {
        unreachable!("it is a TCP endpoint")
    };
    address
}

/// Calls an address from the same reactor; ends when a word has gone there and back.
fn is_answered(world: &World, address: SocketAddr) {
    let log = Log::default();
    let caller = Spy::new(&log).made(|transport| transport.write("x"));
    world.on(|reactor| {
        world.connect(reactor, &address.into()).with(caller);
    });
    world.run_until("an answer", || log.has("data 1"));
}

fn a_listener_knows_the_address_it_was_given(world: &World) {
    for (endpoint, ip) in [
        ("tcp:0", "127.0.0.1"),
        ("tcp6:0", "::1"),
        ("tcp:0:interface=*", "0.0.0.0"),
        ("tcp6:0:interface=*", "::"),
    ] {
        let log = Log::default();
        let address = listen_well(world, endpoint, &log);
        assert_eq!(address.ip().to_string(), ip);
        assert_ne!(address.port(), 0);
        let loopback = match address {
            SocketAddr::V4(_) => SocketAddr::from(([127, 0, 0, 1], address.port())),
            SocketAddr::V6(_) => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], address.port())),
        };
        is_answered(world, loopback);
        assert_eq!(log.count("made"), 1);
    }
}

/// The kind of error with which an endpoint can't be listened on.
fn refusal(world: &World, endpoint: &str) -> ErrorKind {
    match listen(world, endpoint, &Log::default()) {
        Err(Error::Listen {
            endpoint: named,
            error,
        }) => {
            assert_eq!(named, endpoint);
            error.kind
        }
        other => panic!("{endpoint}: {other:?}"),
    }
}

fn an_address_in_use_is_an_error_at_once_and_free_after_its_listener(world: &World) {
    let log = Log::default();
    let first = listen(world, "tcp:0", &log).expect("a free port");
    let port = first.address().port().expect("a TCP address has a port");
    let again = format!("tcp:{port}");
    assert_eq!(refusal(world, &again), ErrorKind::AddrInUse);
    assert_eq!(
        refusal(world, &format!("tcp:{port}:interface=*")),
        ErrorKind::AddrInUse
    );
    // With a connection of it that lives on, as a server that is started anew has them.
    let peer = world.peer(&first);
    peer.send("a").expect("a");
    world.on(|reactor| reactor.stop_listening(&first));
    let second = listen(world, &again, &log).expect("it is free again");
    world.peer(&second).send("b").expect("b");
    peer.send("c").expect("c");
}

fn an_address_of_somebody_else_is_an_error_at_once(world: &World) {
    let kept_for_documents = "tcp:0:interface=192.0.2.1";
    assert_eq!(
        refusal(world, kept_for_documents),
        ErrorKind::AddrNotAvailable
    );
}

fn a_port_can_be_had_in_both_families_at_once(world: &World) {
    for _ in 0..20 {
        let (four, six) = (Log::default(), Log::default());
        let address = listen_well(world, "tcp6:0:interface=*", &six);
        let same = format!("tcp:{}:interface=*", address.port());
        if listen(world, &same, &four).is_err() {
            // On a real machine somebody else may have that one.
            continue;
        }
        is_answered(world, ([127, 0, 0, 1], address.port()).into());
        assert_eq!((four.count("made"), six.count("made")), (1, 0));
        is_answered(world, ([0, 0, 0, 0, 0, 0, 0, 1], address.port()).into());
        assert_eq!((four.count("made"), six.count("made")), (1, 1));
        return;
    }
    panic!("no port can be had twice");
}

fn what_is_no_endpoint_is_an_error_at_once(world: &World) {
    for endpoint in ["", "tcp", "tcp:70000", "udp:7", "tcp:no-such-service"] {
        let outcome = listen(world, endpoint, &Log::default());
        let Err(Error::Endpoint(error)) = outcome else {
            panic!("{endpoint:?}: {outcome:?}")
        };
        assert_eq!(error.description.is_empty(), endpoint.is_empty());
    }
}

fn a_port_may_be_said_by_its_services_name(world: &World) {
    let log = Log::default();
    assert_eq!(listen_well(world, "tcp:echo", &log).port(), 7);
}
