//! Bytes for several sockets, to leave in one go. Owns the copy of them, and whose they are; what becomes of those that a socket
//! did not take is for those to say who put them in.

use std::io;
use std::ops::Range;

use crate::network::{NotWhole, Piece, SocketId};
use crate::table::ConnectionId;

use super::Reactor;

#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
    /// Whose each piece is.
    ids: Vec<ConnectionId>,
}

impl Outgoing {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// How many pieces there are.
    pub(super) fn count(&self) -> usize {
        self.ids.len()
    }

    /// How many bytes they are together.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    pub(super) fn push(&mut self, id: ConnectionId, socket: SocketId, data: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(data);
        let range = start..self.bytes.len();
        self.pieces.push(Piece { socket, range });
        self.ids.push(id);
    }

    /// One of them, and whose it is.
    pub(super) fn piece(&self, index: usize) -> (ConnectionId, &[u8]) {
        let piece = &self.pieces[index];
        (self.ids[index], &self.bytes[piece.range.clone()])
    }

    /// How many bytes these are together.
    pub(super) fn size_of(&self, which: Range<usize>) -> usize {
        self.pieces[which]
            .iter()
            .map(|piece| piece.range.len())
            .sum()
    }

    /// Empties it, keeping its room.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
        self.ids.clear();
    }
}

impl Reactor {
    /// Offers the system all of it. `whole` is told which pieces were taken whole, `not_whole` what the write of each of the
    /// others said.
    pub(super) fn offer_each(
        &mut self,
        outgoing: &Outgoing,
        whole: fn(&mut Self, &Outgoing, Range<usize>),
        not_whole: fn(&mut Self, (ConnectionId, &[u8]), io::Result<usize>),
    ) {
        for (id, piece) in outgoing.ids.iter().zip(&outgoing.pieces) {
            debug_assert_eq!(
                self.socket_of(*id),
                Some(piece.socket),
                "nothing has happened to it"
            );
        }
        let mut first = 0;
        loop {
            let rest = &outgoing.pieces[first..];
            let outcome = self.network.write_each(&outgoing.bytes, rest);
            let taken = match &outcome {
                Ok(()) => rest.len(),
                Err(not_whole) => not_whole.index,
            };
            whole(self, outgoing, first..first + taken);
            let Err(NotWhole { outcome, .. }) = outcome else {
                return;
            };
            not_whole(self, outgoing.piece(first + taken), outcome);
            first += taken + 1;
        }
    }
}
