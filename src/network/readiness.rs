//! What a network tells of its own accord, and what a read says. Owns these words; asks for nothing.

use bytes::Bytes;

use super::{Found, LookupId, Signal, Token, WorkId, WorkOutcome};
use crate::error::NameError;

/// What one poll found. The parts are told apart, for readiness is by far the most frequent and should be small.
#[derive(Debug, Default)]
pub struct Batch {
    /// Sockets, in the order to serve them in.
    pub ready: Vec<Readiness>,
    /// Signals caught.
    pub signals: Vec<Signal>,
    /// Lookups done.
    pub names: Vec<(LookupId, Result<Found, NameError>)>,
    /// Work done on threads, in the order in which it was done.
    pub works: Vec<(WorkId, WorkOutcome)>,
    /// How often the network looked in vain instead of sleeping, see [`Network::set_spin`](super::Network::set_spin).
    pub spins: u64,
}

impl Batch {
    /// Empties it, keeping its room.
    pub fn clear(&mut self) {
        self.ready.clear();
        self.signals.clear();
        self.names.clear();
        self.works.clear();
        self.spins = 0;
    }

    /// Whether there is anything in it besides what sockets are ready for.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        !(self.signals.is_empty() && self.names.is_empty() && self.works.is_empty())
    }
}

/// What a socket is ready for. All of it is a hint: the call that follows decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The token it was registered under.
    pub token: Token,
    /// A read or an accept may succeed.
    pub readable: bool,
    /// A write may succeed, or a connect is over.
    pub writable: bool,
    /// The peer has sent its FIN, or the connection broke: reading on to the end will tell. Or there is urgent data, at
    /// which a read stops short: from now on a short one does not mean that nothing more is waiting.
    pub ended: bool,
    /// An error is pending.
    pub failed: bool,
}

impl Readiness {
    /// Ready to be read, and for nothing else.
    pub(crate) fn readable(token: Token) -> Self {
        Self {
            token,
            readable: true,
            writable: false,
            ended: false,
            failed: false,
        }
    }

    /// Whether there is nothing to do but to read. That a write may succeed is told of idle sockets too.
    #[inline]
    pub(crate) fn is_only_readable(&self) -> bool {
        self.readable && !self.ended && !self.failed
    }
}

/// What a read brought.
#[derive(Debug)]
pub enum Received {
    /// The first `size` bytes of the buffer (never 0). `drained`: nothing more was waiting, so that reading again now
    /// would only say `WouldBlock`; this is the network's knowledge, not to be guessed from the size.
    Filled {
        /// Bytes written to the buffer.
        size: usize,
        /// Nothing more was waiting.
        drained: bool,
    },
    /// Bytes in a buffer of the network's own (never empty).
    Lent {
        /// The bytes.
        data: Bytes,
        /// Nothing more was waiting.
        drained: bool,
    },
    /// The peer's FIN: no byte will ever follow.
    Ended,
}
