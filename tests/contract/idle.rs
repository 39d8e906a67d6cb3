//! Silence: what it is, and when it is told of.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::Faults;
use ropewalk::{Idle, Limits, Lines, Time, Transport};

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{SERVER, World, contract};

contract! { streams:
    a_silent_peer_is_told_of_again_and_again,
    what_is_received_puts_the_silence_off,
    half_a_frame_is_no_silence,
    a_heartbeat_is_sent_when_nothing_else_was,
    what_is_sent_puts_the_heartbeat_off,
    what_waits_to_be_sent_is_no_silence,
    a_direction_that_has_ended_is_not_idle,
    a_pause_of_the_protocols_own_is_silence,
}

contract! { simulated:
    what_has_arrived_in_time_is_heard_first,
    the_time_is_exact,
}

const SOON: Duration = Duration::from_millis(8);

fn idle(which: Idle) -> Limits {
    Limits::default().idle(which, SOON)
}

/// The times at which something was, beside the log.
#[derive(Clone, Default)]
struct Times(Rc<RefCell<Vec<Time>>>);

impl Times {
    fn note(&self, transport: &Transport<'_>) {
        self.0.borrow_mut().push(transport.now());
    }

    fn last(&self) -> Time {
        *self.0.borrow().last().expect("it was")
    }

    fn all(&self) -> Vec<Time> {
        self.0.borrow().clone()
    }
}

fn a_silent_peer_is_told_of_again_and_again(world: &World) {
    let (log, times) = (Log::default(), Times::default());
    let (ours, then) = (log.clone(), times.clone());
    let listener = world.serve_with(idle(Idle::Reading), move |_| {
        let (made, told) = (then.clone(), then.clone());
        Spy::new(&ours)
            .made(move |transport| made.note(transport))
            .idle(move |transport, _| told.note(transport))
    });
    let _peer = world.peer(&listener);
    world.run_until("it is told three times", || log.count("idle reading") == 3);
    let times = times.all();
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] >= SOON),
        "{times:?}"
    );
    assert_eq!(
        log.lines(),
        ["made", "idle reading", "idle reading", "idle reading"]
    );
}

fn what_is_received_puts_the_silence_off(world: &World) {
    let (log, heard, told) = (Log::default(), Times::default(), Times::default());
    let (ours, data, idles) = (log.clone(), heard.clone(), told.clone());
    let listener = world.serve_with(idle(Idle::Reading), move |_| {
        let (data, idles) = (data.clone(), idles.clone());
        Spy::new(&ours)
            .data(move |transport, _| data.note(transport))
            .idle(move |transport, _| idles.note(transport))
    });
    let peer = world.peer(&listener);
    for n in 1..=5 {
        peer.send_bytes(".");
        world.run_until("it is heard", || log.count("data") == n);
        let silences = log.count("idle");
        world.run_until("it is told", || log.count("idle") > silences);
        assert!(told.last() - heard.last() >= SOON);
        world.run_for(SOON / 2);
    }
}

fn the_time_is_exact(world: &World) {
    let (log, heard, told) = (Log::default(), Times::default(), Times::default());
    let (ours, data, idles) = (log.clone(), heard.clone(), told.clone());
    let listener = world.serve_with(idle(Idle::Reading), move |_| {
        let (data, idles) = (data.clone(), idles.clone());
        Spy::new(&ours)
            .data(move |transport, _| data.note(transport))
            .idle(move |transport, _| idles.note(transport))
    });
    let peer = world.peer(&listener);
    for n in 1..=20 {
        peer.send_bytes(".");
        world.run_for(SOON * n / 7);
    }
    world.run_until("all is heard", || !heard.all().is_empty());
    world.run_for(SOON * 4);
    let (heard, told) = (heard.all(), told.all());
    for pair in heard.windows(2) {
        let between: Vec<_> = told
            .iter()
            .filter(|&&time| pair[0] < time && time < pair[1])
            .collect();
        let gap = (pair[1] - pair[0]).as_nanos().saturating_sub(1) / SOON.as_nanos();
        assert_eq!(between.len() as u128, gap, "{pair:?} {between:?}");
    }
    assert_eq!(
        told.iter().find(|&&time| time > heard[heard.len() - 1]),
        Some(&(heard[heard.len() - 1] + SOON))
    );
}

/// The process stands still, and meanwhile the peers speak; more of them than one look at the network tells of.
fn what_has_arrived_in_time_is_heard_first(world: &World) {
    const PEERS: usize = 20;
    const MINUTE: Duration = Duration::from_secs(60);
    let log = Log::default();
    let ours = log.clone();
    let limits = Limits::default().idle(Idle::Reading, MINUTE);
    let listener = world.serve_with(limits, move |_| Spy::new(&ours));
    let peers: Vec<_> = (0..PEERS).map(|_| world.peer(&listener)).collect();
    world.run_until("all are made", || log.count("made") == PEERS);
    let simulated = world.simulated().expect("only a simulation stands still");
    simulated.freeze(SERVER, MINUTE * 60);
    for peer in &peers {
        peer.send_bytes(".");
    }
    world.run_for(MINUTE * 60 + MINUTE / 2);
    // A network that says of what has arrived that it has not is believed.
    let misled = match simulated.faults() {
        Faults::None => 0,
        _ => PEERS / 2,
    };
    let told = log.count("idle");
    assert!(log.count("data") == PEERS && told <= misled, "{told}");
    world.run_for(MINUTE);
    assert_eq!(log.count("idle"), told + PEERS);
}

