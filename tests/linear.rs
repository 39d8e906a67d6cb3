//! Framing is work in proportion to the bytes received, however they arrive: nothing is looked at twice. And what waits for a
//! slow peer costs as much however much it is.

use std::cell::RefCell;
use std::rc::Rc;

use ropewalk::framing::{Found, Int32, Tail};
use ropewalk::{
    FrameError, Framing, Group, Limits, LineReceiver, Lines, Protocol, Slow, Transport, testing,
};

/// Counts how many bytes are shown to it.
struct Costly(Rc<RefCell<usize>>);

impl Framing for Costly {
    fn next(&self, data: &[u8], scanned: usize) -> Found {
        let found = Lines::lf().max_length(1 << 20).next(data, scanned);
        let looked_at = match &found {
            Found::Frame { size, .. } => *size,
            _ => data.len(),
        };
        *self.0.borrow_mut() += looked_at.saturating_sub(scanned);
        found
    }

    fn at_eof(&self, rest: &[u8]) -> Tail {
        Lines::lf().at_eof(rest)
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        Lines::lf().encode(frame, out)
    }
}

struct Frames(Rc<RefCell<usize>>);

impl Protocol for Frames {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.set_framing(Costly(Rc::clone(&self.0)));
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

#[test]
fn each_byte_is_looked_at_once() {
    let many = b"a\n".repeat(100_000);
    let endless = vec![b'a'; 20_000];
    for (stream, size) in [
        (&many, many.len()),
        (&many, 7),
        (&endless, 1),
        (&endless, 100),
    ] {
        let looked_at = Rc::default();
        let mut wire = testing::connect(Frames(Rc::clone(&looked_at)));
        wire.receives_in_pieces(stream, size);
        let once = stream.len();
        assert!(
            (once..=2 * once).contains(&*looked_at.borrow()),
            "{looked_at:?} of {once}"
        );
    }
}

/// Counts how often it is asked.
struct Asked<F>(F, Rc<RefCell<usize>>);

impl<F: Framing> Framing for Asked<F> {
    fn next(&self, data: &[u8], scanned: usize) -> Found {
        *self.1.borrow_mut() += 1;
        self.0.next(data, scanned)
    }

    fn at_eof(&self, rest: &[u8]) -> Tail {
        self.0.at_eof(rest)
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        self.0.encode(frame, out)
    }

    fn bound(&self) -> Option<usize> {
        self.0.bound()
    }
}

struct Whole(Rc<RefCell<usize>>);

impl Protocol for Whole {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.set_framing(Asked(Int32::default(), Rc::clone(&self.0)));
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

#[test]
fn a_framing_is_not_asked_before_there_is_as_much_as_it_wants() {
    const LONG: usize = 50_000;
    let stream = [&(LONG as u32).to_be_bytes(), vec![b'x'; LONG].as_slice()].concat();
    for size in [1, 7, 1000] {
        let asked = Rc::default();
        let mut wire = testing::connect(Whole(Rc::clone(&asked)));
        for _ in 0..3 {
            wire.receives_in_pieces(&stream, size);
        }
        assert_eq!(wire.callbacks().len(), 4);
        // For its length, for what that says, and for the frame.
        assert!(
            *asked.borrow() <= 3 * 3,
            "it was asked {asked:?} times in pieces of {size}"
        );
    }
}

#[test]
fn a_flood_of_lines_and_an_endless_line_are_no_work_of_their_square() {
    struct Counts(usize);
    impl LineReceiver for Counts {
        fn lines(&self) -> Lines {
            Lines::default().max_length(usize::MAX)
        }
        fn line_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {
            self.0 += 1;
        }
    }
    let mut wire = testing::connect(Counts(0));
    wire.receives(b"a\n".repeat(1 << 19));
    assert_eq!(wire.protocol(|counts, _| counts.0), 1 << 19);
    wire.receives_in_pieces(vec![b'a'; 1 << 17], 1)
        .receives("\n");
    assert_eq!(wire.protocol(|counts, _| counts.0), (1 << 19) + 1);
}

#[test]
fn frames_that_wait_for_a_slow_peer_are_no_work_of_their_square() {
    const MANY: usize = 50_000;
    struct Silent;
    impl Protocol for Silent {
        fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    }
    let limits = Limits::default().unsent(usize::MAX);
    let mut wire = testing::wiring().limits(limits).blocked().connect(Silent);
    let (group, id) = (Group::with(Slow::DropOldest(MANY)), wire.id());
    assert!(group.add(wire.reactor(), 0, id));
    wire.reactor().write(id, vec![b'.'; 20_000]);
    for n in 0..3 * MANY {
        group.send(wire.reactor(), format!("{n} "));
        wire.reactor().send_latest(id, n % MANY, format!("{n} "));
    }
    assert_eq!(wire.reactor().counters().frames_dropped, 2 * MANY as u64);
    assert_eq!(wire.reactor().counters().frames_replaced, 2 * MANY as u64);
    let sent = String::from_utf8(wire.unblocks().take_sent()).expect("only digits");
    let last: Vec<usize> = sent[20_000..]
        .split_whitespace()
        .map(|n| n.parse().expect("a number"))
        .collect();
    assert!(last.iter().filter(|&&n| n >= 2 * MANY).count() == 2 * MANY && last.len() == 2 * MANY);
}
