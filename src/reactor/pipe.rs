//! Pipes: two connections joined, so that what one peer sends the other gets, and what becomes of one becomes of the other.
//! Owns who is joined to whom and when which of the two is read; what is written and closed goes the way of all connections.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::connection::{Pauses, Phase, Pressure, Reading, Writing};
use crate::error::Lost;
use crate::limits::QUIET_AT_STOP;
use crate::protocol::Protocol;
use crate::table::ConnectionId;
use crate::transport::Transport;

use super::Reactor;

/// The protocol of both ends of a pipe.
struct Pipe {
    /// How many bytes came, over both.
    moved: Rc<Cell<u64>>,
}

impl Reactor {
    /// Joins two connections: from now on what the peer of one sends is sent to the peer of the other, both ways, until both
    /// have ended. Their protocols are dropped and hear no more; what they had received and not used, `unread` bytes and
    /// the beginning of a frame included, goes through the pipe first, and what they had written is sent before it. A
    /// connection that is still being made may be joined too: the other is not read until it stands.
    ///
    /// - **Pressure**: while more than the high mark waits for one peer, the other is not read; so a pipe holds, each way, at
    ///   most that and one read. A pause from before is over; one asked for later, by [`pause_reading`](Self::pause_reading),
    ///   holds besides.
    /// - **The end**: a peer's end is passed on behind all that came before it, and the other direction goes on. When both
    ///   directions have ended, both connections are done.
    /// - **A death**: if one connection is reset, aborted, timed out or otherwise broken, the other is aborted, so that its
    ///   peer does not take a part for the whole. If one is closed in order, or can't be made, so is the other.
    /// - **A stop**: a pipe through which nothing has come for a second is closed in order, another goes on until the
    ///   reactor's deadline.
    ///
    /// A connection that was part of a pipe leaves it, and its partner there is closed in order. If one of the two has
    /// ended already, the other is aborted. A connection that is joined to itself echoes.
    ///
    /// ```
    /// use ropewalk::{Protocol, Transport};
    ///
    /// /// Reads one byte, which says where to, and is a pipe from then on.
    /// struct Switchboard;
    ///
    /// impl Protocol for Switchboard {
    ///     fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
    ///         let endpoint = match data[0] {
    ///             b'w' => "tcp:127.0.0.1:8080",
    ///             _ => "tcp:127.0.0.1:8007",
    ///         };
    ///         transport.unread(data.len() - 1);
    ///         let id = transport.id();
    ///         transport.reactor().connect(endpoint).pipe(id);
    ///     }
    /// }
    /// ```
    pub fn pipe(&mut self, one: ConnectionId, other: ConnectionId) {
        if self.live(one).is_none() || self.live(other).is_none() {
            self.abort_connection(one);
            self.abort_connection(other);
            return;
        }
        if self.partner(one) == Some(other) {
            return;
        }
        let moved = Rc::new(Cell::new(0));
        for (id, partner) in [(one, other), (other, one)] {
            let moved = Rc::clone(&moved);
            self.take_over(id, Box::new(Pipe { moved }));
            if let Some(rare) = self.rare(id) {
                rare.partner = Some(partner);
            }
            self.resume(id, Pauses::ALL);
        }
        self.join(one);
        self.join(other);
    }

    /// Takes a connection out of its pipe, if it is in one, and closes the one it was joined to.
    pub(crate) fn leave_pipe(&mut self, id: ConnectionId) {
        if let Some(partner) = self.part(id) {
            self.lose_connection(partner);
        }
    }

    /// What becomes of the one that a lost connection was joined to.
    pub(super) fn end_pipe(&mut self, id: ConnectionId, reason: &Lost) {
        let Some(partner) = self.part(id) else {
            return;
        };
        if !matches!(reason, Lost::Done(_)) {
            return self.abort_connection(partner);
        }
        // Both have said all: the partner is done once its peer has got it, and may take longer over that than a close.
        let ends_by_itself = self.live(partner).is_some_and(|connection| {
            connection.reading == Reading::Ended && connection.writing != Writing::Open
        });
        if !ends_by_itself {
            self.lose_connection(partner);
        }
    }

    fn partner(&self, id: ConnectionId) -> Option<ConnectionId> {
        self.connections.get(id)?.rare.as_ref()?.partner
    }

    fn part(&mut self, id: ConnectionId) -> Option<ConnectionId> {
        let partner = self.partner(id)?;
        for id in [id, partner] {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.rare().partner = None;
            }
            self.resume(id, Pauses::PIPED);
        }
        Some(partner).filter(|&partner| partner != id)
    }

    /// Lets bytes flow between a connection and its partner, as far as both are ready, and makes up for an end that was heard
    /// before they were joined.
    fn join(&mut self, id: ConnectionId) {
        let Some(partner) = self.partner(id) else {
            return;
        };
        self.regulate(id, partner);
        self.regulate(partner, id);
        if self
            .connections
            .get(id)
            .is_some_and(|connection| connection.reading == Reading::Ended)
        {
            self.lose_write_connection(partner);
        }
    }

    /// Reads `from` if, and only if, `to` takes more.
    fn regulate(&mut self, from: ConnectionId, to: ConnectionId) {
        if self.takes_more(to) {
            self.resume(from, Pauses::PIPED);
        } else {
            self.pause(from, Pauses::PIPED);
        }
    }

    /// Whether a connection's output is below its mark. If it is not, that counts as told, and its `resume_writing` comes.
    fn takes_more(&mut self, id: ConnectionId) -> bool {
        let is_high = self.sent_bytes(id) > self.limits(id).high_water;
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        if is_high && connection.phase == Phase::Open {
            connection.pressure = Pressure::High;
        }
        connection.phase == Phase::Open && connection.pressure == Pressure::Low
    }

    fn relay(&mut self, from: ConnectionId, data: &[u8]) {
        if let Some(to) = self.partner(from) {
            self.write_through(to, data);
            self.regulate(from, to);
        }
    }

    fn pass_end(&mut self, from: ConnectionId) {
        if let Some(to) = self.partner(from) {
            self.lose_write_connection(to);
        }
    }

    /// Its own output has changed between much and little: its partner is read accordingly.
    fn pressure_changed(&mut self, id: ConnectionId) {
        if let Some(partner) = self.partner(id) {
            self.regulate(partner, id);
        }
    }

    /// How long nothing may come through a pipe until a stopping reactor closes it.
    fn quiet_time(&self) -> Duration {
        self.stop_within
            .map_or(QUIET_AT_STOP, |within| QUIET_AT_STOP.min(within / 2))
    }
}

impl Pipe {
    fn end_when_quiet(&self, transport: &mut Transport<'_>) {
        let before = self.moved.get();
        let quiet = transport.reactor().quiet_time();
        transport.call_later(quiet, move |this: &mut Self, transport| {
            if this.moved.get() == before {
                transport.lose_connection();
            } else {
                this.end_when_quiet(transport);
            }
        });
    }
}

impl Protocol for Pipe {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let id = transport.id();
        transport.reactor().join(id);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.moved.set(self.moved.get() + data.len() as u64);
        let id = transport.id();
        transport.reactor().relay(id, data);
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        let id = transport.id();
        transport.reactor().pass_end(id);
    }

    fn pause_writing(&mut self, transport: &mut Transport<'_>) {
        let id = transport.id();
        transport.reactor().pressure_changed(id);
    }

    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        let id = transport.id();
        transport.reactor().pressure_changed(id);
    }

    fn stopping(&mut self, transport: &mut Transport<'_>) {
        self.end_when_quiet(transport);
    }
}
