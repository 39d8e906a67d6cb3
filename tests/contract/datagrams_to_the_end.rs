//! How sockets for datagrams end, and what becomes of what was asked of them: stops, panics, handles of the past.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::Call;
use ropewalk::{Error, Reactor, SendError};

use crate::datagram_spy::{ByDefault, DatagramSpy};
use crate::spy::{Log, Spy};
use crate::world::{SERVER, World, contract};

contract! { bare:
    a_socket_that_stops_hears_that_last_and_nothing_after_it,
    stopping_twice_is_told_once,
    an_address_is_free_once_its_socket_has_stopped,
    the_rest_of_a_flood_is_not_heard_after_a_stop,
    an_id_of_the_past_reaches_nobody,
    who_was_not_started_hears_of_no_stop,
    a_stop_of_the_reactor_lets_each_say_a_last_word,
    who_does_not_stop_with_the_reactor_is_cut_off_at_the_deadline,
    a_reactor_that_stops_opens_no_more_sockets,
    a_reactor_that_is_dropped_closes_its_sockets,
    a_panic_closes_the_one_socket_and_others_are_unharmed,
    a_panic_at_the_start_closes_the_socket,
    a_panic_over_the_end_is_not_told_again,
    a_panic_after_a_stop_is_the_reason_that_is_told,
    a_panic_in_a_timer_is_the_protocols,
    a_panic_in_a_repeated_call_is_its_last,
}

contract! { simulated_bare:
    what_waits_is_sent_before_the_socket_is_closed,
    what_can_not_even_then_be_sent_is_counted,
    what_waits_is_sent_before_the_reactor_has_stopped,
    what_waits_does_not_hold_a_stop_at_once_up,
}

/// The next so many calls to send find no room.
fn eagain(world: &World, times: usize) {
    const EAGAIN: i32 = 11;
    let simulated = world
        .simulated()
        .expect("its calls fail when they are told to");
    simulated.fail_next(SERVER, Call::Write, &vec![EAGAIN; times]);
}

const PANICKED: &str = "stopped the protocol panicked";

fn a_socket_that_stops_hears_that_last_and_nothing_after_it(world: &World) {
    let log = Log::default();
    let noted = log.clone();
    let socket = DatagramSpy::new(&log)
        .datagram(|transport, _, _| {
            transport.call_later(Duration::ZERO, |_: &mut DatagramSpy, _| unreachable!());
            transport.stop_listening();
        })
        .stopped(move |transport| {
            assert!(transport.local().is_some());
            let own = transport.local().expect("it is still known");
            assert_eq!(
                transport.try_send_to("too late", own),
                Err(SendError::Closed)
            );
            noted.note("checked");
        })
        .on(world);
    let peer = world.datagram_peer();
    peer.send("stop", socket.address());
    world.run_until("it is stopped", || log.has("checked"));
    peer.send("are you there?", socket.address());
    world.settle();
    let heard = [
        "started",
        "datagram stop",
        "stopped done, ended by us",
        "checked",
    ];
    assert_eq!(log.lines(), heard);
    let counters = world.on(|reactor| reactor.counters());
    assert_eq!((counters.datagram_sockets, counters.timers), (0, 0));
}

fn stopping_twice_is_told_once(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log)
        .stopped(|transport| transport.stop_listening())
        .on(world);
    world.run_until("it is started", || log.has("started"));
    world.on(|reactor| {
        reactor.stop_datagrams(socket.id());
        reactor.stop_datagrams(socket.id());
    });
    world.run_until("it is stopped", || log.count("stopped") == 1);
    world.on(|reactor| reactor.stop_datagrams(socket.id()));
    world.settle();
    assert_eq!(log.count("stopped"), 1);
}

fn an_address_is_free_once_its_socket_has_stopped(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log).on(world);
    world.on(|reactor| reactor.stop_datagrams(socket.id()));
    let sockets = || world.on(|reactor| reactor.counters().datagram_sockets);
    world.run_until("it is closed", || sockets() == 0);
    let peer = world.datagram_peer_at(socket.address());
    assert_eq!(peer.address(), socket.address());
}

fn the_rest_of_a_flood_is_not_heard_after_a_stop(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log)
        .datagram(|transport, _, _| transport.stop_listening())
        .on(world);
    let peer = world.datagram_peer();
    for _ in 0..20 {
        peer.send("one of many", socket.address());
    }
    world.run_until("it is stopped", || log.count("stopped") == 1);
    assert_eq!(log.count("datagram"), 1);
}

