//! How long a frame may be, where that is one number for both directions. Owns its default and its words; who is told of a
//! longer frame, and when, is each framing's own.

use crate::error::FrameError;

/// What Twisted allows, and a good limit for messages that people write.
pub(super) const MAX_LENGTH: usize = 99_999;

/// For a framing with nothing but a `max_length`: its default, how to set it, and how to ask for it.
macro_rules! limited {
    ($framing:ident, $counts:literal) => {
        impl Default for $framing {
            fn default() -> Self {
                Self {
                    max_length: $crate::framing::limited::MAX_LENGTH,
                }
            }
        }

        impl $framing {
            #[doc = concat!("Allows frames of up to `bytes` bytes, ", $counts, ". Default 99,999.")]
            #[must_use]
            pub fn max_length(mut self, bytes: usize) -> Self {
                self.max_length = bytes;
                self
            }

            /// How many bytes a frame may have.
            pub fn longest(&self) -> usize {
                self.max_length
            }
        }
    };
}
pub(super) use limited;

pub(super) fn too_long(limit: usize, size: u64) -> FrameError {
    FrameError::TooLong {
        limit,
        size: Some(size),
    }
}

/// Whether a frame to send is within the limit.
pub(super) fn check_length(frame: &[u8], limit: usize) -> Result<(), FrameError> {
    if frame.len() > limit {
        return Err(too_long(limit, frame.len() as u64));
    }
    Ok(())
}
