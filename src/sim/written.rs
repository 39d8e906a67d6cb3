//! What was written to one end of a connection and its kernel has not taken: the account that a reactor's output is held
//! against. Owns a copy of the bytes; sends none of them.

use std::ops::Range;

use bytes::{Buf, BytesMut};

use super::unheard::Objection;

#[derive(Debug, Default)]
pub(super) struct Written {
    pending: BytesMut,
    /// All there was from the connection's first byte on.
    total: u64,
}

impl Written {
    /// An account that begins when a kernel has taken `taken` bytes, with those that are queued already.
    pub(super) fn beginning(taken: u64, queued: &[u8]) -> Self {
        Self {
            pending: BytesMut::from(queued),
            total: taken + queued.len() as u64,
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// How much the kernel has yet to take.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn write(&mut self, data: &[u8]) {
        self.pending.extend_from_slice(data);
        self.total += data.len() as u64;
    }

    /// A frame takes the place of another one, `place` in what is pending.
    pub(super) fn replace(&mut self, place: Range<usize>, frame: &[u8]) {
        let behind = self.pending.split_off(place.end);
        self.pending.truncate(place.start);
        self.pending.extend_from_slice(frame);
        self.pending.extend_from_slice(&behind);
        self.total = self.total - place.len() as u64 + frame.len() as u64;
    }

    /// The kernel was offered so many bytes, and took these.
    pub(super) fn take(&mut self, offered: usize, data: &[u8]) -> Objection {
        let pending = self.pending.len();
        if offered > pending {
            return Err(format!(
                "{offered} bytes are offered where {pending} are left of what was written"
            ));
        }
        if !self.pending.starts_with(data) {
            let shown = &self.pending[..data.len()];
            return Err(format!(
                "\"{}\" is sent where \"{}\" was written",
                data.escape_ascii(),
                shown.escape_ascii()
            ));
        }
        self.pending.advance(data.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_was_written_from_the_front_on() {
        let mut written = Written::beginning(3, b"abc");
        written.write(b"def");
        assert_eq!(written.take(6, b"ab"), Ok(()));
        assert!(written.take(4, b"def").is_err());
        assert!(written.take(5, b"c").is_err());
        assert_eq!(written.take(4, b"cdef"), Ok(()));
        assert_eq!((written.pending(), written.total()), (0, 9));
    }

    #[test]
    fn a_newer_frame_stands_where_the_older_one_stood() {
        let mut written = Written::beginning(0, b"one two three");
        written.replace(4..7, b"2");
        assert_eq!(written.total(), 11);
        assert_eq!(written.take(11, b"one 2 three"), Ok(()));
    }
}