/// Another socket stands where the closed one stood: nothing that is asked of the old id reaches it.
fn an_id_of_the_past_reaches_nobody(world: &World) {
    let (log, later) = (Log::default(), Log::default());
    let first = DatagramSpy::new(&log).on(world);
    world.run_until("it is started", || log.has("started"));
    world.on(|reactor| reactor.stop_datagrams(first.id()));
    world.run_until("it is stopped", || log.count("stopped") == 1);
    world.settle();
    let second = DatagramSpy::new(&later).echo().on(world);
    let peer = world.datagram_peer();
    let (id, to) = (first.id(), peer.address());
    assert_ne!(id, second.id());
    world.on(|reactor| {
        assert_eq!(
            reactor.try_send_to(id, "to nobody", to),
            Err(SendError::Closed)
        );
        reactor.send_to(id, "to nobody", to);
        assert_eq!(reactor.counters().stale_writes, 2);
        assert_eq!(reactor.datagram_address(id), None);
        assert_eq!(reactor.datagrams_unsent(id), None);
        assert_eq!(reactor.datagrams_dropped(id), None);
        assert!(reactor.datagram_options(id).is_none());
        reactor.tell_datagrams(id, |_: &mut DatagramSpy, _| unreachable!());
        reactor.stop_datagrams(id);
    });
    peer.send("still there?", second.address())
        .expect("still there?");
    assert_eq!(world.on(|reactor| reactor.counters().stale_calls), 1);
    assert_eq!(later.lines(), ["started", "datagram still there?"]);
}

fn who_was_not_started_hears_of_no_stop(world: &World) {
    let log = Log::default();
    let spy = DatagramSpy::new(&log);
    world.on(|reactor| {
        let socket = reactor.bind("udp:0").with(spy).expect("a free port");
        reactor.stop_datagrams(socket.id());
    });
    let sockets = || world.on(|reactor| reactor.counters().datagram_sockets);
    world.run_until("it is closed", || sockets() == 0);
    assert_eq!(log.lines(), [""; 0]);
}

fn a_stop_of_the_reactor_lets_each_say_a_last_word(world: &World) {
    let log = Log::default();
    let peer = world.datagram_peer();
    let to = peer.address();
    DatagramSpy::new(&log)
        .stopping(move |transport| {
            transport.send_to("goodbye", to);
            transport.stop_listening();
        })
        .on(world);
    world.run_until("it is started", || log.has("started"));
    world.on(Reactor::stop);
    world.run_to_the_end();
    peer.expect("goodbye");
    assert_eq!(
        log.lines(),
        ["started", "stopping", "stopped done, ended by us"]
    );
}

fn who_does_not_stop_with_the_reactor_is_cut_off_at_the_deadline(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log).echo().stopping(|_| ()).on(world);
    world.run_until("it is started", || log.has("started"));
    let short = world.short();
    world.on(|reactor| {
        reactor.set_stop_deadline(short);
        reactor.stop();
    });
    world.run_until("it is told", || log.has("stopping"));
    let peer = world.datagram_peer();
    peer.send("still?", socket.address()).expect("still?");
    world.run_to_the_end();
    let heard = [
        "started",
        "stopping",
        "datagram still?",
        "stopped the reactor stopped",
    ];
    assert_eq!(log.lines(), heard);
}

fn a_reactor_that_stops_opens_no_more_sockets(world: &World) {
    world.on(|reactor| {
        reactor.stop();
        let refused = reactor.bind("udp:0").with(ByDefault);
        assert_eq!(refused, Err(Error::Stopping));
    });
    world.run_to_the_end();
}

fn a_reactor_that_is_dropped_closes_its_sockets(world: &World) {
    let log = Log::default();
    let mut reactor = match world.simulated() {
        Some(_) => return,
        None => Reactor::new().expect("the system has a selector"),
    };
    let socket = reactor
        .bind("udp:0")
        .with(DatagramSpy::new(&log))
        .expect("it can be bound");
    drop(reactor);
    world.datagram_peer_at(socket.address());
    assert_eq!(log.lines(), [""; 0]);
}

fn a_panic_closes_the_one_socket_and_others_are_unharmed(world: &World) {
    let (log, others) = (Log::default(), Log::default());
    let victim = DatagramSpy::new(&log)
        .datagram(|_, _, _| panic!("over a datagram"))
        .on(world);
    let bystander = DatagramSpy::new(&others).echo().on(world);
    let listener = world.serve(|_| Spy::new(&Log::default()).echo());
    let (peer, connection) = (world.datagram_peer(), world.peer(&listener));
    peer.send("bang", victim.address());
    world.run_until("it is stopped", || log.count("stopped") == 1);
    assert_eq!(log.lines(), ["started", "datagram bang", PANICKED]);
    peer.send("unharmed", bystander.address())
        .expect("unharmed");
    connection.send("too").expect("too").closes();
    assert_eq!(world.on(|reactor| reactor.counters().panics), 1);
    world.run_until_all_are_gone();
}

