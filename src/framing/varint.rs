//! Frames with a length of as few bytes as it needs in front, as protobuf has them. Owns what a length of this kind may be;
//! knows nothing of what is in a frame.

use super::header::Header;
use super::limited::{check_length, limited};
use super::{Found, Framing, Skip, Tail};
use crate::error::FrameError;

/// Frames with a *varint* in front, as protobuf's delimited messages: seven bits of the length in each byte, the lowest
/// first, and all bytes but its last one above 127 (LEB128).
///
/// A length takes as few bytes as it can: one with zeros at its end is refused, as is one beyond 64 bits. A frame longer
/// than allowed is refused as soon as its length is there, before a byte of it has come; it can be skipped
/// ([`Refusal::Skip`](crate::Refusal::Skip)). One that is longer is not sent, either.
///
/// ```
/// use ropewalk::framing::{Found, Framing, Varint};
///
/// let frames = Varint::default();
/// let mut out = Vec::new();
/// frames.encode(&[b'x'; 300], &mut out)?;
/// assert!(out.starts_with(b"\xAC\x02xxx"));
/// assert_eq!(frames.next(&out, 0), Found::Frame { body: 2..302, size: 302 });
/// # Ok::<(), ropewalk::FrameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Varint {
    max_length: usize,
}

/// How many bytes 64 bits take.
const LONGEST: usize = 10;

limited!(Varint, "the length not counted");

impl Varint {
    fn header(data: &[u8]) -> Header {
        let mut length = 0;
        for (at, &byte) in data.iter().take(LONGEST).enumerate() {
            if at == LONGEST - 1 && byte > 1 {
                return Header::Wrong(FrameError::Malformed("a length beyond 64 bits"));
            }
            length |= u64::from(byte & 0x7F) << (7 * at);
            if byte == 0 && at > 0 {
                return Header::Wrong(FrameError::Malformed("a length with zeros at its end"));
            }
            if byte < 0x80 {
                return Header::Whole {
                    size: at + 1,
                    length,
                };
            }
        }
        Header::Unfinished(data.len() + 1)
    }
}

impl Framing for Varint {
    fn next(&self, data: &[u8], _scanned: usize) -> Found {
        Self::header(data).frame(data, self.max_length)
    }

    fn at_eof(&self, _rest: &[u8]) -> Tail {
        Tail::Truncated
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        check_length(frame, self.max_length)?;
        out.reserve(LONGEST + frame.len());
        let mut length = frame.len();
        while length >= 0x80 {
            out.push((length & 0x7F) as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(frame);
        Ok(())
    }

    fn skip(&self, data: &[u8]) -> Skip {
        Self::header(data).skip()
    }

    fn bound(&self) -> Option<usize> {
        Some(self.max_length.saturating_add(LONGEST))
    }
}
