//! What connections cost in memory, by a counting allocator and over a network without a kernel: a million idle ones, the
//! growth of their tables, and that all of it is given back. Time is printed, never asserted; what is asserted is what
//! makes a turn short: that it allocates little, whatever there is already.
//!
//! `cargo test --release --test memory -- --nocapture` prints the figures; `benches/soak.rs` does the same on real sockets.

#[path = "no_kernel/mod.rs"]
mod no_kernel;

use std::alloc::System;
use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ropewalk::framing::{Found, Framing, Int8, Int32, LengthDelimited, Tail};
use ropewalk::{ConnectionId, FrameError, LineReceiver, Protocol, Reactor, Stepper, Transport};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use no_kernel::FarEnds;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MILLION: usize = 1_000_000;

/// What a turn may allocate while connections are accepted: a page of a table, or its directory, once more.
const MOST_IN_A_TURN: usize = 64 * 1024;

/// What a reactor keeps besides: spare pages and buffers, lists of what is to be done in a turn.
const KEPT: usize = 256 * 1024;

/// What the test runner's own threads may allocate beside a test. It is less than a byte for each thing that is counted.
const HARNESS: usize = 64 * 1024;

/// The allocator counts for the whole process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that are allocated now, and that ever were.
fn allocated() -> (usize, usize) {
    let stats = ALLOCATOR.stats();
    (
        stats.bytes_allocated - stats.bytes_deallocated,
        stats.bytes_allocated,
    )
}

/// No bytes, so that a connection without its protocol object is measured.
struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

struct EchoLines;

impl LineReceiver for EchoLines {
    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        transport.send(line);
    }
}

/// A reactor, its far ends, and how it has turned.
struct Bench {
    far: FarEnds,
    stepper: Stepper,
    longest: Duration,
    most_in_a_turn: usize,
}

impl Bench {
    /// For so many connections at once. The listener is in place, and has had one connection already.
    fn new<P: Protocol>(most: usize, protocol: fn() -> P) -> Self {
        let far = FarEnds::with_capacity(most);
        let mut reactor = Reactor::on(far.network());
        reactor.set_max_connections(usize::MAX);
        reactor
            .listen("tcp:8007")
            .serve(move |_peer| protocol())
            .expect("any address will do");
        let mut bench = Self {
            far,
            stepper: Stepper::new(reactor),
            longest: Duration::ZERO,
            most_in_a_turn: 0,
        };
        bench.call(1);
        bench.each_says(0..1, 1);
        bench.each_is_lost(0..1, FarEnds::finish);
        bench.forget_turns();
        bench
    }

    fn forget_turns(&mut self) {
        (self.longest, self.most_in_a_turn) = (Duration::ZERO, 0);
    }

    #[expect(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "how long a turn really takes is what is printed"
    )]
    fn turn(&mut self) {
        let (_, before) = allocated();
        let begin = std::time::Instant::now();
        let goes_on = self.stepper.turn(Some(Duration::ZERO));
        assert!(goes_on.expect("this network does not fail"));
        self.longest = self.longest.max(begin.elapsed());
        let (_, after) = allocated();
        self.most_in_a_turn = self.most_in_a_turn.max(after - before);
    }

    /// Turns until nothing is left to do but what a timer is waiting for.
    fn settle(&mut self) {
        while !self.far.is_quiet() || self.stepper.timeout() == Some(Duration::ZERO) {
            self.turn();
        }
    }

    fn connections(&mut self) -> usize {
        self.stepper.reactor().connections()
    }

    fn call(&mut self, count: usize) {
        self.far.call(count);
        self.settle();
        assert_eq!(self.far.waiting(), 0);
    }

    /// Each of these far ends says so many newlines, and takes the reply.
    fn each_says(&mut self, ends: std::ops::Range<u32>, size: u32) {
        for end in ends {
            self.far.send(end, size);
            if end % 1000 == 999 {
                self.settle();
            }
        }
        self.settle();
    }

    /// Does this with each, and waits for what was to end to be over.
    fn each_is_lost(&mut self, ends: std::ops::Range<u32>, how: fn(&FarEnds, u32)) {
        for end in ends {
            how(&self.far, end);
            if end % 1000 == 999 {
                self.settle();
            }
        }
        self.settle();
        // Those who were slow to end are waited for.
        while let Some(timeout) = self.stepper.timeout() {
            self.far.advance(timeout);
            self.turn();
        }
    }
}

