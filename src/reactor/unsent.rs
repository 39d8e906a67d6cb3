//! What a connection has still to send, and since when. Owns the record of how much flushes have left over; sends nothing
//! and ends nobody.

use crate::network::Time;
use crate::outbound::Outbound;
use crate::timer::TimerId;

/// The unsent bytes of a connection, and how their sending goes on.
#[derive(Default)]
pub(crate) struct Unsent {
    pub(super) queue: Outbound,
    /// The system took no more; it will say when it does.
    pub(super) blocked: bool,
    pub(super) left_over: LeftOver,
    /// When the peer last took something, or could have after we had let it wait.
    pub(super) progress: Time,
    pub(super) stall: Option<TimerId>,
}

impl Unsent {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn note_waiting(&mut self, turn: u32) {
        self.left_over.note(turn, self.queue.len());
    }

    pub(super) fn waiting_since_before(&self, turn: u32) -> usize {
        self.left_over.before(turn, self.queue.len())
    }

    /// Nobody has tried to send any of it.
    pub(super) fn is_fresh(&self) -> bool {
        !self.blocked && self.stall.is_none() && self.left_over.last == 0
    }

    /// Makes it as new for the next connection that writes.
    #[inline]
    pub(super) fn renew(&mut self) -> Ended {
        self.blocked = false;
        self.left_over = LeftOver::default();
        Ended {
            dropped: self.len(),
            stall: self.stall.take(),
            buffer: self.queue.renew(),
        }
    }
}

/// What an output leaves behind.
pub(super) struct Ended {
    /// So many bytes will not be sent.
    pub(super) dropped: usize,
    pub(super) stall: Option<TimerId>,
    /// It is empty.
    pub(super) buffer: Vec<u8>,
}

/// How many bytes flushes have left over: what the hard limit looks at.
#[derive(Debug, Default)]
pub(crate) struct LeftOver {
    /// By the last flush, and in which turn that was.
    last: usize,
    turn: u32,
    /// Before that turn.
    before: usize,
}

impl LeftOver {
    /// Notes how many bytes a flush left over.
    pub(crate) fn note(&mut self, turn: u32, size: usize) {
        if self.turn != turn {
            self.before = self.last;
            self.turn = turn;
        }
        self.last = size;
    }

    /// Of `size` unsent bytes, how many came since.
    pub(super) fn more(&self, size: usize) -> usize {
        size.saturating_sub(self.last)
    }

    /// Of `size` unsent bytes, how many may have been left over by earlier turns.
    pub(crate) fn before(&self, turn: u32, size: usize) -> usize {
        let left_over = if self.turn == turn {
            self.before
        } else {
            self.last
        };
        left_over.min(size)
    }
}
