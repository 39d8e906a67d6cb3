//! Ending connections: in order, at once, for a reason. Owns every transition towards `Lost`; the table of phases and events in
//! ARCHITECTURE.md is about this file. What follows from a loss is `loss`'s part.

use std::time::Duration;

use crate::connection::{NONE, Parting, Phase, Reading, Writing};
use crate::error::{ConnectError, Deadline, Lost, Side};
use crate::network::Farewell;
use crate::rate::Direction;
use crate::table::ConnectionId;

use super::timed::Timed;
use super::{Reactor, wire};

impl From<Farewell> for Parting {
    fn from(farewell: Farewell) -> Self {
        Self::At(farewell)
    }
}

impl Reactor {
    /// Closes a connection in order, see [`Transport::lose_connection`](crate::Transport::lose_connection). One that is
    /// being made is cancelled.
    pub fn lose_connection(&mut self, id: ConnectionId) {
        self.drain(id, None);
    }

    /// Sends FIN after what was written, see
    /// [`Transport::lose_write_connection`](crate::Transport::lose_write_connection).
    pub fn lose_write_connection(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.phase > Phase::Open || connection.writing != Writing::Open {
            return;
        }
        connection.closer.get_or_insert(Side::Us);
        self.move_all_frames_down(id);
        // Layers that are not ready can't say farewell; they do so when what was written before has passed them.
        if self.layers_are_ready(id) {
            self.finish_layers(id);
        }
        if let Some(connection) = self.connections.get_mut(id)
            && connection.writing == Writing::Open
        {
            connection.writing = Writing::Ending;
        }
        self.mark_dirty(id);
    }

