//! One connection without its socket: its phase, its two sides, and beside it what only few connections have. Owns the states;
//! does not read, write or call anybody.

mod rare;

use std::net::SocketAddrV4;

use crate::address::{Address, UnixAddress};
use crate::error::{Lost, Side};
use crate::network::{Farewell, SocketId};
use crate::protocol::Protocol;

pub(crate) use rare::{Parting, Rare};

/// How far a connection is. It only moves downwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// A name is being looked up, or the kernel is connecting.
    Connecting,
    /// The socket stands; the layers are not ready. The protocol has heard nothing.
    Opening,
    /// The protocol has been told `connection_made`.
    Open,
    /// `lose_connection` was called, or a peer's mistake ends it: what is owed is still written, nothing is delivered.
    Draining,
    /// Its reason is latched, if it is another than an end in order; the protocol is told at the end of the turn.
    Lost,
    /// The protocol is gone and the id is dead to users; the socket reads and drops what the peer still sends, so that
    /// the kernel does not destroy our last reply.
    Lingering,
}

/// The receiving side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Open,
    /// The peer has ended, which the protocol has yet to hear, when it reads again.
    Ending,
    /// The protocol has been told.
    Ended,
}

/// The sending side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    Open,
    /// `lose_write_connection`: FIN follows what is unsent.
    Ending,
    /// FIN was sent.
    Ended,
    /// A write failed: the reason is latched, what the peer sent before is still read.
    Broken,
}

/// Who keeps a connection from being read: the protocol itself, the default answer to a full output, and a pipe do not
/// undo each other's doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pauses(u8);

/// Why more than usual has to be done when a connection is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Care(u8);

/// Sets of a few things, in a byte.
macro_rules! sets {
    ($($set:ident),*) => {$(
        impl $set {
            pub(crate) fn is_empty(self) -> bool {
                self.0 == 0
            }

            pub(crate) fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            pub(crate) fn add(&mut self, other: Self) {
                self.0 |= other.0;
            }

            pub(crate) fn remove(&mut self, other: Self) {
                self.0 &= !other.0;
            }
        }
    )*};
}

sets!(Pauses, Care);

impl Pauses {
    pub(crate) const ASKED: Self = Self(1);
    pub(crate) const PRESSURE: Self = Self(2);
    /// The other end of its pipe takes no more.
    pub(crate) const PIPED: Self = Self(4);
    pub(crate) const ALL: Self = Self(7);
}

impl Care {
    /// The network hinted that the peer has ended, or sends urgent data: reading goes on even after a short read.
    pub(crate) const HINTED: Self = Self(1);
    /// Somebody wants to know when it is idle: only then its activity is noted.
    pub(crate) const WATCHED: Self = Self(2);
    /// Its bytes are counted or shown: see [`Rare::policed`].
    pub(crate) const POLICED: Self = Self(4);

    /// Whether anybody wants to know more of it.
    pub(crate) fn is_followed(self) -> bool {
        self.0 & (Self::WATCHED.0 | Self::POLICED.0) != 0
    }
}

/// What is made of received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cutting {
    Raw,
    /// Raw for as long as `Rare::raw_left` says, then frames.
    Counted,
    Frames,
    /// The rest of a frame that was refused, up to the next boundary.
    Skipping,
}

/// Whether the protocol was told to pause writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pressure {
    Low,
    High,
}

/// No entry of a table of `u32`.
pub(crate) const NONE: u32 = u32::MAX;

/// The entry of a connection: what every one has, in few bytes. The rest is in [`Rare`].
pub(crate) struct Connection {
    pub(crate) serial: u32,
    socket: u32,
    /// Its place among the outbound queues; only while it has unsent bytes.
    pub(crate) out: u32,
    pub(crate) settings: u32,
    /// Its place among the framings; `NONE` if it has none.
    pub(crate) framing: u32,
    pub(crate) phase: Phase,
    pub(crate) reading: Reading,
    pub(crate) writing: Writing,
    pub(crate) pauses: Pauses,
    pub(crate) cutting: Cutting,
    pub(crate) pressure: Pressure,
    /// Who ended first.
    pub(crate) closer: Option<Side>,
    /// It stands in the reactor's list of those to flush.
    pub(crate) dirty: bool,
    /// It stands in the reactor's list of those to serve without waiting for readiness.
    pub(crate) queued: bool,
    /// What it wrote since it was last served is more than it should have waiting: the rest of its input has to wait for
    /// the next turn, when the peer has been offered that.
    pub(crate) full: bool,
    pub(crate) care: Care,
    /// In which round of replies it was told what it was sent: it may have one that waits.
    pub(crate) replied: u8,
    pub(crate) peer: Peer,
    /// Taken out while it is being called.
    pub(crate) protocol: Option<Box<dyn Protocol>>,
    pub(crate) rare: Option<Box<Rare>>,
}

impl Connection {
    pub(crate) fn new(socket: Option<SocketId>, peer: Peer, settings: u32, phase: Phase) -> Self {
        Self {
            serial: 0,
            socket: socket.map_or(NONE, |SocketId(socket)| socket),
            out: NONE,
            settings,
            framing: NONE,
            phase,
            reading: Reading::Open,
            writing: Writing::Open,
            pauses: Pauses::default(),
            cutting: Cutting::Raw,
            pressure: Pressure::Low,
            closer: None,
            dirty: false,
            queued: false,
            full: false,
            care: Care::default(),
            replied: 0,
            peer,
            protocol: None,
            rare: None,
        }
    }

