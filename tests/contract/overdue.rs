//! Connections that are closed because their time is up, without their protocol's being asked: after a silence, or at the end of
//! their life.

use std::time::Duration;

use ropewalk::{Deadline, Direction, Fault, Idle, Limits, Lost, Rate, Silence};

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{Peer, World, contract};

contract! { streams:
    each_silence_ends_a_connection_under_its_name,
    what_is_owed_is_sent_before_a_silent_connection_ends,
    a_protocol_that_is_told_of_silence_is_not_asked,
    a_connection_ends_when_its_life_does_whatever_happens,
    who_takes_its_last_bytes_slowly_does_not_live_on_for_it,
    who_is_being_closed_at_the_end_of_its_life_can_not_prolong_it,
    a_life_may_be_prolonged_and_made_endless,
    a_connection_of_ours_may_have_a_life_and_a_silence,
}

contract! { simulated:
    what_breaks_a_silence_puts_its_end_off,
    a_peer_that_takes_nothing_is_silent,
    nothing_is_silent_that_a_full_pipe_holds_up,
    a_life_is_exact,
    each_end_is_counted_under_its_name,
}

const SOON: Duration = Duration::from_millis(8);
const LATER: Duration = Duration::from_secs(3600);

/// More than a system takes for a peer that does not read.
fn much(world: &World) -> Vec<u8> {
    text(match world.simulated() {
        Some(_) => 1 << 20,
        None => 8 << 20,
    })
}

const SILENCES: [(Silence, &str); 3] = [
    (Silence::Receiving, "lost timed out: nothing was received"),
    (Silence::Sending, "lost timed out: nothing was sent"),
    (
        Silence::Both,
        "lost timed out: nothing was received or sent",
    ),
];

fn silence(which: Silence) -> Limits {
    Limits::default().silence(which, SOON)
}

fn echo(world: &World, limits: Limits) -> (Peer, Log, Known) {
    let (log, known) = (Log::default(), Known::default());
    let (ours, ids) = (log.clone(), known.clone());
    let listener = world.serve_with(limits, move |_| {
        let ids = ids.clone();
        Spy::new(&ours)
            .echo()
            .made(move |transport| ids.note(transport))
    });
    let peer = world.peer(&listener);
    (peer, log, known)
}

#[track_caller]
fn is_lost(world: &World, log: &Log, how: &str) {
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert!(log.has(how), "{log:?}");
}

fn each_silence_ends_a_connection_under_its_name(world: &World) {
    for (which, how) in SILENCES {
        let (peer, log, _) = echo(world, silence(which));
        peer.expect_eof();
        is_lost(world, &log, how);
        assert_eq!(log.lines(), ["made", how]);
    }
}

fn what_is_owed_is_sent_before_a_silent_connection_ends(world: &World) {
    let log = Log::default();
    let (ours, all) = (log.clone(), much(world));
    let owed = all.clone();
    let listener = world.serve_with(silence(Silence::Receiving), move |_| {
        let owed = owed.clone();
        Spy::new(&ours).made(move |transport| transport.write(&owed))
    });
    let peer = world.peer(&listener);
    peer.expect_bytes(all).expect_eof();
    is_lost(world, &log, SILENCES[0].1);
}

fn a_protocol_that_is_told_of_silence_is_not_asked(world: &World) {
    let limits = silence(Silence::Both).idle(Idle::Reading, SOON / 2);
    // It only notes it, and goes on.
    let (peer, log, _) = echo(world, limits);
    peer.expect_eof();
    is_lost(world, &log, SILENCES[2].1);
    assert!(log.count("idle reading") >= 1, "{log:?}");
}

fn a_connection_ends_when_its_life_does_whatever_happens(world: &World) {
    let limits = Limits::default().lifetime(world.short());
    let (peer, log, _) = echo(world, limits);
    let begin = world.now();
    while log.count("lost") == 0 && world.now() - begin < LATER {
        peer.send_bytes(".");
        world.run_for(SOON / 4);
    }
    is_lost(world, &log, "lost timed out: its time is up");
}

