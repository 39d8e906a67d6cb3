//! Frames with a length of one, two or four bytes in front, as Twisted has them. Owns their limits; any other header is
//! [`LengthDelimited`](super::LengthDelimited)'s.

use super::header::{Header, big_endian, largest};
use super::limited::{MAX_LENGTH, check_length};
use super::{Found, Framing, Skip, Tail};
use crate::error::FrameError;

/// Frames with a length of `WIDTH` bytes in front: [`Int8`], [`Int16`] and [`Int32`].
///
/// The length is unsigned, its highest byte comes first, and it counts the bytes behind it. A frame that is longer than
/// allowed is refused as soon as its length is there, before a byte of it has come; it can be skipped
/// ([`Refusal::Skip`](crate::Refusal::Skip)). One that is longer is not sent, either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntPrefixed<const WIDTH: usize> {
    max_length: usize,
}

/// Frames of at most 255 bytes, with a length of one byte in front. Twisted calls it `Int8StringReceiver`.
///
/// ```
/// use ropewalk::framing::{Found, Framing, Int8};
///
/// let frames = Int8::default();
/// assert_eq!(frames.next(b"\x05hello\x03", 0), Found::Frame { body: 1..6, size: 6 });
/// assert_eq!(frames.next(b"\x03w", 0), Found::Part { size: 4 });
/// ```
pub type Int8 = IntPrefixed<1>;

/// Frames of at most 65,535 bytes, with a length of two bytes in front. Twisted calls it `Int16StringReceiver`.
///
/// ```
/// use ropewalk::framing::{Framing, Int16};
///
/// let mut out = Vec::new();
/// Int16::default().encode(b"hello", &mut out)?;
/// assert_eq!(out, b"\0\x05hello");
/// # Ok::<(), ropewalk::FrameError>(())
/// ```
pub type Int16 = IntPrefixed<2>;

/// Frames with a length of four bytes in front, of at most 99,999 bytes unless [`max_length`](IntPrefixed::max_length) says
/// otherwise. Twisted calls it `Int32StringReceiver`.
///
/// ```
/// use ropewalk::framing::{Found, Framing, Int32};
/// use ropewalk::FrameError;
///
/// let frames = Int32::default().max_length(1 << 20);
/// let error = FrameError::TooLong { limit: 1 << 20, size: Some((1 << 20) + 1) };
/// assert_eq!(frames.next(b"\x00\x10\x00\x01", 0), Found::Broken(error));
/// ```
pub type Int32 = IntPrefixed<4>;

impl<const WIDTH: usize> Default for IntPrefixed<WIDTH> {
    fn default() -> Self {
        Self { max_length: 0 }.max_length(MAX_LENGTH)
    }
}

impl<const WIDTH: usize> IntPrefixed<WIDTH> {
    /// Allows frames of up to `bytes` bytes, the length not counted; no more than it can say.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Self {
        const { assert!(matches!(WIDTH, 1 | 2 | 4), "a length has 1, 2 or 4 bytes") }
        let most = usize::try_from(largest(WIDTH)).unwrap_or(usize::MAX);
        self.max_length = bytes.min(most);
        self
    }

    /// How many bytes a frame may have.
    pub fn longest(&self) -> usize {
        self.max_length
    }

    #[inline]
    fn header(data: &[u8]) -> Header {
        match data.first_chunk::<WIDTH>() {
            Some(prefix) => Header::Whole {
                size: WIDTH,
                length: big_endian(prefix),
            },
            None => Header::Unfinished(WIDTH),
        }
    }
}

impl<const WIDTH: usize> Framing for IntPrefixed<WIDTH> {
    #[inline]
    fn next(&self, data: &[u8], _scanned: usize) -> Found {
        Self::header(data).frame(data, self.max_length)
    }

    fn at_eof(&self, _rest: &[u8]) -> Tail {
        Tail::Truncated
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        check_length(frame, self.max_length)?;
        let length = (frame.len() as u64).to_be_bytes();
        out.reserve(WIDTH + frame.len());
        out.extend_from_slice(&length[length.len() - WIDTH..]);
        out.extend_from_slice(frame);
        Ok(())
    }

    fn skip(&self, data: &[u8]) -> Skip {
        Self::header(data).skip()
    }

    fn bound(&self) -> Option<usize> {
        Some(self.max_length.saturating_add(WIDTH))
    }
}
