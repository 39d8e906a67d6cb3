//! One TCP connection as its kernels see it: two ends and the two pipes between them. Owns the states of both ends;
//! does not know time, nor who is to be told of a change.

use std::net::SocketAddr;
use std::rc::Rc;

use super::errno;
use super::host::HostId;
use super::pipe::{Pipe, Receiving, Sending};
use super::trace::Wire;
use super::unheard::Unheard;
use super::written::Written;
use crate::network::SocketId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkId(pub(super) u64);

/// Who made the connection, and who accepted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Caller,
    Callee,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EndId {
    pub(super) link: LinkId,
    pub(super) side: Side,
}

impl EndId {
    pub(super) const fn other(self) -> Self {
        Self {
            link: self.link,
            side: self.side.other(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Link {
    wire: Rc<Wire>,
    /// The port that its caller's host has given out for it, whatever its caller takes for its own.
    pub(super) port: u16,
    ends: [End; 2],
    /// By the side that sends.
    pipes: [Pipe; 2],
}

impl Link {
    pub(super) fn new(wire: Wire, ends: [End; 2], pipes: [Pipe; 2]) -> Self {
        Self {
            wire: Rc::new(wire),
            port: ends[Side::Caller as usize].local.port(),
            ends,
            pipes,
        }
    }

    /// How it is told of.
    pub(super) fn wire(&self) -> &Rc<Wire> {
        &self.wire
    }

    pub(super) fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    pub(super) fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    /// What `side` sends through.
    pub(super) fn outbound(&self, side: Side) -> &Pipe {
        &self.pipes[side as usize]
    }

    pub(super) fn outbound_mut(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[side as usize]
    }

    /// What `side` receives through.
    pub(super) fn inbound(&self, side: Side) -> &Pipe {
        &self.pipes[side.other() as usize]
    }

    pub(super) fn inbound_mut(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[side.other() as usize]
    }

    /// Nobody holds it any more, and nothing is under way.
    pub(super) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.holder == Holder::Nobody)
            && !self.pipes.iter().any(Pipe::is_in_flight)
    }

    /// Breaks `side` with the error that its kernel will tell once.
    pub(super) fn break_end(&mut self, side: Side, error: i32) {
        self.outbound_mut(side).break_off();
        let end = self.end_mut(side);
        end.phase = Phase::Broken;
        end.error = Some(error);
    }

    /// The error by which an end learns of a RST, as on Linux.
    pub(super) fn error_of_reset(&self, side: Side) -> i32 {
        match (self.end(side).phase, self.inbound(side).receiving()) {
            (Phase::Connecting, _) => errno::ECONNREFUSED,
            (_, Receiving::Ended) if self.outbound(side).sending() == Sending::Open => errno::EPIPE,
            _ => errno::ECONNRESET,
        }
    }

    /// Whether a read would say something else than `WouldBlock`.
    pub(super) fn is_readable(&self, side: Side) -> bool {
        let inbound = self.inbound(side);
        inbound.waiting() > 0
            || inbound.receiving() != Receiving::Open
            || self.end(side).phase == Phase::Broken
    }

    /// Whether a write is worth trying: it takes some, or fails.
    pub(super) fn is_writable(&self, side: Side) -> bool {
        let end = self.end(side);
        let outbound = self.outbound(side);
        match end.phase {
            Phase::Absent | Phase::Connecting => false,
            Phase::Open => outbound.sending() != Sending::Open || outbound.is_roomy(),
            Phase::Broken => true,
        }
    }

    /// Whether the other side will send no more.
    pub(super) fn has_ended(&self, side: Side) -> bool {
        self.inbound(side).receiving() != Receiving::Open || self.end(side).phase == Phase::Broken
    }
}

/// One end.
#[derive(Debug)]
pub(super) struct End {
    pub(super) host: HostId,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) holder: Holder,
    pub(super) phase: Phase,
    /// The error pending: told once, by whichever call asks first.
    pub(super) error: Option<i32>,
    /// The next arrival is to be told of.
    pub(super) awaits_input: bool,
    /// Room in the send buffer is to be told of.
    pub(super) awaits_room: bool,
    /// What was read of it and its holder has not yet heard, if somebody listens in.
    pub(super) unheard: Option<Unheard>,
    /// What was written to it and its kernel has not yet taken, if somebody keeps account.
    pub(super) written: Option<Written>,
    /// A read has told that the other side ended in order.
    pub(super) told_of_end: bool,
}

impl End {
    pub(super) fn new(
        host: HostId,
        local: SocketAddr,
        remote: SocketAddr,
        holder: Holder,
        phase: Phase,
    ) -> Self {
        Self {
            host,
            local,
            remote,
            holder,
            phase,
            error: None,
            awaits_input: true,
            awaits_room: false,
            unheard: None,
            written: None,
            told_of_end: false,
        }
    }
}

/// Who can still use an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// It was closed, or is not there yet; what was written still goes out.
    Nobody,
    /// A listener's backlog.
    Backlog,
    Socket(SocketId),
    Peer(PeerId),
}

/// A peer in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PeerId(pub(super) usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The callee's end before the call has come.
    Absent,
    Connecting,
    Open,
    /// A RST was sent or received, or it never came to be.
    Broken,
}
