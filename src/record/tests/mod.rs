//! Recording and replaying, as promises: the same program is found identical, another one is not, and no tape, however
//! damaged, does harm.

mod addresses;
mod damage;
mod datagrams;
mod program;

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::network::{Network, Signal};
use crate::protocol::Protocol;
use crate::sim::{Faults, World};
use crate::transport::Transport;

/// A tape in memory. Clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Cassette(Arc<Mutex<Vec<u8>>>);

impl Cassette {
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().expect("no panic under it"))
    }
}

impl Write for Cassette {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("no panic under it")
            .extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Setup = fn(&mut Reactor) -> Result<()>;

pub(super) fn replayed(tape: Vec<u8>, setup: Setup) -> Result<Replayed, ReplayError> {
    replay_on(Replay::new(io::Cursor::new(tape))?, setup)
}

/// The tape of a simulated run in which each peer says something, one after the other, and reads what comes of it.
pub(super) fn conversation(setup: Setup, said: &[&str]) -> Vec<u8> {
    let (world, cassette) = (World::new(0, Faults::None), Cassette::default());
    let around = |network| {
        let recorder = Recorder::new(network, cassette.clone(), "").expect("it is memory");
        Box::new(recorder) as Box<dyn Network>
    };
    world.host_over("server", around, setup);
    for words in said {
        let peer = world.peer("tcp:server:9000");
        peer.send_bytes(*words);
        world.settle();
        peer.closes();
    }
    world.settle();
    world.signal("server", Signal::Terminate);
    world.run_until(|world| world.has_stopped("server"));
    drop(world);
    cassette.take()
}

/// Sends back what it makes of what it gets.
struct Answering(fn(&[u8]) -> Vec<u8>);

impl Protocol for Answering {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write((self.0)(data));
    }
}

fn serve(reactor: &mut Reactor, answer: fn(&[u8]) -> Vec<u8>) -> Result<()> {
    let listen = reactor.listen("tcp:9000:interface=*");
    listen.serve(move |_peer| Answering(answer)).map(drop)
}

pub(super) fn echo(reactor: &mut Reactor) -> Result<()> {
    serve(reactor, <[u8]>::to_vec)
}

fn polite(reactor: &mut Reactor) -> Result<()> {
    serve(reactor, |data| [data, b", please"].concat())
}

fn shouting(reactor: &mut Reactor) -> Result<()> {
    serve(reactor, <[u8]>::to_ascii_uppercase)
}

fn mute(reactor: &mut Reactor) -> Result<()> {
    serve(reactor, |_| Vec::new())
}

fn difference(tape: Vec<u8>, setup: Setup) -> Difference {
    match replayed(tape, setup) {
        Err(ReplayError::Differs(difference)) => *difference,
        other => panic!("expected a difference, got {other:?}"),
    }
}

#[test]
fn a_simulated_run_of_everything_is_identical() {
    for seed in 0..40 {
        let faults = if seed == 0 {
            Faults::None
        } else {
            Faults::Unnoticeable
        };
        let tape = program::recorded(seed, faults);
        let outcome =
            replayed(tape, program::serve).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(outcome.is_whole && outcome.bytes_out > 300_000, "{outcome}");
    }
}

#[test]
fn a_run_of_everything_on_the_machines_network_is_identical() {
    let cassette = Cassette::default();
    let recorder = Recorder::new(OsNetwork::new().unwrap(), cassette.clone(), "").unwrap();
    let report = run_on(recorder, program::serve_oneself).unwrap();
    assert_eq!((report.counters.accepted, report.counters.panics), (16, 2));
    for _ in 0..2 {
        let tape = cassette.0.lock().unwrap().clone();
        let outcome = replayed(tape, program::serve_oneself).unwrap();
        assert!(outcome.is_whole, "{outcome}");
        assert_eq!(outcome.bytes_out, report.counters.bytes_out);
    }
}

#[test]
fn work_that_panics_only_in_one_of_both_is_a_difference() {
    fn working(reactor: &mut Reactor, work: fn() -> u8) -> Result<()> {
        reactor.defer_to_thread(work, |reactor, _| reactor.stop());
        Ok(())
    }
    let cassette = Cassette::default();
    let recorder = Recorder::new(OsNetwork::new().unwrap(), cassette.clone(), "").unwrap();
    run_on(recorder, |reactor| working(reactor, || 0)).unwrap();
    let difference = difference(cassette.take(), |reactor| {
        working(reactor, || panic!("as asked"))
    });
    assert_eq!(difference.replayed, "work that panicked");
}

