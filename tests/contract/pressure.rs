//! Peers that do not read: who writes is told, and is held to limits of bytes and of time if that does not help.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use ropewalk::sim::Faults;
use ropewalk::{ConnectionId, Group, Limits, Reactor, Transport};

use crate::known::{Known, text, text_between};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { streams:
    a_writer_that_heeds_the_notices_has_little_waiting,
    by_default_who_does_not_read_replies_is_not_read_either,
    one_large_reply_is_never_too_much,
    what_is_written_between_two_turns_is_held_to_the_limit_too,
    every_way_to_write_is_held_to_the_same_limit,
    after_a_close_in_pause_writing_nothing_is_resumed,
    what_leaves_in_the_turn_it_was_written_in_is_no_pressure,
}

// A Unix stream knows no reset but of unread input.
contract! { everywhere:
    a_peer_that_takes_nothing_is_lost_once_more_than_the_limit_waits,
    after_an_abort_in_pause_writing_nothing_is_resumed,
    a_peer_that_takes_nothing_in_time_is_lost,
}

contract! { simulated:
    a_peer_that_takes_little_by_little_is_not_lost,
}

contract! { simulated_bare:
    writes_to_a_connection_that_is_being_made_are_held_to_the_limit_too,
}

const LOW: usize = 16 * 1024;
const HIGH: usize = 64 * 1024;
const PIECE: usize = 4096;

/// Writes a piece a turn, a text in all, while it may.
#[derive(Clone, Default)]
struct Producer {
    paused: Rc<Cell<bool>>,
    written: Rc<Cell<usize>>,
    most_unsent: Rc<Cell<usize>>,
}

impl Producer {
    const ALL: usize = 400_000;

    fn produce(self, reactor: &mut Reactor, id: ConnectionId) {
        if self.paused.get() || self.written.get() >= Self::ALL {
            return;
        }
        let begin = self.written.get();
        let end = Self::ALL.min(begin + PIECE);
        reactor.write(id, text_between(begin, end));
        self.written.set(end);
        let unsent = reactor.unsent(id).unwrap_or(0);
        self.most_unsent.set(self.most_unsent.get().max(unsent));
        reactor.call_soon(move |reactor| self.produce(reactor, id));
    }

    fn spy(&self, log: &Log) -> Spy {
        let (begin, pause, resume) = (self.clone(), self.clone(), self.clone());
        Spy::new(log)
            .made(move |transport| {
                Known::default().note(transport);
                let id = transport.id();
                begin.clone().produce(transport.reactor(), id);
            })
            .pause(move |_| pause.paused.set(true))
            .resume(move |transport| {
                resume.paused.set(false);
                let id = transport.id();
                resume.clone().produce(transport.reactor(), id);
            })
    }
}

fn a_writer_that_heeds_the_notices_has_little_waiting(world: &World) {
    let (log, producer) = (Log::default(), Producer::default());
    let (ours, this) = (log.clone(), producer.clone());
    let limits = Limits::default().water_marks(LOW, HIGH);
    let listener = world.serve_with(limits, move |_| this.spy(&ours));
    let peer = world.peer(&listener);
    peer.stops_reading();
    world.run_until("the writer is paused", || producer.paused.get());
    world.settle();
    assert_eq!(log.lines().last().map(String::as_str), Some("pause"));
    peer.reads_again().expect_bytes(text(Producer::ALL));
    world.run_until("the writer goes on", || !producer.paused.get());
    let lines = log.lines();
    for (n, line) in lines[1..].iter().enumerate() {
        assert_eq!(line, ["pause", "resume"][n % 2], "{lines:?}");
    }
    // A layer makes a few bytes two.
    let most = HIGH + PIECE + PIECE / 2;
    assert!(producer.most_unsent.get() <= most, "{producer:?}");
    assert!(producer.most_unsent.get() > HIGH, "{producer:?}");
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} unsent", self.most_unsent.get())
    }
}

fn by_default_who_does_not_read_replies_is_not_read_either(world: &World) {
    const ALL: usize = 1 << 20;
    let known = Known::default();
    let id = known.clone();
    let listener = world.serve(move |_| {
        let id = id.clone();
        Spy::new(&Log::default())
            .made(move |transport| id.note(transport))
            .echo()
    });
    let peer = world.peer(&listener);
    peer.stops_reading().send_bytes(text(ALL));
    world.settle();
    // What a turn may read comes on top of the mark.
    let unsent = known.unsent(world);
    assert!(unsent > HIGH && unsent < HIGH + 300 * 1024, "{unsent}");
    peer.reads_again().expect_bytes(text(ALL));
}

