//! Silence: who is told of it, when, and what ends it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::Faults;
use ropewalk::{Idle, Limits, Lines, Lost, Protocol, Time, Transport};

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{SERVER, World, contract};

contract! { everywhere:
    a_silent_peer_is_told_of_again_and_again,
    what_is_received_puts_the_silence_off,
    half_a_frame_is_no_silence,
    a_heartbeat_is_sent_when_nothing_else_was,
    what_is_sent_puts_the_heartbeat_off,
    what_waits_to_be_sent_is_no_silence,
    by_default_a_silent_peer_is_lost_after_what_it_is_owed,
    by_default_one_to_whom_nothing_is_sent_stays,
    a_direction_that_has_ended_is_not_idle,
    a_pause_of_the_protocols_own_is_silence,
    a_peer_that_is_behind_with_our_replies_is_not_silent,
    the_time_can_be_changed_and_taken_away,
    a_successor_finds_it_as_it_was,
    nobody_is_told_who_did_not_ask,
    whatever_is_done_when_idle_is_done,
    a_panic_when_idle_ends_the_connection_alone,
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
    let log = Log::default();
    let ours = log.clone();
    let limits = Limits::default().idle(Idle::Reading, world.short());
    let listener = world.serve_with(limits, move |_| {
        Spy::new(&ours).made(|transport| transport.set_framing(Lines::default()))
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || log.count("made") == 1);
    let begin = world.now();
    while world.now() - begin < world.short() * 3 {
        peer.send_bytes(".");
        world.run_for(SOON);
    }
    assert_eq!(log.lines(), ["made"]);
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

/// Does nothing but what is done by default.
struct Plain {
    log: Log,
    known: Known,
    reply: usize,
}

impl Protocol for Plain {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.known.note(transport);
        transport.write(text(self.reply));
    }

    fn data_received(&mut self, _: &mut Transport<'_>, data: &[u8]) {
        self.log.note(format!("data {}", data.len()));
    }

    fn connection_lost(&mut self, _: &mut Transport<'_>, reason: &Lost) {
        self.log.note(format!("lost {reason}"));
    }
}

fn by_default_a_silent_peer_is_lost_after_what_it_is_owed(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve_with(idle(Idle::Reading), move |_| Plain {
        log: ours.clone(),
        known: Known::default(),
        reply: 3,
    });
    let peer = world.peer(&listener);
    assert_eq!(peer.read_until_eof(), text(3));
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.lines(), ["lost timed out: the peer says nothing"]);
    assert_eq!(world.on(|reactor| reactor.counters().timed_out), 1);
}

fn by_default_one_to_whom_nothing_is_sent_stays(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve_with(idle(Idle::Writing), move |_| Plain {
        log: ours.clone(),
        known: Known::default(),
        reply: 0,
    });
    let peer = world.peer(&listener);
    world.run_for(SOON * 4);
    peer.send_bytes(".");
    world.run_until("it is heard", || log.count("data") == 1);
    assert_eq!(log.lines(), ["data 1"]);
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

fn a_peer_that_is_behind_with_our_replies_is_not_silent(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve_with(idle(Idle::Reading), move |_| Plain {
        log: ours.clone(),
        known: Known::default(),
        reply: 1 << 20,
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    world.run_for(SOON * 6);
    assert_eq!(log.lines(), [""; 0]);
    peer.reads_again();
    assert_eq!(peer.read_until_eof().len(), 1 << 20);
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.lines(), ["lost timed out: the peer says nothing"]);
}

fn the_time_can_be_changed_and_taken_away(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        let own = ours.clone();
        Spy::new(&ours)
            .made(|transport| {
                transport.set_idle(Idle::Reading, SOON);
                transport.set_idle(Idle::Reading, Duration::from_secs(3600));
                transport.set_idle(Idle::Writing, SOON);
            })
            .idle(move |transport, _| match own.count("idle") {
                1 => transport.set_idle(Idle::Reading, SOON),
                5 => {
                    transport.set_idle(Idle::Writing, None);
                    transport.set_limits(Limits::default());
                }
                _ => {}
            })
    });
    let _peer = world.peer(&listener);
    world.run_until("it is told", || log.count("idle") == 5);
    world.run_for(SOON * 5);
    assert_eq!(log.lines()[1], "idle writing");
    assert!(
        log.count("idle reading") >= 1 && log.count("idle") == 5,
        "{log:?}"
    );
}

fn a_successor_finds_it_as_it_was(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve_with(idle(Idle::Reading), move |_| {
        let successors = ours.clone();
        Spy::new(&Log::default()).idle(move |transport, _| {
            transport.switch_protocol(Spy::new(&successors));
        })
    });
    let _peer = world.peer(&listener);
    world.run_until("it is told", || log.count("idle") == 2);
    assert_eq!(log.lines(), ["made", "idle reading", "idle reading"]);
}

/// Not even one that has the place of another who did.
fn nobody_is_told_who_did_not_ask(world: &World) {
    let asked: Rc<Cell<bool>> = Rc::default();
    let (logs, ask) = (Log::default(), Rc::clone(&asked));
    let ours = logs.clone();
    let listener = world.serve(move |_| {
        let ask = Rc::clone(&ask);
        Spy::new(&ours).made(move |transport| {
            if !ask.replace(true) {
                transport.set_idle(Idle::Reading, SOON);
            }
        })
    });
    let first = world.peer(&listener);
    world.run_until("it is made", || asked.get());
    first.closes();
    world.run_until("the loss is told", || logs.count("lost") == 1);
    world.run_until_all_are_gone();
    let told = logs.count("idle");
    let _second = world.peer(&listener);
    world.run_for(SOON * 4);
    assert_eq!((logs.count("made"), logs.count("idle")), (2, told));
}

fn whatever_is_done_when_idle_is_done(world: &World) {
    type Act = fn(&mut Transport<'_>);
    let acts: [(Act, &str); 3] = [
        (
            |transport| transport.lose_connection(),
            "lost done, ended by us",
        ),
        (|transport| transport.abort_connection(), "lost aborted"),
        (
            |transport| {
                transport.pause_reading();
                transport.set_limits(Limits::default());
                transport.call_later(SOON, |_: &mut Spy, transport| transport.lose_connection());
            },
            "lost done, ended by us",
        ),
    ];
    for (act, end) in acts {
        let log = Log::default();
        let ours = log.clone();
        let listener = world.serve_with(idle(Idle::Reading), move |_| {
            Spy::new(&ours).idle(move |transport, _| act(transport))
        });
        let _peer = world.peer(&listener);
        world.run_until("the loss is told", || log.count("lost") == 1);
        assert_eq!(log.lines()[1..2], ["idle reading"]);
        assert!(log.lines()[2].starts_with(end), "{log:?}");
        assert_eq!(log.lines().len(), 3);
    }
}

fn a_panic_when_idle_ends_the_connection_alone(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener =
        world.serve(move |_| Spy::new(&ours).echo().idle(|_, _| panic!("a test's panic")));
    let other = world.peer(&listener);
    world.run_until("it is made", || log.count("made") == 1);
    let limits = idle(Idle::Reading);
    let ours = log.clone();
    let silent = world.serve_with(limits, move |_| {
        Spy::new(&ours).idle(|_, _| panic!("a test's panic"))
    });
    world.peer(&silent).expect_reset();
    assert!(
        log.has("lost a callback panicked") || log.count("lost") == 1,
        "{log:?}"
    );
    other.send_bytes("still there").expect_bytes("still there");
}
