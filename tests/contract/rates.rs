//! Rates: how fast bytes may go one way, of one connection and of all together, and that nothing else changes for it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Counters, Direction, Limits, Listener, Rate, Time, Transport};

use crate::known::{Known, text, text_between};
use crate::spy::{Log, Spy};
use crate::world::{Peer, World, contract};

contract! { streams:
    what_is_received_too_fast_waits_in_the_system,
    what_is_sent_too_fast_waits_unsent,
    what_waits_for_its_rate_is_told_as_pressure,
    all_that_waits_for_its_rate_is_sent_before_a_close,
    all_that_waits_for_its_rate_is_sent_before_our_end,
    an_end_is_heard_behind_what_was_read_slowly,
    a_pause_and_a_rate_do_not_undo_each_other,
    a_rate_may_be_changed_and_lifted,
    a_stop_does_not_wait_for_a_rate_beyond_its_deadline,
    those_who_share_a_rate_have_their_portions_in_turn,
    who_ends_while_it_waits_for_its_share_is_in_nobodys_way,
    who_has_its_share_and_pauses_keeps_nobody_waiting,
}

contract! { everywhere:
    a_reset_is_noticed_while_a_rate_is_used_up,
}

/// A megabyte a second is not felt by a test, and is by the loop.
const QUICK: Rate = Rate::per_second(1_000_000).burst(10_000);
/// Nothing comes through in the time of a test, after the burst.
pub(crate) const HARDLY: Rate = Rate::per_second(1).burst(1000);

pub(crate) fn received(rate: Rate) -> Limits {
    Limits::default().rate(Direction::Received, rate)
}

pub(crate) fn sent(rate: Rate) -> Limits {
    Limits::default().rate(Direction::Sent, rate)
}

fn counters(world: &World) -> Counters {
    world.on(|reactor| reactor.counters())
}

