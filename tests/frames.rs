//! Framings of users' own: the same for every chunking, also at their limits.

use ropewalk::framing::{Found, Framing, Tail};
use ropewalk::testing;
use ropewalk::{FrameError, LineReceiver, Lines, Protocol, Refusal, Transport};

/// Frames end with a newline, and know no limit of their own.
struct Unlimited;

impl Framing for Unlimited {
    fn next(&self, data: &[u8], scanned: usize) -> Found {
        match data[scanned..].iter().position(|byte| *byte == b'\n') {
            Some(at) => Found::Frame {
                body: 0..scanned + at,
                size: scanned + at + 1,
            },
            None => Found::More {
                scanned: data.len(),
            },
        }
    }

    fn at_eof(&self, _: &[u8]) -> Tail {
        Tail::Dropped
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        out.extend_from_slice(frame);
        Ok(())
    }
}

struct Receiver;

impl Protocol for Receiver {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.set_framing(Unlimited);
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

#[test]
fn a_frame_beyond_the_limit_is_refused_in_one_piece_and_in_many() {
    let frame = [vec![b'x'; 3 << 20], b"\n".to_vec()].concat();
    let heard = |piece: usize| {
        let mut wire = testing::connect(Receiver);
        for piece in frame.chunks(piece) {
            if wire.lost().is_none() {
                wire.receives(piece);
            }
        }
        wire.callbacks()
    };
    let whole = heard(frame.len());
    assert!(whole[1].starts_with("refused longer than"), "{whole:?}");
    assert_eq!(heard(100_000), whole);
}

/// Gives bytes back where none were given.
struct Careless;

impl LineReceiver for Careless {
    fn lines(&self) -> Lines {
        Lines::lf().max_length(3)
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        if line == b"p" {
            transport.pause_reading();
        }
    }

    fn line_too_long(&mut self, transport: &mut Transport<'_>) -> Refusal {
        transport.unread(2);
        Refusal::Skip
    }
}

#[test]
fn what_is_given_back_of_a_refused_line_is_not_taken_from_a_later_one() {
    let mut wire = testing::connect(Careless);
    wire.receives("toolong\na\np\nb\n");
    let id = wire.id();
    wire.reactor().resume_reading(id);
    wire.advance(std::time::Duration::ZERO);
    assert_eq!(
        wire.callbacks(),
        [
            "made",
            "refused longer than 3 bytes",
            "frame \"a\"",
            "frame \"p\"",
            "frame \"b\""
        ]
    );
}
