//! What is written before a connection's layers are ready. Owns it until they are, in order and counted against the limits;
//! what becomes of it then is the layers' part.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::connection::Writing;
use crate::layer::Kind;
use crate::table::ConnectionId;

use super::Reactor;
use super::unsent::LeftOver;

/// What waits above a stack of layers that is not ready.
#[derive(Debug, Default)]
pub(crate) struct Early {
    pieces: VecDeque<(Kind, Bytes)>,
    size: usize,
    left_over: LeftOver,
}

impl Early {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn waiting_since_before(&self, turn: u32) -> usize {
        self.left_over.before(turn, self.size)
    }

    pub(super) fn not_offered(&self) -> usize {
        self.left_over.more(self.size)
    }

    pub(super) fn note_waiting(&mut self, turn: u32) {
        self.left_over.note(turn, self.size);
    }

    fn push(&mut self, kind: Kind, data: &[u8]) {
        self.size += data.len();
        self.pieces.push_back((kind, Bytes::copy_from_slice(data)));
    }

    /// Lets go of all; how many bytes that were.
    pub(super) fn clear(&mut self) -> usize {
        self.pieces.clear();
        std::mem::take(&mut self.size)
    }
}

impl Reactor {
    /// Keeps what may not pass the layers yet.
    pub(super) fn keep_early(&mut self, id: ConnectionId, kind: Kind, data: &[u8]) {
        if let Some(rare) = self.rare(id) {
            rare.early.push(kind, data);
            self.mark_dirty(id);
        }
    }

    /// The layers may have become ready: then what was written before passes them, and our farewell, if it was said.
    pub(super) fn send_early(&mut self, id: ConnectionId) {
        if !self.layers_are_ready(id) {
            return;
        }
        if self.frames_wait(id) {
            self.mark_dirty(id);
        }
        let Some(rare) = self
            .connections
            .get_mut(id)
            .and_then(|connection| connection.rare.as_mut())
        else {
            return;
        };
        let pieces = std::mem::take(&mut rare.early.pieces);
        rare.early.clear();
        for (kind, piece) in pieces {
            self.with_layers(id, |stack, wire| match kind {
                Kind::Bytes => stack.send(&piece, wire),
                Kind::Message => stack.send_message(&piece, wire),
            });
        }
        if let Some(connection) = self.connections.get(id)
            && connection.writing == Writing::Ending
        {
            self.finish_layers(id);
            self.mark_dirty(id);
        }
    }
}