/// A connection of a peer that does not read, whose writer heeds nothing.
pub(crate) fn stalled(world: &World, limits: Limits) -> (Log, Known, crate::world::Peer) {
    let (log, known) = (Log::default(), Known::default());
    let (ours, id) = (log.clone(), known.clone());
    let listener = world.serve_with(limits, move |_| {
        let id = id.clone();
        Spy::new(&ours)
            .made(move |transport| id.note(transport))
            .pause(|_| ())
            .resume(|_| ())
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || known.count() > 0);
    peer.stops_reading();
    (log, known, peer)
}

const LIMIT: usize = 128 * 1024;
const WRITE: usize = 16 * 1024;

fn a_peer_that_takes_nothing_is_lost_once_more_than_the_limit_waits(world: &World) {
    let (log, known, peer) = stalled(world, Limits::default().unsent(LIMIT));
    let (id, most) = (known.id(), Rc::new(Cell::new(0)));
    let seen = Rc::clone(&most);
    world.on(|reactor| {
        reactor.call_every(Duration::from_millis(1), move |reactor| {
            if let Some(unsent) = reactor.unsent(id) {
                seen.set(unsent.max(seen.get()));
                reactor.write(id, vec![b'x'; WRITE]);
            }
        })
    });
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(
        log.lines(),
        ["made", "pause", "lost too slow: the peer does not read"]
    );
    assert!((LIMIT..=LIMIT + WRITE).contains(&most.get()), "{most:?}");
    let counters = world.on(|reactor| reactor.counters().clone());
    assert_eq!(counters.too_slow, 1);
    assert!(counters.bytes_dropped as usize > LIMIT);
    peer.reads_again().expect_reset();
}

fn one_large_reply_is_never_too_much(world: &World) {
    let (log, known, peer) = stalled(world, Limits::default().unsent(LIMIT));
    let id = known.id();
    world.on(|reactor| {
        reactor.call_soon(move |reactor| {
            reactor.write(id, text(4 * LIMIT));
            reactor.write_shared(id, Bytes::from(text_between(4 * LIMIT, 8 * LIMIT)));
            reactor.write(id, "and more");
        });
    });
    world.settle();
    assert_eq!(log.lines(), ["made", "pause"]);
    peer.reads_again()
        .expect_bytes(text(8 * LIMIT))
        .expect_bytes("and more");
    world.settle();
    // It owes nothing again.
    world.on(|reactor| reactor.write(id, text(2 * LIMIT)));
    peer.expect_bytes(text(2 * LIMIT));
}

fn what_is_written_between_two_turns_is_held_to_the_limit_too(world: &World) {
    let (log, known, _peer) = stalled(world, Limits::default().unsent(LIMIT));
    let mut most = 0;
    for _ in 0..40 {
        world.on(|reactor| reactor.write(known.id(), vec![b'x'; WRITE]));
        most = most.max(known.unsent(world));
        world.run_for(world.short() / 60);
    }
    assert_eq!(log.count("lost too slow"), 1, "{most} bytes waited");
    assert!(most <= LIMIT + WRITE, "{most}");
}

type Door = fn(&mut Transport<'_>, Bytes);

const DOORS: [Door; 10] = [
    |transport, data| transport.write(data),
    |transport, data| transport.write_shared(data),
    |transport, data| transport.send(data),
    |transport, data| transport.try_send(data).expect("there is no framing"),
    |transport, data| by_id(transport, |reactor, id| reactor.write(id, data)),
    |transport, data| by_id(transport, |reactor, id| reactor.write_shared(id, data)),
    |transport, data| by_id(transport, |reactor, id| reactor.send(id, data)),
    |transport, data| {
        by_id(transport, |reactor, id| {
            reactor.try_send(id, data).expect("there is no framing")
        });
    },
    |transport, data| {
        let group = Group::new();
        group.join(transport, 1);
        group.send(transport, data);
    },
    |transport, data| {
        for byte in data {
            transport.write([byte]);
        }
    },
];

fn by_id(transport: &mut Transport<'_>, act: impl FnOnce(&mut Reactor, ConnectionId)) {
    let id = transport.id();
    act(transport.reactor(), id);
}

fn every_way_to_write_is_held_to_the_same_limit(world: &World) {
    for (number, door) in DOORS.into_iter().enumerate() {
        let (log, known, _peer) = stalled(world, Limits::default().unsent(LIMIT));
        let (id, most) = (known.id(), Rc::new(Cell::new(0)));
        let seen = Rc::clone(&most);
        world.on(|reactor| {
            reactor.tell(id, move |_: &mut Spy, transport| {
                let every = Duration::from_millis(1);
                transport.call_every(every, move |_: &mut Spy, transport| {
                    door(transport, Bytes::from(vec![b'x'; WRITE]));
                    seen.set(transport.unsent().max(seen.get()));
                });
            });
        });
        world.run_until("the loss is told", || log.count("lost") == 1);
        assert_eq!(log.count("lost too slow"), 1, "door {number}");
        let most = most.get();
        assert!((LIMIT..=LIMIT + WRITE).contains(&most), "{number}: {most}");
    }
}

fn writes_to_a_connection_that_is_being_made_are_held_to_the_limit_too(world: &World) {
    let simulation = world.simulated().expect("only there calls are swallowed");
    let address = std::net::SocketAddr::from(([10, 9, 9, 9], 9));
    simulation.black_hole(address.ip());
    let (log, most) = (Log::default(), Rc::new(Cell::new(0)));
    let (ours, seen) = (log.clone(), Rc::clone(&most));
    world.on(|reactor| {
        let connect = world.connect(reactor, &address.into());
        let id = connect
            .failed(move |_, error| ours.note(error.to_string()))
            .with(Spy::new(&Log::default()));
        reactor.call_every(Duration::from_millis(1), move |reactor| {
            if let Some(unsent) = reactor.unsent(id) {
                seen.set(unsent.max(seen.get()));
                reactor.write(id, vec![b'x'; 100 * WRITE]);
            }
        })
    });
    world.run_until("the failure is told", || log.lines().len() == 1);
    assert!(log.lines()[0].contains("too slow"), "{log:?}");
    assert!(most.get() <= 2 << 20, "{most:?}");
}

fn after_an_abort_in_pause_writing_nothing_is_resumed(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours)
            .data(|transport, _| {
                Known::default().note(transport);
                transport.write(text(300_000));
            })
            .pause(|transport| transport.abort_connection())
    });
    let peer = world.peer(&listener);
    peer.send_bytes("!");
    world.run_until("the loss is told", || log.count("lost") == 1);
    peer.expect_reset();
    world.settle();
    assert_eq!(log.without_data(), ["made", "pause", "lost aborted"]);
}

