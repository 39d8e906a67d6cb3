//! Ids that outlive their connections: they reach nobody, whatever comes to stand in the same place.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{ConnectError, ConnectionId, Lost, Protocol, Reactor, Transport};

use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { streams:
    an_id_of_a_lost_connection_is_dead_in_its_loss_and_ever_after,
    bytes_for_an_id_of_the_past_reach_no_later_connection,
    calls_for_a_protocol_that_is_gone_are_dropped_and_counted,
    calls_for_a_protocol_that_handed_over_do_not_reach_its_successor,
    a_call_for_a_protocol_of_another_type_is_dropped_and_counted,
    of_two_that_close_each_other_only_the_first_is_heard,
    what_is_opened_in_a_loss_is_not_taken_for_what_was_lost,
    a_successor_gets_the_rest_of_a_chunk_just_once_and_the_pause_with_it,
    a_callback_that_stops_its_own_listener_keeps_its_connection,
    an_id_is_good_before_its_connection_stands,
}

/// A protocol's ids, in the order in which they were made.
type Ids = Rc<RefCell<Vec<ConnectionId>>>;

fn noting(log: &Log, ids: &Ids) -> Spy {
    let ids = Rc::clone(ids);
    Spy::new(log).made(move |transport| ids.borrow_mut().push(transport.id()))
}

fn an_id_of_a_lost_connection_is_dead_in_its_loss_and_ever_after(world: &World) {
    let log = Log::default();
    let ids = Ids::default();
    let (ours, all, told) = (log.clone(), Rc::clone(&ids), log.clone());
    let listener = world.serve(move |_| {
        let told = told.clone();
        noting(&ours, &all).lost(move |transport, _| {
            let id = transport.id();
            let reactor = transport.reactor();
            assert!(!reactor.is_connected(id));
            assert_eq!(reactor.unsent(id), None);
            assert!(reactor.socket_options(id).is_none());
            reactor.write(id, "to nobody");
            assert_eq!(reactor.counters().stale_writes, 1);
            told.note("checked");
        })
    });
    let peer = world.peer(&listener);
    peer.half_closes().expect_eof();
    world.run_until("the loss is told", || log.has("checked"));
    world.run_until_all_are_gone();
    let id = ids.borrow()[0];
    world.on(|reactor| {
        assert!(!reactor.is_connected(id));
        assert_eq!(reactor.unsent(id), None);
        assert_eq!(reactor.peer(id), None);
        assert_eq!(reactor.local(id), None);
        reactor.write(id, "to nobody");
        reactor.send(id, "to nobody");
        reactor.write_shared(id, "to nobody".into());
        assert_eq!(reactor.counters().stale_writes, 4);
        reactor.pause_reading(id);
        reactor.resume_reading(id);
        reactor.lose_connection(id);
        reactor.lose_write_connection(id);
        reactor.abort_connection(id);
    });
    world.settle();
    assert_eq!(log.count("lost"), 1);
}

fn bytes_for_an_id_of_the_past_reach_no_later_connection(world: &World) {
    const ROUNDS: usize = 20;
    let log = Log::default();
    let ids = Ids::default();
    let (ours, all) = (log.clone(), Rc::clone(&ids));
    let listener = world.serve(move |_| noting(&ours, &all));
    for round in 0..ROUNDS {
        let peer = world.peer(&listener);
        world.run_until("it is made", || ids.borrow().len() > round);
        world.on(|reactor| {
            let ids = ids.borrow();
            let (current, past) = ids.split_last().expect("one was made");
            assert!(past.iter().all(|id| id != current));
            for &id in past {
                reactor.write(id, "for another");
                reactor.send(id, "for another");
                reactor.abort_connection(id);
            }
            reactor.write(*current, format!("for {current}\r\n"));
        });
        let id = ids.borrow()[round];
        peer.expect(format!("for {id}")).half_closes().expect_eof();
        world.run_until_all_are_gone();
    }
    assert_eq!(log.count("lost done, ended by the peer"), ROUNDS);
    let stale = world.on(|reactor| reactor.counters().stale_writes);
    assert_eq!(stale, (ROUNDS * (ROUNDS - 1)) as u64);
    // Or the places were never used again, and nothing was tested.
    let place = |id: &ConnectionId| id.to_string().split('.').next().map(str::to_owned);
    let ids = ids.borrow();
    assert!(ids.iter().all(|id| place(id) == place(&ids[0])));
}

