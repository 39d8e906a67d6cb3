//! Reading ahead: several connections are read in one go, and their protocols told after that. Owns the buffer that all reads
//! share, and the list of who is to be read; what becomes of the bytes is `inbound`'s part.
//!
//! To receive for some connections and then to call their protocols costs less than to do both for one after the other:
//! either way stays in the processor's caches, as it does for [replies](super::replying). Only those wait that are
//! [plain](crate::connection::Connection::is_plain), and only until something else is to be done for anybody: so all is told
//! in the order in which the network told of it. An earlier callback may have paused or ended a connection that was read
//! already, or is to be; so each is looked at anew when its turn comes.

use crate::limits::{AHEAD, READ_BUFFER};
use crate::network::{Readiness, SocketId};
use crate::table::ConnectionId;

use super::Reactor;

/// How many are read in one go after something else than all there was had come.
const FEW: usize = 4;

#[derive(Debug)]
pub(super) struct ReadAhead {
    buffer: Box<[u8]>,
    /// Who is to be read.
    ids: Vec<ConnectionId>,
    sockets: Vec<SocketId>,
    /// Of what they were read.
    sizes: Vec<usize>,
}

impl Default for ReadAhead {
    fn default() -> Self {
        Self {
            buffer: vec![0; READ_BUFFER].into_boxed_slice(),
            ids: Vec::new(),
            sockets: Vec::new(),
            sizes: Vec::new(),
        }
    }
}

impl ReadAhead {
    /// The buffer, when nobody is to be read ahead.
    pub(super) fn buffer(&mut self) -> &mut [u8] {
        debug_assert!(self.ids.is_empty(), "they are read first");
        &mut self.buffer
    }

    /// Forgets who was to be read in a turn that a panic from outside of all callbacks has ended.
    pub(super) fn begin(&mut self) {
        self.ids.clear();
        self.sockets.clear();
    }

    /// Serves a connection that the network says is ready: soon, with others, if there is nothing to do but to read it.
    #[inline]
    pub(super) fn serve(&mut self, reactor: &mut Reactor, id: ConnectionId, readiness: Readiness) {
        if readiness.is_only_readable()
            && let Some(socket) = reactor.plain_socket(id)
        {
            self.ids.push(id);
            self.sockets.push(socket);
        } else {
            self.read_all(reactor);
            reactor.serve(id, readiness, &mut self.buffer);
        }
    }

    /// Reads all that are to be read, and tells their protocols.
    #[inline]
    pub(super) fn read_all(&mut self, reactor: &mut Reactor) {
        if !self.ids.is_empty() {
            self.read_each(reactor);
        }
    }

    #[inline(never)]
    fn read_each(&mut self, reactor: &mut Reactor) {
        let mut done = self.read_some(reactor, 0);
        while let Some(id) = self.ids.get(done) {
            // Callbacks have been called since it was found to be plain.
            if reactor.plain_socket(*id) == Some(self.sockets[done]) {
                done += self.read_some(reactor, done);
            } else {
                reactor.serve(*id, Readiness::readable(id.token()), &mut self.buffer);
                done += 1;
            }
        }
        self.ids.clear();
        self.sockets.clear();
    }

    /// Reads the plain ones from the `first` on, as far as it goes; how many.
    fn read_some(&mut self, reactor: &mut Reactor, first: usize) -> usize {
        let end = first + self.plain_from(reactor, first);
        self.sizes.clear();
        let odd = reactor.network.read_each(
            &self.sockets[first..end],
            &mut self.buffer,
            AHEAD,
            &mut self.sizes,
        );
        let mut begin = 0;
        for (id, size) in self.ids[first..].iter().zip(&self.sizes) {
            reactor.answer(*id, &self.buffer[begin..begin + size]);
            begin += size;
        }
        let read = self.sizes.len();
        let Some(outcome) = odd else {
            return read;
        };
        reactor.go_on_reading(self.ids[first + read], outcome, &mut self.buffer[begin..]);
        read + 1
    }

    /// All of them were plain when they were put on the list, and nobody has been called between that and the first read.
    /// Later only a few are looked at, for where each read says something else all would be looked at for each.
    fn plain_from(&self, reactor: &Reactor, first: usize) -> usize {
        let rest = self.ids[first..].iter();
        if first == 0 {
            return rest.len();
        }
        rest.take(FEW)
            .take_while(|id| reactor.plain_socket(**id).is_some())
            .count()
    }
}
