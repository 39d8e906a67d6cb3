//! Input that nobody hears any more, as its connection is ending. Owns reading it to its end, and how much of it is too much;
//! delivers nothing.

use std::io::{self, ErrorKind};

use crate::connection::{Phase, Reading};
use crate::error::Lost;
use crate::limits::{LINGER_BYTES, READ_BUDGET};
use crate::network::{Farewell, Received};
use crate::table::ConnectionId;

use super::Reactor;

impl Reactor {
    /// Reads what nobody will hear: the peer may be waiting to send it before it reads our last bytes.
    pub(super) fn read_and_drop(&mut self, id: ConnectionId, buffer: &mut [u8]) {
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
            if self.has_lingered_enough(id, size) {
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

    /// Nobody will hear what was read. An end is found again by whoever reads the
    /// socket next, an error is not.
    pub(super) fn drop_and_read_on(
        &mut self,
        id: ConnectionId,
        outcome: io::Result<Received>,
        buffer: &mut [u8],
    ) {
        match outcome {
            Err(error)
                if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return self.broke_while_ending(id, error.into());
            }
            Ok(Received::Filled { size, .. }) => self.counters.bytes_in += size as u64,
            Ok(Received::Lent { data, .. }) => self.counters.bytes_in += data.len() as u64,
            Ok(Received::Ended) | Err(_) => {}
        }
        self.read(id, buffer);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Protocol, Transport, testing};

    struct Deaf;

    impl Protocol for Deaf {
        fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    }

    #[test]
    fn each_dropped_byte_counts_once_however_small_the_portions_are() {
        let mut wire = testing::connect(Deaf);
        wire.protocol(|_, transport| transport.lose_connection());
        wire.receives_pieces_at_once(&[b'.'; 250_000], 100);
        assert_eq!(wire.reactor().counters().lingers_cut, 0);
        assert_eq!(wire.reactor().connections(), 1, "it lingers");
    }
}
