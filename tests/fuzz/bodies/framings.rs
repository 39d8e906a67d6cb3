//! The framings that come with the crate, other than lines. An input is: which one, and its settings; how long a frame may
//! be; the conduct (1 skips what is too long, 2 obeys its frames); then the stream.

use std::cell::Cell;
use std::rc::Rc;

use ropewalk::framing::{
    Cobs, FixedSize, Found, Int8, Int16, Int32, LengthDelimited, Netstring, Slip, Varint,
};
use ropewalk::{FrameError, Framing};

use super::recorder::{Conduct, Counted, Told, record_all};
use super::stream::{Input, Stream};

const LONGEST: [usize; 8] = [0, 1, 3, 5, 40, 254, 300, usize::MAX];

/// How often a byte may be looked at, those given back three times included; a length is looked at with each of its bytes.
const LOOKS: usize = 64;

/// Which of those with a length in front: 0 to 2 with one, two and four bytes, 3 a varint, 4 of one size, and from 5 on any
/// header: its width, its offset, its adjustment and eight, and of its options 1 the lowest byte first, 2 the header kept.
pub(crate) fn play_lengths(input: &[u8]) {
    let mut input = Input(input);
    match input.number() {
        0 => with_limit(input, |longest| Int8::default().max_length(longest)),
        1 => with_limit(input, |longest| Int16::default().max_length(longest)),
        2 => with_limit(input, |longest| Int32::default().max_length(longest)),
        3 => with_limit(input, |longest| Varint::default().max_length(longest)),
        4 => with_limit(input, |longest| FixedSize::new(longest.max(1))),
        _ => {
            let general = general(&mut input);
            with_limit(input, |longest| general.clone().max_length(longest));
        }
    }
}

pub(crate) fn play_netstrings(input: &[u8]) {
    with_limit(Input(input), |longest| {
        Netstring::default().max_length(longest)
    });
}

/// Which of those with bytes that stand for others: 0 SLIP, else COBS.
pub(crate) fn play_stuffed(input: &[u8]) {
    let mut input = Input(input);
    match input.number() {
        0 => with_limit(input, |longest| Slip::default().max_length(longest)),
        _ => with_limit(input, |longest| Cobs::default().max_length(longest)),
    }
}

fn general(input: &mut Input<'_>) -> LengthDelimited {
    let framing = LengthDelimited::new(1 + input.number() % 8)
        .offset(input.number() % 4)
        .adjustment(input.number() as i64 - 8);
    match input.number() % 4 {
        0 => framing,
        1 => framing.little_endian(),
        2 => framing.keep_header(),
        _ => framing.little_endian().keep_header(),
    }
}

/// Plays it with its limit, and with another one to change to.
fn with_limit<F: Framing + Clone>(mut input: Input<'_>, framing: impl Fn(usize) -> F) {
    let longest = input.number();
    let framings = [longest, longest + 3].map(|at| framing(LONGEST[at % LONGEST.len()]));
    let conduct = Conduct::of(input.number());
    play(framings, conduct, &input.stream());
}

fn play<F: Framing + Clone>(framings: [F; 2], conduct: Conduct, stream: &Stream<'_>) {
    let chunkings = stream.chunkings();
    let record = record_all(&framings, conduct, &chunkings);
    // As the loop sees a user's own.
    let looked_at = Rc::new(Cell::new(0));
    let counted = framings
        .clone()
        .map(|framing| Counted::new(framing, &looked_at));
    assert_eq!(record_all(&counted, conduct, &chunkings), record);
    let most = LOOKS * (stream.bytes.len() + 1) * chunkings.len();
    assert!(looked_at.get() <= most, "{looked_at:?} of {most}");
    if !conduct.obeys {
        for told in &record.told {
            if let Told::Frame(frame) = told {
                comes_back(&framings[0], frame);
            }
        }
    }
}

/// A frame that can be sent is the same when it is received, and takes what it is said to.
fn comes_back(framing: &impl Framing, frame: &[u8]) {
    let mut wire = Vec::new();
    if framing.encode(frame, &mut wire).is_err() {
        assert!(wire.is_empty(), "a frame that can't be sent leaves nothing");
        return;
    }
    assert!(framing.bound().is_none_or(|most| wire.len() <= most));
    let (found, size) = read(framing, &wire).expect("what is sent is a frame");
    assert_eq!((found.as_slice(), size), (frame, wire.len()));
}

fn read(framing: &impl Framing, wire: &[u8]) -> Result<(Vec<u8>, usize), FrameError> {
    match framing.next(wire, 0) {
        Found::Frame { body, size } => Ok((wire[body].to_vec(), size)),
        Found::Coded { body, size } => {
            let mut frame = Vec::new();
            framing.decode(&wire[body], &mut frame)?;
            Ok((frame, size))
        }
        Found::Broken(error) => Err(error),
        other => panic!("{other:?} of {}", wire.escape_ascii()),
    }
}
