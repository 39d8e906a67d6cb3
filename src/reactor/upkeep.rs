//! What the parts of the loop share: finding a connection and what belongs to it, queueing it for later, giving boxes and
//! buffers back, warning about it. Owns no decision.

use std::any::Any;
use std::collections::VecDeque;

use super::{Mail, Reactor};
use crate::connection::{Connection, Rare};
use crate::error::ConnectError;
use crate::limits::Limits;
use crate::protocol::Held;
use crate::table::{ConnectionId, Owner};

/// Boxes kept for the next connection that holds something back.
const SPARE_RARES: usize = 256;

impl Reactor {
    /// The connection, if users may still address it.
    pub(crate) fn live(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections
            .get(id)
            .filter(|connection| connection.is_live())
    }

    pub(crate) fn limits(&self, id: ConnectionId) -> &Limits {
        let connection = self.connections.get(id);
        if let Some(own) =
            connection.and_then(|connection| connection.rare.as_ref()?.limits.as_ref())
        {
            return own;
        }
        &self.settings[connection.map_or(0, |connection| connection.settings as usize)].limits
    }

    pub(crate) fn set_limits(&mut self, id: ConnectionId, limits: Limits) {
        if let Some(connection) = self.connections.get_mut(id) {
            let before = connection.rare().limits.replace(Box::new(limits));
            self.discard_log(before.and_then(|before| before.policies.traffic_log));
            self.watch_as_limited(id);
            self.police(id);
            // Under other water marks, another notice may be due for what waits.
            self.mark_dirty(id);
        }
    }

    /// Has the connection looked at in the next turn, whether or not the network says that it is ready.
    pub(crate) fn queue_ready(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id)
            && !connection.queued
        {
            connection.queued = true;
            self.ready.push_back(Owner::Connection(id));
        }
    }

    /// Has the connection flushed in this turn.
    pub(crate) fn mark_dirty(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id)
            && !connection.dirty
        {
            connection.dirty = true;
            self.dirty.push(id);
        }
    }

    /// Gives a connection's box of rare things back once nothing is in it.
    pub(crate) fn tidy(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if let Some(mut rare) = connection.rare.take_if(|rare| rare.is_idle()) {
            let buffer = std::mem::take(&mut rare.held).into_buffer();
            self.pool.put(buffer);
            if self.rares.len() < SPARE_RARES {
                self.rares.push(rare);
            }
        }
    }

    /// Keeps the box of a connection that is over for the next, if nothing but its end is in it.
    pub(super) fn recycle(&mut self, mut rare: Box<Rare>) {
        (rare.reason, rare.farewell) = (None, None);
        (rare.lingered, rare.protocol_serial) = (0, 0);
        if rare.is_idle() && self.rares.len() < SPARE_RARES {
            self.pool.put(std::mem::take(&mut rare.held).into_buffer());
            self.rares.push(rare);
        }
    }

    /// The connection's rare things, made from a spare box if there is one.
    pub(crate) fn rare(&mut self, id: ConnectionId) -> Option<&mut Rare> {
        let connection = self.connections.get_mut(id)?;
        let spares = &mut self.rares;
        Some(
            connection
                .rare
                .get_or_insert_with(|| spares.pop().unwrap_or_default()),
        )
    }

    /// Holds back bytes, in a pooled buffer.
    pub(crate) fn hold(&mut self, id: ConnectionId, held: Held) {
        if held.is_empty() || canary!(RestLost) {
            self.pool.put(held.into_buffer());
        } else if let Some(rare) = self.rare(id) {
            rare.held = held;
        }
    }

    /// One user less of a framing, which may be a user's object.
    pub(super) fn release_framing(&mut self, place: u32) {
        if let Some(unused) = self.framings.release(place) {
            self.discard(unused);
        }
    }

    /// Drops a user's object after the callback under way: its `Drop` is the user's code.
    pub(crate) fn discard(&mut self, object: impl Any) {
        self.discarded.push(Box::new(object));
    }

    /// A warning about a connection, with its peer; not more than a few a second.
    #[track_caller]
    pub(crate) fn warn(&mut self, id: ConnectionId, what: std::fmt::Arguments<'_>) {
        if !log::log_enabled!(log::Level::Warn) || !self.logs.allows(self.now, &mut self.counters) {
            return;
        }
        match self.peer(id) {
            Some(peer) => log::warn!("{id} {peer}: {what}"),
            None => log::warn!("{id}: {what}"),
        }
    }

    /// A warning about something else, likewise.
    #[track_caller]
    pub(crate) fn warn_of(&mut self, what: std::fmt::Arguments<'_>) {
        if self.logs.allows(self.now, &mut self.counters) {
            log::warn!("{what}");
        }
    }

    /// Other threads can't call any more; what they had posted is returned.
    pub(crate) fn close_mailbox(&mut self) -> VecDeque<Mail> {
        let mailbox = self.mailbox.as_ref();
        mailbox.map(|mailbox| mailbox.close()).unwrap_or_default()
    }

    pub(super) fn connect_failed_at_once(&self) -> Option<ConnectError> {
        self.running
            .refuses_connects()
            .then_some(ConnectError::Stopping)
    }
}
