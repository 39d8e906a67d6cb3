//! Panics in protocols and posted calls: whose connection ends, and that nothing else does. Those of layers, framings and
//! objects that are dropped are in `panics_of_layers` and `panics_of_objects`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Limits, LineReceiver, Lines, Reactor, Refusal, Transport};

use crate::spy::{Log, Spy};
use crate::world::{Peer, World, contract};

contract! { everywhere:
    a_panic_when_the_connection_is_made_ends_it_alone,
    a_panic_over_data_ends_the_connection_alone,
    a_panic_at_the_peers_end_ends_the_connection_alone,
    a_panic_when_told_to_pause_ends_the_connection_alone,
    a_panic_when_told_to_resume_ends_the_connection_alone,
    a_panic_when_the_reactor_stops_ends_the_connection_alone,
    a_panic_over_the_loss_is_not_told_again,
    a_panic_over_a_panic_is_not_told_again,
    a_panic_over_a_line_ends_the_connection_alone,
    a_panic_over_a_line_too_long_ends_the_connection_alone,
    a_panic_in_a_told_call_is_the_called_ones,
    a_panic_in_a_protocols_timer_is_the_protocols,
    a_panic_in_a_protocols_repeated_call_is_its_last,
    a_panic_while_closing_is_the_reason_that_is_told,
    the_successor_of_a_protocol_may_panic_too,
    a_panic_in_a_posted_call_is_counted_and_no_more,
    a_panic_in_a_timer_is_counted_and_no_more,
    a_repeated_call_that_panics_is_called_again,
    a_panic_in_a_factory_turns_one_peer_away,
    a_panic_in_the_hook_of_a_failed_connect_is_counted_and_no_more,
}

pub(crate) const PANICKED: &str = "lost the protocol panicked";

pub(crate) fn panics(world: &World) -> u64 {
    world.on(|reactor| reactor.counters().panics)
}

/// The first connection is the victim's, further ones echo. What both hear is in their logs.
struct Scene {
    victim: Peer,
    log: Log,
    bystander: Peer,
    others: Log,
}

impl Scene {
    fn new(world: &World, victim: impl Fn(Spy) -> Spy + 'static) -> Self {
        let (log, others) = (Log::default(), Log::default());
        let (mut first, theirs) = (Some(log.clone()), others.clone());
        let limits = Limits::default().water_marks(1000, 2000).unsent(64 << 20);
        let listener = world.serve_with(limits, move |_| match first.take() {
            Some(log) => victim(Spy::new(&log)),
            None => Spy::new(&theirs).echo(),
        });
        let victim = world.peer(&listener);
        let bystander = world.peer(&listener);
        bystander.send("hello").expect("hello");
        Self {
            victim,
            log,
            bystander,
            others,
        }
    }

    fn ends_alone(&self, world: &World) {
        world.run_until("the loss is told", || self.log.count("lost") == 1);
        self.bystander.send("still here").expect("still here");
        world.settle();
        assert_eq!(self.log.lines().last().map(String::as_str), Some(PANICKED));
        assert_eq!(self.log.count("lost"), 1);
        assert_eq!(self.others.count("lost"), 0);
        assert_eq!(panics(world), 1);
        assert_eq!(world.on(|reactor| reactor.connections()), 1);
        self.victim.expect_closed();
    }
}

/// More than sockets and windows hold.
fn much(world: &World) -> Vec<u8> {
    let size = if world.simulated().is_some() {
        1 << 18
    } else {
        16 << 20
    };
    vec![b'.'; size]
}

/// From the caller's side: a peer that is reset while it calls could not be scripted.
fn a_panic_when_the_connection_is_made_ends_it_alone(world: &World) {
    let (log, others) = (Log::default(), Log::default());
    let theirs = others.clone();
    let listener = world.serve(move |_| Spy::new(&theirs).echo());
    let bystander = world.peer(&listener);
    world.on(|reactor| {
        let victim = Spy::new(&log).made(|_| panic!("in made"));
        world.connect(reactor, listener.address()).with(victim)
    });
    world.run_until("the loss is told", || log.count("lost") == 1);
    bystander.send("still here").expect("still here");
    world.settle();
    assert_eq!(log.lines(), ["made", PANICKED]);
    assert_eq!(panics(world), 1);
}

fn a_panic_over_data_ends_the_connection_alone(world: &World) {
    let scene = Scene::new(world, |spy| spy.data(|_, _| panic!("in data")));
    scene.victim.send_bytes("x").send_bytes("more");
    scene.ends_alone(world);
    assert_eq!(scene.log.without_data(), ["made", PANICKED]);
    assert_eq!(scene.log.count("data"), 1);
}

