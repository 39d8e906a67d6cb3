//! Frames that end with one byte that is never in them. Owns the look for it; how a frame is written without that byte is
//! each framing's own.

use memchr::memchr;

use super::{Found, Skip};
use crate::error::FrameError;

/// What frames end with, and how long they may be.
pub(super) struct Ended {
    pub(super) end: u8,
    /// How many bytes an allowed frame takes at most as it is written.
    pub(super) written: usize,
    /// How many it has at most.
    pub(super) limit: usize,
}

impl Ended {
    /// What is at the front. Where a frame may be written as it is, `plain` says where it then is.
    pub(super) fn next(
        &self,
        data: &[u8],
        scanned: usize,
        plain: impl FnOnce(&[u8]) -> Option<std::ops::Range<usize>>,
    ) -> Found {
        if data.first() == Some(&self.end) {
            // Ends without a frame fill the time, or the line: they are not to wait for one.
            let size = data.iter().position(|byte| *byte != self.end);
            return Found::Nothing {
                size: size.unwrap_or(data.len()),
            };
        }
        let Some(at) = memchr(self.end, &data[scanned..]) else {
            return match data.len() > self.written {
                true => Found::Broken(self.too_long(None)),
                false => Found::More {
                    scanned: data.len(),
                },
            };
        };
        let (end, size) = (scanned + at, scanned + at + 1);
        if end > self.written {
            return Found::Broken(self.too_long(None));
        }
        match plain(&data[..end]) {
            Some(body) if body.len() > self.limit => Found::Broken(self.too_long(Some(body.len()))),
            Some(body) => Found::Frame { body, size },
            None => Found::Coded { body: 0..end, size },
        }
    }

    /// Checks what a frame has become.
    pub(super) fn check(&self, frame: &[u8]) -> Result<(), FrameError> {
        match frame.len() > self.limit {
            true => Err(self.too_long(Some(frame.len()))),
            false => Ok(()),
        }
    }

    pub(super) fn skip(&self, data: &[u8]) -> Skip {
        match memchr(self.end, data) {
            Some(at) => Skip::Bytes(at as u64 + 1),
            None => Skip::More,
        }
    }

    fn too_long(&self, size: Option<usize>) -> FrameError {
        FrameError::TooLong {
            limit: self.limit,
            size: size.map(|size| size as u64),
        }
    }
}
