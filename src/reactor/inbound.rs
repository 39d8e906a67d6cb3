//! What becomes of received bytes: frames, raw bytes. Owns pausing, holding back and switching at
//! the exact byte; reads no socket.

#[cfg(doc)]
use crate::connection::Connection;
use crate::connection::{Care, Cutting, NONE, Pauses, Phase};
use crate::error::FrameError;
use crate::framing::{FramingKind, Skip};
use crate::layer::Kind;
use crate::limits::{ALLOWANCE, Idle};
use crate::network::SocketId;
use crate::protocol::{Held, Input, Mode, Protocol, cut_after_raw};
use crate::table::ConnectionId;

use super::Reactor;

impl Reactor {
    /// Gives bytes to the protocol, behind those held back, as far as it wants them; holds the rest.
    pub(super) fn deliver(&mut self, id: ConnectionId, chunk: &[u8]) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let held = connection
            .rare
            .as_mut()
            .map(|rare| std::mem::take(&mut rare.held))
            .unwrap_or_default();
        self.deliver_input(id, Input::new(held, chunk));
    }

    /// Does the same for a connection whose input [is not cut](Connection::is_raw), and whose protocol was taken out for it,
    /// in a shorter way: that is called with all there is, and the loop is gone into only if it then has something after
    /// that. With its socket, if what is written to it may be sent at once.
    #[inline]
    pub(super) fn deliver_raw(
        &mut self,
        id: ConnectionId,
        protocol: Box<dyn Protocol>,
        socket: Option<SocketId>,
        chunk: &[u8],
    ) {
        let mut rest = None;
        self.dispatch_to(id, protocol, socket, chunk, |protocol, transport| {
            protocol.data_received(transport, chunk);
            if transport.is_halted() {
                rest = Some(cut_after_raw(protocol, transport, chunk));
            }
        });
        if let Some(rest) = rest
            && let Some(rest) = self.keep_rest(id, 0, rest)
        {
            self.deliver_input(id, rest);
        }
    }

    pub(super) fn deliver_input(&mut self, id: ConnectionId, mut input: Input<'_>) {
        let chunk = input.chunk;
        while let Some(connection) = self.connections.get(id) {
            let serial = connection.protocol_serial();
            self.dispatch_with(id, Some(chunk), |protocol, transport| {
                protocol.frames(transport, &mut input)
            });
            match self.keep_rest(id, serial, input) {
                Some(rest) => input = rest,
                None => return,
            }
        }
    }

    /// Holds what the protocol `serial` has left of its input. If another one has taken the connection over, that is to get
    /// it: it is given back.
    fn keep_rest<'d>(
        &mut self,
        id: ConnectionId,
        serial: u32,
        input: Input<'d>,
    ) -> Option<Input<'d>> {
        let connection = self.connections.get_mut(id)?;
        if connection.phase != Phase::Open {
            self.pool.put(input.held.into_buffer());
            return None;
        }
        if connection.rare.is_none() && input.is_over() {
            return None;
        }
        let rare = connection.rare.as_mut();
        let level = rare.and_then(|rare| rare.entering.take());
        if level.is_none() && connection.protocol_serial() != serial && !input.is_empty() {
            return Some(input);
        }
        let held = self.rest_of(input);
        match level {
            // What follows the byte at which a layer was put in belongs to the layer.
            Some(level) => self.enter(id, level, held),
            None => self.hold(id, held),
        }
        self.tidy(id);
        None
    }

    fn rest_of(&mut self, mut input: Input<'_>) -> Held {
        if input.held.is_empty() && input.at < input.chunk.len() {
            let (scanned, wanted) = (input.scanned, input.wanted);
            self.pool.put(std::mem::take(&mut input.held).into_buffer());
            input.held = Held::in_buffer(self.pool.take());
            input.hold_rest();
            (input.held.scanned, input.held.wanted) = (scanned, wanted);
        } else {
            input.hold_rest();
        }
        input.held
    }

    /// Delivers what was held back, then what layers had ready behind it.
    pub(super) fn deliver_held(&mut self, id: ConnectionId) {
        self.enter_layer(id);
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let Some(rare) = connection.rare.as_ref().filter(|_| connection.delivers()) else {
            return;
        };
        if !rare.held.is_empty() {
            self.deliver(id, &[]);
        }
        while let Some(connection) = self.connections.get_mut(id)
            && connection.delivers()
            && let Some((kind, piece)) = connection
                .rare
                .as_mut()
                .and_then(|rare| rare.pending.pop_front())
        {
            match kind {
                Kind::Bytes => self.deliver(id, &piece),
                Kind::Message => self.deliver_message(id, &piece),
            }
        }
        self.tidy(id);
    }

    pub(super) fn deliver_message(&mut self, id: ConnectionId, message: &[u8]) {
        self.dispatch(id, |protocol, transport| {
            protocol.frame_received(transport, message)
        });
        self.allow(id);
    }

    /// What is held back is looked at again in this turn or the next, though nothing new came.
    pub(super) fn serve_held_soon(&mut self, id: ConnectionId) {
        let holds = self.connections.get(id).is_some_and(|connection| {
            connection
                .rare
                .as_ref()
                .is_some_and(|rare| !rare.held.is_empty() || !rare.pending.is_empty())
        });
        if holds {
            self.queue_ready(id);
        }
    }

    pub(crate) fn count_bad_frame(&mut self, error: &FrameError) {
        self.counters.bad_frames += 1;
        if matches!(error, FrameError::TooLong { .. }) {
            self.counters.frames_too_long += 1;
        }
    }

    /// Stops delivering to a connection's protocol, see [`Transport::pause_reading`](crate::Transport::pause_reading).
    pub fn pause_reading(&mut self, id: ConnectionId) {
        self.pause(id, Pauses::ASKED);
    }

    /// Delivers again, see [`Transport::resume_reading`](crate::Transport::resume_reading).
    pub fn resume_reading(&mut self, id: ConnectionId) {
        self.resume(id, Pauses::ASKED);
    }

    pub(crate) fn pause(&mut self, id: ConnectionId, who: Pauses) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.pauses.add(who);
            self.give_up_if_broken(id);
        }
    }

    pub(crate) fn resume(&mut self, id: ConnectionId, who: Pauses) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.pauses.is_empty() {
            return;
        }
        connection.pauses.remove(who);
        let silenced = connection.care.contains(Care::WATCHED) && who == Pauses::PRESSURE;
        if connection.pauses.is_empty()
            && connection.phase == Phase::Open
            && !canary!(ResumeForgotten)
        {
            self.queue_ready(id);
        }
        if silenced {
            self.note_activity(id, Idle::Reading);
        }
    }

    /// How much a connection's callbacks may still write before the peer has been offered it. With nothing left the rest
    /// of its input waits for the next turn: without this, one read of short requests with long replies would hold any
    /// amount of memory.
    pub(crate) fn allow(&mut self, id: ConnectionId) -> usize {
        let written = self.not_offered(id);
        if written < ALLOWANCE {
            return ALLOWANCE - written;
        }
        let left = self.limits(id).high_water.saturating_sub(written);
        if left == 0
            && let Some(connection) = self.connections.get_mut(id)
        {
            connection.full = true;
            self.queue_ready(id);
        }
        left
    }

    /// How a connection's next bytes are to be cut; `None` if it may have none.
    pub(crate) fn mode(&self, id: ConnectionId) -> Option<Mode> {
        let connection = self
            .connections
            .get(id)
            .filter(|connection| connection.delivers())?;
        let framing = || self.framings.at(connection.framing);
        Some(match connection.cutting {
            Cutting::Raw => Mode::Raw,
            Cutting::Counted => {
                Mode::Counted(connection.rare.as_ref().map_or(0, |rare| rare.raw_left))
            }
            Cutting::Frames => framing().map_or(Mode::Raw, Mode::Frames),
            Cutting::Skipping => framing().map_or(Mode::Raw, Mode::Skipping),
        })
    }

    pub(crate) fn set_framing(&mut self, id: ConnectionId, framing: FramingKind) {
        if self.live(id).is_none() {
            return self.discard(framing);
        }
        self.pin_latest(id);
        let place = self.framings.intern(framing);
        if let Some(connection) = self.connections.get_mut(id) {
            let old = std::mem::replace(&mut connection.framing, place);
            self.release_framing(old);
        }
        self.set_cutting(id, Cutting::Frames, 0);
    }

    pub(crate) fn set_cutting(&mut self, id: ConnectionId, cutting: Cutting, raw_left: u64) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.cutting = cutting;
        if let Some(rare) = connection.rare.as_mut() {
            rare.raw_left = raw_left;
            rare.held.rescan();
        } else if raw_left > 0 {
            connection.rare().raw_left = raw_left;
        }
        self.serve_held_soon(id);
    }

    /// Begins to skip the refused frame at the front of `data`; `false` if its end can't be found.
    pub(crate) fn skip_frame(&mut self, id: ConnectionId, data: &[u8]) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        let framing = self.framings.at(connection.framing);
        let Some(framing) = framing.filter(|_| connection.cutting == Cutting::Frames) else {
            // The protocol has changed the mode itself.
            return true;
        };
        let left = match &*framing {
            FramingKind::Lines(_) => 0,
            other => match other.rules().skip(data) {
                Skip::Bytes(left @ 1..) => left,
                Skip::More => 0,
                Skip::Bytes(0) | Skip::Impossible => return false,
            },
        };
        connection.cutting = Cutting::Skipping;
        if left > 0 {
            connection.rare().raw_left = left;
        }
        true
    }

    /// How many bytes more of a refused frame are to be skipped; 0 if that is not known.
    pub(crate) fn left_to_skip(&self, id: ConnectionId) -> u64 {
        let connection = self.connections.get(id);
        let rare = connection.and_then(|connection| connection.rare.as_ref());
        rare.map_or(0, |rare| rare.raw_left)
    }

    /// So many bytes of it are left now.
    pub(crate) fn skipped(&mut self, id: ConnectionId, left: u64) {
        if left == 0 {
            return self.set_cutting(id, Cutting::Frames, 0);
        }
        if let Some(connection) = self.connections.get_mut(id) {
            connection.rare().raw_left = left;
        }
    }

    pub(crate) fn count_raw(&mut self, id: ConnectionId, size: usize) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.cutting == Cutting::Counted {
            let rare = connection.rare();
            rare.raw_left = rare.raw_left.saturating_sub(size as u64);
            if rare.raw_left == 0 {
                connection.cutting = if connection.framing == NONE {
                    Cutting::Raw
                } else {
                    Cutting::Frames
                };
            }
        }
    }

    /// `back` raw bytes were given back. Whether they would come again at once, raw as before.
    pub(crate) fn counts_as_raw_again(&mut self, id: ConnectionId, back: usize) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        if connection.cutting == Cutting::Counted {
            connection.rare().raw_left += back as u64;
        }
        connection.delivers() && matches!(connection.cutting, Cutting::Raw | Cutting::Counted)
    }

    pub(crate) fn raw_left(&self, id: ConnectionId) -> Option<u64> {
        let connection = self.connections.get(id)?;
        (connection.cutting == Cutting::Counted)
            .then(|| connection.rare.as_ref().map_or(0, |rare| rare.raw_left))
    }

    pub(crate) fn switch_protocol(&mut self, id: ConnectionId, protocol: Box<dyn Protocol>) {
        let protocol = self.beginning(protocol);
        self.succeed(id, protocol);
    }

    /// Has another protocol take a connection over when its own returns.
    pub(super) fn succeed(&mut self, id: ConnectionId, protocol: Box<dyn Protocol>) {
        self.leave_pipe(id);
        match self.connections.get_mut(id) {
            Some(connection) if connection.is_live() => {
                let protocol = match &self.watch {
                    Some(watch) => watch(protocol),
                    None => protocol,
                };
                if let Some(earlier) = connection.rare().successor.replace(protocol) {
                    self.discard(earlier);
                }
            }
            _ => self.discard(protocol),
        }
    }
}
