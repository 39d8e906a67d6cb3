//! What the loop that cuts frames asks of a transport: how to go on, what was given back, what is refused. Owns no state; that
//! is the transport's, or its connection's.

use super::Transport;
use super::loan::Loan;
use crate::error::{FrameError, Lost};
use crate::protocol::Mode;
use crate::reactor::Reactor;

/// What the loop does with it.
impl Transport<'_> {
    /// The reactor, to look at what a loan does not change.
    pub(crate) fn glance(&self) -> &Reactor {
        self.reactor
    }

    /// How much of the `given` raw bytes is given back as it stands.
    pub(crate) fn unread_raw(&self, given: usize) -> usize {
        self.unread.min(given)
    }

    /// How much of a frame of `given` bytes is given back as it stands: nothing if it would only come again as it was, for
    /// ever.
    pub(crate) fn unread_frame(&self, given: usize) -> usize {
        match self.unread_raw(given) {
            back if back > 0 && (self.changed || self.reactor.mode(self.id).is_none()) => back,
            _ => 0,
        }
    }

    pub(super) fn change(&mut self) {
        self.halted = true;
        self.changed = true;
    }

    #[inline]
    pub(crate) fn is_halted(&self) -> bool {
        self.halted || self.out.len() > self.full_at
    }

    pub(crate) fn has_changed(&self) -> bool {
        self.changed
    }

    /// How to cut the next bytes; `None` if none may be delivered.
    pub(crate) fn mode(&mut self) -> Option<Mode> {
        self.halted = false;
        self.changed = false;
        if self.loan != Loan::Free {
            self.settle();
            self.allowance = self.reactor.allow(self.id);
        }
        self.reactor.mode(self.id)
    }

    /// How much of the `given` raw bytes was given back.
    pub(crate) fn take_unread(&mut self, given: usize) -> usize {
        let back = self.unread_raw(given);
        self.unread = 0;
        back
    }

    /// How much of a frame of `given` bytes was given back.
    pub(crate) fn take_unread_frame(&mut self, given: usize) -> usize {
        let back = self.unread_frame(given);
        self.unread = 0;
        back
    }

    pub(crate) fn count_raw(&mut self, size: usize) {
        self.reactor.count_raw(self.id, size);
    }

    pub(crate) fn counts_as_raw_again(&mut self, back: usize) -> bool {
        self.reactor.counts_as_raw_again(self.id, back)
    }

    pub(crate) fn held_limit(&self) -> usize {
        self.reactor.limits(self.id).held
    }

    /// Ends the connection for the peer's mistake, after what is owed was sent.
    pub(crate) fn refuse(&mut self, reason: Lost) {
        self.settle();
        self.halted = true;
        self.reactor.drain(self.id, Some(reason));
    }

    pub(crate) fn count_bad_frame(&mut self, error: &FrameError) {
        self.reactor.count_bad_frame(error);
    }

    /// Begins to skip the refused frame at the front of `data`; `false` if its end can't be found.
    pub(crate) fn skip_frame(&mut self, data: &[u8]) -> bool {
        self.halted = true;
        self.reactor.skip_frame(self.id, data)
    }

    /// How many bytes more of a refused frame are to be skipped; 0 if that is not known.
    pub(crate) fn left_to_skip(&self) -> u64 {
        self.reactor.left_to_skip(self.id)
    }

    /// So many bytes of it are left now.
    pub(crate) fn skipped(&mut self, left: u64) {
        self.reactor.skipped(self.id, left);
    }

    pub(crate) fn skipped_frame(&mut self) {
        self.skipped(0);
    }

    /// An empty buffer, to be given back.
    pub(crate) fn spare_buffer(&mut self) -> Vec<u8> {
        self.reactor.spare_buffer()
    }

    pub(crate) fn give_back(&mut self, buffer: Vec<u8>) {
        self.reactor.give_back(buffer);
    }
}