fn calls_for_a_protocol_that_is_gone_are_dropped_and_counted(world: &World) {
    let log = Log::default();
    let ids = Ids::default();
    let (ours, all) = (log.clone(), Rc::clone(&ids));
    let listener = world.serve(move |_| {
        noting(&ours, &all).lost(|transport, _| {
            let id = transport.id();
            transport.call_later(Duration::ZERO, |_: &mut Spy, _| panic!("never called"));
            transport.call_every(Duration::ZERO, |_: &mut Spy, _| panic!("never called"));
            let reactor = transport.reactor();
            reactor.tell(id, |_: &mut Spy, _| panic!("never called"));
        })
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || log.has("made"));
    let id = ids.borrow()[0];
    world.on(|reactor| {
        reactor.tell(id, |_: &mut Spy, transport| {
            transport.call_later(Duration::ZERO, |_: &mut Spy, _| panic!("never called"));
            transport.call_every(Duration::ZERO, |_: &mut Spy, _| panic!("never called"));
            transport.abort_connection();
        });
        reactor.tell(id, |_: &mut Spy, _| panic!("never called"));
    });
    peer.expect_closed();
    world.run_for(Duration::from_millis(10));
    world.on(|reactor| {
        reactor.tell(id, |_: &mut Spy, _| panic!("never called"));
    });
    world.run_for(Duration::from_millis(10));
    assert_eq!(log.lines(), ["made", "lost aborted"]);
    world.on(|reactor| {
        assert_eq!(reactor.counters().panics, 0);
        // Timers end with their protocol and are not counted; the three that were told are.
        assert_eq!(reactor.counters().stale_calls, 3);
    });
}

/// What comes after a [`Spy`], and tells so.
struct Successor(Log);

impl Protocol for Successor {
    fn connection_made(&mut self, _: &mut Transport<'_>) {
        self.0.note("made again");
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.0
            .note(format!("then {:?}", data.escape_ascii().to_string()));
        transport.write("heard\r\n");
    }

    fn connection_lost(&mut self, _: &mut Transport<'_>, reason: &Lost) {
        self.0.note(format!("lost {reason}"));
    }
}

fn calls_for_a_protocol_that_handed_over_do_not_reach_its_successor(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        let next = ours.clone();
        Spy::new(&ours).data(move |transport, _| {
            let id = transport.id();
            // The successor is of the same type, so that nothing else keeps these from reaching it.
            let any = |_: &mut Spy, _: &mut Transport<'_>| panic!("never called");
            transport.reactor().tell(id, any);
            transport.call_later(Duration::ZERO, any);
            transport.call_every(Duration::ZERO, any);
            transport.switch_protocol(Spy::new(&next).echo());
        })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("!");
    world.run_until("it has handed over", || log.count("made") == 2);
    world.run_for(Duration::from_millis(10));
    peer.send("still here").expect("still here");
    assert_eq!(log.without_data(), ["made", "made"]);
    world.on(|reactor| {
        assert_eq!(reactor.counters().panics, 0);
        assert_eq!(reactor.counters().stale_calls, 1);
    });
}

fn a_call_for_a_protocol_of_another_type_is_dropped_and_counted(world: &World) {
    let log = Log::default();
    let ids = Ids::default();
    let (ours, all) = (log.clone(), Rc::clone(&ids));
    let listener = world.serve(move |_| noting(&ours, &all).echo());
    let peer = world.peer(&listener);
    world.run_until("it is made", || log.has("made"));
    let id = ids.borrow()[0];
    world.on(|reactor| reactor.tell(id, |_: &mut Successor, _| panic!("never called")));
    peer.send("still here").expect("still here");
    world.on(|reactor| {
        assert_eq!(reactor.counters().panics, 0);
        assert_eq!(reactor.counters().stale_calls, 1);
    });
}

fn of_two_that_close_each_other_only_the_first_is_heard(world: &World) {
    let log = Log::default();
    let ids = Ids::default();
    let (ours, all) = (log.clone(), Rc::clone(&ids));
    let listener = world.serve(move |_| {
        let others = Rc::clone(&all);
        noting(&ours, &all).data(move |transport, _| {
            let own = transport.id();
            for &id in others.borrow().iter().filter(|&&id| id != own) {
                transport.reactor().abort_connection(id);
            }
        })
    });
    let (one, two) = (world.peer(&listener), world.peer(&listener));
    world.run_until("both are made", || ids.borrow().len() == 2);
    // Both are readable in one turn, unless a fault says otherwise.
    one.send_bytes("1");
    two.send_bytes("2");
    world.run_until("one is lost", || log.count("lost") == 1);
    world.settle();
    assert_eq!(log.lines(), ["made", "made", "data 1", "lost aborted"]);
}

fn what_is_opened_in_a_loss_is_not_taken_for_what_was_lost(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let target = world.peer_listener();
    let (address, in_world) = (target.address().clone(), world.clone());
    let listener = world.serve(move |_| {
        let (log, address, world) = (ours.clone(), address.clone(), in_world.clone());
        Spy::new(&ours)
            .data(|transport, _| transport.abort_connection())
            .lost(move |transport, _| {
                let before = (transport.peer(), transport.local());
                let new = Spy::new(&log).echo();
                let id = world.connect(transport.reactor(), &address).with(new);
                assert_ne!(id, transport.id());
                assert_eq!((transport.peer(), transport.local()), before);
            })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("!");
    let called = target.accept();
    peer.send("for the one that was lost");
    called.send("for the new one").expect("for the new one");
    assert_eq!(log.without_data(), ["made", "lost aborted", "made"]);
    assert_eq!(called.received(), 0);
    called.half_closes().expect_eof();
}

fn a_successor_gets_the_rest_of_a_chunk_just_once_and_the_pause_with_it(world: &World) {
    let log = Log::default();
    let ids = Ids::default();
    let (ours, all) = (log.clone(), Rc::clone(&ids));
    let listener = world.serve(move |_| {
        let next = ours.clone();
        noting(&ours, &all).data(move |transport, data| {
            transport.unread(data.len().saturating_sub(1));
            transport.pause_reading();
            transport.switch_protocol(Successor(next.clone()));
        })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("!rest");
    world.run_until("it has handed over", || log.has("made again"));
    world.settle();
    assert_eq!(log.without_data(), ["made", "made again"]);
    let id = ids.borrow()[0];
    world.on(|reactor| reactor.resume_reading(id));
    peer.expect("heard").half_closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    let told: String = log.without_data()[2..]
        .iter()
        .filter_map(|line| line.strip_prefix("then \"")?.strip_suffix('"'))
        .collect();
    assert_eq!(told, "rest");
}

fn a_callback_that_stops_its_own_listener_keeps_its_connection(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let own = Rc::new(RefCell::new(None));
    let itself = Rc::clone(&own);
    let listener = world.serve(move |_| {
        let itself = Rc::clone(&itself);
        Spy::new(&ours)
            .made(move |transport| {
                let listener = itself.borrow();
                let listener = listener.as_ref().expect("it was put there");
                transport.reactor().stop_listening(listener);
                transport.reactor().stop_listening(listener);
            })
            .echo()
    });
    own.replace(Some(listener.clone()));
    let peer = world.peer(&listener);
    peer.send("still here").expect("still here");
    let failed = Rc::new(Cell::new(None));
    let here = Rc::clone(&failed);
    world.on(|reactor| {
        let connect = world.connect(reactor, listener.address());
        let connect = connect.failed(move |_, error| here.set(Some(error.clone())));
        connect.with(Spy::new(&Log::default()))
    });
    let error = RefCell::new(None);
    world.run_until("nobody listens", || {
        *error.borrow_mut() = failed.take();
        error.borrow().is_some()
    });
    let error = error.take();
    // A kernel may happen to choose the same port for the caller, which is refused in its own way.
    assert!(
        matches!(
            error,
            Some(ConnectError::Refused { .. } | ConnectError::SelfConnected { .. })
        ),
        "{error:?}"
    );
}

fn an_id_is_good_before_its_connection_stands(world: &World) {
    let log = Log::default();
    let target = world.peer_listener();
    let (kept, cancelled) = world.on(|reactor| {
        let call = |reactor: &mut Reactor, what: &str| {
            let id = world
                .connect(reactor, target.address())
                .with(Spy::new(&log).echo());
            reactor.write(id, format!("{what}\r\n"));
            id
        };
        (call(reactor, "kept"), call(reactor, "cancelled"))
    });
    world.on(|reactor| {
        assert!(reactor.is_connected(kept) && reactor.is_connected(cancelled));
        reactor.abort_connection(cancelled);
        assert!(!reactor.is_connected(cancelled));
        reactor.write(cancelled, "to nobody");
        assert_eq!(reactor.counters().stale_writes, 1);
    });
    // Which of the two calls is taken first is the kernel's affair; a cancelled one may be seen to have broken.
    let peer = target.accept();
    peer.expect("kept").send("echo").expect("echo");
    assert_eq!(log.without_data(), ["made"]);
}