fn a_panic_at_the_peers_end_ends_the_connection_alone(world: &World) {
    let scene = Scene::new(world, |spy| spy.eof(|_| panic!("in eof")));
    scene.victim.half_closes();
    scene.ends_alone(world);
    assert_eq!(scene.log.lines(), ["made", "eof", PANICKED]);
}

fn a_panic_when_told_to_pause_ends_the_connection_alone(world: &World) {
    let much = much(world);
    let scene = Scene::new(world, move |spy| {
        let much = much.clone();
        spy.data(move |transport, _| transport.write(&much))
            .pause(|_| panic!("in pause"))
    });
    scene.victim.stops_reading().send_bytes("x");
    world.run_until("the loss is told", || scene.log.count("lost") == 1);
    scene.victim.reads_again();
    scene.ends_alone(world);
    assert_eq!(scene.log.without_data(), ["made", "pause", PANICKED]);
}

fn a_panic_when_told_to_resume_ends_the_connection_alone(world: &World) {
    let much = much(world);
    let scene = Scene::new(world, move |spy| {
        let much = much.clone();
        spy.data(move |transport, _| transport.write(&much))
            .resume(|_| panic!("in resume"))
    });
    scene.victim.stops_reading().send_bytes("x");
    world.run_until("it is to pause", || scene.log.has("pause"));
    scene.victim.reads_again();
    scene.ends_alone(world);
    assert_eq!(
        scene.log.without_data(),
        ["made", "pause", "resume", PANICKED]
    );
}

fn a_panic_when_the_reactor_stops_ends_the_connection_alone(world: &World) {
    let scene = Scene::new(world, |spy| spy.stopping(|_| panic!("in stopping")));
    world.on(Reactor::stop);
    scene.bystander.expect_eof().closes();
    world.run_to_the_end();
    assert_eq!(scene.log.lines(), ["made", "stopping", PANICKED]);
    assert_eq!(
        scene.others.without_data(),
        ["made", "stopping", "lost done, ended by us"]
    );
    assert_eq!(panics(world), 1);
}

fn a_panic_over_the_loss_is_not_told_again(world: &World) {
    let scene = Scene::new(world, |spy| spy.lost(|_, _| panic!("in lost")));
    scene.victim.half_closes().expect_eof();
    world.run_until("the loss is told", || scene.log.count("lost") == 1);
    scene.bystander.send("still here").expect("still here");
    assert_eq!(
        scene.log.lines(),
        ["made", "eof", "lost done, ended by the peer"]
    );
    assert_eq!(panics(world), 1);
}

fn a_panic_over_a_panic_is_not_told_again(world: &World) {
    let scene = Scene::new(world, |spy| {
        spy.data(|_, _| panic!("in data"))
            .lost(|_, _| panic!("in lost"))
    });
    scene.victim.send_bytes("x");
    scene.victim.expect_closed();
    scene.bystander.send("still here").expect("still here");
    assert_eq!(scene.log.without_data(), ["made", PANICKED]);
    assert_eq!(panics(world), 2);
}

/// Panics over every line, and over those that are too long.
struct Nervous(Log);

impl LineReceiver for Nervous {
    fn lines(&self) -> Lines {
        Lines::default().max_length(10)
    }

    fn line_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {
        self.0.note("line");
        panic!("in a line")
    }

    fn line_too_long(&mut self, _: &mut Transport<'_>) -> Refusal {
        self.0.note("too long");
        panic!("in a line too long")
    }

    fn connection_lost(&mut self, _: &mut Transport<'_>, reason: &ropewalk::Lost) {
        self.0.note(format!("lost {reason}"));
    }
}

fn nervous(world: &World, line: &str) -> Log {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Nervous(ours.clone()));
    let peer = world.peer(&listener);
    peer.send(line).send(line);
    peer.expect_closed();
    assert_eq!(panics(world), 1);
    log
}

fn a_panic_over_a_line_ends_the_connection_alone(world: &World) {
    assert_eq!(nervous(world, "short").lines(), ["line", PANICKED]);
}

fn a_panic_over_a_line_too_long_ends_the_connection_alone(world: &World) {
    let log = nervous(world, "this line is too long");
    assert_eq!(log.lines(), ["too long", PANICKED]);
}

fn a_panic_in_a_told_call_is_the_called_ones(world: &World) {
    let victim = Rc::new(Cell::new(None));
    let id = Rc::clone(&victim);
    let scene = Scene::new(world, move |spy| {
        let id = Rc::clone(&id);
        spy.made(move |transport| id.set(Some(transport.id())))
    });
    world.on(|reactor| {
        let id = victim.get().expect("it was made");
        reactor.tell(id, |_: &mut Spy, _| panic!("in a told call"));
        reactor.tell(id, |_: &mut Spy, _| unreachable!("it has ended"));
    });
    scene.ends_alone(world);
    assert_eq!(world.on(|reactor| reactor.counters().stale_calls), 1);
}

