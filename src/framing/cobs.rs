//! COBS: frames without zeros, so that a zero can end them. Owns how zeros are written as distances; a frame of one block
//! needs no copy.

use memchr::memchr;

use super::ended::Ended;
use super::limited::{check_length, limited};
use super::{Found, Framing, Skip, Tail};
use crate::error::FrameError;

/// Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): a frame ends with a zero byte, and its own zeros are
/// written as the distance to the next one, at a cost of one byte in 254.
///
/// Zeros without a frame between them are ignored. A frame that is too long is refused when its end is there, or as soon
/// as it takes more bytes than an allowed one could; it can be skipped ([`Refusal::Skip`](crate::Refusal::Skip)), and so
/// can one in which a distance leads beyond its end. One that is too long is not sent, either.
///
/// ```
/// use ropewalk::framing::{Cobs, Found, Framing};
///
/// let cobs = Cobs::default();
/// let mut out = Vec::new();
/// cobs.encode(b"a\0b", &mut out)?;
/// assert_eq!(out, b"\x02a\x02b\0");
/// assert_eq!(cobs.next(&out, 0), Found::Coded { body: 0..4, size: 5 });
/// assert_eq!(cobs.next(b"\x06plain\0", 0), Found::Frame { body: 1..6, size: 7 });
/// # Ok::<(), ropewalk::FrameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cobs {
    max_length: usize,
}

/// A block of so many bytes ends without a zero.
const FULL: usize = 254;

limited!(Cobs, "as they are meant, not as they are written");

impl Cobs {
    fn ended(&self) -> Ended {
        Ended {
            end: 0,
            written: written(self.max_length),
            limit: self.max_length,
        }
    }
}

/// How many bytes a frame of so many takes at most, its end left out.
fn written(length: usize) -> usize {
    length.saturating_add(length / FULL + 1)
}

impl Framing for Cobs {
    fn next(&self, data: &[u8], scanned: usize) -> Found {
        self.ended().next(data, scanned, |frame| {
            let one_block = frame.first().map(|code| usize::from(*code)) == Some(frame.len());
            one_block.then_some(1..frame.len())
        })
    }

    fn decode(&self, mut body: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        while let Some((&code, rest)) = body.split_first() {
            let length = usize::from(code).saturating_sub(1);
            let Some((block, rest)) = rest.split_at_checked(length) else {
                return Err(FrameError::Malformed("a block beyond the end of its frame"));
            };
            out.extend_from_slice(block);
            if length < FULL && !rest.is_empty() {
                out.push(0);
            }
            body = rest;
        }
        self.ended().check(out)
    }

    fn at_eof(&self, _rest: &[u8]) -> Tail {
        Tail::Truncated
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        check_length(frame, self.max_length)?;
        out.reserve(written(frame.len()) + 1);
        let mut rest = Some(frame);
        while let Some(frame) = rest {
            let most = &frame[..frame.len().min(FULL)];
            let (block, after) = match memchr(0, most) {
                Some(zero) => (&frame[..zero], Some(&frame[zero + 1..])),
                None => (
                    most,
                    Some(&frame[most.len()..]).filter(|rest| !rest.is_empty()),
                ),
            };
            out.push(block.len() as u8 + 1);
            out.extend_from_slice(block);
            rest = after;
        }
        out.push(0);
        Ok(())
    }

    fn skip(&self, data: &[u8]) -> Skip {
        self.ended().skip(data)
    }

    fn bound(&self) -> Option<usize> {
        Some(self.ended().written.saturating_add(1))
    }
}