/// As slowly as its rate has it, so that the close alone would wait for it.
fn who_takes_its_last_bytes_slowly_does_not_live_on_for_it(world: &World) {
    let limits = Limits::default()
        .lifetime(SOON)
        .close(SOON)
        .rate(Direction::Sent, Rate::per_second(1000));
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve_with(limits, move |_| {
        Spy::new(&ours).made(|transport| transport.write(text(100_000)))
    });
    let peer = world.peer(&listener);
    is_lost(world, &log, "lost timed out: its time is up");
    assert!(peer.received() < 100_000);
    let counters = world.on(|reactor| reactor.counters());
    assert_eq!((counters.timed_out, counters.timed_out_lifetime), (1, 1));
}

fn who_is_being_closed_at_the_end_of_its_life_can_not_prolong_it(world: &World) {
    let limits = Limits::default()
        .lifetime(SOON)
        .close(SOON)
        .rate(Direction::Sent, Rate::per_second(1000));
    let (log, known) = (Log::default(), Known::default());
    let (ours, ids) = (log.clone(), known.clone());
    let prolonged = limits.clone();
    let listener = world.serve_with(limits, move |_| {
        let (ids, prolonged) = (ids.clone(), prolonged.clone());
        Spy::new(&ours).made(move |transport| {
            ids.note(transport);
            transport.write(text(100_000));
            let again = prolonged.clone();
            transport.call_later(SOON + SOON / 2, move |_: &mut Spy, transport| {
                transport.set_limits(again);
            });
        })
    });
    let _peer = world.peer(&listener);
    is_lost(world, &log, "lost timed out: its time is up");
}

fn a_life_may_be_prolonged_and_made_endless(world: &World) {
    let (peer, log, known) = echo(world, Limits::default().lifetime(LATER));
    world.run_until("it is made", || known.count() == 1);
    let change = |limits: Limits| known.set_limits(world, limits);
    change(Limits::default());
    assert_eq!(world.on(|reactor| reactor.counters().timers), 0);
    change(Limits::default().lifetime(LATER * 2));
    change(silence(Silence::Both).silence(Silence::Both, LATER));
    change(Limits::default().lifetime(LATER));
    assert_eq!(log.lines(), ["made"]);
    assert_eq!(world.on(|reactor| reactor.counters().timers), 1);
    // It counts from when it was made.
    world.run_for(SOON);
    change(Limits::default().lifetime(SOON));
    peer.expect_eof();
    is_lost(world, &log, "lost timed out: its time is up");
}

fn a_connection_of_ours_may_have_a_life_and_a_silence(world: &World) {
    for (limits, how) in [
        (
            Limits::default().lifetime(SOON),
            "lost timed out: its time is up",
        ),
        (silence(Silence::Both), SILENCES[2].1),
    ] {
        let target = world.peer_listener();
        let log = Log::default();
        let spy = Spy::new(&log);
        let address = target.address().clone();
        world.on(|reactor| world.connect(reactor, &address).limits(limits).with(spy));
        let peer = target.accept();
        peer.expect_eof();
        is_lost(world, &log, how);
        if world.transport == crate::world::Transport::Unix || world.simulated().is_some() {
            // One name, or one port, is one listener's.
            break;
        }
    }
}

fn what_breaks_a_silence_puts_its_end_off(world: &World) {
    const MINUTE: Duration = Duration::from_secs(60);
    for (which, how) in SILENCES {
        let limits = Limits::default().silence(which, MINUTE);
        let log = Log::default();
        let ours = log.clone();
        let listener = world.serve_with(limits, move |_| {
            Spy::new(&ours).data(move |transport, data| {
                if which != Silence::Receiving {
                    transport.write(data);
                }
            })
        });
        let peer = world.peer(&listener);
        for _ in 0..10 {
            peer.send_bytes(".");
            world.run_for(MINUTE * 4 / 5);
        }
        assert_eq!(log.without_data(), ["made"]);
        world.run_for(MINUTE);
        is_lost(world, &log, how);
    }
}

