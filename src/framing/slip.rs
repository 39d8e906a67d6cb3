//! SLIP: frames for a line that has nothing but bytes (RFC 1055). Owns its two special bytes and what stands for them; a
//! frame in which neither is needs no copy.

use memchr::{memchr, memchr2};

use super::ended::Ended;
use super::limited::{check_length, limited};
use super::{Found, Framing, Skip, Tail};
use crate::error::FrameError;

/// SLIP, as serial lines have it (RFC 1055): a frame ends with the byte 0xC0, in place of which the frame itself has 0xDB
/// 0xDC, and 0xDB 0xDD in place of 0xDB.
///
/// Ends without a frame between them are ignored, so a peer may begin a frame with one too. What is sent does not, and an
/// empty frame can't be sent; the RFC's own limit is 1,006. A frame that is too long is refused when its end is there, or as soon as it takes more bytes than an allowed one
/// could, twice as many; it can be skipped ([`Refusal::Skip`](crate::Refusal::Skip)), and so can one with 0xDB before
/// anything else. One that is too long is not sent, either.
///
/// ```
/// use ropewalk::framing::{Found, Framing, Slip};
///
/// let slip = Slip::default();
/// let mut out = Vec::new();
/// slip.encode(b"a\xC0b", &mut out)?;
/// assert_eq!(out, b"a\xDB\xDCb\xC0");
/// assert_eq!(slip.next(&out, 0), Found::Coded { body: 0..4, size: 5 });
/// assert_eq!(slip.next(b"plain\xC0", 0), Found::Frame { body: 0..5, size: 6 });
/// # Ok::<(), ropewalk::FrameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    max_length: usize,
}

const END: u8 = 0xC0;
const ESCAPE: u8 = 0xDB;
const ESCAPED_END: u8 = 0xDC;
const ESCAPED_ESCAPE: u8 = 0xDD;

limited!(Slip, "as they are meant, not as they are written");

impl Slip {
    fn ended(&self) -> Ended {
        Ended {
            end: END,
            written: self.max_length.saturating_mul(2),
            limit: self.max_length,
        }
    }
}

impl Framing for Slip {
    fn next(&self, data: &[u8], scanned: usize) -> Found {
        self.ended().next(data, scanned, |frame| {
            memchr(ESCAPE, frame).is_none().then_some(0..frame.len())
        })
    }

    fn decode(&self, mut body: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        while let Some(at) = memchr(ESCAPE, body) {
            out.extend_from_slice(&body[..at]);
            out.push(match body.get(at + 1) {
                Some(&ESCAPED_END) => END,
                Some(&ESCAPED_ESCAPE) => ESCAPE,
                _ => return Err(FrameError::Malformed("0xDB stands before nothing it may")),
            });
            body = &body[at + 2..];
        }
        out.extend_from_slice(body);
        self.ended().check(out)
    }

    fn at_eof(&self, _rest: &[u8]) -> Tail {
        Tail::Truncated
    }

    fn encode(&self, mut frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        check_length(frame, self.max_length)?;
        if frame.is_empty() {
            return Err(FrameError::Malformed("an empty frame would be ignored"));
        }
        out.reserve(frame.len() + 1);
        while let Some(at) = memchr2(END, ESCAPE, frame) {
            out.extend_from_slice(&frame[..at]);
            let stands_for_it = match frame[at] {
                END => ESCAPED_END,
                _ => ESCAPED_ESCAPE,
            };
            out.extend_from_slice(&[ESCAPE, stands_for_it]);
            frame = &frame[at + 1..];
        }
        out.extend_from_slice(frame);
        out.push(END);
        Ok(())
    }

    fn skip(&self, data: &[u8]) -> Skip {
        self.ended().skip(data)
    }

    fn bound(&self) -> Option<usize> {
        Some(self.ended().written.saturating_add(1))
    }
}
