//! Replies: what a callback wrote to its own connection, on which nothing is in the way of it. Owns the short ones until the
//! next few connections are read too; whatever can't be sent is queued, and `flush`'s part.
//!
//! To receive for some connections and then to send on them costs less than to do both for one after the other: either way
//! through the system stays in the processor's caches. So short replies are copied into one buffer, and leave every
//! [`FLUSH_EVERY`](crate::limits::FLUSH_EVERY) connections. Nobody can tell: they are kept only as long as no other code is
//! called than `data_received` of connections that are read [plainly](crate::connection::Connection::is_plain). Before
//! anything else they are sent, and when such a callback turns to the reactor they are queued first, each on its connection.

use std::io::{self, ErrorKind, IoSlice};
use std::ops::Range;

use crate::limits::{Idle, REPLY};
use crate::network::SocketId;
use crate::table::ConnectionId;
use crate::transport::Written;

use super::outgoing::Outgoing;
use super::{Reactor, wire};

/// Short replies of connections that nothing has happened to since.
#[derive(Debug)]
pub(super) struct Replies {
    outgoing: Outgoing,
    /// Connections are marked with it when they are told what they were sent: who is marked may have a reply here. Never 0.
    round: u8,
    /// What is told now may be answered here, once.
    open: bool,
}

impl Default for Replies {
    fn default() -> Self {
        Self {
            outgoing: Outgoing::default(),
            round: 1,
            open: false,
        }
    }
}

impl Replies {
    pub(super) fn round(&self) -> u8 {
        self.round
    }

    /// From now on, or no longer, a reply is taken.
    pub(super) fn open(&mut self, open: bool) {
        self.open = open;
    }

    /// Whether what is being told may still be answered here.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    #[inline]
    pub(super) fn are_none(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// Whether the reply is kept here.
    #[inline]
    fn take(&mut self, id: ConnectionId, socket: SocketId, data: &[u8]) -> bool {
        if !self.open || data.len() > REPLY {
            return false;
        }
        self.open = false;
        self.outgoing.push(id, socket, data);
        true
    }

    /// All of them; they are to be [returned](Self::put_back), for their room.
    fn take_all(&mut self) -> Outgoing {
        self.round = self.round.checked_add(1).unwrap_or(1);
        self.open = false;
        std::mem::take(&mut self.outgoing)
    }

    fn put_back(&mut self, mut sent: Outgoing) {
        sent.clear();
        self.outgoing = sent;
    }
}

impl Reactor {
    /// Sends the short replies that wait. No callback is under way.
    #[inline]
    pub(super) fn send_replies(&mut self) {
        if !self.replies.are_none() {
            self.send_all_replies();
        }
    }

    #[inline(never)]
    fn send_all_replies(&mut self) {
        let replies = self.replies.take_all();
        self.offer_each(
            &replies,
            Self::were_taken,
            |reactor, (id, data), outcome| {
                let taken = reactor.was_offered(id, outcome, data);
                reactor.keep_unsent(id, data, taken);
            },
        );
        self.replies.put_back(replies);
    }

    /// The system has taken all of these.
    fn were_taken(&mut self, replies: &Outgoing, which: Range<usize>) {
        if self.watches.any() || wire::is_shown() {
            for (id, data) in which.map(|index| replies.piece(index)) {
                self.was_offered(id, Ok(data.len()), data);
            }
        } else {
            self.counters.bytes_out += replies.size_of(which) as u64;
        }
    }

    /// Queues the short replies that wait, as a callback is about to do anything at all.
    #[inline]
    pub(crate) fn queue_replies(&mut self) {
        if !self.replies.are_none() {
            self.queue_all_replies();
        }
    }

    #[inline(never)]
    fn queue_all_replies(&mut self) {
        let replies = self.replies.take_all();
        for index in 0..replies.count() {
            let (id, data) = replies.piece(index);
            self.push(id, data);
        }
        self.replies.put_back(replies);
    }

