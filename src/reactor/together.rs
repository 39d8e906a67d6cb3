//! Flushing several connections together: those with little to send and nothing special about them. Owns the copy of what leaves
//! in one go; whatever the system does not take is queued again, and `flush`'s part.
//!
//! As with [replies](super::replying), the loop over the sockets is below the seam, where nothing has to return between two calls
//! to the system. No user code runs between the copy and the call.

use std::io::{self, ErrorKind};
use std::ops::Range;

use crate::connection::NONE;
use crate::limits::REPLY;
use crate::table::ConnectionId;

use super::outgoing::Outgoing;
use super::{Reactor, wire};

/// When so many bytes are together, or so many outputs, they leave.
const ENOUGH: usize = 32 * 1024;
const ENOUGH_OUTPUTS: usize = 256;

impl Reactor {
    /// Flushes all of these.
    pub(super) fn flush_each(&mut self, ids: impl Iterator<Item = ConnectionId>) {
        let mut together = std::mem::take(&mut self.together);
        for id in ids {
            if self.joins(id, &mut together) {
                if together.size() >= ENOUGH || together.count() >= ENOUGH_OUTPUTS {
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

    /// Takes the output of a connection to those that leave together; `false` if it is to be flushed by itself.
    #[inline]
    fn joins(&mut self, id: ConnectionId, together: &mut Outgoing) -> bool {
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
        together.push(id, socket, data);
        connection.dirty = false;
        let place = std::mem::replace(&mut connection.out, NONE);
        if let Some(ended) = self.outs.end(place) {
            self.pool.put(ended.buffer);
        }
        true
    }

    fn send_together(&mut self, together: &mut Outgoing) {
        if !together.is_empty() {
            self.offer_each(together, Self::were_sent, Self::was_not_taken);
            together.clear();
        }
    }

    fn were_sent(&mut self, together: &Outgoing, which: Range<usize>) {
        self.counters.bytes_out += together.size_of(which.clone()) as u64;
        if wire::is_shown() {
            for (id, data) in which.map(|index| together.piece(index)) {
                wire::sent(id, &self.connections, data, data.len());
            }
        }
    }

    /// Queues again what is left of an output, and goes on with it alone.
    #[cold]
    fn was_not_taken(&mut self, (id, data): (ConnectionId, &[u8]), outcome: io::Result<usize>) {
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
        let mut buffer = self.spare_buffer();
        buffer.extend_from_slice(&data[taken..]);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.out = self.outs.begin(buffer, self.now);
            self.outs[connection.out].blocked = blocked;
            self.flush(id);
        }
    }
}
