//! The framings that come with the crate, through the whole reactor: what is heard is what a script would read from a file,
//! however the bytes arrive. What a protocol may do between two frames is in the contract's tests.

mod any;
mod coded;
mod expecting;
mod lengths;
mod naive;
mod skipping;

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;
use proptest::sample::select;
use ropewalk::framing::{
    Cobs, FixedSize, Found, Int8, Int16, Int32, LengthDelimited, Netstring, Skip, Slip, Tail,
    Varint,
};
use ropewalk::{FrameError, Framing, Lost, Protocol, Refusal, Side, Transport, testing};

use any::{any_frames, any_rule, any_sizes, any_stream, limited};
use naive::{File, General, Next, Rule};

/// What a protocol was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Frame(Vec<u8>),
    Refused(FrameError),
    Lost(Lost),
}

/// Hears frames of one framing.
struct Listener<F> {
    framing: F,
    refusal: Refusal,
    heard: Rc<RefCell<Vec<Heard>>>,
}

impl<F: Framing + Clone> Protocol for Listener<F> {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.set_framing(self.framing.clone());
    }

    fn data_received(&mut self, _: &mut Transport<'_>, frame: &[u8]) {
        self.heard.borrow_mut().push(Heard::Frame(frame.to_vec()));
    }

    fn frame_refused(&mut self, _: &mut Transport<'_>, error: &FrameError) -> Refusal {
        self.heard.borrow_mut().push(Heard::Refused(vague(error)));
        self.refusal
    }

    fn connection_lost(&mut self, _: &mut Transport<'_>, reason: &Lost) {
        self.heard.borrow_mut().push(Heard::Lost(match reason {
            Lost::BadFrame(error) => Lost::BadFrame(vague(error)),
            reason => reason.clone(),
        }));
    }
}

/// Without the words that say what is wrong.
fn vague(error: &FrameError) -> FrameError {
    match error {
        FrameError::Malformed(_) => FrameError::Malformed(""),
        error => error.clone(),
    }
}

pub(crate) fn hear<'a, F: Framing + Clone>(
    framing: &F,
    refusal: Refusal,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Heard> {
    let heard = Rc::default();
    let mut wire = testing::connect(Listener {
        framing: framing.clone(),
        refusal,
        heard: Rc::clone(&heard),
    });
    for piece in pieces {
        wire.receives(piece);
    }
    wire.ends();
    drop(wire);
    heard.take()
}

/// What a script would have read.
fn read(rule: &Rule, limit: usize, refusal: Refusal, stream: &[u8]) -> Vec<Heard> {
    let mut file = File(stream);
    let mut heard = Vec::new();
    loop {
        let before = file.0;
        let skips = |after: &naive::After, file: &mut File<'_>| {
            refusal == Refusal::Skip && after.skip(file)
        };
        match naive::next(rule, limit, &mut file) {
            Some(Next::Frame(frame)) => heard.push(Heard::Frame(frame)),
            Some(Next::Bad(error, after)) => {
                heard.push(Heard::Refused(error.clone()));
                if !skips(&after, &mut file) {
                    heard.push(Heard::Lost(Lost::BadFrame(error)));
                    return heard;
                }
                if file.0.is_empty() {
                    break;
                }
            }
            None if says_something(rule, before) => {
                heard.push(Heard::Lost(Lost::Truncated));
                return heard;
            }
            None => break,
        }
    }
    heard.push(Heard::Lost(Lost::Done(Side::Peer)));
    heard
}

/// Whether what is left of a file is more than ends of frames.
fn says_something(rule: &Rule, rest: &[u8]) -> bool {
    let nothing = match rule {
        Rule::Slip => 0xC0,
        Rule::Cobs => 0,
        _ => return !rest.is_empty(),
    };
    rest.iter().any(|byte| *byte != nothing)
}

/// The same as a user's own framing: the loop knows nothing of it.
#[derive(Clone)]
struct Own<F>(F);

impl<F: Framing> Framing for Own<F> {
    fn next(&self, data: &[u8], scanned: usize) -> Found {
        self.0.next(data, scanned)
    }

    fn at_eof(&self, rest: &[u8]) -> Tail {
        self.0.at_eof(rest)
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        self.0.encode(frame, out)
    }

    fn decode(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        self.0.decode(body, out)
    }

    fn skip(&self, data: &[u8]) -> Skip {
        self.0.skip(data)
    }

    fn bound(&self) -> Option<usize> {
        self.0.bound()
    }
}

/// What is to be done with a framing of whichever type.
trait Play {
    fn play<F: Framing + Clone>(&mut self, framing: F);
}

