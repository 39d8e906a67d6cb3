//! Frames with a length in front. An input is: how many bytes the length has, how long a frame may be, how much may be held,
//! the conduct (2 obeys its frames), then the stream.

use std::cell::Cell;
use std::rc::Rc;

use ropewalk::framing::{Found, Tail};
use ropewalk::{FrameError, Framing};

use super::recorder::{Conduct, Counted, record_all};
use super::stream::Input;

const LONGEST: [usize; 4] = [0, 5, 300, usize::MAX];
const HELD: [usize; 4] = [1, 7, 300, 1 << 20];

/// How often a byte may be looked at, those given back three times included.
const LOOKS: usize = 16;

/// As users write it.
#[derive(Clone)]
struct Prefixed {
    width: usize,
    longest: usize,
}

impl Framing for Prefixed {
    fn next(&self, data: &[u8], _scanned: usize) -> Found {
        let more = Found::More {
            scanned: data.len(),
        };
        let Some(prefix) = data.get(..self.width) else {
            return more;
        };
        let length = prefix.iter().fold(0, |length: usize, &byte| {
            length.saturating_mul(256).saturating_add(byte.into())
        });
        if length > self.longest {
            return Found::Broken(FrameError::TooLong {
                limit: self.longest,
                size: None,
            });
        }
        let size = self.width.saturating_add(length);
        if data.len() < size {
            return more;
        }
        Found::Frame {
            body: self.width..size,
            size,
        }
    }

    fn at_eof(&self, _rest: &[u8]) -> Tail {
        Tail::Truncated
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        let length = frame.len().to_be_bytes();
        let (zeros, prefix) = length.split_at(length.len() - self.width);
        if zeros.iter().any(|byte| *byte > 0) {
            let limit = (1 << (8 * self.width)) - 1;
            return Err(FrameError::TooLong { limit, size: None });
        }
        out.extend_from_slice(prefix);
        out.extend_from_slice(frame);
        Ok(())
    }
}

pub(crate) fn play(input: &[u8]) {
    let mut input = Input(input);
    let width = 1 + input.number() % 8;
    let longest = LONGEST[input.number() % 4];
    let held = HELD[input.number() % 4];
    let conduct = Conduct {
        held,
        ..Conduct::of(input.number())
    };
    let stream = input.stream();
    let chunkings = stream.chunkings();
    let looked_at = Rc::new(Cell::new(0));
    let framings =
        [width, 1 + width % 8].map(|width| Counted::new(Prefixed { width, longest }, &looked_at));
    record_all(&framings, conduct, &chunkings);
    let most = LOOKS * (stream.bytes.len() + 1) * chunkings.len();
    assert!(looked_at.get() <= most, "{looked_at:?} of {most}");
}