/// Bytes that wait are no activity, if the peer takes none.
fn a_peer_that_takes_nothing_is_silent(world: &World) {
    let limits = Limits::default()
        .silence(Silence::Both, Duration::from_secs(20))
        .close(SOON);
    let log = Log::default();
    let (ours, all) = (log.clone(), much(world));
    let listener = world.serve_with(limits, move |_| {
        let all = all.clone();
        Spy::new(&ours).made(move |transport| transport.write(&all))
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    is_lost(world, &log, SILENCES[2].1);
}

/// One end of the pipe says much, which the other end does not take.
fn nothing_is_silent_that_a_full_pipe_holds_up(world: &World) {
    const MINUTE: Duration = Duration::from_secs(60);
    let known = Known::default();
    let limits = Limits::default()
        .silence(Silence::Receiving, MINUTE)
        .silence(Silence::Both, MINUTE)
        .write(LATER);
    let log = Log::default();
    let (ours, ids) = (log.clone(), known.clone());
    let listener = world.serve_with(limits, move |_| {
        let ids = ids.clone();
        Spy::new(&ours).made(move |transport| ids.note(transport))
    });
    let other = world.serve_with(Limits::default().write(LATER), {
        let ids = known.clone();
        move |_| {
            let ids = ids.clone();
            Spy::new(&Log::default()).made(move |transport| ids.note(transport))
        }
    });
    let speaker = world.peer(&listener);
    world.run_until("one is made", || known.count() == 1);
    let listening = world.peer(&other);
    world.run_until("both are made", || known.count() == 2);
    listening.stops_reading();
    let ids = known.ids();
    world.on(|reactor| reactor.pipe(ids[0], ids[1]));
    speaker.send_bytes(much(world));
    world.run_for(MINUTE * 10);
    assert_eq!(world.on(|reactor| reactor.counters().timed_out), 0);
    listening.reads_again();
    listening.expect_bytes(much(world));
    world.run_for(MINUTE * 2);
    assert_eq!(world.on(|reactor| reactor.counters().timed_out_silent), 1);
}

fn a_life_is_exact(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let limits = Limits::default().lifetime(LATER);
    let times = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let seen = std::rc::Rc::clone(&times);
    let listener = world.serve_with(limits, move |_| {
        let (made, lost) = (seen.clone(), seen.clone());
        Spy::new(&ours)
            .made(move |transport| made.borrow_mut().push(transport.now()))
            .lost(move |transport, reason| {
                assert_eq!(*reason, Lost::TimedOut(Deadline::Lifetime));
                assert_eq!(reason.whose(), Fault::Nobodys);
                lost.borrow_mut().push(transport.now());
            })
    });
    let peer = world.peer(&listener);
    peer.send_bytes(".");
    world.run_for(LATER * 2);
    assert_eq!(log.count("lost"), 1);
    let times = times.borrow();
    assert_eq!(times[1] - times[0], LATER);
}

fn each_end_is_counted_under_its_name(world: &World) {
    for (which, _) in SILENCES {
        let (peer, _, _) = echo(world, silence(which));
        peer.expect_eof();
    }
    let (peer, _, _) = echo(world, Limits::default().lifetime(SOON));
    peer.expect_eof();
    world.settle();
    let counters = world.on(|reactor| reactor.counters());
    assert_eq!(counters.timed_out, 4);
    assert_eq!(counters.timed_out_silent, 3);
    assert_eq!(counters.timed_out_lifetime, 1);
    let said = counters.to_string();
    assert!(
        said.contains("timed_out_silent=3 timed_out_lifetime=1"),
        "{said}"
    );
}
