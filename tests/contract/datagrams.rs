//! Datagrams there and back: what of them a protocol hears, in which order, and what its transport does.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::Faults;
use ropewalk::{DatagramTransport, Error, Reactor, SendError};

use crate::datagram_spy::{ByDefault, DatagramSpy};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { bare:
    a_datagram_is_heard_with_its_sender_and_answered,
    a_protocol_is_told_that_it_is_started_before_anything_else,
    datagrams_of_version_6_are_heard_and_answered_too,
    a_datagram_without_content_is_one_like_others,
    the_longest_datagram_there_is_comes_whole,
    a_datagram_that_is_too_long_is_told_as_cut_off,
    a_datagram_that_was_cut_off_is_dropped_by_default_and_counted,
    a_connected_socket_hears_its_peer_alone,
    who_is_connected_to_nobody_has_to_name_somebody,
    an_address_that_is_taken_is_an_error_at_once,
    a_service_that_nobody_knows_is_an_error_of_the_endpoint,
    datagrams_to_ourselves_never_nest,
    anybody_sends_by_the_sockets_id,
    a_flood_has_its_share_of_a_turn_and_all_of_it_is_heard,
    what_the_system_drops_of_a_flood_is_counted,
    a_datagram_may_be_the_word_that_a_connection_waits_for,
    a_dump_tells_of_each_socket,
}

fn a_datagram_is_heard_with_its_sender_and_answered(world: &World) {
    let log = Log::default();
    let senders: Rc<RefCell<Vec<SocketAddr>>> = Rc::default();
    let noted = Rc::clone(&senders);
    let socket = DatagramSpy::new(&log)
        .datagram(move |transport, data, from| {
            noted.borrow_mut().push(from);
            transport.send_to([data, b"!"].concat(), from);
        })
        .on(world);
    let (alice, bob) = (world.datagram_peer(), world.datagram_peer());
    alice.send("hello", socket.address());
    let (answer, from) = alice.receive();
    assert_eq!((&*answer, from), (&b"hello!"[..], socket.address()));
    bob.send("there", socket.address()).expect("there!");
    assert_eq!(*senders.borrow(), [alice.address(), bob.address()]);
    let counters = world.on(|reactor| reactor.counters());
    assert_eq!((counters.datagrams_in, counters.datagrams_out), (2, 2));
    assert_eq!(counters.datagram_sockets, 1);
}

fn a_protocol_is_told_that_it_is_started_before_anything_else(world: &World) {
    let log = Log::default();
    let peer = world.datagram_peer();
    let to = peer.address();
    let socket = DatagramSpy::new(&log)
        .started(move |transport| {
            assert!(transport.local().is_some_and(|local| local.port() > 0));
            transport.send_to("here I am", to);
        })
        .on(world);
    assert_eq!(
        log.lines(),
        [""; 0],
        "nobody is called from inside of `with`"
    );
    peer.send("first", socket.address());
    peer.expect("here I am");
    world.run_until("it is heard", || log.has("datagram first"));
    assert_eq!(log.lines(), ["started", "datagram first"]);
}

fn datagrams_of_version_6_are_heard_and_answered_too(world: &World) {
    let log = Log::default();
    let spy = DatagramSpy::new(&log).echo();
    let socket = world
        .on(|reactor| reactor.bind("udp6:0").with(spy))
        .expect("it can be bound");
    assert!(socket.address().is_ipv6());
    let peer = world.datagram_peer_at("[::1]:0".parse().expect("an address"));
    peer.send("six", socket.address()).expect("six");
    // A port may be had in both versions.
    let port = socket.address().port();
    world
        .on(|reactor| {
            reactor
                .bind(format!("udp:{port}:interface=*"))
                .with(ByDefault)
        })
        .expect("the other version's port is free");
}

fn a_datagram_without_content_is_one_like_others(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log).echo().on(world);
    let peer = world.datagram_peer();
    peer.send("", socket.address()).expect("");
    peer.send("and on", socket.address()).expect("and on");
    assert_eq!(log.lines(), ["started", "datagram ", "datagram and on"]);
}

fn the_longest_datagram_there_is_comes_whole(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log).echo().on(world);
    let peer = world.datagram_peer();
    let longest: Vec<u8> = (0..65_507_u32).map(|n| (n % 251) as u8).collect();
    peer.send(&longest, socket.address()).expect(&longest);
    assert_eq!(log.lines(), ["started", "datagram of 65507"]);
}

