//! Framing is work in proportion to the bytes received, however they arrive: nothing is looked at twice.

use std::cell::RefCell;
use std::rc::Rc;

use ropewalk::framing::{Found, Tail};
use ropewalk::{FrameError, Framing, LineReceiver, Lines, Protocol, Transport, testing};

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
