//! Layers between the wire and the framing: TLS, WebSocket, PROXY and their like. Owns the contract of a layer and how a
//! stack of them is run; does no input or output, and holds no connection.

mod wrapper;

use std::fmt;

pub use wrapper::{LayerMaker, Wrapper};

use crate::error::Lost;

/// A transformation of both directions of one connection, without input or output of its own.
///
/// A connection has a stack of them. What the wire brings climbs it, what the protocol writes descends it. `down` is
/// what goes towards the wire: a layer appends to it at any occasion, and what a failing layer has appended (an alert) is
/// still sent.
///
/// Panics are kept to the connection, as a protocol's are. What a layer says of itself ([`is_ready`](Self::is_ready),
/// [`ended`](Self::ended), [`has_messages`](Self::has_messages)) is asked after its other methods were called, and at no
/// other time.
pub trait Layer: 'static {
    /// The connection stands, or is being made by us: a layer that speaks first does so here.
    fn start(&mut self, down: &mut Vec<u8>) {
        let _ = down;
    }

    /// Bytes from below, in any portions. What they come to goes `up`.
    ///
    /// # Errors
    /// The connection is lost for that reason, after `down` was sent.
    fn receive(&mut self, wire: &[u8], up: &mut Up, down: &mut Vec<u8>) -> Result<(), Lost>;

    /// Bytes from above. A protocol's come only once every layer of the connection is ready; what another layer above says
    /// may come before, and has to be kept until this one is.
    fn send(&mut self, plain: &[u8], down: &mut Vec<u8>);

    /// Whether this layer has messages of its own: then a frame passes by the framing, as one message.
    fn has_messages(&self) -> bool {
        false
    }

    /// One whole message from above; only called if the layer [has messages](Self::has_messages).
    fn send_message(&mut self, message: &[u8], down: &mut Vec<u8>) {
        self.send(message, down);
    }

    /// Our side has nothing more to send: the layer's own farewell, if it has one.
    fn finish(&mut self, down: &mut Vec<u8>) {
        let _ = down;
    }

    /// The peer's FIN came, or a layer below has heard its peer's farewell. A layer whose peer should have said farewell
    /// first, and did not, returns [`Lost::Truncated`].
    ///
    /// # Errors
    /// The connection is lost for that reason.
    fn wire_ended(&mut self, up: &mut Up) -> Result<(), Lost> {
        let _ = up;
        Ok(())
    }

    /// Whether the peer said farewell inside this layer: then `eof_received` is told, though the wire has not ended.
    fn ended(&self) -> bool {
        false
    }

    /// Whether the handshake is done. `connection_made` is told when every layer is ready.
    fn is_ready(&self) -> bool {
        true
    }
}

impl fmt::Debug for dyn Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layer")
    }
}

impl Layer for Box<dyn Layer> {
    fn start(&mut self, down: &mut Vec<u8>) {
        (**self).start(down);
    }

    fn receive(&mut self, wire: &[u8], up: &mut Up, down: &mut Vec<u8>) -> Result<(), Lost> {
        (**self).receive(wire, up, down)
    }

    fn send(&mut self, plain: &[u8], down: &mut Vec<u8>) {
        (**self).send(plain, down);
    }

    fn has_messages(&self) -> bool {
        (**self).has_messages()
    }

    fn send_message(&mut self, message: &[u8], down: &mut Vec<u8>) {
        (**self).send_message(message, down);
    }

    fn finish(&mut self, down: &mut Vec<u8>) {
        (**self).finish(down);
    }

    fn wire_ended(&mut self, up: &mut Up) -> Result<(), Lost> {
        (**self).wire_ended(up)
    }

    fn ended(&self) -> bool {
        (**self).ended()
    }

    fn is_ready(&self) -> bool {
        (**self).is_ready()
    }
}

/// What a layer hands upwards: bytes, and whole messages, in order.
#[derive(Debug, Default)]
pub struct Up {
    buffer: Vec<u8>,
    pieces: Vec<(Kind, usize)>,
}

/// What a piece on its way up is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bytes,
    Message,
}

impl Up {
    /// Bytes of a stream: the framing above cuts them.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        match self.pieces.last_mut() {
            Some((Kind::Bytes, end)) => *end = self.buffer.len(),
            _ if bytes.is_empty() => {}
            _ => self.pieces.push((Kind::Bytes, self.buffer.len())),
        }
    }

    /// A whole message: it is a frame as it stands, and passes by the framing.
    pub fn message(&mut self, message: &[u8]) {
        self.buffer.extend_from_slice(message);
        self.pieces.push((Kind::Message, self.buffer.len()));
    }

    /// All that was handed up so far, of bytes and messages together: for the tests of a layer.
    pub fn so_far(&self) -> &[u8] {
        &self.buffer
    }

    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.pieces.clear();
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = (Kind, &[u8])> {
        let mut start = 0;
        self.pieces.iter().map(move |&(kind, end)| {
            let piece = &self.buffer[start..end];
            start = end;
            (kind, piece)
        })
    }
}

/// The layers of one connection, the one nearest the wire first.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    layers: Vec<Box<dyn Layer>>,
    answers: Answers,
}

