//! Writing: how bytes and frames come into a connection's output. Owns the loan of the output to a callback and the hard
//! limit; sends nothing, which is the flush's part.

use std::rc::Rc;

use bytes::Bytes;

use crate::connection::NONE;
use crate::error::{FrameError, Lost};
use crate::framing::FramingKind;
use crate::inspector::RarePath;
use crate::network::Farewell;
use crate::outbound::Outbound;
use crate::table::ConnectionId;

use super::Reactor;
use super::unsent::Unsent;

impl Reactor {
    /// Queues bytes to send on a connection. They leave at the end of the turn at the latest. To a connection that has
    /// ended, or is ending, nothing is sent; that is counted.
    pub fn write(&mut self, id: ConnectionId, data: impl AsRef<[u8]>) {
        let data = data.as_ref();
        if !data.is_empty() && self.admits_write(id) {
            self.queue(id, data);
        }
    }

    fn queue(&mut self, id: ConnectionId, data: &[u8]) {
        if self
            .connections
            .get(id)
            .is_some_and(|connection| connection.has_layers())
        {
            self.write_through_layers(id, data);
        } else {
            self.push(id, data);
        }
    }

    /// Queues bytes behind all others, in the form in which they leave.
    // Apart from its callers, whose frequent way is another.
    #[inline(never)]
    pub(super) fn push(&mut self, id: ConnectionId, data: &[u8]) {
        self.note_written(id, data);
        self.push_rest(id, data);
    }

    /// Queues what is left of bytes that were offered.
    #[inline(never)]
    pub(super) fn push_rest(&mut self, id: ConnectionId, data: &[u8]) {
        self.output(id).push(data);
    }

    /// For a pipe: offers bytes to the system from where they lie, if nothing waits before them, and queues what it does
    /// not take. Nobody's callback is under way but the pipe's own, and nobody else writes to this connection in small
    /// pieces: there is nothing to gather.
    pub(super) fn write_through(&mut self, id: ConnectionId, data: &[u8]) {
        match self.offer_at_once(id, data) {
            Some(taken) if taken < data.len() && self.takes_write(id) => {
                self.push_rest(id, &data[taken..]);
            }
            None if !data.is_empty() && self.takes_write(id) => self.queue(id, data),
            _ => {}
        }
    }

    /// Queues bytes to send, without a copy if they are 4 KiB or more and no layer changes them.
    pub fn write_shared(&mut self, id: ConnectionId, data: Bytes) {
        if data.is_empty() || !self.admits_write(id) {
            return;
        }
        if self
            .connections
            .get(id)
            .is_some_and(|connection| connection.has_layers())
        {
            self.write_through_layers(id, &data);
        } else {
            self.note_written(id, &data);
            self.output(id).push_shared(&data);
        }
    }

    /// Queues one frame to send, in the envelope of the connection's framing. One that the framing can't encode is not
    /// sent: logged and counted.
    pub fn send(&mut self, id: ConnectionId, frame: impl AsRef<[u8]>) {
        let frame = frame.as_ref();
        if let Err(error) = self.try_send(id, frame) {
            self.frame_not_sent(id, frame.len(), &error);
        }
    }

    /// Like [`send`](Self::send), and tells of a frame that its framing can't encode.
    ///
    /// # Errors
    /// Why it can't be encoded; nothing is sent then.
    pub fn try_send(
        &mut self,
        id: ConnectionId,
        frame: impl AsRef<[u8]>,
    ) -> Result<(), FrameError> {
        let frame = frame.as_ref();
        if !self.admits_write(id) {
            return Ok(());
        }
        if self.sends_messages(id) {
            self.send_message(id, frame);
            return Ok(());
        }
        let framing = self.framing_of(id);
        let has_layers = self
            .connections
            .get(id)
            .is_some_and(|connection| connection.has_layers());
        // A user's framing may panic, in the callback of another connection: no output may be on loan to it.
        if has_layers || matches!(framing.as_deref(), Some(FramingKind::Other(_))) {
            let mut encoded = self.pool.take();
            let result = encode(framing.as_deref(), frame, &mut encoded);
            match result {
                Ok(()) if has_layers => self.write_through_layers(id, &encoded),
                Ok(()) => self.push(id, &encoded),
                Err(_) => {}
            }
            encoded.clear();
            self.pool.put(encoded);
            return result;
        }
        let mut tail = self.output(id).lend_tail();
        let before = tail.len();
        let result = encode(framing.as_deref(), frame, &mut tail);
        self.note_written(id, &tail[before..]);
        self.output(id).return_tail(tail);
        result
    }

