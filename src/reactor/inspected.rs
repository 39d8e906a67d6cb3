//! What a reactor asks of the inspector that a simulated world gives it. Owns the answers for a reactor that has none, which
//! are those of every day; decides nothing.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::rc::Rc;

use bytes::Bytes;

use crate::connection::{Cutting, NONE, Phase, Pressure, Reading, Writing};
use crate::datagram::DatagramProtocol;
use crate::framing::FramingKind;
use crate::inspector::{Inspector, RarePath};
use crate::latest::Latest;
use crate::network::{SocketId, Time, Token};
use crate::protocol::Protocol;
use crate::rate::Direction;
use crate::table::{ConnectionId, Owner};

use super::Reactor;

/// How a connection's protocol hears what is received.
pub(crate) struct Hearing {
    /// It is to hear nothing for now.
    pub(crate) paused: bool,
    /// It is a pipe, whose input goes elsewhere.
    pub(crate) piped: bool,
    /// How many layers there are between it and the wire.
    pub(crate) layers: usize,
    /// It hears messages, as the uppermost layer says.
    pub(crate) messages: bool,
    pub(crate) cutting: Cutting,
    pub(crate) framing: Option<Rc<FramingKind>>,
    /// How much may be held back for a frame that is not whole.
    pub(crate) most: usize,
    /// The peer has ended.
    pub(crate) ended: bool,
}

impl Reactor {
    /// Before anything is listened on or connected to.
    pub(crate) fn inspect(&mut self, inspector: Box<dyn Inspector>) {
        if inspector.takes(RarePath::LastSerials) {
            self.connections.begin_near_the_last_serial();
        }
        // What is written at once is told of where those who are watched are told of it: one question for both.
        self.watches.attend();
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

    pub(super) fn beginning_on_datagrams(
        &self,
        protocol: Box<dyn DatagramProtocol>,
    ) -> Box<dyn DatagramProtocol> {
        match &self.inspector {
            None => protocol,
            Some(inspector) => inspector.wrap_datagrams(protocol),
        }
    }

    pub(crate) fn socket_of(&self, id: ConnectionId) -> Option<SocketId> {
        self.connections.get(id)?.socket()
    }

    pub(crate) fn hearing_of(&self, id: ConnectionId) -> Option<Hearing> {
        let connection = self.connections.get(id)?;
        let rare = connection.rare.as_ref();
        Some(Hearing {
            paused: !connection.pauses.is_empty(),
            piped: rare.is_some_and(|rare| rare.partner.is_some()),
            layers: rare.map_or(0, |rare| rare.layers.len()),
            messages: self.sends_messages(id),
            cutting: connection.cutting,
            framing: self.framings.at(connection.framing),
            most: self.limits(id).held,
            ended: connection.reading != Reading::Open,
        })
    }

    /// A copy of what is queued for a socket, none of it being on loan.
    pub(crate) fn queued_bytes(&self, id: ConnectionId) -> Vec<u8> {
        let connection = self.connections.get(id);
        let unsent = connection.and_then(|connection| self.outs.get(connection.out));
        let Some(unsent) = unsent else {
            return Vec::new();
        };
        let mut pieces = vec![IoSlice::new(&[]); unsent.queue.count()];
        unsent.queue.pieces(&mut pieces);
        pieces
            .iter()
            .flat_map(|piece| piece.iter().copied())
            .collect()
    }

    /// How much waits unsent for a connection, and its water marks: the low one, the high one.
    pub(crate) fn pressure_on(&self, id: ConnectionId) -> (usize, usize, usize) {
        let limits = self.limits(id);
        (self.sent_bytes(id), limits.low_water, limits.high_water)
    }

    /// The connection of a token, if it would be read when it is ready.
    pub(crate) fn wants_to_read(&self, token: Token) -> Option<ConnectionId> {
        match Owner::from(token) {
            // One that is queued has its turn soon.
            Owner::Connection(id) => self
                .wants_read(id)
                .filter(|(_, connection)| {
                    !connection.queued && !connection.awaits_rate(Direction::Received)
                })
                .map(|_| id),
            Owner::Listener(_) | Owner::Datagrams(_) => None,
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

    #[inline(always)]
    pub(crate) fn note_cutting(&self, id: ConnectionId, raw: u64) {
        if let Some(inspector) = &self.inspector {
            inspector.cuts_anew(id, raw);
        }
    }

    #[inline(always)]
    pub(super) fn note_risen(&self, id: ConnectionId, height: usize, data: &[u8]) {
        if self.inspector.is_some() {
            self.tell_of(id, |inspector, socket| {
                inspector.rises(socket, height, data);
            });
        }
    }

    /// Bytes that are being queued behind all others, or were just offered to the system with none before them.
    #[inline(always)]
    pub(crate) fn note_written(&self, id: ConnectionId, data: &[u8]) {
        if self.inspector.is_some() {
            self.tell_of(id, |inspector, socket| inspector.writes(socket, data));
        }
    }

    // Apart from its callers, which are in everybody's way.
    #[cold]
    #[inline(never)]
    fn tell_of(&self, id: ConnectionId, tell: impl FnOnce(&dyn Inspector, SocketId)) {
        if let Some(inspector) = &self.inspector
            && let Some(socket) = self.socket_of(id)
        {
            tell(&**inspector, socket);
        }
    }

    /// A frame that is being queued, perhaps in the place of another.
    pub(super) fn note_latest(&self, id: ConnectionId, latest: &Latest, frame: &Bytes) {
        if self.inspector.is_none() {
            return;
        }
        let connection = self.connections.get(id);
        let unsent = connection.and_then(|connection| self.outs.get(connection.out));
        match unsent.and_then(|unsent| unsent.queue.span_of_latest(latest)) {
            None => self.note_written(id, frame),
            Some(place) => self.tell_of(id, |inspector, socket| {
                inspector.replaces(socket, place, frame);
            }),
        }
    }

    #[inline]
    pub(super) fn note_firing(&self, due: Time) {
        if let Some(inspector) = &self.inspector {
            inspector.timer_fires(due, self.now);
        }
    }
}
