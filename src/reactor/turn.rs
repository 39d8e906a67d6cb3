//! The turn of the loop, step by step. Owns its order and the buffers that only live during it; every step's work is done
//! elsewhere.

use std::io;
use std::time::Duration;

use crate::inspector::RarePath;
use crate::limits::{CALL_BUDGET, FLUSH_EVERY, LIST_KEPT, LOOKED_FOR, LOOKS};
use crate::network::Batch;
use crate::table::Owner;

use super::Reactor;
use super::ahead::ReadAhead;

/// What a turn works with. It is not the reactor's, for while `data` borrows the buffer the reactor is borrowed too.
#[derive(Debug, Default)]
pub(super) struct Turn {
    batch: Batch,
    ahead: ReadAhead,
}

impl Turn {
    /// One turn. The numbers are those of ARCHITECTURE.md.
    pub(super) fn run(
        &mut self,
        reactor: &mut Reactor,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        // 1.
        self.batch.clear();
        reactor.network.poll(timeout, &mut self.batch)?;
        // 2.
        reactor.counters.spins += self.batch.spins;
        reactor.begin_turn();
        reactor.fire_timers();
        // 3.
        self.serve_batch(reactor);
        self.serve_queued(reactor);
        reactor.tell_idle(self.ahead.buffer());
        // 4.
        reactor.make_calls();
        // 5.
        if reactor.crossed && reactor.spoken > 1 && !reactor.takes(RarePath::NoGather) {
            self.gather(reactor)?;
        }
        // 6.
        reactor.settle();
        // 7.
        reactor.go_on_stopping();
        reactor.end_turn();
        Ok(())
    }

    fn serve_batch(&mut self, reactor: &mut Reactor) {
        self.ahead.begin();
        if self.batch.has_news() {
            self.tell_news(reactor);
        }
        for (count, readiness) in self.batch.ready.drain(..).enumerate() {
            match Owner::from(readiness.token) {
                Owner::Connection(id) => self.ahead.serve(reactor, id, readiness),
                Owner::Listener(id) => {
                    self.ahead.read_all(reactor);
                    reactor.accept_unless_queued(id);
                }
                Owner::Datagrams(id) => {
                    self.ahead.read_all(reactor);
                    reactor.serve_datagrams(id, readiness, self.ahead.buffer());
                }
            }
            // Replies leave while their connection is still in the cache, unless somebody writes to others: then all
            // wait, to go out in one piece each.
            let due = count % FLUSH_EVERY == FLUSH_EVERY - 1;
            if due || reactor.takes(RarePath::FlushAtOnce) {
                self.ahead.read_all(reactor);
                if !reactor.crossed {
                    reactor.flush_dirty();
                }
            }
        }
        self.ahead.read_all(reactor);
        reactor.send_replies();
    }

    /// What does not come from sockets.
    #[inline(never)]
    fn tell_news(&mut self, reactor: &mut Reactor) {
        reactor.signalled(&self.batch.signals);
        for (lookup, result) in self.batch.names.drain(..) {
            reactor.looked_up(lookup, result);
        }
        for (work, outcome) in self.batch.works.drain(..) {
            reactor.worked(work, outcome);
        }
    }

    /// Those that were queued before this turn's events; who is queued now waits for the next turn.
    fn serve_queued(&mut self, reactor: &mut Reactor) {
        for _ in 0..reactor.queued_before {
            match reactor.ready.pop_front() {
                Some(Owner::Connection(id)) => reactor.serve_queued(id, self.ahead.buffer()),
                Some(Owner::Listener(id)) => reactor.accept_queued(id),
                Some(Owner::Datagrams(id)) => {
                    reactor.serve_queued_datagrams(id, self.ahead.buffer());
                }
                None => break,
            }
        }
    }

    /// Several connections spoke and wrote to others: more looks at who else has spoken, as long as somebody has, so that
    /// what all of them say leaves in one piece for each listener.
    fn gather(&mut self, reactor: &mut Reactor) -> io::Result<()> {
        let enough = reactor.counters.bytes_in + LOOKED_FOR;
        for _ in 0..LOOKS {
            let spoken = reactor.spoken;
            self.batch.clear();
            reactor
                .network
                .poll(Some(Duration::ZERO), &mut self.batch)?;
            self.serve_batch(reactor);
            if reactor.spoken == spoken || reactor.counters.bytes_in > enough {
                break;
            }
        }
        Ok(())
    }
}

impl Reactor {
    fn begin_turn(&mut self) {
        self.counters.turns += 1;
        self.now = self.network.now();
        self.begin_timing();
        self.spoken = 0;
        self.crossed = false;
        self.speaker = None;
        self.queued_before = self.ready.len();
        self.replies.open(false);
    }

    /// What is written between two turns counts as written in the next one.
    fn end_turn(&mut self) {
        self.turn = self.turn.wrapping_add(1);
        self.trim();
        self.end_timing();
    }

    /// Gives the room back that lists took when there was something to do for a great many at once.
    fn trim(&mut self) {
        if is_slack(self.ready.len(), self.ready.capacity()) {
            self.ready.shrink_to(LIST_KEPT);
        }
        if is_slack(self.dirty.len(), self.dirty.capacity()) {
            self.dirty.shrink_to(LIST_KEPT);
        }
        if is_slack(self.ended.len(), self.ended.capacity()) {
            self.ended.shrink_to(LIST_KEPT);
        }
        if is_slack(self.calls.len(), self.calls.capacity()) {
            self.calls.shrink_to(LIST_KEPT);
        }
    }

    /// Makes the calls that were posted up to now, by callbacks and by other threads. Each have a share of their own, so
    /// that neither starves the other, and what threads post is bounded wherever it waits.
    fn make_calls(&mut self) {
        let share = self.share(CALL_BUDGET, RarePath::CallBudget);
        for _ in 0..self.calls.len().min(share) {
            let Some(call) = self.calls.pop_front() else {
                break;
            };
            self.make(call);
        }
        let Some(mailbox) = &self.mailbox else {
            return;
        };
        mailbox.take(share, &mut self.mail);
        while let Some(mail) = self.mail.pop_front() {
            self.make_posted(mail);
        }
    }

    /// The end of the turn: what was written leaves, and what follows from that is told, and leaves too.
    pub(super) fn settle(&mut self) {
        self.flush_dirty();
        self.tell_pressure();
        self.flush_dirty();
        self.tell_losses();
        self.flush_dirty();
        self.drop_discarded();
    }

    /// Whether something waits that needs no readiness to go on.
    pub(super) fn has_work(&self) -> bool {
        !self.ready.is_empty()
            || !self.dirty.is_empty()
            || !self.pressed.is_empty()
            || !self.ended.is_empty()
            || !self.calls.is_empty()
            || self.stop_wants_turn()
            || self
                .mailbox
                .as_ref()
                .is_some_and(|mailbox| mailbox.has_mail())
    }
}

/// So little is left of so much room that moving it elsewhere costs next to nothing.
fn is_slack(len: usize, room: usize) -> bool {
    room > LIST_KEPT && len < LIST_KEPT / 2
}