#[test]
fn the_memo_is_told_to_whoever_replays() {
    let replay = Replay::new(io::Cursor::new(program::recorded(0, Faults::None))).unwrap();
    assert_eq!(replay.memo(), "a memo");
    assert_eq!(replay.verdict().outcome(), None);
    let verdict = replay.verdict();
    drop(replay);
    assert!(
        matches!(verdict.outcome(), Some(Err(ReplayError::Differs(_)))),
        "nothing was done"
    );
}

#[test]
fn other_bytes_are_told_with_their_place_in_the_stream() {
    let tape = conversation(echo, &["12345", "ab", "1234 and so on"]);
    let difference = difference(tape, shouting);
    assert_eq!(difference.offset, Some(0));
    assert_eq!(
        difference.connection.map(|id| id.to_string()),
        Some("#1.1".to_owned())
    );
    assert!(difference.peer.is_some());
    assert_eq!(difference.recorded, "write \"ab\"");
    assert_eq!(difference.replayed, "write \"AB\" (2 bytes in all)");
    let tape = conversation(echo, &["1234 and so on"]);
    let difference = self::difference(tape, shouting);
    assert_eq!(difference.offset, Some(5), "the first five are the same");
    assert_eq!(difference.recorded, "write \"and so on\" (14 bytes in all)");
}

#[test]
fn bytes_too_many_or_missing_are_told_too() {
    let longer = difference(conversation(echo, &["tea"]), polite);
    assert_eq!(
        (longer.offset, &*longer.replayed),
        (Some(3), "write \", please\" (11 bytes in all)")
    );
    let shorter = difference(conversation(polite, &["tea"]), echo);
    assert_eq!(
        (shorter.offset, &*shorter.recorded),
        (Some(3), "write \", please\" (11 bytes in all)")
    );
    let missing = difference(conversation(echo, &["tea"]), mute);
    assert_eq!(missing.offset, Some(0));
    assert_eq!(missing.recorded, "write \"tea\"");
    assert_eq!(missing.replayed, "wait for events");
    assert!(missing.connection.is_some());
    let unheard = difference(conversation(mute, &["tea"]), echo);
    assert_eq!(
        (unheard.offset, &*unheard.recorded),
        (Some(0), "wait for events")
    );
}

#[test]
fn a_program_that_listens_elsewhere_or_ends_too_soon_is_another() {
    let other = |reactor: &mut Reactor| {
        reactor
            .listen("tcp:9001")
            .serve(|_| Answering(<[u8]>::to_vec))
            .map(drop)
    };
    let elsewhere = difference(conversation(echo, &["x"]), other);
    assert_eq!(elsewhere.replayed, "listen on 127.0.0.1:9001");
    assert_eq!(elsewhere.connection, None);
    let short = |reactor: &mut Reactor| {
        reactor.call_soon(Reactor::stop);
        echo(reactor)
    };
    let sooner = difference(conversation(echo, &["x"]), short);
    assert_eq!(sooner.replayed, "close");
}

#[test]
fn a_question_more_or_less_is_no_difference() {
    fn asking(reactor: &mut Reactor) -> Result<()> {
        reactor.time_callbacks(true);
        reactor.wall_clock();
        reactor
            .listen("tcp:9000:interface=*")
            .serve(|_| Asking)
            .map(drop)
    }
    struct Asking;
    impl Protocol for Asking {
        fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
            let local = transport.local();
            log::debug!("{local:?} {:?}", transport.reactor().wall_clock());
            transport.write(data);
        }
    }
    for (recorded, replaying) in [(echo as Setup, asking as Setup), (asking, echo)] {
        let tape = conversation(recorded, &["x", "the same again", "the same again"]);
        let outcome = replayed(tape, replaying);
        assert!(outcome.is_ok_and(|outcome| outcome.is_whole));
    }
}

#[test]
fn another_threads_post_ends_the_replay_and_is_named() {
    let cassette = Cassette::default();
    let recorder = Recorder::new(OsNetwork::new().unwrap(), cassette.clone(), "").unwrap();
    let setup = |reactor: &mut Reactor| {
        let remote = reactor.remote();
        std::thread::spawn(move || remote.post(Reactor::stop));
        Ok(())
    };
    run_on(recorder, setup).unwrap();
    let outcome = replayed(cassette.take(), |_| Ok(()));
    let Err(ReplayError::Posted(post)) = outcome else {
        panic!("expected the post, got {outcome:?}")
    };
    assert_eq!((post.connection, post.is_recorded), (None, true));
    assert!(
        post.to_string()
            .contains("another thread posted a call into the reactor")
    );
}