/// Has a protocol's transport do something from outside.
pub(crate) fn act(world: &World, known: &Known, act: impl FnOnce(&mut Transport<'_>) + 'static) {
    let id = known.id();
    world.on(|reactor| reactor.tell(id, move |_: &mut Spy, transport| act(transport)));
}

/// How much had come when.
#[derive(Clone, Default)]
pub(crate) struct Course(pub(crate) Rc<RefCell<Vec<(Time, usize)>>>);

impl Course {
    pub(crate) fn note(&self, now: Time, size: usize) {
        let before = self.total();
        self.0.borrow_mut().push((now, before + size));
    }

    pub(crate) fn total(&self) -> usize {
        self.0.borrow().last().map_or(0, |&(_, total)| total)
    }

    /// No more than was allowed since the first piece came, which is not before the bucket was full.
    #[track_caller]
    pub(crate) fn keeps_to(&self, burst: usize, bytes_a_second: usize) {
        let course = self.0.borrow();
        let begin = course.first().expect("some came").0;
        for &(time, total) in course.iter() {
            let nanos = (time - begin).as_nanos();
            let allowed = burst as u128 + nanos * bytes_a_second as u128 / 1_000_000_000;
            assert!(total as u128 <= allowed, "{total} at {time}: {course:?}");
        }
    }
}

/// A listener whose connections are written down.
pub(crate) struct Served {
    listener: Listener,
    pub(crate) log: Log,
    pub(crate) known: Known,
    data: Rc<RefCell<Vec<u8>>>,
}

pub(crate) fn serve(
    world: &World,
    limits: Limits,
    made: impl Fn(&mut Transport<'_>) + Clone + 'static,
) -> Served {
    let (log, known, data) = (Log::default(), Known::default(), Rc::default());
    let (ours, ids, all) = (log.clone(), known.clone(), Rc::clone(&data));
    let listener = world.serve_with(limits, move |_| {
        let (ids, made) = (ids.clone(), made.clone());
        Spy::new(&ours).collecting(&all).made(move |transport| {
            ids.note(transport);
            made(transport);
        })
    });
    Served {
        listener,
        log,
        known,
        data,
    }
}

impl Served {
    pub(crate) fn peer(&self, world: &World) -> Peer {
        world.peer(&self.listener)
    }

    pub(crate) fn received(&self) -> usize {
        self.data.borrow().len()
    }
}

fn what_is_received_too_fast_waits_in_the_system(world: &World) {
    const ALL: usize = 60_000;
    let course = Course::default();
    let (log, data, seen) = (Log::default(), Rc::default(), course.clone());
    let (ours, all) = (log.clone(), Rc::clone(&data));
    let listener = world.serve_with(received(QUICK), move |_| {
        let seen = seen.clone();
        Spy::new(&ours)
            .collecting(&all)
            .data(move |transport, data| seen.note(transport.now(), data.len()))
    });
    let peer = world.peer(&listener);
    peer.send_bytes(text(ALL));
    world.run_until("all has come", || data.borrow().len() == ALL);
    assert!(*data.borrow() == text(ALL));
    course.keeps_to(10_000, 1_000_000);
    let counters = counters(world);
    assert!(counters.rate_waits_receiving > 0);
    assert_eq!(counters.rate_waits_sending, 0);
}

fn what_is_sent_too_fast_waits_unsent(world: &World) {
    const ALL: usize = 60_000;
    let served = serve(world, sent(QUICK), |transport| transport.write(text(ALL)));
    let peer = served.peer(world);
    peer.expect_bytes(text(ALL));
    // An echo is throttled too, and what is sent in one piece.
    act(world, &served.known, |transport| {
        transport.write_shared(text(ALL).into());
    });
    peer.expect_bytes(text(ALL));
    assert!(counters(world).rate_waits_sending > 0);
    assert_eq!(served.known.unsent(world), 0);
}

fn what_waits_for_its_rate_is_told_as_pressure(world: &World) {
    let limits = sent(HARDLY).water_marks(1000, 4000);
    let served = serve(world, limits, |transport| transport.write(text(3000)));
    let peer = served.peer(world);
    world.run_until("it is made", || served.known.count() == 1);
    world.settle();
    assert!(served.known.unsent(world) > 1900);
    assert_eq!(served.log.lines(), ["made"]);
    let dump = world.on(|reactor| reactor.dump().to_string());
    assert!(dump.contains("awaits_rate=sending"), "{dump}");
    act(world, &served.known, |transport| {
        transport.write(text_between(3000, 6000));
    });
    world.settle();
    assert_eq!(served.log.lines(), ["made", "pause"]);
    act(world, &served.known, move |transport| {
        transport.set_limits(sent(QUICK).water_marks(1000, 4000));
    });
    peer.expect_bytes(text(6000));
    assert_eq!(served.log.lines(), ["made", "pause", "resume"]);
}

fn all_that_waits_for_its_rate_is_sent_before_a_close(world: &World) {
    let limits = sent(QUICK).close(Duration::from_millis(1));
    let served = serve(world, limits, |transport| {
        transport.write(text(50_000));
        transport.lose_connection();
    });
    let peer = served.peer(world);
    peer.expect_bytes(text(50_000)).expect_eof();
    world.run_until("the loss is told", || served.log.count("lost") == 1);
    assert_eq!(served.log.lines(), ["made", "lost done, ended by us"]);
}

fn all_that_waits_for_its_rate_is_sent_before_our_end(world: &World) {
    let served = serve(world, sent(QUICK), |transport| {
        transport.write(text(50_000));
        transport.lose_write_connection();
    });
    let peer = served.peer(world);
    peer.expect_bytes(text(50_000)).expect_eof();
    peer.send_bytes("still heard").half_closes();
    world.run_until("the loss is told", || served.log.count("lost") == 1);
    assert_eq!(*served.data.borrow(), b"still heard");
}

fn an_end_is_heard_behind_what_was_read_slowly(world: &World) {
    let served = serve(world, received(QUICK), |_| ());
    let peer = served.peer(world);
    peer.send_bytes(text(50_000)).half_closes();
    world.run_until("the loss is told", || served.log.count("lost") == 1);
    assert!(*served.data.borrow() == text(50_000));
    assert_eq!(
        served.log.without_data(),
        ["made", "eof", "lost done, ended by the peer"]
    );
}

fn a_pause_and_a_rate_do_not_undo_each_other(world: &World) {
    let served = serve(world, received(QUICK), |transport| {
        transport.pause_reading();
    });
    let peer = served.peer(world);
    peer.send_bytes(text(50_000));
    world.run_until("it is made", || served.known.count() == 1);
    world.run_for(Duration::from_millis(20));
    assert_eq!(served.received(), 0);
    act(world, &served.known, |transport| {
        transport.resume_reading();
    });
    world.run_until("some has come", || served.received() > 0);
    act(world, &served.known, |transport| {
        transport.pause_reading();
    });
    world.settle();
    let before = served.received();
    assert!(before < 50_000);
    world.run_for(Duration::from_millis(60));
    assert_eq!(served.received(), before);
    act(world, &served.known, |transport| {
        transport.resume_reading();
    });
    world.run_until("all has come", || served.received() == 50_000);
    assert!(*served.data.borrow() == text(50_000));
}

fn a_reset_is_noticed_while_a_rate_is_used_up(world: &World) {
    let served = serve(world, received(HARDLY), |_| ());
    let peer = served.peer(world);
    peer.send_bytes(text(3000));
    world.run_until("the burst has come", || served.received() > 900);
    world.settle();
    peer.resets();
    world.run_until("the loss is told", || served.log.count("lost") == 1);
    assert_eq!(
        served.log.without_data(),
        ["made", "lost reset by the peer"]
    );
}

fn a_rate_may_be_changed_and_lifted(world: &World) {
    let served = serve(world, received(HARDLY), |_| ());
    let peer = served.peer(world);
    peer.send_bytes(text(20_000));
    world.run_until("the burst has come", || served.received() > 900);
    // A new rate is no new burst.
    for _ in 0..5 {
        act(world, &served.known, |transport| {
            transport.set_limits(received(HARDLY.burst(5000)));
        });
        world.settle();
    }
    assert!(served.received() < 1100, "{}", served.received());
    act(world, &served.known, |transport| {
        transport.set_limits(Limits::default());
    });
    world.run_until("all has come", || served.received() == 20_000);
    assert!(*served.data.borrow() == text(20_000));
    let dump = world.on(|reactor| reactor.dump().to_string());
    assert!(!dump.contains("awaits_rate"), "{dump}");
}

fn a_stop_does_not_wait_for_a_rate_beyond_its_deadline(world: &World) {
    let served = serve(world, sent(HARDLY), |transport| {
        transport.write(text(50_000));
    });
    let _peer = served.peer(world);
    world.run_until("it is made", || served.known.count() == 1);
    world.on(|reactor| {
        reactor.set_stop_deadline(world.short());
        reactor.stop();
    });
    world.run_to_the_end();
    assert_eq!(
        served.log.lines(),
        ["made", "stopping", "lost the reactor stopped"]
    );
}

fn those_who_share_a_rate_have_their_portions_in_turn(world: &World) {
    const EACH: usize = 30_000;
    const COUNT: usize = 4;
    let rate = Rate::per_second(2_000_000).burst(5_000);
    let limits = Limits::default()
        .shared_rate(Direction::Sent, rate)
        .shared_rate(Direction::Received, rate);
    let served = serve(world, limits, |_| ());
    let peers: Vec<Peer> = (0..COUNT).map(|_| served.peer(world)).collect();
    world.run_until("all are made", || served.known.count() == COUNT);
    for peer in &peers {
        peer.send_bytes(text(EACH));
    }
    let ids = served.known.ids();
    world.on(|reactor| ids.iter().for_each(|id| reactor.write(*id, text(EACH))));
    // Nobody has all before everybody has some.
    let most = Rc::new(Cell::new(0));
    let seen = Rc::clone(&most);
    world.on(|reactor| {
        reactor.call_every(Duration::from_micros(200), move |reactor| {
            let unsent = ids.iter().filter_map(|id| reactor.unsent(*id));
            let unsent: Vec<usize> = unsent.collect();
            if unsent.contains(&EACH) {
                seen.set(
                    unsent
                        .iter()
                        .filter(|size| **size == 0)
                        .count()
                        .max(seen.get()),
                );
            }
        })
    });
    for peer in &peers {
        peer.expect_bytes(text(EACH));
    }
    world.run_until("all has come", || served.received() == EACH * COUNT);
    assert_eq!(most.get(), 0);
}

fn who_ends_while_it_waits_for_its_share_is_in_nobodys_way(world: &World) {
    let rate = Rate::per_second(1_000_000).burst(5_000);
    let limits = Limits::default().shared_rate(Direction::Sent, rate);
    let served = serve(world, limits, |transport| transport.write(text(30_000)));
    let peers: Vec<Peer> = (0..6).map(|_| served.peer(world)).collect();
    world.run_until("all are made", || served.known.count() == 6);
    for peer in &peers[..3] {
        peer.resets();
    }
    for id in &served.known.ids()[3..5] {
        world.on(|reactor| reactor.abort_connection(*id));
    }
    peers[5].expect_bytes(text(30_000));
    world.run_until("the losses are told", || served.log.count("lost") == 5);
}

fn who_has_its_share_and_pauses_keeps_nobody_waiting(world: &World) {
    let rate = Rate::per_second(1_000_000).burst(2_000);
    let limits = Limits::default().shared_rate(Direction::Received, rate);
    let log = Log::default();
    let (ours, all) = (log.clone(), Rc::<RefCell<Vec<u8>>>::default());
    let data = Rc::clone(&all);
    let mut count = 0;
    let listener = world.serve_with(limits, move |_| {
        count += 1;
        let (pauses, all) = (count % 2 == 1, Rc::clone(&all));
        Spy::new(&ours).data(move |transport, data| {
            if pauses {
                transport.pause_reading();
            } else {
                all.borrow_mut().extend_from_slice(data);
            }
        })
    });
    let peers: Vec<Peer> = (0..4).map(|_| world.peer(&listener)).collect();
    world.run_until("all are made", || log.count("made") == 4);
    for peer in &peers {
        peer.send_bytes(vec![b'.'; 20_000]);
    }
    world.run_until("two are heard", || data.borrow().len() == 40_000);
}