fn a_datagram_that_is_too_long_is_told_as_cut_off(world: &World) {
    let log = Log::default();
    let spy = DatagramSpy::new(&log);
    let socket = world.on(|reactor| reactor.bind("udp:0").longest(10).with(spy));
    let socket = socket.expect("it can be bound");
    let peer = world.datagram_peer();
    peer.send("0123456789", socket.address());
    peer.send("0123456789a", socket.address());
    peer.send([b'x'; 2000], socket.address());
    peer.send("", socket.address());
    world.run_until("all are heard", || log.lines().len() == 5);
    let heard = [
        "started",
        "datagram 0123456789",
        "truncated 0123456789",
        "truncated xxxxxxxxxx",
        "datagram ",
    ];
    assert_eq!(log.lines(), heard);
    let truncated = world.on(|reactor| reactor.counters().datagrams_truncated);
    assert_eq!(truncated, 2);
}

fn a_datagram_that_was_cut_off_is_dropped_by_default_and_counted(world: &World) {
    let socket = world.on(|reactor| reactor.bind("udp:0").longest(3).with(ByDefault));
    let peer = world.datagram_peer();
    peer.send("four", socket.expect("it can be bound").address());
    let truncated = || world.on(|reactor| reactor.counters().datagrams_truncated);
    world.run_until("it is counted", || truncated() == 1);
}

fn a_connected_socket_hears_its_peer_alone(world: &World) {
    let log = Log::default();
    let (peer, stranger) = (world.datagram_peer(), world.datagram_peer());
    let to = peer.address();
    let spy = DatagramSpy::new(&log).started(move |transport| {
        assert_eq!(transport.peer(), Some(to));
        transport.send("to whom it is connected");
        transport.send_to("by its address", to);
    });
    let endpoint = ropewalk::UdpEndpoint::to(to);
    let socket = world
        .on(|reactor| reactor.bind(endpoint).with(spy))
        .expect("it can be bound");
    let (first, from) = peer.receive();
    assert_eq!(first, b"to whom it is connected");
    assert_eq!(from, socket.address());
    peer.expect("by its address");
    stranger.send("may I?", from);
    peer.send("yes", from);
    world.run_until("the peer is heard", || log.has("datagram yes"));
    assert_eq!(log.lines(), ["started", "datagram yes"]);
}

fn who_is_connected_to_nobody_has_to_name_somebody(world: &World) {
    let log = Log::default();
    let noted = log.clone();
    DatagramSpy::new(&log)
        .started(move |transport| {
            assert_eq!(transport.peer(), None);
            assert_eq!(transport.try_send("to whom?"), Err(SendError::NoPeer));
            noted.note("asked");
        })
        .on(world);
    world.run_until("it is told", || log.has("asked"));
    assert_eq!(world.on(|reactor| reactor.counters().datagrams_unsent), 1);
}

fn an_address_that_is_taken_is_an_error_at_once(world: &World) {
    let peer = world.datagram_peer();
    let port = peer.address().port();
    let taken = world.on(|reactor| reactor.bind(format!("udp:{port}")).with(ByDefault));
    let Err(Error::Listen { endpoint, error }) = taken else {
        panic!("{taken:?}")
    };
    assert_eq!(endpoint, format!("udp:{port}"));
    assert_eq!(error.kind, std::io::ErrorKind::AddrInUse);
    let sockets = world.on(|reactor| reactor.counters().datagram_sockets);
    assert_eq!(sockets, 0);
}

fn a_service_that_nobody_knows_is_an_error_of_the_endpoint(world: &World) {
    let unknown = world.on(|reactor| reactor.bind("udp:no-such-service").with(ByDefault));
    let Err(Error::Endpoint(error)) = unknown else {
        panic!("{unknown:?}")
    };
    assert_eq!((&*error.description, error.at), ("udp:no-such-service", 4));
}

/// A socket that answers itself a thousand times over: each answer is heard when the callback before it has returned.
fn datagrams_to_ourselves_never_nest(world: &World) {
    let log = Log::default();
    let (depth, rounds) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let counted = Rc::clone(&rounds);
    let send_to_itself = |transport: &mut DatagramTransport<'_>| {
        let own = transport.local().expect("it has one");
        transport.send_to("again", own);
    };
    DatagramSpy::new(&log)
        .started(send_to_itself)
        .datagram(move |transport, _, _| {
            assert_eq!(depth.replace(1), 0);
            if counted.get() < 1000 {
                counted.set(counted.get() + 1);
                send_to_itself(transport);
            }
            depth.set(0);
        })
        .on(world);
    world.run_until("it has answered itself", || rounds.get() == 1000);
}

