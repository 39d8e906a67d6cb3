//! Reading sockets: how much at a time, and what the end of a stream means. Owns fairness among connections; what becomes
//! of the bytes is `inbound`'s part.

use std::io::{self, ErrorKind};

use crate::connection::{Care, Connection, NONE, Phase, Reading, Writing};
use crate::error::{Lost, Side};
use crate::inspector::RarePath;
use crate::limits::{Idle, READ_BUDGET};
use crate::network::{Farewell, Readiness, Received, SocketId};
use crate::protocol::{Held, Input};
use crate::rate::Direction;
use crate::table::ConnectionId;

use super::{Reactor, wire};

impl Reactor {
    /// The socket of a connection, if that is [plain](Connection::is_plain).
    #[inline]
    pub(super) fn plain_socket(&self, id: ConnectionId) -> Option<SocketId> {
        let connection = self.connections.get(id)?;
        connection.socket().filter(|_| connection.is_plain())
    }

    /// Serves a connection that the network says is ready.
    pub(super) fn serve(&mut self, id: ConnectionId, readiness: Readiness, buffer: &mut [u8]) {
        self.send_replies();
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.phase == Phase::Connecting {
            return self.serve_connecting(id, readiness, buffer);
        }
        if readiness.ended {
            connection.care.add(Care::HINTED);
        }
        let open = connection.phase == Phase::Open;
        let unread = connection.awaits_rate(Direction::Received)
            || open && (!connection.pauses.is_empty() || connection.reading != Reading::Open);
        let overlooked = canary!(WritableOverlooked) && readiness.readable;
        if readiness.writable && connection.out != NONE && !overlooked {
            self.unblock(id);
        }
        if readiness.failed && unread {
            self.notice_failure(id);
        }
        match readiness.readable || readiness.ended || readiness.failed {
            true if open => self.read_fairly(id, READ_BUDGET, buffer),
            true => self.read(id, buffer),
            false => {}
        }
    }

    /// The edge that tells of the connection may also tell of its first input, and of nothing twice.
    fn serve_connecting(&mut self, id: ConnectionId, readiness: Readiness, buffer: &mut [u8]) {
        if readiness.writable || readiness.failed || readiness.ended {
            self.finish_connect(id);
        }
        let connection = self.connections.get(id);
        if connection.is_some_and(|connection| connection.phase > Phase::Connecting) {
            self.serve(id, readiness, buffer);
        }
    }

    /// A connection that is not read now may have an error pending: nobody else would notice that its peer is gone.
    fn notice_failure(&mut self, id: ConnectionId) {
        let Some(socket) = self
            .connections
            .get(id)
            .and_then(|connection| connection.socket())
        else {
            return;
        };
        if let Some(error) = self.network.take_error(socket) {
            self.retire(id, error.into(), Farewell::Close.into());
        }
    }

    /// Serves a connection that was queued: what is held back comes first, then its socket.
    pub(super) fn serve_queued(&mut self, id: ConnectionId, buffer: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.queued = false;
        connection.full = false;
        if connection.phase == Phase::Connecting {
            return self.go_on_connecting(id);
        }
        self.mark_dirty(id);
        self.deliver_held(id);
        match self.connections.get(id) {
            Some(connection) if connection.reading == Reading::Ending => self.tell_end(id),
            Some(_) => self.read(id, buffer),
            None => {}
        }
    }

