//! Silence: who is told of it, and what is done then.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Idle, Limits, Lost, Protocol, Transport};

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    by_default_a_silent_peer_is_lost_after_what_it_is_owed,
    by_default_one_to_whom_nothing_is_sent_stays,
    the_time_can_be_changed_and_taken_away,
    a_successor_finds_it_as_it_was,
    nobody_is_told_who_did_not_ask,
    whatever_is_done_when_idle_is_done,
    a_panic_when_idle_ends_the_connection_alone,
    a_peer_that_is_behind_with_our_replies_is_not_silent,
}

const SOON: Duration = Duration::from_millis(8);

fn idle(which: Idle) -> Limits {
    Limits::default().idle(which, SOON)
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
