//! Whole worlds: reactors, peers and the clock together.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::network::Signal;
use crate::protocol::Protocol;
use crate::reactor::Reactor;
use crate::sim::{Answer, Call, World, sweep};
use crate::transport::Transport;
use crate::{ConnectError, Lost};

/// Echoes, and keeps a log of how connections begin and end.
struct Echo {
    log: Log,
    greeting: &'static str,
}

#[derive(Clone, Default)]
pub(super) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(super) fn note(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.log.note(format!("made {}", transport.peer()));
        transport.write(self.greeting);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }

    fn connection_lost(&mut self, _transport: &mut Transport<'_>, reason: &Lost) {
        self.log.note(format!("lost {reason}"));
    }
}

fn echo(endpoint: &'static str, log: &Log) -> impl Fn(&mut Reactor) -> crate::Result<()> {
    let log = log.clone();
    move |reactor| {
        let log = log.clone();
        let listen = reactor.listen(endpoint);
        let protocol = move |_: &Address| Echo {
            log: log.clone(),
            greeting: "",
        };
        listen.serve(protocol).map(drop)
    }
}

fn call(endpoint: &'static str, log: &Log) -> impl Fn(&mut Reactor) -> crate::Result<()> {
    let log = log.clone();
    move |reactor| {
        let failed = log.clone();
        let note = move |_: &mut Reactor, error: &ConnectError| failed.note(error.to_string());
        reactor.connect(endpoint).failed(note).with(Echo {
            log: log.clone(),
            greeting: "hello from the caller\r\n",
        });
        Ok(())
    }
}

pub(super) const EVERYWHERE: &str = "tcp:7:interface=*";

fn echo_world() -> (World, Log) {
    let (world, log) = (World::new(0, Faults::None), Log::default());
    world.host("server", echo(EVERYWHERE, &log));
    (world, log)
}

/// What a closure panics with.
pub(super) fn panic_of<R>(act: impl FnOnce() -> R) -> String {
    let panic = catch_unwind(AssertUnwindSafe(act))
        .err()
        .expect("it should panic");
    crate::sim::panics::text_of(&*panic).expect("a message")
}

#[test]
fn a_peer_is_answered_whatever_happens_on_the_way() {
    sweep(0..300, Faults::Unnoticeable, |world| {
        world.host("server", echo(EVERYWHERE, &Log::default()));
        let (one, two) = (world.peer("tcp:server:7"), world.peer("tcp:server:7"));
        one.send("hello").expect("hello");
        two.send("a").send("b").expect("a").expect("b");
        one.send_bytes(*b"x\ny\r\nzz").expect("x").expect("y");
        one.half_closes().expect_bytes("zz").expect_eof();
        two.closes();
        world.settle();
        assert_eq!(world.descriptors("server"), 1);
    });
}

#[test]
fn much_goes_through_and_all_of_it_in_order() {
    sweep(0..40, Faults::Unnoticeable, |world| {
        world.host("server", echo(EVERYWHERE, &Log::default()));
        let peer = world.peer("tcp:server:7");
        let data: Vec<u8> = (0..60_000_u32).flat_map(u32::to_be_bytes).collect();
        peer.send_bytes(data.clone()).half_closes();
        assert!(peer.read_until_eof() == data);
    });
}

#[test]
fn who_does_not_read_is_not_read() {
    let (world, _) = echo_world();
    let peer = world.peer("tcp:server:7");
    let data = vec![b'x'; 1_000_000];
    peer.stops_reading().send_bytes(data.clone());
    world.settle();
    assert!(peer.received().is_empty());
    peer.reads_again().half_closes();
    assert_eq!(peer.read_until_eof(), data);
}

#[test]
fn closing_with_unread_input_resets() {
    let (world, log) = echo_world();
    let peer = world.peer("tcp:server:7");
    peer.stops_reading().send("hello");
    world.settle();
    peer.closes();
    world.settle();
    assert_eq!(log.lines()[1], "lost reset by the peer");
}

#[test]
fn a_reset_is_seen_by_both_sides() {
    let (world, log) = echo_world();
    let (one, two) = (world.peer("tcp:server:7"), world.peer("tcp:server:7"));
    one.resets();
    world.settle();
    assert_eq!(log.lines()[2], "lost reset by the peer");
    world.fail_next("server", Call::Write, &[32]);
    two.send("a").expect_closed();
    assert_eq!(log.lines()[3], "lost reset by the peer");
}

#[test]
fn a_reactor_calls_a_peer() {
    sweep(0..100, Faults::Unnoticeable, |world| {
        let listener = world.peer_listener("far", 9000);
        let log = Log::default();
        world.host("client", call("tcp:far:9000", &log));
        let peer = listener.accept();
        peer.expect("hello from the caller").send("hi").expect("hi");
        peer.closes();
        world.settle();
        assert_eq!(
            log.lines(),
            ["made 10.0.0.1:9000", "lost done, ended by the peer"]
        );
    });
}

#[test]
fn reactors_call_one_another() {
    let (world, heard) = echo_world();
    let log = Log::default();
    world.host("client", call("tcp:server:8", &log));
    world.on("client", call("tcp:server:7", &log)).unwrap();
    world.run_for(Duration::from_secs(1));
    let mut lines = log.lines();
    lines.sort();
    // A host has an address of either family.
    let [made, refused] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(made, "made 10.0.0.1:7");
    assert_eq!(refused.matches("refused: nobody listens there").count(), 2);
    let lines = heard.lines();
    assert!(
        lines.len() == 1 && lines[0].starts_with("made 10.0.0.2:"),
        "{lines:?}"
    );
}