fn a_panic_in_a_protocols_timer_is_the_protocols(world: &World) {
    let scene = Scene::new(world, |spy| {
        spy.made(|transport| {
            transport.call_later(Duration::from_millis(5), |_: &mut Spy, _| {
                panic!("in a timer")
            });
        })
    });
    scene.ends_alone(world);
}

fn a_panic_in_a_protocols_repeated_call_is_its_last(world: &World) {
    let calls = Rc::new(Cell::new(0));
    let count = Rc::clone(&calls);
    let scene = Scene::new(world, move |spy| {
        let count = Rc::clone(&count);
        spy.made(move |transport| {
            let count = Rc::clone(&count);
            transport.call_every(Duration::from_millis(2), move |_: &mut Spy, _| {
                count.set(count.get() + 1);
                assert!(count.get() < 3, "in a repeated call");
            });
        })
    });
    scene.ends_alone(world);
    world.run_for(Duration::from_millis(10));
    assert_eq!(calls.get(), 3);
}

fn a_panic_while_closing_is_the_reason_that_is_told(world: &World) {
    let scene = Scene::new(world, |spy| {
        spy.data(|transport, _| {
            transport.lose_connection();
            panic!("after closing")
        })
    });
    scene.victim.send_bytes("x");
    scene.ends_alone(world);
}

fn the_successor_of_a_protocol_may_panic_too(world: &World) {
    let log = Log::default();
    let theirs = log.clone();
    let scene = Scene::new(world, move |spy| {
        let log = theirs.clone();
        spy.data(move |transport, _| {
            transport.switch_protocol(Spy::new(&log).made(|_| panic!("in its made")));
        })
    });
    scene.victim.send_bytes("x");
    world.run_until("the loss is told", || log.count("lost") == 1);
    scene.bystander.send("still here").expect("still here");
    assert_eq!(log.lines(), ["made", PANICKED]);
    assert_eq!(scene.log.without_data(), ["made"]);
    assert_eq!(panics(world), 1);
}

fn a_panic_in_a_posted_call_is_counted_and_no_more(world: &World) {
    let log = Log::default();
    let after = log.clone();
    world.on(|reactor| {
        reactor.call_soon(|_| panic!("in a posted call"));
        reactor.call_soon(move |_| after.note("the next one"));
        let remote = reactor.remote();
        let posted = remote.post(|_| panic!("in another thread's call"));
        posted.expect("the mailbox is empty");
    });
    world.run_until("the next one is made", || log.has("the next one"));
    world.settle();
    assert_eq!(panics(world), 2);
}

fn a_panic_in_a_timer_is_counted_and_no_more(world: &World) {
    let log = Log::default();
    let after = log.clone();
    world.on(|reactor| {
        reactor.call_later(Duration::ZERO, |_| panic!("in a timer"));
        reactor.call_later(Duration::ZERO, move |_| after.note("its sibling"));
    });
    world.run_until("its sibling fires", || log.has("its sibling"));
    assert_eq!(panics(world), 1);
}

fn a_repeated_call_that_panics_is_called_again(world: &World) {
    let calls = Rc::new(Cell::new(0));
    let count = Rc::clone(&calls);
    world.on(|reactor| {
        reactor.call_every(Duration::from_millis(1), move |_| {
            count.set(count.get() + 1);
            panic!("each time");
        });
    });
    world.run_until("it was called often", || calls.get() == 5);
    assert_eq!(panics(world), 5);
}

fn a_panic_in_a_factory_turns_one_peer_away(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let mut built = 0;
    // A peer that is turned away sees no handshake, so the layers are left out here.
    let listener = world.on(|reactor| {
        reactor.listen("tcp:0").serve(move |_| {
            built += 1;
            assert_ne!(built, 1, "in the factory");
            Spy::new(&ours).echo()
        })
    });
    let listener = listener.expect("a free port");
    world.bare_peer(&listener).expect_closed();
    world.bare_peer(&listener).send("hello").expect("hello");
    assert_eq!((log.count("made"), panics(world)), (1, 1));
    assert_eq!(world.on(|reactor| reactor.counters().unwanted), 1);
}

fn a_panic_in_the_hook_of_a_failed_connect_is_counted_and_no_more(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    world.on(|reactor| {
        for _ in 0..2 {
            let called = ours.clone();
            reactor
                .connect("tcp:")
                .failed(move |_, _| {
                    called.note("failed");
                    panic!("in the hook")
                })
                .with(Spy::new(&ours));
        }
    });
    world.run_until("both hooks were called", || log.count("failed") == 2);
    assert_eq!(log.lines(), ["failed", "failed"]);
    assert_eq!(panics(world), 2);
}