    /// Queues bytes that are in their envelope already.
    pub(crate) fn write_encoded(&mut self, id: ConnectionId, data: &Bytes) {
        if self.has_layers(id) {
            self.write_through_layers(id, data);
        } else {
            self.note_written(id, data);
            self.output(id).push_shared(data);
        }
    }

    /// How many bytes wait, the frames that a group keeps back included.
    pub(super) fn unsent_bytes(&self, id: ConnectionId) -> usize {
        let connection = self.connections.get(id);
        let rare = connection.and_then(|connection| connection.rare.as_ref());
        rare.map_or(0, |rare| rare.frames.size()) + self.sent_bytes(id)
    }

    /// How many bytes wait below the framing.
    pub(crate) fn sent_bytes(&self, id: ConnectionId) -> usize {
        let Some(connection) = self.connections.get(id) else {
            return 0;
        };
        let early = connection.rare.as_ref().map_or(0, |rare| rare.early.size());
        early + self.outs.get(connection.out).map_or(0, Unsent::len)
    }

    /// How many bytes were written that no flush has offered the peer yet.
    pub(super) fn not_offered(&self, id: ConnectionId) -> usize {
        let Some(connection) = self.connections.get(id) else {
            return 0;
        };
        let early = connection
            .rare
            .as_ref()
            .map_or(0, |rare| rare.early.not_offered());
        let unsent = self.outs.get(connection.out);
        early + unsent.map_or(0, |unsent| unsent.left_over.more(unsent.queue.len()))
    }

    pub(crate) fn frame_not_sent(&mut self, id: ConnectionId, size: usize, error: &FrameError) {
        self.counters.frames_refused += 1;
        self.warn(
            id,
            format_args!("a frame of {size} bytes was not sent: {error}"),
        );
    }

    pub(crate) fn framing_of(&self, id: ConnectionId) -> Option<Rc<FramingKind>> {
        self.framings.at(self.connections.get(id)?.framing)
    }

    /// Whether a write to the connection may be queued: it is counted if not. One that comes while more than the hard
    /// limit was left over from an earlier turn ends the connection: a single large reply is never a matter of luck.
    pub(crate) fn admits_write(&mut self, id: ConnectionId) -> bool {
        if self.current.is_some_and(|current| current != id) {
            self.crossed = true;
        }
        self.takes_write(id)
    }

    fn takes_write(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self
            .connections
            .get(id)
            .filter(|connection| connection.takes_writes())
        else {
            self.counters.stale_writes += 1;
            return false;
        };
        let turn = self.turn;
        let unsent = self.outs.get(connection.out);
        let early = connection.rare.as_ref().map_or(0, |rare| {
            rare.early.waiting_since_before(turn) + rare.frames.waiting_since_before(turn)
        });
        let waiting = early + unsent.map_or(0, |unsent| unsent.waiting_since_before(turn));
        if waiting == 0 || waiting <= self.limits(id).unsent || canary!(HardLimitIgnored) {
            return true;
        }
        self.retire_too_slow(id, waiting);
        false
    }

    pub(super) fn retire_too_slow(&mut self, id: ConnectionId, waiting: usize) {
        self.counters.too_slow += 1;
        self.warn(
            id,
            format_args!("too slow: {waiting} bytes wait for it, and more was written"),
        );
        self.retire(id, Lost::TooSlow, Farewell::Reset.into());
    }

