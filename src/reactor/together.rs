//! Flushing several connections together: those with little to send and nothing special about them. Owns the copy of what leaves
//! in one go; whatever the system does not take is queued again, and `flush`'s part.
//!
//! As with [replies](super::replying), the loop over the sockets is below the seam, where nothing has to return between two calls
//! to the system. No user code runs between the copy and the call.

use std::io::{self, ErrorKind};

use crate::connection::NONE;
use crate::limits::REPLY;
use crate::network::{NotWhole, Piece};
use crate::table::ConnectionId;

use super::{Reactor, wire};

/// When so many bytes are together, or so many outputs, they leave.
const ENOUGH: usize = 32 * 1024;
const ENOUGH_PIECES: usize = 256;

/// Short outputs that were taken from their connections.
#[derive(Debug, Default)]
pub(super) struct Together {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
    /// Whose each piece is.
    ids: Vec<ConnectionId>,
}

impl Together {
    fn are_enough(&self) -> bool {
        self.bytes.len() >= ENOUGH || self.ids.len() >= ENOUGH_PIECES
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
        self.ids.clear();
    }
}

impl Reactor {
    /// Flushes all of these.
    pub(super) fn flush_each(&mut self, ids: impl Iterator<Item = ConnectionId>) {
        let mut together = std::mem::take(&mut self.together);
        for id in ids {
            if self.joins(id, &mut together) {
                if together.are_enough() {
                    self.send_together(&mut together);
                }
            } else {
                // What is short does not wait for what may be long.
                self.send_together(&mut together);
                self.flush(id);
            }
        }
        self.send_together(&mut together);
        self.together = together;
    }

    /// Takes the output of a connection to those that leave together, if it is one of them.
    #[inline]
    fn joins(&mut self, id: ConnectionId, together: &mut Together) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return true;
        };
        let (Some(socket), Some(unsent)) = (connection.socket(), self.outs.get(connection.out))
        else {
            return false;
        };
        // To write nothing is no call to the system.
        let only = unsent.queue.only_piece().filter(|data| !data.is_empty());
        let joins = connection.flushes_plainly() && unsent.is_fresh();
        let Some(data) = only.filter(|data| joins && data.len() <= REPLY) else {
            return false;
        };
        let start = together.bytes.len();
        together.bytes.extend_from_slice(data);
        let range = start..together.bytes.len();
        together.pieces.push(Piece { socket, range });
        together.ids.push(id);
        connection.dirty = false;
        let place = std::mem::replace(&mut connection.out, NONE);
        if let Some(ended) = self.outs.end(place) {
            self.pool.put(ended.buffer);
        }
        true
    }

    fn send_together(&mut self, together: &mut Together) {
        let mut first = 0;
        while first < together.ids.len() {
            let rest = &together.pieces[first..];
            let outcome = self.network.write_each(&together.bytes, rest);
            let whole = match &outcome {
                Ok(()) => rest.len(),
                Err(not_whole) => not_whole.index,
            };
            let sent = together.ids[first..].iter().zip(&rest[..whole]);
            for (id, piece) in sent {
                let data = &together.bytes[piece.range.clone()];
                wire::sent(*id, &self.connections, data, data.len());
                self.counters.bytes_out += data.len() as u64;
            }
            first += whole;
            if let Err(NotWhole { outcome, .. }) = outcome {
                let data = &together.bytes[together.pieces[first].range.clone()];
                self.was_not_taken(together.ids[first], outcome, data);
                first += 1;
            }
        }
        together.clear();
    }

    /// Queues again what is left of an output, and goes on with it alone.
    #[cold]
    fn was_not_taken(&mut self, id: ConnectionId, outcome: io::Result<usize>, data: &[u8]) {
        let mut blocked = false;
        let taken = match outcome {
            Ok(taken) => {
                wire::sent(id, &self.connections, data, taken);
                self.counters.bytes_out += taken as u64;
                taken
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                blocked = true;
                0
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => 0,
            Err(error) => {
                self.counters.bytes_dropped += data.len() as u64;
                return self.write_failed(id, error.into());
            }
        };
        let mut buffer = self.pool.take();
        buffer.extend_from_slice(&data[taken..]);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.out = self.outs.begin(buffer, self.now);
            self.outs[connection.out].blocked = blocked;
            self.flush(id);
        }
    }
}
