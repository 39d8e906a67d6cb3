//! What a simulated world sees inside a reactor, and where it has it take a rare path. Owns the list of these paths; a
//! reactor on real sockets has no inspector, and asks nobody.

use std::ops::Range;

use crate::datagram::DatagramProtocol;
use crate::network::{SocketId, Time};
use crate::protocol::Protocol;
use crate::table::ConnectionId;

/// A place where a reactor has two ways to go on, both of them right, of which one is seldom taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RarePath {
    /// A connection's share of reading is used up after one read.
    ReadBudget,
    /// A flush's share is used up after one write.
    WriteBudget,
    /// A listener's share of a turn is used up after one accept.
    AcceptBudget,
    /// One posted call a turn.
    CallBudget,
    /// One timer a turn.
    TimerBudget,
    /// What is written leaves after each event.
    FlushAtOnce,
    /// No second look at who else has spoken.
    NoGather,
    /// The pool has no buffer.
    EmptyPool,
    /// Serials of connections are about to begin anew.
    LastSerials,
}

impl RarePath {
    pub(crate) const ALL: [Self; 9] = [
        Self::ReadBudget,
        Self::WriteBudget,
        Self::AcceptBudget,
        Self::CallBudget,
        Self::TimerBudget,
        Self::FlushAtOnce,
        Self::NoGather,
        Self::EmptyPool,
        Self::LastSerials,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ReadBudget => "read-budget",
            Self::WriteBudget => "write-budget",
            Self::AcceptBudget => "accept-budget",
            Self::CallBudget => "call-budget",
            Self::TimerBudget => "timer-budget",
            Self::FlushAtOnce => "flush-at-once",
            Self::NoGather => "no-gather",
            Self::EmptyPool => "empty-pool",
            Self::LastSerials => "last-serials",
        }
    }
}

/// Looks on while a reactor runs. It calls neither the reactor nor users' code.
pub(crate) trait Inspector {
    /// Puts a witness around a protocol that begins on a connection.
    fn wrap(&self, protocol: Box<dyn Protocol>) -> Box<dyn Protocol>;

    /// The same of a protocol that begins on a socket for datagrams.
    fn wrap_datagrams(&self, protocol: Box<dyn DatagramProtocol>) -> Box<dyn DatagramProtocol>;

    /// The protocol of a connection hears no more, for another takes over.
    fn hands_over(&self, id: ConnectionId);

    /// Whether the rare path is to be taken here and now.
    fn takes(&self, path: RarePath) -> bool;

    /// A timer that was set to `due` fires now.
    fn timer_fires(&self, due: Time, now: Time);

    /// A protocol has asked for its input to be cut in another way from the next byte on: `raw` bytes as they come before
    /// anything else.
    fn cuts_anew(&self, id: ConnectionId, raw: u64);

    /// Bytes came out of a stack of so many layers, for the protocol on the socket.
    fn rises(&self, socket: SocketId, height: usize, data: &[u8]);

    /// Bytes to be sent on a socket, in their order and their envelopes: they are queued behind all others, or were just
    /// offered to the system, which may have taken some.
    fn writes(&self, socket: SocketId, data: &[u8]);

    /// A frame takes the place of a queued one: where that lies in what is unsent.
    fn replaces(&self, socket: SocketId, place: Range<usize>, frame: &[u8]);
}
