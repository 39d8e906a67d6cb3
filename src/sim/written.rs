//! What was written to one end of a connection and its kernel has not taken: the account that a reactor's output is held
//! against. Owns a copy of the bytes; sends none of them.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use super::unheard::Objection;

#[derive(Debug, Default)]
pub(super) struct Written {
    pending: BytesMut,
    /// All there was from the connection's first byte on.
    total: u64,
    /// Taken while nothing was pending, and to be told of now: what is offered at once is told of afterwards.
    untold: Bytes,
}

impl Written {
    /// An account that begins when a kernel has taken `taken` bytes, with those that are queued already.
    pub(super) fn beginning(taken: u64, queued: &[u8]) -> Self {
        Self {
            pending: BytesMut::from(queued),
            total: taken + queued.len() as u64,
            untold: Bytes::new(),
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// How much the kernel has yet to take.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// These are written; they may be just those that the kernel took at once, or begin with them.
    pub(super) fn write(&mut self, data: &[u8]) -> Objection {
        let taken = std::mem::take(&mut self.untold);
        self.total += data.len() as u64;
        match data.strip_prefix(&*taken) {
            Some(rest) => self.pending.extend_from_slice(rest),
            None => return differ(&taken, data),
        }
        Ok(())
    }

    /// All that was taken was written.
    pub(super) fn check_told(&self) -> Objection {
        match self.untold.len() {
            0 => Ok(()),
            size => Err(format!("{size} bytes were sent that nobody has written")),
        }
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
    pub(super) fn take(&mut self, offered: usize, data: &Bytes) -> Objection {
        self.check_told()?;
        let pending = self.pending.len();
        if pending == 0 {
            self.untold = data.clone();
            return Ok(());
        }
        if offered > pending {
            return Err(format!(
                "{offered} bytes are offered where {pending} are left of what was written"
            ));
        }
        if !self.pending.starts_with(data) {
            return differ(data, &self.pending);
        }
        self.pending.advance(data.len());
        Ok(())
    }
}

fn differ(sent: &[u8], written: &[u8]) -> Objection {
    let written = &written[..written.len().min(sent.len())];
    let (sent, written) = (sent.escape_ascii(), written.escape_ascii());
    Err(format!(
        "\"{sent}\" is sent where \"{written}\" was written"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn bytes(data: &'static [u8]) -> Bytes {
        Bytes::from_static(data)
    }

    #[test]
    fn what_is_sent_is_what_was_written_from_the_front_on() {
        let mut written = Written::beginning(3, b"abc");
        assert_eq!(written.write(b"def"), Ok(()));
        assert_eq!(written.take(6, &bytes(b"ab")), Ok(()));
        assert!(written.take(4, &bytes(b"def")).is_err());
        assert!(written.take(5, &bytes(b"c")).is_err());
        assert_eq!(written.take(4, &bytes(b"cdef")), Ok(()));
        assert_eq!((written.pending(), written.total()), (0, 9));
    }

    #[test]
    fn what_is_sent_at_once_is_told_of_next() {
        let mut written = Written::default();
        assert_eq!(written.take(3, &bytes(b"ab")), Ok(()));
        assert!(written.check_told().is_err());
        assert_eq!(written.write(b"abc"), Ok(()));
        assert_eq!((written.pending(), written.total()), (1, 3));
        assert_eq!(written.take(1, &bytes(b"c")), Ok(()));
        assert_eq!(written.take(1, &bytes(b"d")), Ok(()));
        assert!(written.take(1, &bytes(b"e")).is_err());
        assert!(written.write(b"x").is_err());
    }

    #[test]
    fn a_newer_frame_stands_where_the_older_one_stood() {
        let mut written = Written::beginning(0, b"one two three");
        written.replace(4..7, b"2");
        assert_eq!(written.total(), 11);
        assert_eq!(written.take(11, &bytes(b"one 2 three")), Ok(()));
    }
}
