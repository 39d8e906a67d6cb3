//! Framings of users' own: the same for every chunking, also at their limits.

use ropewalk::framing::{Found, Framing, Tail};
use ropewalk::testing;
use ropewalk::{FrameError, Limits, LineReceiver, Lines, Protocol, Refusal, Transport};

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

/// Frames that are too long for it beyond eight bytes.
struct UpToEight;

impl Framing for UpToEight {
    fn next(&self, data: &[u8], scanned: usize) -> Found {
        match Unlimited.next(data, scanned) {
            Found::More { scanned } if scanned > 8 => Found::Broken(FrameError::TooLong {
                limit: 8,
                size: None,
            }),
            found => found,
        }
    }

    fn at_eof(&self, _: &[u8]) -> Tail {
        Tail::Dropped
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        Unlimited.encode(frame, out)
    }
}

struct Short;

impl Protocol for Short {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.set_framing(UpToEight);
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

#[test]
fn the_lower_of_the_two_limits_is_told_in_one_piece_and_in_many() {
    for (held, told) in [(5, 5), (8, 8), (100, 8)] {
        for size in [1, 3, 20] {
            let limits = Limits::default().held(held);
            let mut wire = testing::wiring().limits(limits).connect(Short);
            for piece in b"abcdefghijklmnopqrst".chunks(size) {
                wire.receives(piece);
            }
            let refused = format!("refused longer than {told} bytes");
            assert_eq!(wire.callbacks()[1], refused, "in pieces of {size}");
        }
    }
}

/// Says that frames are where they can't be.
struct Lost(Found, Tail);

impl Framing for Lost {
    fn next(&self, _: &[u8], _: usize) -> Found {
        self.0.clone()
    }

    fn at_eof(&self, _: &[u8]) -> Tail {
        self.1.clone()
    }

    fn encode(&self, _: &[u8], _: &mut Vec<u8>) -> Result<(), FrameError> {
        Ok(())
    }
}

struct Led(Option<Lost>);

impl Protocol for Led {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.set_framing(self.0.take().expect("it is made once"));
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

#[test]
#[expect(
    clippy::reversed_empty_ranges,
    reason = "a framing can say such a thing"
)]
fn a_framing_that_loses_its_place_is_no_fault_of_the_protocol() {
    let frame = |body, size| Lost(Found::Frame { body, size }, Tail::Dropped);
    let last = |body| Lost(Found::More { scanned: 3 }, Tail::Frame(body));
    for lost in [
        frame(0..0, 0),
        frame(0..9, 9),
        frame(0..3, 2),
        frame(2..1, 3),
        last(0..4),
        last(2..1),
    ] {
        let mut wire = testing::connect(Led(Some(lost)));
        wire.receives("abc").ends();
        assert_eq!(wire.callbacks()[1], "refused the framing lost its place");
        assert_eq!(
            wire.callbacks().last().map(String::as_str),
            Some("lost bad frame: the framing lost its place")
        );
    }
}

#[test]
fn what_follows_a_frame_does_not_count_as_held_for_it() {
    let limits = Limits::default().held(8);
    let mut wire = testing::wiring().limits(limits).connect(Receiver);
    wire.receives("ab").receives("c\ndef\nghi\njkl\n");
    assert_eq!(
        wire.callbacks()[1..],
        [
            "frame \"abc\"",
            "frame \"def\"",
            "frame \"ghi\"",
            "frame \"jkl\""
        ]
    );
}