    /// Offers bytes that are not queued, if there is nothing that has to be sent before them. How many are done with; `None`
    /// if they were not offered.
    pub(super) fn offer_at_once(&mut self, id: ConnectionId, data: &[u8]) -> Option<usize> {
        let connection = self.connections.get(id);
        let socket = connection
            .filter(|connection| connection.sends_at_once())
            .and_then(|connection| connection.socket());
        Some(self.write_at_once(id, socket?, data))
    }

    #[inline]
    fn write_at_once(&mut self, id: ConnectionId, socket: SocketId, data: &[u8]) -> usize {
        let outcome = self.network.write(socket, &[IoSlice::new(data)]);
        self.was_offered(id, outcome, data)
    }

    /// How many bytes are done with, of those that were offered.
    #[inline]
    fn was_offered(&mut self, id: ConnectionId, outcome: io::Result<usize>, data: &[u8]) -> usize {
        match outcome {
            Ok(size) => {
                wire::sent(id, &self.connections, data, size);
                self.counters.bytes_out += size as u64;
                if self.watches.any() {
                    self.was_written(id, data);
                }
                size
            }
            Err(error) => self.was_not_written(id, error, data),
        }
    }

    #[cold]
    fn was_written(&mut self, id: ConnectionId, data: &[u8]) {
        self.note_activity(id, Idle::Writing);
        self.note_written(id, data);
    }

    #[cold]
    fn was_not_written(&mut self, id: ConnectionId, error: io::Error, data: &[u8]) -> usize {
        self.note_written(id, data);
        if let ErrorKind::WouldBlock | ErrorKind::Interrupted = error.kind() {
            return 0;
        }
        self.counters.bytes_dropped += data.len() as u64;
        self.write_failed(id, error.into());
        data.len()
    }

    /// Sends what a callback wrote to its own connection: with the short replies of others, or, if it is long, at once from
    /// where it lies; unless somebody has written to others in this turn. Then all wait, to go out in one piece each. What
    /// the system does not take is queued.
    #[inline]
    pub(super) fn send_written(
        &mut self,
        id: ConnectionId,
        socket: Option<SocketId>,
        written: Written,
        chunk: &[u8],
    ) {
        match written {
            Written::Nothing => {}
            // A write of nothing is no call to the system.
            Written::Part(part) if part.is_empty() => {}
            Written::Buffer(buffer) if buffer.is_empty() => self.keep_output(id, buffer, 0),
            Written::Part(part) => self.send_part(id, socket, &chunk[part]),
            Written::Buffer(buffer) => self.send_buffer(id, socket, buffer),
        }
    }

    fn send_part(&mut self, id: ConnectionId, socket: Option<SocketId>, data: &[u8]) {
        let Some(socket) = socket.filter(|_| !self.crossed) else {
            return self.push(id, data);
        };
        if self.replies.take(id, socket, data) {
            return;
        }
        self.send_now(id, socket, data);
    }

    fn send_now(&mut self, id: ConnectionId, socket: SocketId, data: &[u8]) {
        let taken = self.write_at_once(id, socket, data);
        self.keep_unsent(id, data, taken);
    }

    #[inline]
    fn keep_unsent(&mut self, id: ConnectionId, data: &[u8], taken: usize) {
        if taken < data.len() && !(canary!(RestUnqueued) && taken > 0) {
            self.push_rest(id, &data[taken..]);
        }
    }

    fn send_buffer(&mut self, id: ConnectionId, socket: Option<SocketId>, buffer: Vec<u8>) {
        let Some(socket) = socket.filter(|_| !self.crossed) else {
            return self.queue_written(id, Written::Buffer(buffer), &[]);
        };
        if self.replies.take(id, socket, &buffer) {
            return self.pool.put(buffer);
        }
        let taken = self.write_at_once(id, socket, &buffer);
        self.keep_output(id, buffer, taken);
    }

    /// Queues what a callback wrote to its own connection.
    #[inline(never)]
    pub(super) fn queue_written(&mut self, id: ConnectionId, written: Written, chunk: &[u8]) {
        match written {
            Written::Nothing => {}
            Written::Part(part) => self.push(id, &chunk[part]),
            Written::Buffer(buffer) => {
                self.note_written(id, &buffer);
                self.keep_output(id, buffer, 0);
            }
        }
    }
}
