//! A framing that says anything, as one that is broken may: no panic, no loop without end. An input is: how many answers it
//! has, the answers, the conduct, then the stream.

use std::cell::Cell;
use std::rc::Rc;

use ropewalk::framing::{Found, Skip, Tail};
use ropewalk::{FrameError, Framing};

use super::recorder::{Conduct, record};
use super::stream::Input;

/// An answer takes so many bytes of the input.
const ANSWER: usize = 4;

#[derive(Clone)]
struct Lying {
    answers: Rc<[[usize; ANSWER]]>,
    asked: Rc<Cell<usize>>,
}

impl Lying {
    fn answer(&self) -> [usize; ANSWER] {
        let asked = self.asked.get();
        self.asked.set(asked + 1);
        let place = asked % self.answers.len().max(1);
        self.answers.get(place).copied().unwrap_or_default()
    }
}

impl Framing for Lying {
    fn next(&self, _data: &[u8], _scanned: usize) -> Found {
        let [kind, start, end, size] = self.answer();
        match kind % 7 {
            0 | 1 => Found::Frame {
                body: start..end,
                size,
            },
            2 => Found::More { scanned: size },
            3 => Found::Broken(FrameError::Malformed("so it says")),
            4 => Found::Coded {
                body: start..end,
                size,
            },
            5 => Found::Nothing { size },
            _ => Found::Part { size },
        }
    }

    fn at_eof(&self, _rest: &[u8]) -> Tail {
        let [kind, start, end, _] = self.answer();
        match kind % 4 {
            0 | 1 => Tail::Frame(start..end),
            2 => Tail::Dropped,
            _ => Tail::Truncated,
        }
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        out.extend_from_slice(frame);
        Ok(())
    }

    fn decode(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        match self.answer() {
            [0..4, ..] => Err(FrameError::Malformed("so it says")),
            _ => self.encode(body, out),
        }
    }

    fn skip(&self, _data: &[u8]) -> Skip {
        let [kind, size, ..] = self.answer();
        match kind % 3 {
            0 => Skip::Bytes(size as u64),
            1 => Skip::More,
            _ => Skip::Impossible,
        }
    }

    fn bound(&self) -> Option<usize> {
        let [kind, bound, ..] = self.answer();
        (kind % 2 == 0).then_some(bound)
    }
}

/// Numbers near to nothing, and one beyond everything.
fn number(byte: u8) -> usize {
    match byte {
        u8::MAX => usize::MAX,
        byte => usize::from(byte % 16),
    }
}

pub(crate) fn play(input: &[u8]) {
    let mut input = Input(input);
    let count = input.number();
    let answers: Vec<[usize; ANSWER]> = (0..count)
        .map(|_| [(); ANSWER].map(|()| number(input.byte())))
        .collect();
    let conduct = Conduct::of(input.number());
    let answers: Rc<[[usize; ANSWER]]> = answers.into();
    for pieces in input.stream().chunkings() {
        // Whether it is asked twice or thrice changes all that it says: what is told need not be the same.
        let lying = || Lying {
            answers: Rc::clone(&answers),
            asked: Rc::default(),
        };
        record([lying(), lying()], conduct, &pieces);
    }
}