/// What the layers last said of themselves. They are users' code: they are asked where a panic of theirs is caught, and not
/// whenever the loop wants to know.
#[derive(Clone, Copy, Debug)]
struct Answers {
    ready: bool,
    ended_at: Option<usize>,
    has_messages: bool,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            ready: true,
            ended_at: None,
            has_messages: false,
        }
    }
}

impl Stack {
    pub(crate) fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.layers.len()
    }

    /// Asks the layers how they stand: after each run, as nothing else changes that.
    pub(crate) fn ask(&mut self) {
        self.answers = Answers {
            ready: self.layers.iter().all(|layer| layer.is_ready()),
            ended_at: self.layers.iter().rposition(|layer| layer.ended()),
            has_messages: self.layers.last().is_some_and(|layer| layer.has_messages()),
        };
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.answers.ready
    }

    /// The highest layer whose peer has said farewell.
    pub(crate) fn ended_at(&self) -> Option<usize> {
        self.answers.ended_at
    }

    /// Adds a layer on top; its first words go to `wire`.
    pub(crate) fn push(&mut self, layer: Box<dyn Layer>, wire: &mut Vec<u8>) {
        self.layers.push(layer);
        let top = self.layers.len() - 1;
        let mut down = Vec::new();
        self.layers[top].start(&mut down);
        self.descend(top, &down, wire);
    }

    /// Bytes from below enter at layer `level`; what comes out above the top goes `up`, what goes down to `wire`.
    pub(crate) fn climb(
        &mut self,
        level: usize,
        data: &[u8],
        scratch: &mut Scratch,
        up: &mut Up,
        wire: &mut Vec<u8>,
    ) -> Result<(), Lost> {
        self.climb_with(level, scratch, up, wire, |layer, up, down| {
            layer.receive(data, up, down)
        })
    }

    /// What is below layer `lowest` has ended: every layer from there on hears it, the lowest first.
    pub(crate) fn wire_ended(
        &mut self,
        lowest: usize,
        scratch: &mut Scratch,
        up: &mut Up,
        wire: &mut Vec<u8>,
    ) -> Result<(), Lost> {
        for level in lowest..self.layers.len() {
            let mut part = Up::default();
            let outcome = self.climb_with(level, scratch, &mut part, wire, |layer, up, _| {
                layer.wire_ended(up)
            });
            for (kind, piece) in part.pieces() {
                match kind {
                    Kind::Bytes => up.bytes(piece),
                    Kind::Message => up.message(piece),
                }
            }
            outcome?;
        }
        Ok(())
    }

    fn climb_with(
        &mut self,
        level: usize,
        scratch: &mut Scratch,
        up: &mut Up,
        wire: &mut Vec<u8>,
        mut enter: impl FnMut(&mut dyn Layer, &mut Up, &mut Vec<u8>) -> Result<(), Lost>,
    ) -> Result<(), Lost> {
        let Scratch { ping, pong, down } = scratch;
        ping.clear();
        down.clear();
        let mut outcome = enter(&mut *self.layers[level], ping, down);
        self.descend(level, down, wire);
        // What a failing layer let through is not bare: it still has to pass those above.
        for above in level + 1..self.layers.len() {
            pong.clear();
            for (_, piece) in ping.pieces() {
                down.clear();
                let passed = self.layers[above].receive(piece, pong, down);
                self.descend(above, down, wire);
                if passed.is_err() {
                    outcome = outcome.and(passed);
                    break;
                }
            }
            std::mem::swap(ping, pong);
        }
        std::mem::swap(ping, up);
        outcome
    }

    /// Bytes from the protocol pass through every layer to the wire.
    pub(crate) fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) {
        self.descend(self.layers.len(), plain, wire);
    }

    /// Whether the top layer has messages of its own.
    pub(crate) fn has_messages(&self) -> bool {
        self.answers.has_messages
    }

    /// A whole frame, for a top layer that has messages.
    pub(crate) fn send_message(&mut self, message: &[u8], wire: &mut Vec<u8>) {
        let Some(top) = self.layers.len().checked_sub(1) else {
            return;
        };
        let mut down = Vec::new();
        self.layers[top].send_message(message, &mut down);
        self.descend(top, &down, wire);
    }

    /// Every layer's farewell, the top one's first, each through those below it.
    pub(crate) fn finish(&mut self, wire: &mut Vec<u8>) {
        for level in (0..self.layers.len()).rev() {
            let mut down = Vec::new();
            self.layers[level].finish(&mut down);
            self.descend(level, &down, wire);
        }
    }

    /// What layer `level` sent down passes through those below it.
    fn descend(&mut self, level: usize, data: &[u8], wire: &mut Vec<u8>) {
        if data.is_empty() {
            return;
        }
        let Some(below) = level.checked_sub(1) else {
            wire.extend_from_slice(data);
            return;
        };
        if below == 0 {
            self.layers[0].send(data, wire);
            return;
        }
        let mut down = Vec::new();
        self.layers[below].send(data, &mut down);
        self.descend(below, &down, wire);
    }
}

/// Room to run a stack in, one for the whole loop.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    ping: Up,
    pong: Up,
    down: Vec<u8>,
}
