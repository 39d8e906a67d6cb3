//! What a reactor asks of the inspector that a simulated world gives it. Owns the answers for a reactor that has none, which
//! are those of every day; decides nothing.

use std::collections::BTreeMap;

use crate::connection::{NONE, Phase, Pressure, Writing};
use crate::inspector::{Inspector, RarePath};
use crate::network::{SocketId, Time, Token};
use crate::protocol::Protocol;
use crate::table::{ConnectionId, Owner};

use super::Reactor;

impl Reactor {
    /// Before anything is listened on or connected to.
    pub(crate) fn inspect(&mut self, inspector: Box<dyn Inspector>) {
        if inspector.takes(RarePath::LastSerials) {
            self.connections.begin_near_the_last_serial();
        }
        self.inspector = Some(inspector);
    }

    /// Whether the rare path is to be taken here and now.
    #[inline]
    pub(super) fn takes(&self, path: RarePath) -> bool {
        match &self.inspector {
            None => false,
            Some(inspector) => inspector.takes(path),
        }
    }

    /// A share of a turn: `most`, or 1 on the rare path.
    #[inline]
    pub(super) fn share(&self, most: usize, path: RarePath) -> usize {
        if self.takes(path) { 1 } else { most }
    }

    /// A protocol that begins on a connection, with a witness around it if somebody looks on.
    #[inline]
    pub(super) fn beginning(&self, protocol: Box<dyn Protocol>) -> Box<dyn Protocol> {
        match &self.inspector {
            None => protocol,
            Some(inspector) => inspector.wrap(protocol),
        }
    }

    pub(crate) fn socket_of(&self, id: ConnectionId) -> Option<SocketId> {
        self.connections.get(id)?.socket()
    }

    /// Whether a protocol is to hear nothing for now.
    pub(crate) fn is_paused(&self, id: ConnectionId) -> bool {
        let connection = self.connections.get(id);
        connection.is_some_and(|connection| !connection.pauses.is_empty())
    }

    /// How much waits unsent for a connection, and its water marks: the low one, the high one.
    pub(crate) fn pressure_on(&self, id: ConnectionId) -> (usize, usize, usize) {
        let limits = self.limits(id);
        (self.sent_bytes(id), limits.low_water, limits.high_water)
    }

    /// Whether a protocol hears frames.
    pub(crate) fn is_framed(&self, id: ConnectionId) -> bool {
        self.framing_of(id).is_some()
    }

    /// Whether a protocol hears something else than what is read from its socket.
    pub(crate) fn is_transformed(&self, id: ConnectionId) -> bool {
        self.connections.get(id).is_none_or(|connection| {
            let piped = connection
                .rare
                .as_ref()
                .is_some_and(|rare| rare.partner.is_some());
            piped || connection.has_layers()
        })
    }

    /// The connection of a token, if it would be read when it is ready.
    pub(crate) fn wants_to_read(&self, token: Token) -> Option<ConnectionId> {
        match Owner::from(token) {
            // One that is queued has its turn soon.
            Owner::Connection(id) => self
                .wants_read(id)
                .filter(|(_, connection)| !connection.queued)
                .map(|_| id),
            Owner::Listener(_) => None,
        }
    }

    /// How often callbacks and calls of users panicked: work on threads may, for who asked for it is told.
    pub(crate) fn panics(&self) -> u64 {
        self.counters.panics - self.works.panicked()
    }

    pub(crate) fn has_unsent(&self) -> bool {
        self.outs.len() > 0
    }

    /// What waits unsent where more waits than the hard limit, with that limit; of what counts against it: not what groups
    /// keep back, nor what layers add to a connection that ends.
    pub(crate) fn beyond_hard_limit(&self) -> BTreeMap<ConnectionId, (usize, usize)> {
        let open = self.connections.ids_of(|connection| {
            connection.phase == Phase::Open
                && connection.writing == Writing::Open
                && (connection.out != NONE || connection.rare.is_some())
        });
        open.map(|id| (id, (self.limited_bytes(id), self.limits(id).unsent)))
            .filter(|&(_, (size, limit))| size > limit)
            .collect()
    }

    fn limited_bytes(&self, id: ConnectionId) -> usize {
        let connection = self.connections.get(id);
        let rare = connection.and_then(|connection| connection.rare.as_ref());
        rare.map_or(0, |rare| rare.frames.limited_size()) + self.sent_bytes(id)
    }

    /// A connection whose protocol was not told how its output stands, though it is not going to be looked at again in a moment.
    pub(crate) fn told_wrong_pressure(&self) -> Option<(ConnectionId, usize)> {
        let suspects = self.connections.ids_of(|connection| {
            connection.phase == Phase::Open
                && connection.writing != Writing::Broken
                && !connection.dirty
                && (connection.out != NONE || connection.pressure == Pressure::High)
        });
        suspects
            .map(|id| (id, self.sent_bytes(id)))
            .find(|&(id, unsent)| {
                if self.pressed.contains(&id) {
                    return false;
                }
                let limits = self.limits(id);
                match self
                    .connections
                    .get(id)
                    .map(|connection| connection.pressure)
                {
                    Some(Pressure::High) => unsent <= limits.low_water,
                    _ => unsent > limits.high_water,
                }
            })
    }

    #[inline]
    pub(super) fn note_firing(&self, due: Time) {
        if let Some(inspector) = &self.inspector {
            inspector.timer_fires(due, self.now);
        }
    }
}
