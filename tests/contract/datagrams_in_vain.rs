//! Datagrams that come to nothing: what is told of them, and that the socket is as good as before.

use std::cell::RefCell;
use std::rc::Rc;

use ropewalk::sim::{self, Call};
use ropewalk::{DatagramTransport, SendError, UdpEndpoint};

use crate::datagram_peer::DatagramPeer;
use crate::datagram_spy::{ByDefault, DatagramSpy};
use crate::spy::Log;
use crate::world::{SERVER, World, contract};

contract! { bare:
    a_port_that_nobody_listens_at_is_told_and_the_socket_goes_on,
    who_is_not_connected_hears_of_no_refusal,
    a_refusal_costs_nothing_that_is_sent_after_it,
    a_datagram_that_is_too_long_to_be_sent_costs_itself_alone,
    a_datagram_of_the_other_version_costs_itself_alone,
    what_can_not_be_sent_is_counted_though_nobody_asks,
}

contract! { simulated_bare:
    errors_of_receiving_are_never_the_end,
    a_socket_of_which_each_call_fails_is_asked_again_later,
    what_the_system_has_no_room_for_waits_in_its_order,
    what_is_more_than_may_wait_is_refused_at_once,
    an_empty_datagram_that_waits_counts_too,
    a_failure_to_send_is_told_of_its_datagram_alone,
    what_a_router_says_of_one_datagram_costs_none_after_it,
    what_waits_and_then_fails_costs_nothing_behind_it,
}

const EAGAIN: i32 = 11;
const EPERM: i32 = 1;
const ENOBUFS: i32 = 105;
const ECONNREFUSED: i32 = 111;
const EHOSTUNREACH: i32 = 113;

fn failing(world: &World) -> &sim::World {
    world
        .simulated()
        .expect("its calls fail when they are told to")
}

/// A socket that is connected to nobody any more, and notes what it hears.
fn connected(world: &World, log: &Log) -> (DatagramPeer, ropewalk::DatagramSocket) {
    let peer = world.datagram_peer();
    let spy = DatagramSpy::new(log);
    let endpoint = UdpEndpoint::to(peer.address());
    let socket = world.on(|reactor| reactor.bind(endpoint).with(spy));
    (peer, socket.expect("a free port can be bound"))
}

fn tell(
    world: &World,
    socket: ropewalk::DatagramSocket,
    act: impl FnOnce(&mut DatagramTransport<'_>) + 'static,
) {
    world.on(|reactor| {
        reactor.tell_datagrams(socket.id(), move |_: &mut DatagramSpy, transport| {
            act(transport);
        });
    });
}

fn a_port_that_nobody_listens_at_is_told_and_the_socket_goes_on(world: &World) {
    let log = Log::default();
    let (peer, socket) = connected(world, &log);
    let address = peer.address();
    peer.closes();
    tell(world, socket, |transport| {
        transport.send("is anybody there?")
    });
    world.run_until("the refusal is told", || log.has("refused"));
    world.settle();
    assert_eq!(log.lines(), ["started", "refused"]);
    let peer = world.datagram_peer_at(address);
    tell(world, socket, |transport| transport.send("and now?"));
    peer.expect("and now?").send("yes", socket.address());
    world.run_until("the answer is heard", || log.has("datagram yes"));
    assert_eq!(log.lines(), ["started", "refused", "datagram yes"]);
    let refused = world.on(|reactor| reactor.counters().datagrams_refused);
    assert_eq!(refused, 1);
}

fn who_is_not_connected_hears_of_no_refusal(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log).echo().on(world);
    let (gone, peer) = (world.datagram_peer(), world.datagram_peer());
    let nobody = gone.address();
    gone.closes();
    world.on(|reactor| reactor.send_to(socket.id(), "is anybody there?", nobody));
    world.settle();
    peer.send("here", socket.address()).expect("here");
    assert_eq!(log.lines(), ["started", "datagram here"]);
}