    pub(crate) fn is_connecting(&self) -> bool {
        self.phase == Phase::Connecting
    }

    pub(crate) fn socket(&self) -> Option<SocketId> {
        (self.socket != NONE).then_some(SocketId(self.socket))
    }

    pub(crate) fn set_socket(&mut self, socket: Option<SocketId>) {
        self.socket = socket.map_or(NONE, |SocketId(socket)| socket);
    }

    /// Whether users may still address it.
    pub(crate) fn is_live(&self) -> bool {
        self.phase < Phase::Lost
    }

    /// Whether what is written to it will be sent.
    pub(crate) fn takes_writes(&self) -> bool {
        self.phase <= Phase::Open && self.writing == Writing::Open
    }

    /// Whether nothing is in the way of bytes to the system: they are sent as they are, and none wait before them.
    pub(crate) fn sends_at_once(&self) -> bool {
        self.phase == Phase::Open
            && self.writing == Writing::Open
            && self.out == NONE
            && self.rare.as_ref().is_none_or(|rare| {
                rare.layers.is_empty() && rare.frames.is_empty() && rare.policed.is_none()
            })
    }

    /// Whether received bytes may be given to the protocol now.
    pub(crate) fn delivers(&self) -> bool {
        self.phase == Phase::Open
            && self.pauses.is_empty()
            && !self.full
            && self
                .rare
                .as_ref()
                .is_none_or(|rare| rare.successor.is_none() && rare.entering.is_none())
    }

    /// Whether it is as most are most of the time: it reads, has nothing to send or that is rare, and nobody wants to know
    /// more of it.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.phase == Phase::Open
            && self.reading == Reading::Open
            && self.writing == Writing::Open
            && self.pauses.is_empty()
            && self.out == NONE
            && !self.full
            && self.care.is_empty()
            && self.rare.is_none()
    }

    /// Whether it takes what is written to it, and nothing stands before that, nor between it and the system.
    #[inline]
    pub(crate) fn writes_plainly(&self) -> bool {
        self.phase == Phase::Open
            && self.writing == Writing::Open
            && self.out == NONE
            && self.rare.is_none()
    }

    /// Whether nothing follows from it that all that was written is sent.
    #[inline]
    pub(crate) fn flushes_plainly(&self) -> bool {
        self.phase == Phase::Open
            && self.writing == Writing::Open
            && self.pressure == Pressure::Low
            && self.care.is_empty()
            && self.rare.is_none()
    }

    /// Whether received bytes go to the protocol as they come, and nothing else has to be looked at: it is one that
    /// [is open](Phase::Open) and has nothing rare.
    #[inline]
    pub(crate) fn is_raw(&self) -> bool {
        self.phase == Phase::Open && self.framing == NONE && self.rare.is_none()
    }

    pub(crate) fn has_layers(&self) -> bool {
        self.rare
            .as_ref()
            .is_some_and(|rare| !rare.layers.is_empty())
    }

    /// Whether it is to be known when its bytes come.
    pub(crate) fn is_stamped(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.stamps.is_some())
    }

    pub(crate) fn protocol_serial(&self) -> u32 {
        self.rare.as_ref().map_or(0, |rare| rare.protocol_serial)
    }

    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_with(Box::default)
    }

    /// Latches `reason` unless one stands already: the first one is the cause, the later ones its consequences.
    pub(crate) fn latch_reason(&mut self, reason: Lost) {
        self.rare().reason.get_or_insert(reason);
    }

    /// Why it is lost, if it is: in order, if no other reason was latched.
    pub(crate) fn reason(&self) -> Lost {
        let rare = self.rare.as_ref();
        let latched = rare.and_then(|rare| rare.reason.clone());
        latched.unwrap_or_else(|| self.done())
    }

    /// How its socket goes, likewise.
    pub(crate) fn parting(&self) -> Parting {
        let rare = self.rare.as_ref();
        let latched = rare.and_then(|rare| rare.farewell);
        latched.unwrap_or(Parting::At(Farewell::Close))
    }

    /// Whether more has to be given up at its end than its protocol and its socket.
    pub(crate) fn leaves_something(&self) -> bool {
        self.rare.is_some() || self.out != NONE || self.framing != NONE || self.care.is_followed()
    }

    /// The reason for the loss of a connection that both sides ended in order.
    pub(crate) fn done(&self) -> Lost {
        Lost::Done(self.closer.unwrap_or(Side::Us))
    }
}

/// The peer's address, small for the frequent kind.
#[derive(Debug)]
pub(crate) enum Peer {
    Unknown,
    V4(SocketAddrV4),
    /// As those who call over Unix streams are.
    Unnamed,
    Other(Box<Address>),
}

impl From<Address> for Peer {
    fn from(address: Address) -> Self {
        match address {
            Address::Tcp(std::net::SocketAddr::V4(v4)) => Self::V4(v4),
            Address::Unix(UnixAddress::Unnamed) => Self::Unnamed,
            other => Self::Other(Box::new(other)),
        }
    }
}

impl Peer {
    pub(crate) fn address(&self) -> Option<Address> {
        match self {
            Self::Unknown => None,
            Self::V4(v4) => Some(Address::Tcp((*v4).into())),
            Self::Unnamed => Some(UnixAddress::Unnamed.into()),
            Self::Other(address) => Some((**address).clone()),
        }
    }
}