    pub(super) fn read(&mut self, id: ConnectionId, buffer: &mut [u8]) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        match connection.phase {
            Phase::Opening | Phase::Open => self.read_fairly(id, READ_BUDGET, buffer),
            Phase::Draining | Phase::Lingering => self.read_and_drop(id, buffer),
            Phase::Connecting | Phase::Lost => {}
        }
    }

    /// The connection and its socket, if it wants to be read now.
    #[inline]
    pub(super) fn wants_read(&self, id: ConnectionId) -> Option<(SocketId, &Connection)> {
        let connection = self.connections.get(id)?;
        let wants = connection.reading == Reading::Open
            && (connection.phase == Phase::Opening
                || connection.phase == Phase::Open
                    && (connection.pauses.is_empty() || canary!(PauseIgnored))
                    && !connection.full);
        Some((connection.socket().filter(|_| wants)?, connection))
    }

    /// Gives its protocol what was read of a connection that was plain then, and was all there was. A short reply may wait
    /// for those of others.
    #[inline]
    pub(super) fn answer(&mut self, id: ConnectionId, data: &[u8]) {
        let round = self.replies.round();
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let has_replied = connection.replied == round && !self.replies.are_none();
        if has_replied || !connection.is_plain() {
            return self.answer_again(id, data);
        }
        connection.replied = round;
        let socket = connection.socket();
        let raw = match connection.framing {
            NONE => connection.protocol.take(),
            _ => None,
        };
        self.note_received(id, data);
        self.replies.open(true);
        match raw {
            Some(protocol) => self.deliver_raw(id, protocol, socket, data),
            None => self.deliver_input(id, Input::new(Held::default(), data)),
        }
        self.replies.open(false);
    }

    /// The same for one that may have a reply that waits, or of which a callback has made something else since.
    #[inline(never)]
    fn answer_again(&mut self, id: ConnectionId, data: &[u8]) {
        self.send_replies();
        match self.connections.get(id) {
            Some(connection) if connection.is_plain() => self.answer(id, data),
            Some(connection) if connection.phase == Phase::Open => {
                self.received_with_care(id, connection.care, data);
            }
            Some(_) => self.counters.bytes_in += data.len() as u64,
            None => {}
        }
    }

    /// Goes on with what a read of a connection came to that was plain then; callbacks may have made something else of it
    /// since.
    pub(super) fn go_on_reading(
        &mut self,
        id: ConnectionId,
        outcome: io::Result<Received>,
        buffer: &mut [u8],
    ) {
        let nothing = matches!(&outcome, Err(error) if error.kind() == ErrorKind::WouldBlock);
        if nothing && self.plain_socket(id).is_some() {
            return;
        }
        self.send_replies();
        match self.connections.get(id).map(|connection| connection.phase) {
            Some(Phase::Open) => {
                if let Some(size) = self.take_in(id, outcome, buffer) {
                    self.read_fairly(id, READ_BUDGET.saturating_sub(size), buffer);
                }
            }
            Some(_) => self.drop_and_read_on(id, outcome, buffer),
            None => {}
        }
    }

    /// Reads until the socket is drained, the connection wants no more, or its share of the turn is used up: then it is
    /// queued, as an edge-triggered network will not tell of the rest.
    fn read_fairly(&mut self, id: ConnectionId, mut budget: usize, buffer: &mut [u8]) {
        while let Some((socket, connection)) = self.wants_read(id) {
            let care = connection.care;
            if budget == 0 || budget < READ_BUDGET && self.takes(RarePath::ReadBudget) {
                if canary!(ReadShareForgotten) {
                    return;
                }
                return self.queue_ready(id);
            }
            let stamped = connection.is_stamped();
            let mut room = buffer.len();
            if care.contains(Care::POLICED) {
                room = room.min(self.allowance(id, Direction::Received, room));
                if room == 0 {
                    return self.give_up_if_broken(id);
                }
            }
            let outcome = if stamped {
                self.read_stamped(id, socket, &mut buffer[..room])
            } else {
                self.network.read(socket, &mut buffer[..room])
            };
            match self.take_in(id, outcome, buffer) {
                Some(size) => budget = budget.saturating_sub(size),
                None => return,
            }
        }
        self.give_up_if_broken(id);
    }

    /// Takes in what a read came to, with the bytes at the front of `buffer`. How many, if there may be more to read.
    #[inline]
    fn take_in(
        &mut self,
        id: ConnectionId,
        outcome: io::Result<Received>,
        buffer: &[u8],
    ) -> Option<usize> {
        let connection = self.connections.get(id)?;
        let care = connection.care;
        let broken = connection.writing == Writing::Broken;
        let (size, drained) = match outcome {
            Ok(Received::Filled { size, drained }) => {
                self.received_with_care(id, care, &buffer[..size]);
                (size, drained)
            }
            Ok(Received::Lent { data, drained }) => {
                self.received_with_care(id, care, &data);
                (data.len(), drained)
            }
            Ok(Received::Ended) if canary!(EndUntold) => return None,
            Ok(Received::Ended) => {
                wire::event(id, &self.connections, format_args!("<- end"));
                self.wire_ended(id);
                return None;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.give_up_if_broken(id);
                return None;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                return (!canary!(ReadInterrupted)).then_some(0);
            }
            Err(_) if canary!(ResetTakenForEnd) => {
                self.wire_ended(id);
                return None;
            }
            Err(error) => {
                self.retire(id, error.into(), Farewell::Close.into());
                return None;
            }
        };
        if drained && !care.contains(Care::HINTED) {
            if broken {
                self.give_up_if_broken(id);
            }
            return None;
        }
        Some(size)
    }

    /// After a failed write the rest of the input is read; when there is no more of it, or it may not be delivered, the
    /// loss is told.
    pub(super) fn give_up_if_broken(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get(id)
            && connection.writing == Writing::Broken
            && !connection.queued
        {
            self.retire(id, Lost::Reset, Farewell::Close.into());
        }
    }

    #[inline]
    fn received_with_care(&mut self, id: ConnectionId, care: Care, data: &[u8]) {
        if care.contains(Care::WATCHED) {
            self.note_activity(id, Idle::Reading);
        }
        if !care.contains(Care::POLICED) || self.account(id, data) {
            self.received(id, data);
        }
    }

    #[inline]
    fn received(&mut self, id: ConnectionId, data: &[u8]) {
        self.note_received(id, data);
        if let Some(connection) = self.connections.get_mut(id)
            && connection.is_raw()
            && (connection.delivers() || canary!(PauseIgnored))
            && let Some(protocol) = connection.protocol.take()
        {
            let at_once = connection.sends_at_once();
            let socket = connection.socket().filter(|_| at_once);
            self.deliver_raw(id, protocol, socket, data);
        } else {
            self.climb_or_deliver(id, data);
        }
    }

    #[inline]
    fn note_received(&mut self, id: ConnectionId, data: &[u8]) {
        wire::received(id, &self.connections, data);
        self.counters.bytes_in += data.len() as u64;
        if self.speaker != Some(id) {
            self.speaker = Some(id);
            self.spoken += 1;
        }
    }

    /// The peer has ended, on the wire or inside a layer.
    pub(super) fn peer_ended(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.reading != Reading::Open {
            return;
        }
        connection.reading = Reading::Ending;
        connection.closer.get_or_insert(Side::Peer);
        let done = connection.done();
        match connection.phase {
            Phase::Opening => self.retire(id, done, Farewell::Close.into()),
            Phase::Open if connection.writing == Writing::Broken => {
                self.retire(id, done, Farewell::Close.into())
            }
            Phase::Open => self.tell_end(id),
            _ => {}
        }
    }
}
