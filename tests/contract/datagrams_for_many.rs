//! Datagrams for whoever listens: broadcasts and multicast groups.

use std::net::{Ipv4Addr, SocketAddr};

use ropewalk::{Multicast, SendError};

use crate::datagram_spy::DatagramSpy;
use crate::spy::Log;
use crate::world::{World, contract};

contract! { bare:
    a_broadcast_has_to_be_allowed,
    a_broadcast_is_heard_by_all_who_listen,
    a_group_is_heard_as_long_as_it_is_joined,
    several_hear_a_group_at_one_port,
    a_group_is_left_only_if_it_was_joined,
}

/// To whoever is on this machine.
const ALL_HERE: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 7);

fn group() -> Multicast {
    Multicast::V4 {
        group: GROUP,
        interface: Ipv4Addr::LOCALHOST,
    }
}

/// Somebody at a port of all addresses of the machine.
fn listening(world: &World, log: &Log, port: u16, joins: bool) -> ropewalk::DatagramSocket {
    let spy = DatagramSpy::new(log).started(move |transport| {
        if joins {
            transport.join_multicast(group()).expect("it can be joined");
        }
    });
    let endpoint = format!("udp:{port}:interface=*");
    let bound = world.on(|reactor| reactor.bind(endpoint).shared().with(spy));
    let socket = bound.expect("it may be shared");
    world.run_until("it is started", || log.has("started"));
    socket
}

fn a_broadcast_has_to_be_allowed(world: &World) {
    let socket = DatagramSpy::new(&Log::default()).on(world);
    world.on(|reactor| {
        let refused = reactor.try_send_to(socket.id(), "to all", (ALL_HERE, 9).into());
        let Err(SendError::Failed(error)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(error.kind, std::io::ErrorKind::PermissionDenied);
    });
}

fn a_broadcast_is_heard_by_all_who_listen(world: &World) {
    let (one, other) = (Log::default(), Log::default());
    let port = listening(world, &one, 0, false).address().port();
    listening(world, &other, port, false);
    let spy = DatagramSpy::new(&Log::default());
    let sender = world.on(|reactor| reactor.bind("udp:0").broadcast().with(spy));
    let to: SocketAddr = (ALL_HERE, port).into();
    world.on(|reactor| reactor.send_to(sender.expect("it can be bound").id(), "to all", to));
    for log in [one, other] {
        world.run_until("each hears it", || log.has("datagram to all"));
    }
}

fn a_group_is_heard_as_long_as_it_is_joined(world: &World) {
    let log = Log::default();
    let socket = listening(world, &log, 0, true);
    let port = socket.address().port();
    let sender = DatagramSpy::new(&Log::default()).on(world);
    let send = |word: &'static str, to: Ipv4Addr| {
        world.on(|reactor| {
            if let Some(options) = reactor.datagram_options(sender.id()) {
                let interface = Ipv4Addr::LOCALHOST;
                options.set_multicast_if_v4(&interface).expect("an option");
            }
            let sent = reactor.try_send_to(sender.id(), word, (to, port).into());
            assert_eq!(sent, Ok(()));
        });
    };
    send("to the group", GROUP);
    world.run_until("it is heard", || log.has("datagram to the group"));
    world.on(|reactor| {
        reactor.tell_datagrams(socket.id(), |_: &mut DatagramSpy, transport| {
            transport.leave_multicast(group()).expect("it was joined");
        });
    });
    world.settle();
    send("to those who stayed", GROUP);
    send("to this one", Ipv4Addr::LOCALHOST);
    world.run_until("the last is heard", || log.has("datagram to this one"));
    assert_eq!(
        log.lines(),
        ["started", "datagram to the group", "datagram to this one"]
    );
}

fn several_hear_a_group_at_one_port(world: &World) {
    let (one, other) = (Log::default(), Log::default());
    let first = listening(world, &one, 0, true);
    let port = first.address().port();
    listening(world, &other, port, true);
    world.on(|reactor| {
        if let Some(options) = reactor.datagram_options(first.id()) {
            let interface = Ipv4Addr::LOCALHOST;
            options.set_multicast_if_v4(&interface).expect("an option");
        }
        reactor.send_to(first.id(), "to all of us", (GROUP, port).into());
    });
    for log in [one, other] {
        world.run_until("each hears it", || log.has("datagram to all of us"));
    }
}

fn a_group_is_left_only_if_it_was_joined(world: &World) {
    let log = Log::default();
    let noted = log.clone();
    DatagramSpy::new(&log)
        .started(move |transport| {
            assert!(transport.leave_multicast(group()).is_err());
            assert!(transport.join_multicast(group()).is_ok());
            assert!(transport.join_multicast(group()).is_err());
            assert!(transport.leave_multicast(group()).is_ok());
            noted.note("left");
        })
        .on(world);
    world.run_until("it is left", || log.has("left"));
}