fn after_a_close_in_pause_writing_nothing_is_resumed(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours)
            .made(|transport| {
                Known::default().note(transport);
                transport.write(text(300_000));
            })
            .pause(|transport| transport.lose_connection())
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    world.settle();
    peer.reads_again();
    assert!(peer.read_until_eof() == text(300_000));
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.lines(), ["made", "pause", "lost done, ended by us"]);
}

fn what_leaves_in_the_turn_it_was_written_in_is_no_pressure(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let limits = Limits::default().water_marks(0, 100);
    let listener = world.serve_with(limits, move |_| {
        Spy::new(&ours).data(|transport, _| transport.write(text(1000)))
    });
    let peer = world.peer(&listener);
    for _ in 0..20 {
        peer.send_bytes("!").expect_bytes(text(1000));
    }
    // With faults the network may take less than it could.
    if world
        .simulated()
        .is_none_or(|world| world.faults() == Faults::None)
    {
        assert_eq!(log.count("pause"), 0);
    }
}

fn a_peer_that_takes_nothing_in_time_is_lost(world: &World) {
    let (log, known, peer) = stalled(world, Limits::default().write(world.short()));
    world.on(|reactor| reactor.write(known.id(), text(300_000)));
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(
        log.lines(),
        ["made", "pause", "lost timed out: the peer takes nothing"]
    );
    assert_eq!(world.on(|reactor| reactor.counters().timed_out), 1);
    peer.reads_again().expect_reset();
}

fn a_peer_that_takes_little_by_little_is_not_lost(world: &World) {
    let simulation = world.simulated().expect("only there time is ours");
    simulation.set_window(8 * 1024);
    let limits = Limits::default().write(Duration::from_secs(1));
    let (log, known, peer) = stalled(world, limits);
    world.on(|reactor| reactor.write(known.id(), text(1 << 20)));
    let taken = RefCell::new(0);
    for _ in 0..20 {
        world.run_for(Duration::from_millis(700));
        peer.reads_again();
        let before = peer.received();
        world.run_until("some of it is taken", || peer.received() > before);
        peer.stops_reading();
        taken.replace(peer.received());
    }
    assert!(
        taken.into_inner() < 1 << 20,
        "it took all: nothing is shown"
    );
    assert_eq!(log.count("lost"), 0);
    world.run_until("it is lost once it takes no more", || {
        log.count("lost") == 1
    });
}