    /// Ends a connection at once, see [`Transport::abort_connection`](crate::Transport::abort_connection). One that is
    /// being made is cancelled.
    pub fn abort_connection(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id)
            && connection.phase == Phase::Draining
            && let Some(rare) = connection.rare.as_mut()
        {
            // To abort what is being closed is a decision of its own: it beats the reason that the close had.
            rare.reason = None;
        }
        self.retire(id, Lost::Aborted, Farewell::Reset.into());
    }

    /// Delivers nothing more, sends what is owed, then ends for `reason`, or as done.
    pub(crate) fn drain(&mut self, id: ConnectionId, reason: Option<Lost>) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        match connection.phase {
            Phase::Connecting => {
                return self.retire(id, reason.unwrap_or(Lost::Aborted), Farewell::Reset.into());
            }
            Phase::Opening => {
                // It was not made: its protocol is not told, but what its layers said is sent.
                if let Some(connecting) = connection.rare().connecting.as_mut() {
                    connecting.fail(match &reason {
                        Some(reason) => ConnectError::Handshake(reason.clone()),
                        None => ConnectError::Cancelled,
                    });
                }
                if let Some(protocol) = connection.protocol.take() {
                    self.discard(protocol);
                }
            }
            Phase::Open => {}
            Phase::Draining | Phase::Lost | Phase::Lingering => return,
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.closer.get_or_insert(Side::Us);
        if let Some(reason) = reason {
            connection.latch_reason(reason);
        }
        if connection.rare.is_some() && !self.drain_rare(id) {
            return;
        }
        if canary!(TailLost) {
            self.release_output(id);
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.phase <= Phase::Open {
            // With nothing to send it has ended when this turn does: no deadline is needed.
            let owes = connection.out != NONE || connection.phase < Phase::Open;
            connection.phase = Phase::Draining;
            self.mark_dirty(id);
            if owes || self.frames_wait(id) {
                let within = self.limits(id).close.filter(|_| !canary!(CloseUnbounded));
                self.set_deadline(id, within);
                // What the peer still sends is read and dropped, for it may be waiting to send before it reads.
                self.queue_ready(id);
            }
        }
    }

    /// What it takes to drain a connection that has something rare; `false` if it is over already.
    fn drain_rare(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        if let Some(rare) = connection.rare.as_mut() {
            rare.held.clear();
            rare.pending.clear();
            // What no layer could take yet nobody can take any more: for that, the peer would have to be heard.
            self.counters.bytes_dropped += rare.early.clear() as u64;
        }
        match connection.writing {
            Writing::Broken => {
                let done = connection.done();
                self.retire(id, done, Farewell::Close.into());
                return false;
            }
            Writing::Open => {
                self.move_all_frames_down(id);
                self.finish_layers(id);
            }
            Writing::Ending | Writing::Ended => {}
        }
        true
    }

    /// All that was owed was handed over: FIN, and the loss.
    pub(super) fn finish_draining(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let done = connection.done();
        let (reading, writing) = (connection.reading, connection.writing);
        let Some(socket) = connection.socket() else {
            return;
        };
        let parting = if reading != Reading::Open || canary!(LingerSkipped) {
            Farewell::Close.into()
        } else if writing == Writing::Ended || self.network.shutdown_write(socket).is_ok() {
            Parting::Linger
        } else {
            Farewell::Close.into()
        };
        self.retire(id, done, parting);
    }

    /// A deadline of the loop's passed.
    pub(super) fn time_out(&mut self, id: ConnectionId, deadline: Deadline) {
        self.count_time_out(deadline);
        self.retire(id, Lost::TimedOut(deadline), Farewell::Reset.into());
    }

    pub(super) fn count_time_out(&mut self, deadline: Deadline) {
        self.counters.timed_out += 1;
        *match deadline {
            Deadline::Connect => &mut self.counters.timed_out_connecting,
            Deadline::Handshake => &mut self.counters.timed_out_handshake,
            Deadline::Write => &mut self.counters.timed_out_writing,
            Deadline::Close => &mut self.counters.timed_out_closing,
            Deadline::Idle => &mut self.counters.timed_out_idle,
            Deadline::Silence(_) => &mut self.counters.timed_out_silent,
            Deadline::Lifetime => &mut self.counters.timed_out_lifetime,
        } += 1;
    }

    /// The one way out: the reason is latched, if it is another than an end in order, and the loss is told at the end of the
    /// turn. A connection that was not made yet is not told to its protocol.
    pub(crate) fn retire(&mut self, id: ConnectionId, reason: Lost, parting: Parting) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let before = connection.phase;
        if before >= Phase::Lost {
            return;
        }
        connection.phase = Phase::Lost;
        // As most end: it can be seen from the connection without.
        let needs_no_box = connection.rare.is_none()
            && before >= Phase::Open
            && parting == Parting::At(Farewell::Close)
            && matches!(reason, Lost::Done(_));
        debug_assert!(!needs_no_box || reason == connection.done());
        wire::event(id, &self.connections, format_args!("-- {reason}"));
        self.ended.push_back(id);
        if !needs_no_box {
            self.latch_end(id, reason, parting, before);
        }
    }

    /// Notes why a connection is lost, and how its socket goes, where that is not as most end.
    fn latch_end(&mut self, id: ConnectionId, reason: Lost, parting: Parting, before: Phase) {
        let now = self.now;
        let Some(rare) = self.rare(id) else { return };
        if let Some(connecting) = rare.connecting.as_mut() {
            connecting.give_up(&reason, now);
        }
        rare.reason.get_or_insert(reason);
        rare.farewell = Some(parting);
        rare.held.clear();
        rare.pending.clear();
        let dropped = rare.early.clear();
        self.counters.bytes_dropped += dropped as u64;
        if before < Phase::Open
            && let Some(protocol) = self
                .connections
                .get_mut(id)
                .and_then(|connection| connection.protocol.take())
        {
            self.discard(protocol);
        }
    }

    /// Sets, changes or takes away the deadline of a connection's phase.
    pub(super) fn set_deadline(&mut self, id: ConnectionId, within: Option<Duration>) {
        let now = self.now;
        let armed = within.map(|within| self.timers.arm(now + within, Timed::Phase(id)));
        let old = match self.connections.get_mut(id) {
            Some(connection) if armed.is_some() || connection.rare.is_some() => {
                std::mem::replace(&mut connection.rare().deadline, armed)
            }
            _ => armed,
        };
        if let Some(old) = old {
            self.timers.cancel(old);
        }
    }

    /// The time for closing counts from when the peer last took something: who reads slowly gets all.
    fn close_timed_out(&mut self, id: ConnectionId) {
        let now = self.now;
        let waits = self
            .connections
            .get(id)
            .is_some_and(|c| c.awaits_rate(Direction::Sent));
        let left = self.limits(id).close.and_then(|within| {
            let last = if waits { now } else { self.last_progress(id)? };
            Some((last + within).since(now)).filter(|left| !left.is_zero())
        });
        match left {
            Some(left) => self.set_deadline(id, Some(left)),
            None => self.time_out(id, Deadline::Close),
        }
    }

    /// The deadline of a connection's phase passed.
    pub(super) fn phase_timed_out(&mut self, id: ConnectionId) {
        let ready = self.layers_are_ready(id);
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.rare().deadline = None;
        match connection.phase {
            Phase::Connecting => self.time_out(id, Deadline::Connect),
            Phase::Opening => self.time_out(id, Deadline::Handshake),
            Phase::Draining => self.close_timed_out(id),
            Phase::Lingering => self.cut_linger(id),
            // A layer that was put in later.
            Phase::Open if !ready => self.time_out(id, Deadline::Handshake),
            Phase::Open | Phase::Lost => {}
        }
    }
}
