//! What follows from a loss: it is told, what hangs on the connection is given up, and its socket goes, now or after lingering.
//! Owns that order; that a connection is lost, and why, is `close`'s part.

use std::time::Duration;

use crate::connection::{NONE, Parting, Phase};
use crate::error::{Lost, Side};
use crate::layer::Stack;
use crate::limits::LINGER_AT_STOP;
use crate::network::Farewell;
use crate::table::ConnectionId;

use super::Reactor;
use super::dispatch::Notice;

impl Reactor {
    /// Tells the losses of this turn, in order. Losses that follow from these are told too, but not without end: a hook
    /// that connects again and fails at once has to wait for the next turn.
    pub(super) fn tell_losses(&mut self) {
        const ROUNDS: usize = 32;
        for _ in 0..ROUNDS {
            if self.ended.is_empty() {
                break;
            }
            for _ in 0..self.ended.len() {
                let Some(id) = self.ended.pop_front() else {
                    break;
                };
                self.tell_loss(id);
                self.bury(id);
            }
        }
    }

    fn tell_loss(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let reason = connection.reason();
        let has_protocol = connection.protocol.is_some();
        let rare = connection.rare.as_mut();
        let is_bare = rare.is_none();
        if let Some(connecting) = rare.and_then(|rare| rare.connecting.take()) {
            self.tell_failed_connect(id, *connecting);
            // Of what was never made nothing is missing.
            return self.end_pipe(id, &Lost::Done(Side::Us));
        }
        if has_protocol && !(canary!(PanicUntold) && reason == Lost::Panicked) {
            self.counters.lost += 1;
            self.count_end(&reason);
            log::debug!("{}: lost: {reason}", self.named(id));
            if !is_bare {
                self.fail_requests(id, &reason);
            }
            self.notify(id, &Notice::Lost(&reason));
        }
        if !is_bare {
            self.end_pipe(id, &reason);
            self.tell_keeper_of_the_loss(id, &reason);
        }
    }

    /// A connection's name in a log line.
    pub(super) fn named(&self, id: ConnectionId) -> String {
        self.peer(id)
            .map_or_else(|| id.to_string(), |peer| format!("{id} {peer}"))
    }

    /// Takes a connection whose loss was told out of the world: its protocol and timers go, then its socket, now or after
    /// lingering.
    fn bury(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let parting = connection.parting();
        let protocol = connection.protocol.take();
        let layers = if connection.leaves_something() {
            self.strip(id)
        } else {
            Stack::default()
        };
        self.drop_guarded(protocol);
        if !layers.is_empty() {
            self.drop_guarded(layers);
        }
        match parting {
            Parting::At(farewell) => self.free(id, farewell),
            Parting::Linger => self.linger(id),
        }
    }

    /// Takes away what hangs on a connection besides its protocol; its layers, which are users' objects.
    fn strip(&mut self, id: ConnectionId) -> Stack {
        self.cancel_timers_of(id);
        self.set_deadline(id, None);
        self.release_output(id);
        let Some(connection) = self.connections.get_mut(id) else {
            return Stack::default();
        };
        let framing = std::mem::replace(&mut connection.framing, NONE);
        let mut layers = Stack::default();
        if let Some(rare) = connection.rare.as_mut() {
            rare.frames.clear();
            layers = std::mem::take(&mut rare.layers);
            let limits = rare.limits.as_mut();
            let log = limits.and_then(|limits| limits.policies.traffic_log.take());
            self.discard_log(log);
        }
        self.unwatch(id);
        self.police_no_more(id);
        self.release_framing(framing);
        layers
    }

    fn linger(&mut self, id: ConnectionId) {
        let within = self.linger_time(id);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.phase = Phase::Lingering;
        }
        self.set_deadline(id, Some(within));
        self.queue_ready(id);
    }

    /// The peer of a closed connection does not end: its socket goes all the same.
    pub(super) fn cut_linger(&mut self, id: ConnectionId) {
        self.counters.lingers_cut += 1;
        self.free(id, Farewell::Close);
    }

    fn linger_time(&self, id: ConnectionId) -> Duration {
        let within = self.limits(id).linger;
        if self.running.is_stopping() {
            within.min(LINGER_AT_STOP)
        } else {
            within
        }
    }

    /// Closes the socket and gives the place in the table up.
    pub(super) fn free(&mut self, id: ConnectionId, farewell: Farewell) {
        let Some(connection) = self.connections.remove(id) else {
            return;
        };
        if let Some(socket) = connection.socket() {
            self.network.close(socket, farewell);
        }
        if let Some(mut rare) = connection.rare {
            if let Some(deadline) = rare.deadline.take() {
                self.timers.cancel(deadline);
            }
            self.recycle(rare);
        }
        self.leave_settings(connection.settings, Some(&connection.peer));
        self.wake_listeners();
    }
}