fn a_panic_at_the_start_closes_the_socket(world: &World) {
    let log = Log::default();
    DatagramSpy::new(&log)
        .started(|_| panic!("at the start"))
        .on(world);
    world.run_until("it is stopped", || log.count("stopped") == 1);
    assert_eq!(log.lines(), ["started", PANICKED]);
}

fn a_panic_over_the_end_is_not_told_again(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log)
        .stopped(|_| panic!("over the end"))
        .on(world);
    world.run_until("it is started", || log.has("started"));
    world.on(|reactor| reactor.stop_datagrams(socket.id()));
    let sockets = || world.on(|reactor| reactor.counters().datagram_sockets);
    world.run_until("it is closed", || sockets() == 0);
    assert_eq!(log.lines(), ["started", "stopped done, ended by us"]);
}

fn a_panic_after_a_stop_is_the_reason_that_is_told(world: &World) {
    let log = Log::default();
    DatagramSpy::new(&log)
        .started(|transport| {
            transport.stop_listening();
            panic!("after a stop")
        })
        .on(world);
    world.run_until("it is stopped", || log.count("stopped") == 1);
    assert_eq!(log.lines(), ["started", PANICKED]);
}

fn a_panic_in_a_timer_is_the_protocols(world: &World) {
    let log = Log::default();
    DatagramSpy::new(&log)
        .started(|transport| {
            transport.call_later(Duration::ZERO, |_: &mut DatagramSpy, _| {
                panic!("in a timer")
            });
        })
        .on(world);
    world.run_until("it is stopped", || log.count("stopped") == 1);
    assert_eq!(log.lines(), ["started", PANICKED]);
}

fn a_panic_in_a_repeated_call_is_its_last(world: &World) {
    let log = Log::default();
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    DatagramSpy::new(&log)
        .started(move |transport| {
            let counted = Rc::clone(&counted);
            transport.call_every(Duration::ZERO, move |_: &mut DatagramSpy, _| {
                counted.set(counted.get() + 1);
                panic!("in a repeated call")
            });
        })
        .on(world);
    world.run_until("it is stopped", || log.count("stopped") == 1);
    world.settle();
    assert_eq!(calls.get(), 1);
    assert_eq!(world.on(|reactor| reactor.counters().timers), 0);
}

fn what_waits_is_sent_before_the_socket_is_closed(world: &World) {
    let socket = DatagramSpy::new(&Log::default()).on(world);
    let peer = world.datagram_peer();
    let (id, to) = (socket.id(), peer.address());
    eagain(world, 1);
    world.on(|reactor| {
        reactor.send_to(id, "one", to);
        reactor.send_to(id, "two", to);
        reactor.stop_datagrams(id);
    });
    peer.expect("one").expect("two");
}

fn what_waits_is_sent_before_the_reactor_has_stopped(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log).on(world);
    world.run_until("it is started", || log.has("started"));
    let peer = world.datagram_peer();
    let (id, to) = (socket.id(), peer.address());
    eagain(world, 3);
    world.on(move |reactor| {
        reactor.send_to(id, "one", to);
        reactor.send_to(id, "two", to);
        reactor.stop_datagrams(id);
        reactor.stop();
    });
    peer.expect("one").expect("two");
    world.run_to_the_end();
    assert_eq!(log.lines(), ["started", "stopped done, ended by us"]);
}

fn what_can_not_even_then_be_sent_is_counted(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log).on(world);
    world.run_until("it is started", || log.has("started"));
    let to = world.datagram_peer().address();
    // No room ever again.
    eagain(world, 1_000_000);
    let begin = world.now();
    world.on(|reactor| {
        reactor.send_to(socket.id(), "one", to);
        reactor.send_to(socket.id(), "two", to);
        reactor.stop_datagrams(socket.id());
    });
    world.run_until("it is closed", || log.count("stopped") == 1);
    let waited = world.now() - begin;
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    let counters = world.on(|reactor| reactor.counters());
    assert_eq!((counters.datagrams_unsent, counters.timers), (2, 0));
}

fn what_waits_does_not_hold_a_stop_at_once_up(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log).on(world);
    world.run_until("it is started", || log.has("started"));
    let to = world.datagram_peer().address();
    eagain(world, 1_000_000);
    world.on(|reactor| {
        reactor.send_to(socket.id(), "one", to);
        reactor.stop_datagrams(socket.id());
    });
    let begin = world.now();
    world.on(Reactor::stop_now);
    world.run_to_the_end();
    assert!(world.now() - begin < Duration::from_secs(1));
    assert_eq!(log.lines(), ["started", "stopped the reactor stopped"]);
}
