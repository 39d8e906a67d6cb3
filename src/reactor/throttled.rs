//! Writing what is counted or shown. Owns how much of an output is offered under a rate; what follows from that is `flush`'s
//! part.

use std::io::{ErrorKind, IoSlice};

use crate::inspector::RarePath;
use crate::limits::WRITE_BUDGET;
use crate::network::SocketId;
use crate::rate::Direction;
use crate::table::ConnectionId;

use super::flush::{Offered, standing};
use super::{Reactor, wire};

impl Reactor {
    /// Offers one connection's output as far as its rate allows, piece by piece.
    #[cold]
    pub(super) fn offer_within_rate(
        &mut self,
        id: ConnectionId,
        place: u32,
        socket: SocketId,
    ) -> Offered {
        let budget = self.share(WRITE_BUDGET, RarePath::WriteBudget);
        let log = self.traffic_log_of(id);
        let mut taken = 0;
        loop {
            if let Some(stands) = standing(&self.outs[place], taken >= budget) {
                return stands;
            }
            let most = self.may_send(id, place);
            if most == 0 {
                return Offered::Throttled;
            }
            let piece = self.outs[place].queue.first_piece();
            let piece = &piece[..piece.len().min(most)];
            match self.network.write(socket, &[IoSlice::new(piece)]) {
                Ok(0) => return Offered::Broken(ErrorKind::WriteZero.into()),
                Ok(size) => {
                    wire::sent(id, &self.connections, piece, size);
                    let logged = log.as_ref().map(|log| (log, piece[..size].to_vec()));
                    self.was_taken(id, place, size);
                    taken += size;
                    if let Some((log, sent)) = logged
                        && !self.log_traffic(id, log, Direction::Sent, &sent)
                    {
                        return Offered::Throttled;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.outs[place].blocked = true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Offered::Broken(error),
            }
        }
    }

    /// How many bytes may be sent now. The time for which they waited for that is no stall of the peer's.
    fn may_send(&mut self, id: ConnectionId, place: u32) -> usize {
        let throttled = self
            .connections
            .get(id)
            .is_some_and(|connection| connection.awaits_rate(Direction::Sent));
        let most = self.allowance(id, Direction::Sent, self.outs[place].len());
        if throttled && most > 0 {
            self.had_to_wait(id);
        }
        most
    }

    fn was_taken(&mut self, id: ConnectionId, place: u32, size: usize) {
        let unsent = &mut self.outs[place];
        unsent.queue.consume(size);
        unsent.progress = self.now;
        self.counters.bytes_out += size as u64;
        self.use_up(id, Direction::Sent, size);
    }
}