/// A kernel tells a refusal by whichever call comes next, be it the sending of another datagram: that one is sent all the same.
fn a_refusal_costs_nothing_that_is_sent_after_it(world: &World) {
    let log = Log::default();
    let (peer, socket) = connected(world, &log);
    let (address, nobody) = (peer.address(), peer);
    nobody.closes();
    let again = world.clone();
    let revived: Rc<RefCell<Option<DatagramPeer>>> = Rc::default();
    tell(world, socket, |transport| transport.send("lost"));
    world.run_until("the refusal is told", || log.count("refused") == 1);
    *revived.borrow_mut() = Some(again.datagram_peer_at(address));
    let simulated = world.simulated();
    if let Some(simulated) = simulated {
        simulated.fail_next(SERVER, Call::Write, &[ECONNREFUSED]);
    }
    tell(world, socket, |transport| {
        assert_eq!(transport.try_send("found"), Ok(()));
    });
    let revived = revived.borrow();
    revived.as_ref().expect("it is there").expect("found");
    let expected = if simulated.is_some() { 2 } else { 1 };
    world.run_until("each refusal is told", || log.count("refused") == expected);
}

/// A connected socket has such an error pending, as it has a refusal.
fn what_a_router_says_of_one_datagram_costs_none_after_it(world: &World) {
    let (peer, socket) = connected(world, &Log::default());
    world.settle();
    let simulated = failing(world);
    simulated.fail_next(SERVER, Call::Write, &[EHOSTUNREACH]);
    tell(world, socket, |transport| transport.send("sent"));
    peer.expect("sent");
    assert_eq!(world.on(|reactor| reactor.counters().datagrams_failed), 1);
    // That there is no way now is said again.
    simulated.fail_next(SERVER, Call::Write, &[EHOSTUNREACH; 2]);
    tell(world, socket, |transport| transport.send("not sent"));
    let unsent = || world.on(|reactor| reactor.counters().datagrams_unsent);
    world.run_until("it is given up", || unsent() == 1);
}

fn a_datagram_that_is_too_long_to_be_sent_costs_itself_alone(world: &World) {
    let socket = DatagramSpy::new(&Log::default()).on(world);
    let peer = world.datagram_peer();
    let to = peer.address();
    world.on(|reactor| {
        let too_long = reactor.try_send_to(socket.id(), [0; 65_508], to);
        assert_eq!(too_long, Err(SendError::TooLong { size: 65_508 }));
        assert_eq!(reactor.try_send_to(socket.id(), "short", to), Ok(()));
        assert_eq!(reactor.counters().datagrams_unsent, 1);
    });
    peer.expect("short");
}

fn a_datagram_of_the_other_version_costs_itself_alone(world: &World) {
    let socket = DatagramSpy::new(&Log::default()).on(world);
    let peer = world.datagram_peer();
    let to = peer.address();
    world.on(|reactor| {
        let other = "[::1]:9".parse().expect("an address");
        let refused = reactor.try_send_to(socket.id(), "six", other);
        assert!(matches!(refused, Err(SendError::Failed(_))), "{refused:?}");
        reactor.send_to(socket.id(), "four", to);
    });
    peer.expect("four");
}

fn what_can_not_be_sent_is_counted_though_nobody_asks(world: &World) {
    let socket = DatagramSpy::new(&Log::default()).on(world);
    let to = world.datagram_peer().address();
    world.on(|reactor| {
        reactor.send_to(socket.id(), [0; 70_000], to);
        let counters = reactor.counters();
        assert_eq!((counters.datagrams_out, counters.datagrams_unsent), (0, 1));
    });
}

fn errors_of_receiving_are_never_the_end(world: &World) {
    // EINTR, ENETDOWN, ENETUNREACH, EHOSTUNREACH, ENOMEM, EMSGSIZE, ECONNREFUSED, ECONNRESET.
    let numbers = [4, 100, 101, 113, 12, 90, 111, 104];
    let simulated = failing(world);
    let log = Log::default();
    let socket = DatagramSpy::new(&log).on(world);
    let peer = world.datagram_peer();
    for number in numbers {
        simulated.fail_next(SERVER, Call::Read, &[number]);
        peer.send(format!("{number}"), socket.address());
        let heard = format!("datagram {number}");
        world.run_until("it goes on", || log.has(&heard));
    }
    assert_eq!(log.count("stopped"), 0);
    let counters = world.on(|reactor| reactor.counters());
    assert_eq!(counters.datagrams_failed, 5);
    assert_eq!(counters.datagrams_refused, 2);
}

fn a_socket_of_which_each_call_fails_is_asked_again_later(world: &World) {
    let simulated = failing(world);
    let log = Log::default();
    let socket = DatagramSpy::new(&log).on(world);
    world.run_until("it is started", || log.has("started"));
    simulated.fail_next(SERVER, Call::Read, &[EPERM; 320]);
    let before = simulated.turns();
    let peer = world.datagram_peer();
    peer.send("at last", socket.address());
    world.run_until("it is heard", || log.has("datagram at last"));
    // One of ten shares of 32 errors costs a turn for the timer, and in between there are pauses.
    let turns = simulated.turns() - before;
    assert!(turns < 400, "{turns} turns");
    assert!(world.now() - ropewalk::Time::START >= std::time::Duration::from_millis(90));
}