/// Idle connections take at most so many bytes each, at every moment while their number grows.
#[track_caller]
fn idle<P: Protocol>(name: &str, protocol: fn() -> P, most_each: usize) {
    let _alone = alone();
    let mut bench = Bench::new(MILLION, protocol);
    let (empty, _) = allocated();
    bench.far.call(MILLION);
    while bench.far.waiting() > 0 {
        bench.turn();
        let (now, _) = allocated();
        let (count, bytes) = (bench.connections(), now.saturating_sub(empty));
        assert!(
            bytes <= most_each * count + MOST_IN_A_TURN,
            "{bytes} bytes for {count} connections"
        );
    }
    let (full, _) = allocated();
    let each = (full - empty) as f64 / MILLION as f64;
    println!(
        "{name}: {each:.1} bytes each of {MILLION} idle connections; the longest turn while they came: {:?}; \
         the most that one allocated: {} bytes",
        bench.longest, bench.most_in_a_turn
    );
    assert_eq!(bench.connections(), MILLION);
    assert!(each <= most_each as f64, "{each} bytes each");
    assert!(
        bench.most_in_a_turn <= MOST_IN_A_TURN,
        "a turn allocated {} bytes",
        bench.most_in_a_turn
    );
}

#[test]
fn a_million_idle_connections_take_at_most_100_bytes_each() {
    idle("echo", || Echo, 100);
}

#[test]
fn a_million_idle_connections_with_lines_take_at_most_120_bytes_each() {
    idle("lines", || EchoLines, 120);
}

#[test]
fn a_connection_that_has_spoken_and_is_idle_again_owns_no_buffer() {
    let _alone = alone();
    let mut bench = Bench::new(50_000, || EchoLines);
    bench.call(50_000);
    let (silent, _) = allocated();
    bench.each_says(0..50_000, 300);
    let (spoken, _) = allocated();
    assert_eq!(
        bench.stepper.reactor().counters().bytes_out,
        50_000 * 600 + 2
    );
    assert!(spoken <= silent + KEPT, "{} bytes more", spoken - silent);
}

#[test]
fn a_million_made_and_lost_and_made_again_return_to_where_they_began() {
    let _alone = alone();
    let mut bench = Bench::new(MILLION, || Echo);
    let (empty, _) = allocated();
    let mut full = Vec::new();
    for round in 0..2 {
        bench.call(MILLION);
        full.push(allocated().0);
        bench.each_is_lost(0..MILLION as u32, [FarEnds::finish, FarEnds::reset][round]);
        let (again, _) = allocated();
        assert_eq!((bench.connections(), bench.far.open()), (0, 0));
        assert!(again <= empty + KEPT, "{} bytes more", again - empty);
    }
    println!(
        "the longest turn while {MILLION} were made and lost: {:?}",
        bench.longest
    );
    assert!(full[1] <= full[0] + KEPT, "the second time it took more");
}

#[test]
fn what_one_word_to_everybody_took_is_given_back() {
    const ALL: usize = 200_000;
    let _alone = alone();
    thread_local! {
        static IDS: RefCell<Vec<ConnectionId>> = RefCell::default();
    }
    struct Listed;
    impl Protocol for Listed {
        fn connection_made(&mut self, transport: &mut Transport<'_>) {
            IDS.with_borrow_mut(|ids| ids.push(transport.id()));
        }

        fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    }
    IDS.with_borrow_mut(|ids| ids.reserve(ALL + 1));
    let mut bench = Bench::new(ALL, || Listed);
    bench.call(ALL);
    let (silent, _) = allocated();
    for (end, takes) in [(0, Some(0)), (1, None)] {
        for id in IDS.with_borrow_mut(|ids| ids.clone()) {
            bench.stepper.reactor().write(id, b"a word to everybody");
        }
        bench.far.take(end, takes);
        bench.settle();
    }
    let (spoken, _) = allocated();
    assert!(spoken <= silent + KEPT, "{} bytes more", spoken - silent);
}

/// What a far end does between its call and its end.
fn lives(far: &FarEnds, end: u32) {
    match end % 5 {
        0 => far.send(end, 3),
        1 => {
            far.take(end, Some(0));
            far.send(end, 200_000);
        }
        2 => {
            far.take(end, Some(1));
            far.send(end, 100);
            far.finish(end);
        }
        3 => {
            far.send(end, 50);
            far.finish(end);
        }
        _ => {}
    }
}

fn ends(far: &FarEnds, end: u32) {
    match end % 5 {
        0 => far.finish(end),
        2 if end.is_multiple_of(2) => far.take(end, None),
        3 => {}
        _ => far.reset(end),
    }
}

