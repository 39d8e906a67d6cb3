//! Sending datagrams, each whole or not at all. Owns those that the system had no room for; tells at once of all others that can't
//! go out.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use crate::error::SendError;
use crate::limits::{DATAGRAM_BUDGET, DATAGRAM_OVERHEAD};
use crate::network::SocketId;
use crate::reactor::{Reactor, wire};
use crate::table::DatagramId;

/// A pending error is told once, by whichever call comes first, and concerns what was sent before: so a call that is given one is made
/// again. Twice is enough for one behind an interruption.
const TRIES: usize = 3;

/// Datagrams that wait for room, in their order.
pub(super) struct Unsent {
    waiting: VecDeque<(Option<SocketAddr>, Box<[u8]>)>,
    size: usize,
    limit: usize,
}

impl Unsent {
    /// None yet, and at most so many bytes.
    pub(super) fn up_to(limit: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            size: 0,
            limit,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn push(&mut self, data: &[u8], to: Option<SocketAddr>) -> Result<(), SendError> {
        let size = self.size.saturating_add(data.len() + DATAGRAM_OVERHEAD);
        if size > self.limit {
            let limit = self.limit;
            return Err(SendError::Full { limit });
        }
        self.size = size;
        self.waiting.push_back((to, data.into()));
        Ok(())
    }

    fn pop(&mut self) {
        if let Some((_, data)) = self.waiting.pop_front() {
            self.size -= data.len() + DATAGRAM_OVERHEAD;
        }
        if self.waiting.is_empty() {
            // An idle socket has no buffer.
            self.waiting = VecDeque::new();
        }
    }
}

impl Reactor {
    /// Sends a datagram on a socket. One that can't be sent is logged and counted.
    pub fn send_to(&mut self, id: DatagramId, data: impl AsRef<[u8]>, to: SocketAddr) {
        let data = data.as_ref();
        if let Err(error) = self.offer_datagram(id, data, Some(to)) {
            self.datagram_not_sent(id, data.len(), Some(to), &error);
        }
    }

    /// Like [`send_to`](Self::send_to), and tells of one that can't be sent.
    ///
    /// # Errors
    /// Why it can't be sent. It costs this one datagram: the next may be sent.
    pub fn try_send_to(
        &mut self,
        id: DatagramId,
        data: impl AsRef<[u8]>,
        to: SocketAddr,
    ) -> Result<(), SendError> {
        self.offer_datagram(id, data.as_ref(), Some(to))
    }

    /// Hands a datagram to the system, or has it wait if that has no room.
    pub(crate) fn offer_datagram(
        &mut self,
        id: DatagramId,
        data: &[u8],
        to: Option<SocketAddr>,
    ) -> Result<(), SendError> {
        let outcome = self.hand_out_or_keep(id, data, to);
        match &outcome {
            Ok(()) => {}
            Err(SendError::Closed) => self.counters.stale_writes += 1,
            Err(_) => self.counters.datagrams_unsent += 1,
        }
        outcome
    }

    fn hand_out_or_keep(
        &mut self,
        id: DatagramId,
        data: &[u8],
        to: Option<SocketAddr>,
    ) -> Result<(), SendError> {
        let Some(state) = self.datagrams.open(id) else {
            return Err(SendError::Closed);
        };
        // Some systems refuse to be told again whom a socket is connected to.
        let to = to.filter(|_| to != state.peer);
        if to.or(state.peer).is_none() {
            return Err(SendError::NoPeer);
        }
        let socket = state.socket;
        if state.unsent.len() == 0 {
            match self.hand_out(id, socket, data, to) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                outcome => return outcome.map_err(|error| SendError::of(&error, data.len())),
            }
        }
        match self.datagrams.open(id) {
            Some(state) => state.unsent.push(data, to),
            None => Err(SendError::Closed),
        }
    }

    fn hand_out(
        &mut self,
        id: DatagramId,
        socket: SocketId,
        data: &[u8],
        to: Option<SocketAddr>,
    ) -> io::Result<()> {
        let is_connected = self.datagram_peer(id).is_some();
        let mut outcome = self.datagram_network()?.send(socket, data, to);
        let mut others = 0;
        for _ in 1..TRIES {
            match &outcome {
                Err(error) if is_refusal(error) => self.note_refusal(id),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // All that routers say is told to a connected socket, and only to that.
                Err(_) if is_connected && others == 0 => others = 1,
                _ => break,
            }
            outcome = self.datagram_network()?.send(socket, data, to);
        }
        let is_said_again = matches!(&outcome, Err(error) if error.kind() != ErrorKind::WouldBlock);
        if !is_said_again {
            self.counters.datagrams_failed += others;
        }
        if outcome.is_ok() {
            self.counters.datagrams_out += 1;
            self.counters.bytes_out += data.len() as u64;
            wire::datagram(id, "->", to.or(self.datagram_peer(id)), data);
        }
        outcome
    }

    /// Found out while the protocol may be called: it is told later.
    fn note_refusal(&mut self, id: DatagramId) {
        if let Some(state) = self.datagrams.get_mut(id) {
            state.refused = true;
        }
        self.queue_datagrams(id);
    }

    /// The system may have room again.
    pub(super) fn send_waiting_datagrams(&mut self, id: DatagramId) {
        if canary!(DatagramsStuck) {
            return;
        }
        for _ in 0..DATAGRAM_BUDGET {
            if !self.send_one_waiting(id) {
                return;
            }
        }
        self.queue_datagrams(id);
    }

    /// `false` if none waits, or there is no room for it.
    pub(super) fn send_one_waiting(&mut self, id: DatagramId) -> bool {
        let Some(state) = self.datagrams.get_mut(id) else {
            return false;
        };
        let socket = state.socket;
        let Some((to, data)) = state.unsent.waiting.pop_front() else {
            return false;
        };
        let outcome = self.hand_out(id, socket, &data, to);
        let size = data.len();
        if let Some(state) = self.datagrams.get_mut(id) {
            state.unsent.waiting.push_front((to, data));
            match &outcome {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                _ => state.unsent.pop(),
            }
        }
        if let Err(error) = outcome {
            self.counters.datagrams_unsent += 1;
            self.datagram_not_sent(id, size, to, &SendError::of(&error, size));
        }
        true
    }
}

/// A port that nobody listens at, as Linux and as Windows say it.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}