fn half_a_frame_is_no_silence(world: &World) {
    while !half_a_frame_came_in_time(world) {}
}

/// `false` if the machine stood still for so long that it was a silence.
fn half_a_frame_came_in_time(world: &World) -> bool {
    let log = Log::default();
    let ours = log.clone();
    let limits = Limits::default().idle(Idle::Reading, world.short());
    let listener = world.serve_with(limits, move |_| {
        Spy::new(&ours).made(|transport| transport.set_framing(Lines::default()))
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || log.count("made") == 1);
    let (begin, mut longest) = (world.now(), Duration::ZERO);
    while world.now() - begin < world.short() * 3 {
        let before = world.now();
        peer.send_bytes(".");
        world.run_for(SOON);
        longest = longest.max(world.now() - before);
    }
    let in_time = longest < world.short() / 2;
    assert!(!in_time || log.lines() == ["made"], "{:?}", log.lines());
    in_time
}

fn a_heartbeat_is_sent_when_nothing_else_was(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve_with(idle(Idle::Writing), move |_| {
        Spy::new(&ours).idle(|transport, which| {
            assert_eq!(which, Idle::Writing);
            transport.write("ping");
        })
    });
    world.peer(&listener).expect_bytes("pingpingping");
    let told = log.count("idle writing");
    assert!(told >= 3 && log.lines().len() == 1 + told);
}

fn what_is_sent_puts_the_heartbeat_off(world: &World) {
    let (log, sent, told) = (Log::default(), Times::default(), Times::default());
    let (ours, echoes, idles) = (log.clone(), sent.clone(), told.clone());
    let listener = world.serve_with(idle(Idle::Writing), move |_| {
        let (echoes, idles) = (echoes.clone(), idles.clone());
        Spy::new(&ours)
            .data(move |transport, data| {
                echoes.note(transport);
                transport.write(data);
            })
            .idle(move |transport, _| idles.note(transport))
    });
    let peer = world.peer(&listener);
    for _ in 0..5 {
        peer.send_bytes(".").expect_bytes(".");
        let silences = log.count("idle");
        world.run_until("it is told", || log.count("idle") > silences);
        assert!(told.last() - sent.last() >= SOON);
        world.run_for(SOON / 2);
    }
}

fn what_waits_to_be_sent_is_no_silence(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let known = Known::default();
    let ids = known.clone();
    let listener = world.serve_with(idle(Idle::Writing), move |_| {
        let ids = ids.clone();
        Spy::new(&ours).made(move |transport| {
            ids.note(transport);
            transport.write(text(512 << 10));
        })
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    world.run_until("it is made", || log.count("made") == 1);
    world.run_for(SOON * 5);
    assert!(known.unsent(world) > 0);
    assert_eq!(log.lines(), ["made", "pause"]);
    peer.reads_again();
    world.run_until("it is told", || log.count("idle writing") == 1);
    assert_eq!(log.lines(), ["made", "pause", "resume", "idle writing"]);
    assert_eq!(known.unsent(world), 0);
}

fn a_direction_that_has_ended_is_not_idle(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let limits = Limits::default()
        .idle(Idle::Reading, world.short())
        .idle(Idle::Writing, world.short());
    let listener = world.serve_with(limits, move |_| {
        Spy::new(&ours).eof(|transport| {
            transport.set_idle(Idle::Reading, SOON);
            transport.set_idle(Idle::Writing, SOON);
        })
    });
    let heard = world.peer(&listener);
    heard.half_closes();
    world.run_until("it is told", || log.count("idle writing") == 2);
    assert_eq!(log.lines(), ["made", "eof", "idle writing", "idle writing"]);

    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve_with(idle(Idle::Reading).idle(Idle::Writing, SOON), move |_| {
        Spy::new(&ours).made(|transport| transport.lose_write_connection())
    });
    let told = world.peer(&listener);
    told.expect_eof();
    world.run_until("it is told", || log.count("idle reading") == 2);
    assert_eq!(log.lines(), ["made", "idle reading", "idle reading"]);
}

/// Nobody else would notice that its peer has ended.
fn a_pause_of_the_protocols_own_is_silence(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve_with(idle(Idle::Reading), move |_| {
        Spy::new(&ours)
            .made(|transport| transport.pause_reading())
            .idle(|transport, _| transport.lose_connection())
    });
    let peer = world.peer(&listener);
    peer.half_closes().expect_eof();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.lines()[..2], ["made", "idle reading"]);
}