#[test]
fn a_million_in_a_row_with_resets_half_closes_and_slow_readers_return_to_where_they_began() {
    const AT_ONCE: u32 = 1000;
    let _alone = alone();
    let mut bench = Bench::new(AT_ONCE as usize, || Echo);
    let mut after_the_first = None;
    for _ in 0..MILLION as u32 / AT_ONCE {
        bench.call(AT_ONCE as usize);
        bench.each_is_lost(0..AT_ONCE, lives);
        bench.each_is_lost(0..AT_ONCE, ends);
        assert_eq!((bench.connections(), bench.far.open()), (0, 0));
        assert_eq!(bench.stepper.timeout(), None, "a timer is left over");
        let (now, _) = allocated();
        let first = *after_the_first.get_or_insert(now);
        assert!(now <= first + HARNESS, "{} bytes more", now - first);
    }
    let counters = bench.stepper.reactor().counters();
    let all = MILLION as u64 + 1;
    assert_eq!((counters.accepted, counters.lost), (all, all));
    assert_eq!(
        counters.timed_out,
        2 * MILLION as u64 / 5,
        "those who took too little"
    );
    assert_eq!((counters.stale_writes, counters.panics), (0, 0));
}

/// Hears frames of a framing and forgets them.
struct Hears(fn(&mut Transport<'_>));

impl Protocol for Hears {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.0(transport);
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

/// What one far end says in pieces of so many newlines costs in allocations, in all and at a time.
fn said_in_pieces(bench: &mut Bench, pieces: usize, size: u32) -> (usize, usize) {
    bench.forget_turns();
    let (_, before) = allocated();
    for _ in 0..pieces {
        bench.each_says(0..1, size);
    }
    let (_, after) = allocated();
    (after - before, bench.most_in_a_turn)
}

#[test]
fn what_a_length_promises_costs_nothing_before_it_comes() {
    const COUNT: usize = 1000;
    let _alone = alone();
    // Four newlines promise 168,430,090 bytes.
    let mut bench = Bench::new(COUNT, || {
        Hears(|transport| transport.set_framing(Int32::default().max_length(usize::MAX)))
    });
    bench.call(COUNT);
    let (silent, _) = allocated();
    bench.each_says(0..COUNT as u32, 500);
    let (waiting, _) = allocated();
    assert_eq!(bench.connections(), COUNT);
    let each = (waiting - silent).saturating_sub(KEPT) / COUNT;
    assert!(each <= 2000, "each holds {each} bytes");
}

#[test]
fn a_long_frame_is_put_together_once() {
    const LONG: usize = 0x0A_0A_0A;
    let _alone = alone();
    let mut bench = Bench::new(1, || {
        Hears(|transport| transport.set_framing(LengthDelimited::new(3).max_length(LONG)))
    });
    bench.call(1);
    let (bytes, _) = said_in_pieces(&mut bench, LONG / 1000 + 1, 1000);
    // A buffer that is doubled is moved at most so often.
    assert!(
        bytes <= 4 * LONG,
        "{bytes} bytes were allocated for one frame of {LONG}"
    );
}

#[test]
fn what_comes_behind_a_held_frame_is_not_copied() {
    let _alone = alone();
    // A newline is a length of ten.
    let mut bench = Bench::new(1, || {
        Hears(|transport| transport.set_framing(Int8::default()))
    });
    bench.call(1);
    said_in_pieces(&mut bench, 2, 5);
    let (_, most) = said_in_pieces(&mut bench, 10, 200_003);
    assert!(most <= 20_000, "{most} bytes were allocated in a turn");
}

/// Each byte is a frame, and means sixty-four.
struct Swelling;

impl Framing for Swelling {
    fn next(&self, _data: &[u8], _scanned: usize) -> Found {
        Found::Coded {
            body: 0..1,
            size: 1,
        }
    }

    fn at_eof(&self, _rest: &[u8]) -> Tail {
        Tail::Dropped
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        out.push(frame[0]);
        Ok(())
    }

    fn decode(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        assert!(out.is_empty());
        out.resize(64, body[0]);
        Ok(())
    }
}

#[test]
fn a_frame_in_a_code_costs_no_allocation() {
    let _alone = alone();
    let mut bench = Bench::new(1, || Hears(|transport| transport.set_framing(Swelling)));
    bench.call(1);
    said_in_pieces(&mut bench, 1, 1000);
    let (bytes, _) = said_in_pieces(&mut bench, 1, 100_000);
    assert!(
        bytes <= HARNESS,
        "{bytes} bytes were allocated for 100,000 frames"
    );
}
