//! Netstrings: a length in decimal digits, a colon, the bytes, a comma. Owns their grammar, to the letter; guesses no end of
//! a bad one.

use std::io::Write;

use super::limited::{check_length, limited};
use super::{Found, Framing, Tail};
use crate::error::FrameError;

/// Netstrings, as D. J. Bernstein has them: `5:hello,`. Twisted calls it `NetstringReceiver`.
///
/// The length is digits and nothing else: no sign, no blank, no zero in front of others. It is refused at the byte that
/// makes it wrong, and at the digit that makes it more than allowed, however many follow. A frame that is longer is not
/// sent, either. A bad netstring can't be skipped: if its length can't be trusted, nothing tells where it ends.
///
/// ```
/// use ropewalk::FrameError;
/// use ropewalk::framing::{Found, Framing, Netstring};
///
/// let netstrings = Netstring::default().max_length(512);
/// assert_eq!(netstrings.next(b"5:hello,0:,", 0), Found::Frame { body: 2..7, size: 8 });
/// assert_eq!(netstrings.next(b"5:hel", 0), Found::Part { size: 8 });
/// let error = FrameError::TooLong { limit: 512, size: None };
/// assert_eq!(netstrings.next(b"513", 0), Found::Broken(error));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Netstring {
    max_length: usize,
}

/// How many bytes go with a frame at most: the digits of 64 bits, the colon, and the comma.
const ENVELOPE: usize = 22;

limited!(Netstring, "digits, colon and comma not counted");

impl Netstring {
    /// How many bytes its length takes with the colon, and what it says.
    fn header(&self, data: &[u8]) -> Result<(usize, usize), Found> {
        let broken = |what| Err(Found::Broken(FrameError::Malformed(what)));
        let mut length: usize = 0;
        for (at, byte) in data.iter().enumerate() {
            match byte {
                b'0'..=b'9' if at == 1 && length == 0 => {
                    return broken("a length with a leading zero");
                }
                b'0'..=b'9' => {
                    let digit = usize::from(byte - b'0');
                    length = self.longer(length, digit).ok_or_else(|| self.too_long())?;
                }
                b':' if at > 0 => return Ok((at + 1, length)),
                _ => return broken("no length of a netstring"),
            }
        }
        Err(Found::Part {
            size: data.len() + 1,
        })
    }

    /// A length with one digit more, if that is allowed.
    fn longer(&self, length: usize, digit: usize) -> Option<usize> {
        let longer = length.checked_mul(10)?.checked_add(digit)?;
        (longer <= self.max_length).then_some(longer)
    }

    /// More digits may follow, so its size is not known.
    fn too_long(&self) -> Found {
        Found::Broken(FrameError::TooLong {
            limit: self.max_length,
            size: None,
        })
    }
}

impl Framing for Netstring {
    fn next(&self, data: &[u8], _scanned: usize) -> Found {
        let (header, length) = match self.header(data) {
            Ok(header) => header,
            Err(found) => return found,
        };
        let end = header.saturating_add(length);
        match data.get(end) {
            Some(b',') => Found::Frame {
                body: header..end,
                size: end + 1,
            },
            Some(_) => Found::Broken(FrameError::Malformed("a netstring without its comma")),
            None => Found::Part {
                size: end.saturating_add(1),
            },
        }
    }

    fn at_eof(&self, _rest: &[u8]) -> Tail {
        Tail::Truncated
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        check_length(frame, self.max_length)?;
        out.reserve(ENVELOPE + frame.len());
        // Into memory: it can't fail.
        let _ = write!(out, "{}:", frame.len());
        out.extend_from_slice(frame);
        out.push(b',');
        Ok(())
    }

    fn bound(&self) -> Option<usize> {
        Some(self.max_length.saturating_add(ENVELOPE))
    }
}