fn play(rule: &Rule, limit: usize, play: &mut impl Play) {
    match rule {
        Rule::Int(1) => play.play(Int8::default().max_length(limit)),
        Rule::Int(2) => play.play(Int16::default().max_length(limit)),
        Rule::Int(_) => play.play(Int32::default().max_length(limit)),
        Rule::Varint => play.play(Varint::default().max_length(limit)),
        Rule::Fixed => play.play(FixedSize::new(limit)),
        Rule::Netstring => play.play(Netstring::default().max_length(limit)),
        Rule::Slip => play.play(Slip::default().max_length(limit)),
        Rule::Cobs => play.play(Cobs::default().max_length(limit)),
        Rule::General(general) => {
            let mut framing = LengthDelimited::new(general.width)
                .offset(general.offset)
                .adjustment(general.adjustment)
                .max_length(limit);
            if general.little_endian {
                framing = framing.little_endian();
            }
            if general.keeps_header {
                framing = framing.keep_header();
            }
            play.play(framing);
        }
    }
}

/// A stream in one piece, in those that are given, and byte by byte; by the crate's framing, and by a user's.
struct Hear<'a> {
    rule: &'a Rule,
    limit: usize,
    stream: &'a [u8],
    sizes: &'a [usize],
}

impl Hear<'_> {
    fn pieces(&self) -> Vec<&[u8]> {
        let mut rest = self.stream;
        let mut pieces = Vec::new();
        for size in self.sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces
    }
}

impl Play for Hear<'_> {
    fn play<F: Framing + Clone>(&mut self, framing: F) {
        for refusal in [Refusal::Lose, Refusal::Skip] {
            let expected = read(self.rule, self.limit, refusal, self.stream);
            let own = Own(framing.clone());
            let stream = self.stream;
            assert_eq!(hear(&framing, refusal, [stream]), expected, "whole");
            assert_eq!(hear(&own, refusal, [stream]), expected, "a user's own");
            assert_eq!(
                hear(&framing, refusal, stream.chunks(1)),
                expected,
                "byte by byte"
            );
            assert_eq!(
                hear(&framing, refusal, self.pieces()),
                expected,
                "in pieces"
            );
            assert_eq!(
                hear(&own, refusal, self.pieces()),
                expected,
                "in pieces, a user's own"
            );
        }
    }
}

/// Encodes frames and hears them again.
struct RoundTrip<'a> {
    rule: &'a Rule,
    limit: usize,
    frames: &'a [Vec<u8>],
    sizes: &'a [usize],
}

impl Play for RoundTrip<'_> {
    fn play<F: Framing + Clone>(&mut self, framing: F) {
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for frame in self.frames {
            let before = stream.len();
            match framing.encode(frame, &mut stream) {
                Ok(()) => expected.push(Heard::Frame(comes_back(
                    self.rule,
                    frame,
                    &stream[before..],
                ))),
                Err(_) => assert_eq!(stream.len(), before, "what can't be sent leaves nothing"),
            }
            let sent = stream.len() > before;
            assert_eq!(sent, may_be_sent(self.rule, self.limit, frame), "{frame:?}");
        }
        expected.push(Heard::Lost(Lost::Done(Side::Peer)));
        let mut hear = Hear {
            rule: self.rule,
            limit: self.limit,
            stream: &stream,
            sizes: self.sizes,
        };
        assert_eq!(
            read(self.rule, self.limit, Refusal::Lose, &stream),
            expected
        );
        hear.play(framing);
    }
}

/// A frame as it is heard: of one with its header the length is filled in.
fn comes_back(rule: &Rule, frame: &[u8], sent: &[u8]) -> Vec<u8> {
    match rule {
        Rule::General(General {
            keeps_header: true,
            width,
            offset,
            ..
        }) => {
            let field = *offset..offset + width;
            assert_eq!(frame[..*offset], sent[..*offset]);
            assert_eq!(frame[field.end..], sent[field.end..]);
            sent.to_vec()
        }
        _ => frame.to_vec(),
    }
}

fn may_be_sent(rule: &Rule, limit: usize, frame: &[u8]) -> bool {
    match rule {
        Rule::Fixed => frame.len() == limit,
        Rule::Slip => !frame.is_empty() && frame.len() <= limit,
        Rule::General(general) => {
            let header = match general.keeps_header {
                true => general.offset + general.width,
                false => 0,
            };
            let Some(length) = frame.len().checked_sub(header) else {
                return false;
            };
            let value = length as i128 - i128::from(general.adjustment);
            length <= limit && (0..1_i128 << (8 * general.width)).contains(&value)
        }
        Rule::Int(1) => frame.len() <= limit.min(255),
        _ => frame.len() <= limit,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_bytes_are_heard_as_a_script_would_read_them(
        (rule, stream) in any_stream(),
        limit in 0..12_usize,
        sizes in any_sizes(),
    ) {
        let limit = limited(&rule, limit);
        play(&rule, limit, &mut Hear { rule: &rule, limit, stream: &stream, sizes: &sizes });
    }

    #[test]
    fn what_is_sent_is_heard_again(
        rule in any_rule(),
        limit in select(vec![0, 3, 12, 253, 254, 255, 508, 1000]),
        frames in any_frames(),
        sizes in any_sizes(),
    ) {
        let limit = limited(&rule, limit);
        play(&rule, limit, &mut RoundTrip { rule: &rule, limit, frames: &frames, sizes: &sizes });
    }
}
