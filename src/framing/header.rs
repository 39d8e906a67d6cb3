//! Frames with their length in front of them: what a header says, and what follows from it. Owns the order in which that is
//! judged, the limit before the body; how a length is written is each framing's own.

use super::limited::too_long;
use super::{Found, Skip};
use crate::error::FrameError;

/// What is at the front of some bytes.
pub(super) enum Header {
    /// The beginning of a header that takes so many bytes, or more.
    Unfinished(usize),
    /// No header, whatever follows.
    Wrong(FrameError),
    /// A header of `size` bytes; so many follow.
    Whole { size: usize, length: u64 },
}

impl Header {
    /// The frame behind it, whose length is told to be at most `limit`, or not waited for.
    #[inline]
    pub(super) fn frame(self, data: &[u8], limit: usize) -> Found {
        let (header, length) = match self {
            Self::Unfinished(size) => return Found::Part { size },
            Self::Wrong(error) => return Found::Broken(error),
            Self::Whole { size, length } => (size, length),
        };
        match usize::try_from(length) {
            Ok(length) if length <= limit => {
                let size = header.saturating_add(length);
                if data.len() < size {
                    return Found::Part { size };
                }
                Found::Frame {
                    body: header..size,
                    size,
                }
            }
            _ => Found::Broken(too_long(limit, length)),
        }
    }

    /// Where a frame ends that is too long: its header says it.
    pub(super) fn skip(self) -> Skip {
        match self {
            Self::Whole { size, length } => Skip::Bytes(length.saturating_add(size as u64)),
            Self::Unfinished(_) | Self::Wrong(_) => Skip::Impossible,
        }
    }
}

/// The number that these bytes are, the first one the highest.
#[inline]
pub(super) fn big_endian<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u64 {
    bytes
        .into_iter()
        .fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The largest number of so many bytes, at most eight.
pub(super) const fn largest(width: usize) -> u64 {
    u64::MAX >> (64 - 8 * width)
}