#[test]
fn a_post_for_a_protocol_is_told_with_its_connection() {
    struct Called;
    impl Protocol for Called {
        fn connection_made(&mut self, transport: &mut Transport<'_>) {
            let remote = transport.remote::<Self>();
            std::thread::spawn(move || remote.tell(|_, transport| transport.reactor().stop()));
        }
        fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    }
    struct Quiet;
    impl Protocol for Quiet {
        fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    }
    fn setup<P: Protocol>(reactor: &mut Reactor, build: fn() -> P) -> Result<()> {
        let listener = reactor.listen("tcp:0").serve(|_| Quiet)?;
        reactor
            .connect(format!("tcp:{}", listener.address()))
            .with(build());
        Ok(())
    }
    let cassette = Cassette::default();
    let recorder = Recorder::new(OsNetwork::new().unwrap(), cassette.clone(), "").unwrap();
    run_on(recorder, |reactor| setup(reactor, || Called)).unwrap();
    let outcome = replayed(cassette.take(), |reactor| setup(reactor, || Quiet));
    let Err(ReplayError::Posted(post)) = outcome else {
        panic!("expected the post, got {outcome:?}")
    };
    assert_eq!(
        post.connection.map(|id| id.to_string()),
        Some("#0.0".to_owned())
    );
    assert!(post.peer.is_some());
}

/// Tells the test of each block, or of nothing after the header, for the disk is full.
struct Disk {
    written: Sender<Vec<u8>>,
    is_full: bool,
}

impl Write for Disk {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.is_full && !data.starts_with(b"ropetape") {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written.send(data.to_vec()).ok();
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection within one reactor, which ends when the client hears its own words again.
fn talk_to_oneself(reactor: &mut Reactor, server: impl Protocol) -> Result<()> {
    struct Client;
    impl Protocol for Client {
        fn connection_made(&mut self, transport: &mut Transport<'_>) {
            transport.write("these words are to be on the tape");
        }
        fn data_received(&mut self, transport: &mut Transport<'_>, _: &[u8]) {
            transport.reactor().stop();
        }
    }
    let mut server = Some(server);
    let listener = reactor
        .listen("tcp:0")
        .serve(move |_| server.take().expect("one connection"))?;
    reactor
        .connect(format!("tcp:{}", listener.address()))
        .with(Client);
    Ok(())
}

#[test]
fn what_came_is_on_the_tape_though_the_loop_hangs_over_it() {
    struct Hangs(Receiver<Vec<u8>>);
    impl Protocol for Hangs {
        fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
            let is_on_tape = |block: Vec<u8>| block.windows(data.len()).any(|part| part == data);
            let blocks = std::iter::from_fn(|| self.0.recv_timeout(Duration::from_secs(20)).ok());
            assert!(blocks.take(100).any(is_on_tape), "it was not written");
            transport.write(data);
        }
    }
    let (written, blocks) = channel();
    let disk = Disk {
        written,
        is_full: false,
    };
    let recorder = Recorder::new(OsNetwork::new().unwrap(), disk, "").unwrap();
    let report = run_on(recorder, |reactor| talk_to_oneself(reactor, Hangs(blocks)));
    assert_eq!(report.unwrap().counters.panics, 0);
}

#[test]
fn a_full_disk_ends_the_recording_and_nothing_else() {
    let (written, blocks) = channel();
    let disk = Disk {
        written,
        is_full: true,
    };
    let recorder = Recorder::new(OsNetwork::new().unwrap(), disk, "").unwrap();
    let report = run_on(recorder, |reactor| {
        talk_to_oneself(reactor, Answering(<[u8]>::to_vec))
    });
    assert_eq!(report.unwrap().counters.accepted, 1);
    assert_eq!(blocks.iter().count(), 1, "the header alone");
}

#[test]
fn a_reactor_that_is_dropped_in_a_panic_leaves_no_end() {
    let cassette = Cassette::default();
    let recorder = Recorder::new(OsNetwork::new().unwrap(), cassette.clone(), "").unwrap();
    let run = || run_on(recorder, |_| -> Result<()> { panic!("as asked") });
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    assert!(panicked.is_err());
    let outcome = replayed(cassette.take(), |reactor| {
        reactor.call_soon(Reactor::stop);
        Ok(())
    });
    assert!(outcome.is_ok_and(|outcome| !outcome.is_whole));
}
