//! Frames that all have the same size. Owns nothing but the number; there is no envelope.

use super::limited::too_long;
use super::{Found, Framing, Tail};
use crate::error::FrameError;

/// Frames of the same size, one behind the other, with nothing between them. One of another size is not sent.
///
/// ```
/// use ropewalk::framing::{FixedSize, Found, Framing};
///
/// let records = FixedSize::new(4);
/// assert_eq!(records.next(b"plumpe", 0), Found::Frame { body: 0..4, size: 4 });
/// assert_eq!(records.next(b"pe", 0), Found::Part { size: 4 });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedSize {
    size: usize,
}

impl FixedSize {
    /// Frames of `size` bytes.
    ///
    /// # Panics
    /// If that is zero.
    pub fn new(size: usize) -> Self {
        assert!(size > 0, "a frame without bytes can't be seen");
        Self { size }
    }

    /// How many bytes each frame has.
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Framing for FixedSize {
    #[inline]
    fn next(&self, data: &[u8], _scanned: usize) -> Found {
        let size = self.size;
        if data.len() < size {
            return Found::Part { size };
        }
        Found::Frame {
            body: 0..size,
            size,
        }
    }

    fn at_eof(&self, _rest: &[u8]) -> Tail {
        Tail::Truncated
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        if frame.len() > self.size {
            return Err(too_long(self.size, frame.len() as u64));
        }
        if frame.len() < self.size {
            return Err(FrameError::Malformed("shorter than the others"));
        }
        out.extend_from_slice(frame);
        Ok(())
    }

    fn bound(&self) -> Option<usize> {
        Some(self.size)
    }
}