fn what_the_system_has_no_room_for_waits_in_its_order(world: &World) {
    let simulated = failing(world);
    let socket = DatagramSpy::new(&Log::default()).on(world);
    let peer = world.datagram_peer();
    let (id, to) = (socket.id(), peer.address());
    simulated.fail_next(SERVER, Call::Write, &[EAGAIN, EAGAIN]);
    world.on(|reactor| {
        for number in 0..100 {
            assert_eq!(reactor.try_send_to(id, format!("{number}"), to), Ok(()));
        }
        assert_eq!(reactor.datagrams_unsent(id), Some(100 * 64 + 190));
    });
    for number in 0..100 {
        peer.expect(format!("{number}"));
    }
    world.on(|reactor| {
        assert_eq!(reactor.datagrams_unsent(id), Some(0));
        assert_eq!(reactor.counters().datagrams_out, 100);
    });
}

fn what_is_more_than_may_wait_is_refused_at_once(world: &World) {
    let simulated = failing(world);
    let bind = |unsent| world.on(|reactor| reactor.bind("udp:0").unsent(unsent).with(ByDefault));
    let (little, nothing) = (
        bind(200).expect("it can be bound"),
        bind(0).expect("it can be bound"),
    );
    let peer = world.datagram_peer();
    let to = peer.address();
    simulated.fail_next(SERVER, Call::Write, &[EAGAIN, EAGAIN]);
    world.on(|reactor| {
        let full = |limit| Err(SendError::Full { limit });
        assert_eq!(reactor.try_send_to(little.id(), [1; 36], to), Ok(()));
        assert_eq!(reactor.try_send_to(little.id(), [2; 37], to), full(200));
        assert_eq!(reactor.try_send_to(little.id(), [3; 36], to), Ok(()));
        assert_eq!(reactor.try_send_to(nothing.id(), [4; 1], to), full(0));
        assert_eq!(reactor.counters().datagrams_unsent, 2);
    });
    peer.expect([1; 36]).expect([3; 36]);
}

fn an_empty_datagram_that_waits_counts_too(world: &World) {
    let simulated = failing(world);
    let socket = world.on(|reactor| reactor.bind("udp:0").unsent(6400).with(ByDefault));
    let (socket, to) = (
        socket.expect("it can be bound"),
        world.datagram_peer().address(),
    );
    simulated.fail_next(SERVER, Call::Write, &[EAGAIN]);
    world.on(|reactor| {
        let taken = (0..1000).filter(|_| reactor.try_send_to(socket.id(), "", to).is_ok());
        assert_eq!(taken.count(), 100);
    });
}

fn a_failure_to_send_is_told_of_its_datagram_alone(world: &World) {
    let simulated = failing(world);
    let socket = DatagramSpy::new(&Log::default()).on(world);
    let peer = world.datagram_peer();
    let (id, to) = (socket.id(), peer.address());
    simulated.fail_next(SERVER, Call::Write, &[ENOBUFS, 101]);
    world.on(|reactor| {
        let no_memory = reactor.try_send_to(id, "one", to);
        assert!(
            matches!(no_memory, Err(SendError::Failed(_))),
            "{no_memory:?}"
        );
        let no_way = reactor.try_send_to(id, "two", to);
        assert!(
            matches!(no_way, Err(SendError::Unreachable(_))),
            "{no_way:?}"
        );
        assert_eq!(reactor.try_send_to(id, "three", to), Ok(()));
    });
    peer.expect("three");
}

fn what_waits_and_then_fails_costs_nothing_behind_it(world: &World) {
    let simulated = failing(world);
    let socket = DatagramSpy::new(&Log::default()).on(world);
    let peer = world.datagram_peer();
    let (id, to) = (socket.id(), peer.address());
    simulated.fail_next(SERVER, Call::Write, &[EAGAIN, ENOBUFS]);
    world.on(|reactor| {
        for word in ["one", "two", "three"] {
            assert_eq!(reactor.try_send_to(id, word, to), Ok(()));
        }
    });
    peer.expect("two").expect("three");
    assert_eq!(world.on(|reactor| reactor.counters().datagrams_unsent), 1);
}