fn anybody_sends_by_the_sockets_id(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log).on(world);
    let peer = world.datagram_peer();
    let (id, to) = (socket.id(), peer.address());
    world.on(|reactor| {
        assert_eq!(reactor.datagram_address(id), Some(socket.address()));
        reactor.send_to(id, "from outside", to);
        assert_eq!(reactor.try_send_to(id, "once more", to), Ok(()));
    });
    peer.expect("from outside").expect("once more");
}

/// Between two shares of a socket others have theirs: no turn hears more than 32, whatever waits. Where a network tells of a
/// socket twice in one turn, and feigns between the two that nothing is there, a turn hears that much more.
fn a_flood_has_its_share_of_a_turn_and_all_of_it_is_heard(world: &World) {
    const SHARE: usize = 32;
    const FLOOD: usize = 150;
    let turns: Rc<RefCell<Vec<u64>>> = Rc::default();
    let log = Log::default();
    let noted = Rc::clone(&turns);
    let socket = DatagramSpy::new(&log)
        .datagram(move |transport, _, _| {
            let turn = transport.reactor().counters().turns;
            noted.borrow_mut().push(turn);
        })
        .on(world);
    let peer = world.datagram_peer();
    for _ in 0..FLOOD {
        peer.send("drop", socket.address());
    }
    if let Some(simulated) = world.simulated() {
        // So that all of them are there before the first is heard.
        simulated.freeze(crate::world::SERVER, Duration::from_secs(1));
    }
    world.run_until("all are heard", || turns.borrow().len() == FLOOD);
    let turns = turns.borrow();
    let most = turns.chunk_by(|one, other| one == other).map(<[u64]>::len);
    let feigns = world
        .simulated()
        .is_some_and(|world| world.faults() != Faults::None);
    let share = if feigns { 2 * SHARE } else { SHARE };
    assert!(most.max() <= Some(share), "{turns:?}");
}

fn what_the_system_drops_of_a_flood_is_counted(world: &World) {
    const FLOOD: u64 = 1000;
    let log = Log::default();
    let socket = DatagramSpy::new(&log).on(world);
    world.run_until("it is started", || log.has("started"));
    world.on(|reactor| {
        // However much the machine gives a socket.
        if let Some(options) = reactor.datagram_options(socket.id()) {
            options
                .set_recv_buffer_size(64 * 1024)
                .expect("a socket option");
        }
    });
    let peer = world.datagram_peer();
    if let Some(simulated) = world.simulated() {
        simulated.freeze(crate::world::SERVER, Duration::from_secs(1));
    }
    for _ in 0..FLOOD {
        peer.send([7; 1000], socket.address());
    }
    world.run_for(Duration::from_millis(1500));
    world.settle();
    let heard = log.count("datagram ") as u64;
    let dropped = world.on(|reactor| reactor.datagrams_dropped(socket.id()));
    if cfg!(target_os = "linux") || world.simulated().is_some() {
        assert!(heard < FLOOD, "all of them had room");
        assert_eq!(dropped, Some(FLOOD - heard));
    }
}

fn a_datagram_may_be_the_word_that_a_connection_waits_for(world: &World) {
    let log = Log::default();
    let member = Rc::new(Cell::new(None));
    let made = Rc::clone(&member);
    let listener = world.serve(move |_| {
        let made = Rc::clone(&made);
        Spy::new(&Log::default()).made(move |transport| made.set(Some(transport.id())))
    });
    let socket = DatagramSpy::new(&log)
        .datagram(move |transport, data, _| {
            if let Some(member) = member.get() {
                transport.reactor().write(member, [data, b"\r\n"].concat());
            }
        })
        .on(world);
    let peer = world.peer(&listener);
    world.run_until("the connection is made", || {
        world.on(|reactor: &mut Reactor| reactor.counters().accepted) == 1
    });
    world.settle();
    let from = world.datagram_peer();
    from.send("news", socket.address());
    peer.expect("news").closes();
    world.run_until_all_are_gone();
}

fn a_dump_tells_of_each_socket(world: &World) {
    let socket = DatagramSpy::new(&Log::default()).on(world);
    world.settle();
    let dump = world.on(|reactor| reactor.dump().to_string());
    let (id, address) = (socket.id(), socket.address());
    let line = format!("{id} {address} protocol=");
    assert!(dump.lines().any(|other| other.starts_with(&line)), "{dump}");
    assert!(dump.contains("datagram_sockets=1"), "{dump}");
}
