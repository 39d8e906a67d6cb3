//! Reading sockets: how much at a time, and what the end of a stream means. Owns fairness among connections; what becomes
//! of the bytes is `inbound`'s part.

use std::io::{self, ErrorKind};

use crate::connection::{Care, Connection, NONE, Phase, Reading, Writing};
use crate::error::{Lost, Side};
use crate::inspector::RarePath;
use crate::limits::{Idle, LINGER_BYTES, READ_BUDGET};
use crate::network::{Farewell, Readiness, Received, SocketId};
use crate::protocol::Protocol;
use crate::rate::Direction;
use crate::table::ConnectionId;

use super::replying::Replies;
use super::{Reactor, wire};

impl Reactor {
    /// Serves a connection that the network says is ready.
    pub(super) fn serve(&mut self, id: ConnectionId, readiness: Readiness, buffer: &mut [u8]) {
        let Some(mut connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.replied == self.replies.round() {
            self.send_replies();
            match self.connections.get_mut(id) {
                Some(still) => connection = still,
                None => return,
            }
        }
        if connection.is_plain() && is_only_readable(&readiness) {
            return self.read_plainly(id, buffer);
        }
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
            true if open => self.read_fairly(id, None, buffer),
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
            Phase::Opening | Phase::Open => self.read_fairly(id, None, buffer),
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

    /// Reads a [plain](Connection::is_plain) connection. Most often that is one read which drains the socket, and the
    /// entry, looked up once, tells all there is to know.
    #[inline]
    fn read_plainly(&mut self, id: ConnectionId, buffer: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let Some(socket) = connection.socket() else {
            return;
        };
        match self.network.read(socket, buffer) {
            Ok(Received::Filled {
                size,
                drained: true,
            }) => {
                let protocol = begin_answer(connection, &mut self.replies);
                self.answer(id, socket, protocol, &buffer[..size]);
            }
            Ok(Received::Lent {
                data,
                drained: true,
            }) => self.answer_lent(id, socket, &data),
            outcome => self.read_fairly(id, Some(outcome), buffer),
        }
    }

    /// Gives what was read of a plain connection, which is all there was, to its protocol, which was taken out for it if that
    /// is all there is to it. A short reply may wait for those of others.
    #[inline(always)]
    fn answer(
        &mut self,
        id: ConnectionId,
        socket: SocketId,
        protocol: Option<Box<dyn Protocol>>,
        data: &[u8],
    ) {
        if let Some(protocol) = protocol {
            self.note_received(id, data);
            self.deliver_raw(id, protocol, Some(socket), data);
        } else {
            self.received(id, data);
        }
        self.replies.open(false);
    }

    /// Apart, for its caller is in the way of every message, and real sockets lend nothing.
    #[inline(never)]
    fn answer_lent(&mut self, id: ConnectionId, socket: SocketId, data: &[u8]) {
        if let Some(connection) = self.connections.get_mut(id) {
            let protocol = begin_answer(connection, &mut self.replies);
            self.answer(id, socket, protocol, data);
        }
    }

    /// Reads until the socket is drained, the connection wants no more, or its share of the turn is used up: then it is
    /// queued, as an edge-triggered network will not tell of the rest. What was read already counts as the first read.
    fn read_fairly(
        &mut self,
        id: ConnectionId,
        mut first: Option<io::Result<Received>>,
        buffer: &mut [u8],
    ) {
        let mut budget = READ_BUDGET;
        while let Some((socket, connection)) = self.wants_read(id) {
            let care = connection.care;
            let broken = connection.writing == Writing::Broken;
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
            let outcome = match first.take() {
                Some(outcome) => outcome,
                None if stamped => self.read_stamped(id, socket, &mut buffer[..room]),
                None => self.network.read(socket, &mut buffer[..room]),
            };
            let (size, drained) = match outcome {
                Ok(Received::Filled { size, drained }) => {
                    self.received_with_care(id, care, &buffer[..size]);
                    (size, drained)
                }
                Ok(Received::Lent { data, drained }) => {
                    self.received_with_care(id, care, &data);
                    (data.len(), drained)
                }
                Ok(Received::Ended) if canary!(EndUntold) => return,
                Ok(Received::Ended) => {
                    wire::event(id, &self.connections, format_args!("<- end"));
                    return self.wire_ended(id);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error)
                    if canary!(ReadInterrupted) && error.kind() == ErrorKind::Interrupted =>
                {
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) if canary!(ResetTakenForEnd) => return self.wire_ended(id),
                Err(error) => return self.retire(id, error.into(), Farewell::Close.into()),
            };
            if drained && !care.contains(Care::HINTED) {
                if broken {
                    break;
                }
                return;
            }
            budget = budget.saturating_sub(size);
        }
        self.give_up_if_broken(id);
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

    /// Reads what nobody will hear: the peer may be waiting to send it before it reads our last bytes.
    fn read_and_drop(&mut self, id: ConnectionId, buffer: &mut [u8]) {
        let mut budget = READ_BUDGET;
        loop {
            let Some(connection) = self.connections.get(id) else {
                return;
            };
            let Some(socket) = connection
                .socket()
                .filter(|_| connection.reading == Reading::Open)
            else {
                return;
            };
            if budget == 0 {
                return self.queue_ready(id);
            }
            let size = match self.network.read(socket, buffer) {
                Ok(Received::Filled { size, .. }) => size,
                Ok(Received::Lent { data, .. }) => data.len(),
                Ok(Received::Ended) => return self.dropped_to_the_end(id),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => 0,
                Err(error) => return self.broke_while_ending(id, error.into()),
            };
            self.counters.bytes_in += size as u64;
            budget = budget.saturating_sub(size);
            if self.has_lingered_enough(id, READ_BUDGET - budget) {
                return self.cut_linger(id);
            }
        }
    }

    fn dropped_to_the_end(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.reading = Reading::Ended;
        if connection.phase == Phase::Lingering {
            self.free(id, Farewell::Close);
        }
    }

    fn broke_while_ending(&mut self, id: ConnectionId, reason: Lost) {
        match self.connections.get(id).map(|connection| connection.phase) {
            Some(Phase::Lingering) => self.free(id, Farewell::Close),
            Some(_) => self.retire(id, reason, Farewell::Close.into()),
            None => {}
        }
    }

    fn has_lingered_enough(&mut self, id: ConnectionId, size: usize) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        if connection.phase != Phase::Lingering {
            return false;
        }
        let rare = connection.rare();
        rare.lingered += size;
        rare.lingered > LINGER_BYTES
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

/// Whether there is nothing to do but to read. That a write may succeed is told of idle sockets too.
fn is_only_readable(readiness: &Readiness) -> bool {
    readiness.readable && !readiness.ended && !readiness.failed
}

/// From now on a plain connection may have a reply that waits. Its protocol, if it hears bytes as they come.
#[inline(always)]
fn begin_answer(connection: &mut Connection, replies: &mut Replies) -> Option<Box<dyn Protocol>> {
    connection.replied = replies.round();
    replies.open(true);
    match connection.framing {
        NONE => connection.protocol.take(),
        _ => None,
    }
}