    /// The connection's output, which will be flushed in this turn.
    #[inline]
    pub(super) fn output(&mut self, id: ConnectionId) -> &mut Outbound {
        let connection = self
            .connections
            .get_mut(id)
            .expect("only a connection that admits a write has an output");
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(id);
        }
        if connection.out == NONE {
            let buffer = match &self.inspector {
                Some(inspector) if inspector.takes(RarePath::EmptyPool) => Vec::new(),
                _ => self.pool.take(),
            };
            connection.out = self.outs.begin(buffer, self.now);
        }
        &mut self.outs[connection.out].queue
    }

    /// Lends the output to a callback. `None` if a write has to take the longer way: layers are in between, or it may not be
    /// queued.
    pub(crate) fn lend_output(&mut self, id: ConnectionId) -> Option<Vec<u8>> {
        let connection = self.connections.get(id)?;
        if !connection.takes_writes() || connection.has_layers() {
            return None;
        }
        if let Some(unsent) = self.outs.get(connection.out)
            && unsent.waiting_since_before(self.turn) > self.limits(id).unsent
            && !canary!(HardLimitIgnored)
        {
            return None;
        }
        if connection.out == NONE {
            let buffer = self.spare_buffer();
            let connection = self.connections.get_mut(id)?;
            connection.out = self.outs.begin(buffer, self.now);
        }
        let connection = self.connections.get(id)?;
        Some(self.outs[connection.out].queue.lend_tail())
    }

    /// A buffer for an output that the connection does not know of yet.
    pub(crate) fn spare_buffer(&mut self) -> Vec<u8> {
        if self.takes(RarePath::EmptyPool) {
            return Vec::new();
        }
        self.pool.take()
    }

    /// Keeps a buffer for the next who wants one.
    pub(crate) fn give_back(&mut self, buffer: Vec<u8>) {
        self.pool.put(buffer);
    }

    /// Takes an output over that was begun in a callback, and of which `sent` bytes are sent.
    pub(crate) fn keep_output(&mut self, id: ConnectionId, out: Vec<u8>, sent: usize) {
        let now = self.now;
        match self.connections.get_mut(id) {
            Some(connection) if connection.out == NONE && sent < out.len() => {
                connection.out = self.outs.begin(out, now);
                self.outs[connection.out].queue.consume(sent);
                self.mark_dirty(id);
            }
            _ => self.pool.put(out),
        }
    }

    /// Takes the output back, which held `before` bytes when it was lent.
    #[inline]
    pub(crate) fn return_output(&mut self, id: ConnectionId, out: Vec<u8>, before: usize) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let written = out.len() > before;
        if written {
            self.note_written(id, &out[before..]);
        }
        if let Some(unsent) = self.outs.get_mut(connection.out) {
            unsent.queue.return_tail(out);
        }
        if written {
            self.mark_dirty(id);
        } else if connection.out != NONE && self.outs[connection.out].len() == 0 {
            self.release_output(id);
        }
    }

    /// Lets go of a connection's output: its buffer goes back to the pool, what was unsent is counted as dropped.
    #[inline]
    pub(super) fn release_output(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let place = std::mem::replace(&mut connection.out, NONE);
        let Some(ended) = self.outs.end(place) else {
            return;
        };
        self.counters.bytes_dropped += ended.dropped as u64;
        if let Some(timer) = ended.stall {
            self.timers.cancel(timer);
        }
        self.pool.put(ended.buffer);
    }
}

/// Appends a frame in its envelope; without a framing, as it is.
pub(crate) fn encode(
    framing: Option<&FramingKind>,
    frame: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), FrameError> {
    match framing {
        Some(framing) => framing.encode(frame, out),
        None => {
            out.extend_from_slice(frame);
            Ok(())
        }
    }
}
