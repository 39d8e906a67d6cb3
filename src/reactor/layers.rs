//! Running the layers of a connection. Owns the guard against their panics and the moment a connection counts as made;
//! the stack itself is [`crate::layer`]'s.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};

use bytes::Bytes;

use crate::connection::{Phase, Reading, Writing};
use crate::error::Lost;
use crate::layer::{Kind, Layer, Scratch, Stack, Up};
use crate::limits::LAYERS;
use crate::network::Farewell;
use crate::protocol::Held;
use crate::table::ConnectionId;

use super::dispatch::Notice;
use super::unsent::Unsent;
use super::{Call, Reactor};

impl Reactor {
    pub(super) fn climb_or_deliver(&mut self, id: ConnectionId, data: &[u8]) {
        let connection = self.connections.get(id);
        if connection.is_some_and(|connection| connection.rare.is_some()) {
            self.enter_layer(id);
            if self.has_layers(id) {
                return self.climb(id, 0, data);
            }
        }
        self.deliver(id, data);
    }

    /// Bytes enter the stack at layer `level`; what comes out on top is delivered.
    pub(super) fn climb(&mut self, id: ConnectionId, level: usize, data: &[u8]) {
        self.run_up(id, |stack, scratch, up, wire| {
            stack.climb(level, data, scratch, up, wire)
        });
        self.notice_farewell(id);
    }

    /// A farewell within a layer is for those above it what the wire's end is for all: it may come too early for them.
    fn notice_farewell(&mut self, id: ConnectionId) {
        let open = self
            .connections
            .get(id)
            .is_some_and(|connection| connection.reading == Reading::Open);
        if let Some(level) = self
            .layers_of(id)
            .filter(|_| open)
            .and_then(Stack::ended_at)
        {
            self.run_up(id, |stack, scratch, up, wire| {
                stack.wire_ended(level + 1, scratch, up, wire)
            });
            self.peer_ended(id);
        }
    }

    /// The peer's FIN: the layers hear it first, for it may have come too early for them.
    pub(super) fn wire_ended(&mut self, id: ConnectionId) {
        if self
            .connections
            .get(id)
            .is_some_and(|connection| connection.has_layers())
        {
            self.run_up(id, |stack, scratch, up, wire| {
                stack.wire_ended(0, scratch, up, wire)
            });
        }
        self.peer_ended(id);
    }