#[test]
fn a_peer_reaches_what_only_loopback_reaches() {
    let world = World::new(0, Faults::None);
    let log = Log::default();
    world.host("server", echo("tcp:7", &log));
    world.peer("tcp:server:7").send("hello").expect("hello");
    assert_eq!(log.lines(), ["made 127.0.0.1:32768"]);
    world.peer("tcp:10.0.0.1:7").send("hello").expect("hello");
    let said = panic_of(|| world.peer("tcp:[fd00::1]:7"));
    assert!(
        said.contains("a peer can't connect to tcp:[fd00::1]:7: "),
        "{said}"
    );
}

/// Sets up a timer that notes when it rings.
fn timer(after: Duration, log: &Log) -> impl Fn(&mut Reactor) -> crate::Result<()> {
    let log = log.clone();
    move |reactor| {
        let log = log.clone();
        reactor.call_later(after, move |reactor| log.note(reactor.now().to_string()));
        Ok(())
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn time_jumps_and_timers_fire_on_the_dot() {
    let (world, log) = (World::new(0, Faults::None), Log::default());
    world.host("server", |reactor| {
        timer(HOUR, &log)(reactor)?;
        timer(HOUR * 2, &log)(reactor)
    });
    world.run_for(HOUR * 10);
    assert_eq!(log.lines(), ["3600000.000ms", "7200000.000ms"]);
    assert_eq!(world.now(), Time::START + HOUR * 10);
    assert!(world.turns() < 5, "{} turns", world.turns());
}

#[test]
fn a_timer_set_from_outside_counts_from_now() {
    let (world, log) = (World::new(0, Faults::None), Log::default());
    world.host("server", timer(HOUR, &log));
    world.run_for(HOUR * 10);
    world.on("server", timer(HOUR, &log)).unwrap();
    world.run_for(HOUR * 2);
    assert_eq!(log.lines(), ["3600000.000ms", "39600000.000ms"]);
}

#[test]
fn settling_does_not_wait_for_timers() {
    let (world, _) = echo_world();
    world.on("server", |reactor| {
        reactor.call_later(Duration::from_secs(1), |_| {})
    });
    world.peer("tcp:server:7").send("hello");
    world.settle();
    assert!(world.now() < Time::START + Duration::from_secs(1));
    world.run_until(|world| world.now() >= Time::START + Duration::from_secs(1));
}

#[test]
fn a_failed_expectation_tells_the_story() {
    let (world, _) = echo_world();
    let peer = world.peer("tcp:server:7");
    let said = panic_of(|| {
        peer.send("hullo").expect("hello");
    });
    assert!(said.starts_with("peer1 expected the line \"hello\"\n  but got the line \"hullo\""));
    assert!(said.contains("seed 0, Faults::None, t=0.400ms"), "{said}");
    assert!(
        said.contains(r#"         |---- data 7B "hullo\r\n" ----->|"#),
        "{said}"
    );
    let said = panic_of(|| {
        peer.send_bytes(*b"half").expect("whole");
    });
    assert!(
        said.contains("but got nothing more; unexpected so far: \"half\""),
        "{said}"
    );
    peer.half_closes();
    let said = panic_of(|| {
        peer.expect("whole");
    });
    assert!(said.contains("but got \"half\", then the end"), "{said}");
}

#[test]
fn a_reactor_that_goes_in_circles_is_found_out() {
    fn spin(reactor: &mut Reactor) {
        reactor.call_soon(spin);
    }
    let (world, _) = echo_world();
    world.on("server", spin);
    let said = panic_of(|| world.settle());
    assert!(said.contains("time does not move"), "{said}");
}

#[test]
fn a_seed_tells_one_story() {
    let story = |seed| {
        let world = World::new(seed, Faults::Unnoticeable);
        world.host("server", echo(EVERYWHERE, &Log::default()));
        let peers: Vec<_> = (0..5).map(|_| world.peer("tcp:server:7")).collect();
        for (number, peer) in peers.iter().enumerate() {
            peer.send(number.to_string().repeat(100)).half_closes();
        }
        world.settle();
        (world.trace(), world.turns(), world.now())
    };
    for seed in 0..20 {
        assert_eq!(story(seed), story(seed));
    }
    assert_ne!(story(1), story(2));
}

#[test]
fn a_sweep_goes_on_to_the_seed_that_fails() {
    let played = std::cell::Cell::new(0);
    let said = panic_of(|| {
        sweep(0..10, Faults::None, |world| {
            played.set(played.get() + 1);
            assert!(world.seed() != 3, "{}", world.seed());
        });
    });
    assert!(
        said.starts_with("seed 3 failed") && said.contains(": 3\n") && said.contains("seed=3"),
        "{said}"
    );
    assert!(played.get() > 4, "it is played again");
}

#[test]
fn stopping_ends_what_was_open() {
    let (world, _) = echo_world();
    let peer = world.peer("tcp:server:7");
    peer.send("hello").expect("hello");
    world.stop("server");
    peer.expect_eof();
    assert!(world.has_stopped("server"));
    assert_eq!(world.descriptors("server"), 0);
}

#[test]
fn a_signal_reaches_the_reactor() {
    let (world, _) = echo_world();
    world.signal("server", Signal::Terminate);
    world.run_until(|world| world.has_stopped("server"));
}

#[test]
fn a_dropped_call_is_made_again_once_the_hole_is_healed() {
    let (world, _) = echo_world();
    world.name("elsewhere", Answer::Addresses(vec![ip("10.0.0.1")]));
    world.black_hole(ip("10.0.0.1"));
    let log = Log::default();
    world.host("client", call("tcp:elsewhere:7", &log));
    world.run_for(Duration::from_secs(4));
    assert!(log.lines().is_empty());
    world.heal(ip("10.0.0.1"));
    world.run_for(Duration::from_secs(4));
    assert_eq!(log.lines(), ["made 10.0.0.1:7"]);
}