    /// Runs the stack upwards. Made first, then data, then the failure: in this order, whatever one portion of bytes brings.
    fn run_up(
        &mut self,
        id: ConnectionId,
        run: impl FnOnce(&mut Stack, &mut Scratch, &mut Up, &mut Vec<u8>) -> Result<(), Lost>,
    ) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut up = std::mem::take(&mut self.up);
        up.clear();
        let mut ready = self.layers_are_ready(id);
        let below = self.below_layers(id);
        let outcome = self.with_layers(id, |stack, wire| run(stack, &mut scratch, &mut up, wire));
        self.scratch = scratch;
        self.hold_layers_to_limit(id, below);
        let height = self.layers_of(id).map_or(0, Stack::len);
        let was_ready = std::mem::replace(&mut ready, self.layers_are_ready(id));
        if ready && !was_ready {
            self.send_early(id);
        }
        self.open_if_ready(id);
        self.deliver_pieces(id, height, &up);
        self.up = up;
        if let Some(Err(reason)) = outcome {
            self.drain(id, Some(reason));
        }
    }

    /// How many bytes wait that the layers are done with.
    fn below_layers(&self, id: ConnectionId) -> usize {
        let connection = self.connections.get(id);
        let unsent = connection.and_then(|connection| self.outs.get(connection.out));
        unsent.map_or(0, Unsent::len)
    }

    /// What layers answer by themselves (pongs, say) is held to the hard limit as writes are: nobody else could stop a peer
    /// that asks and never reads. What waits above them does not count, nor does a farewell, which is owed to any peer.
    fn hold_layers_to_limit(&mut self, id: ConnectionId, before: usize) {
        let connection = self.connections.get(id);
        let Some(connection) = connection.filter(|connection| connection.phase <= Phase::Open)
        else {
            return;
        };
        let Some(unsent) = self.outs.get(connection.out) else {
            return;
        };
        let waiting = unsent.waiting_since_before(self.turn);
        if unsent.len() > before && waiting > self.limits(id).unsent {
            self.retire_too_slow(id, waiting);
        }
    }

    /// Delivers what came out on top of a stack of `height` layers. A callback may put another one on top of it: that one
    /// gets the rest.
    fn deliver_pieces(&mut self, id: ConnectionId, height: usize, up: &Up) {
        for (kind, piece) in up.pieces() {
            let Some(connection) = self.connections.get_mut(id) else {
                return;
            };
            if connection.phase != Phase::Open {
                return;
            }
            if connection.rare().layers.len() > height {
                self.enter_layer(id);
                self.climb(id, height, piece);
                continue;
            }
            let waits = !connection.rare().pending.is_empty();
            let delivers = connection.delivers();
            if kind == Kind::Bytes {
                self.note_risen(id, height, piece);
            }
            match kind {
                Kind::Bytes if !waits => self.deliver(id, piece),
                Kind::Message if !waits && delivers => self.deliver_message(id, piece),
                _ => {
                    if let Some(rare) = self.rare(id) {
                        let piece = Bytes::copy_from_slice(piece);
                        rare.pending.push_back((kind, piece));
                    }
                }
            }
        }
    }

    fn layers_of(&self, id: ConnectionId) -> Option<&Stack> {
        Some(&self.connections.get(id)?.rare.as_ref()?.layers)
    }

    /// Runs the layers of a connection under guard, and queues what they send to the wire. `None` if there are none, or
    /// one panicked: then the connection is lost, for without them what is written would go out bare.
    pub(super) fn with_layers<R>(
        &mut self,
        id: ConnectionId,
        run: impl FnOnce(&mut Stack, &mut Vec<u8>) -> R,
    ) -> Option<R> {
        let rare = self.connections.get_mut(id)?.rare.as_mut()?;
        if rare.layers.is_empty() {
            return None;
        }
        let mut stack = std::mem::take(&mut rare.layers);
        let mut wire = self.pool.take();
        match panic::catch_unwind(AssertUnwindSafe(|| {
            let result = run(&mut stack, &mut wire);
            stack.ask();
            result
        })) {
            Ok(result) => {
                if let Some(rare) = self.rare(id) {
                    rare.layers = stack;
                }
                self.queue_wire(id, wire);
                Some(result)
            }
            Err(cause) => {
                self.discard(stack);
                self.panicked(id, cause);
                None
            }
        }
    }

    /// Queues bytes that layers made for the wire, whatever the phase: a farewell or an alert is among them.
    fn queue_wire(&mut self, id: ConnectionId, mut wire: Vec<u8>) {
        let sends = self.connections.get(id).is_some_and(|connection| {
            connection.phase <= Phase::Draining
                && matches!(connection.writing, Writing::Open | Writing::Ending)
        });
        if sends && !wire.is_empty() {
            self.push(id, &wire);
        }
        wire.clear();
        self.pool.put(wire);
    }

    pub(super) fn write_through_layers(&mut self, id: ConnectionId, data: &[u8]) {
        if self.layers_are_ready(id) {
            self.with_layers(id, |stack, wire| stack.send(data, wire));
        } else {
            self.keep_early(id, Kind::Bytes, data);
        }
    }

    pub(super) fn layers_are_ready(&self, id: ConnectionId) -> bool {
        self.layers_of(id).is_none_or(Stack::is_ready)
    }

    /// Whether frames go out as messages of the top layer.
    pub(crate) fn sends_messages(&self, id: ConnectionId) -> bool {
        self.layers_of(id).is_some_and(Stack::has_messages)
    }

    pub(crate) fn send_message(&mut self, id: ConnectionId, frame: &[u8]) {
        if self.layers_are_ready(id) {
            self.with_layers(id, |stack, wire| stack.send_message(frame, wire));
        } else {
            self.keep_early(id, Kind::Message, frame);
        }
    }

    pub(super) fn finish_layers(&mut self, id: ConnectionId) {
        self.with_layers(id, Stack::finish);
    }

    pub(crate) fn start_layer(&mut self, id: ConnectionId, layer: Box<dyn Layer>) {
        let Some(connection) = self
            .connections
            .get_mut(id)
            .filter(|connection| connection.takes_writes())
        else {
            return self.discard(layer);
        };
        let rare = connection.rare();
        if rare.layers.len() == LAYERS {
            self.discard(layer);
            self.warn(id, format_args!("more than {LAYERS} layers"));
            return self.retire(id, Lost::Panicked, Farewell::Reset.into());
        }
        // They were sent before the layer was, and in the envelope of that time.
        self.move_all_frames_down(id);
        self.pin_latest(id);
        self.push_layer(id, layer);
        if let Some(rare) = self.rare(id) {
            let top = rare.layers.len().checked_sub(1);
            let is_ready = rare.layers.is_ready();
            rare.entering = rare.entering.or(top);
            self.queue_ready(id);
            if !is_ready {
                let within = self.limits(id).handshake;
                self.set_deadline(id, within);
            }
        }
    }

    /// What was held back when a layer was put in belongs to the layer.
    pub(super) fn enter_layer(&mut self, id: ConnectionId) {
        let Some(rare) = self
            .connections
            .get_mut(id)
            .and_then(|connection| connection.rare.as_mut())
        else {
            return;
        };
        let Some(level) = rare.entering.take() else {
            return;
        };
        let held = std::mem::take(&mut rare.held);
        self.enter(id, level, held);
    }

    /// What the protocol has not been given, and what waits behind it, goes to the new layer `level` and those above.
    pub(super) fn enter(&mut self, id: ConnectionId, level: usize, held: Held) {
        let pending = self
            .rare(id)
            .map_or_else(VecDeque::new, |rare| std::mem::take(&mut rare.pending));
        if !held.is_empty() {
            self.climb(id, level, held.rest());
        }
        self.pool.put(held.into_buffer());
        for (_, piece) in pending {
            self.climb(id, level, &piece);
        }
        // The end came before the layer did: it belongs to what follows as well.
        let ending = self
            .connections
            .get(id)
            .is_some_and(|connection| connection.reading == Reading::Ending);
        if ending {
            self.run_up(id, |stack, scratch, up, wire| {
                stack.wire_ended(level, scratch, up, wire)
            });
        }
    }

    /// Puts a layer on top of a connection's stack; it may speak first.
    pub(super) fn push_layer(&mut self, id: ConnectionId, layer: Box<dyn Layer>) {
        let Some(rare) = self.rare(id) else {
            return self.discard(layer);
        };
        let mut stack = std::mem::take(&mut rare.layers);
        let mut wire = self.pool.take();
        match panic::catch_unwind(AssertUnwindSafe(|| {
            stack.push(layer, &mut wire);
            stack.ask();
        })) {
            Ok(()) => {
                if let Some(rare) = self.rare(id) {
                    rare.layers = stack;
                }
                self.queue_wire(id, wire);
            }
            Err(cause) => {
                self.discard(stack);
                self.panicked(id, cause);
            }
        }
    }

    /// The connection counts as made once its socket stands and every layer is ready.
    pub(super) fn open_if_ready(&mut self, id: ConnectionId) {
        let ready = self.layers_are_ready(id);
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.phase != Phase::Opening || !ready {
            return;
        }
        let is_bare = connection.rare.is_none();
        if is_bare {
            connection.phase = Phase::Open;
        } else if !self.open_rare(id) {
            return;
        }
        self.watch_as_limited(id);
        self.notify(id, &Notice::Made);
        if !is_bare {
            self.tell_keeper(id);
        }
    }

    /// Opens a connection that has something rare; `false` if it is not to be.
    fn open_rare(&mut self, id: ConnectionId) -> bool {
        if !self.meet_keeper(id) {
            return false;
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        connection.phase = Phase::Open;
        let outgoing = connection
            .rare
            .as_mut()
            .and_then(|rare| rare.connecting.take());
        self.set_deadline(id, None);
        if let Some(outgoing) = outgoing {
            self.counters.connected += 1;
            let (hooks, calls) = outgoing.made();
            self.discard(hooks);
            self.calls.extend(calls.into_iter().map(Call::Protocol));
        }
        self.tidy(id);
        true
    }
}
