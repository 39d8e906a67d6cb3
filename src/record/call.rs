//! What crosses the seam, as values: each call with its arguments, and what it was answered. Owns the words in which a
//! difference is told; neither writes nor reads a tape.

use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::address::Address;
use crate::endpoint::Inherited;
use crate::error::{AdoptError, NameError};
use crate::network::{
    Arrival, Credentials, DeferError, Farewell, Found, ListenOptions, LookupId, Posted, Question,
    Readiness, Signal, SocketId, Time, Token, WorkId,
};

/// One call and its answer.
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    pub(super) call: Call,
    pub(super) answer: Answer,
}

/// A call of the loop's, with what can be compared of its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Poll,
    Now,
    WallClock,
    Random,
    Listen {
        address: Address,
        /// Of a Unix stream's file.
        mode: Option<u32>,
        backlog: u32,
        token: Token,
    },
    Adopt {
        socket: Inherited,
        token: Token,
    },
    Accept(SocketId),
    Refuse(SocketId),
    Register(SocketId, Token),
    Connect {
        address: Address,
        bind: Option<Address>,
        token: Token,
    },
    FinishConnect(SocketId),
    Read(SocketId),
    ReadStamped(SocketId),
    /// The bytes that were taken, and how many more were offered.
    Write {
        socket: SocketId,
        taken: Vec<u8>,
        rest: u64,
    },
    ShutDownWrite(SocketId),
    TakeError(SocketId),
    LocalAddress(SocketId),
    PeerCredentials(SocketId),
    Close(SocketId, Farewell),
    LookUp(LookupId, Question),
    CancelLookUp(LookupId),
    /// Of which protocol, if that is said.
    ServicePort(String, Option<String>),
    ServiceName(u16, Option<String>),
    WatchSignals,
    DescriptorLimit,
    SetTimeStamps(SocketId, bool),
    SetSpin(Duration),
    Defer(WorkId),
    Posted(Posted),
    /// The run ended in order.
    End,
}

/// What a call was answered.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Nothing,
    Failed(Failure),
    Told(Told),
    Time(Time),
    WallClock(SystemTime),
    Number(u64),
    /// A socket, and the address that came with it.
    Socket(SocketId, Option<Address>),
    Yes(bool),
    Received {
        data: Bytes,
        drained: bool,
    },
    Ended,
    /// Of a read that is stamped: what was received, or the end, and when.
    Stamped {
        data: Bytes,
        drained: bool,
        arrival: Arrival,
    },
    EndedAt(Arrival),
    Address(Address),
    Credentials(Option<Credentials>),
    AdoptRefused(AdoptError),
    /// A number, or none.
    Maybe(Option<u64>),
    /// A name, or none.
    MaybeName(Option<String>),
    NameRefused(NameError),
    WorkRefused(DeferError),
}

/// An error of the system's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Number(i32),
    Kind(io::ErrorKind),
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(number) => Self::Number(number),
            None => Self::Kind(error.kind()),
        }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Number(number) => Self::from_raw_os_error(number),
            Failure::Kind(kind) => kind.into(),
        }
    }
}

/// What a poll told.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    pub(super) ready: Vec<Readiness>,
    pub(super) signals: Vec<Signal>,
    pub(super) names: Vec<(LookupId, Result<Found, NameError>)>,
    /// Work that was done, and whether it panicked: its result is to be had by doing it again.
    pub(super) works: Vec<(WorkId, bool)>,
    pub(super) spins: u64,
}

impl Told {
    /// Whether there is anything but readiness.
    pub(super) fn is_more(&self) -> bool {
        self.spins > 0
            || !self.signals.is_empty()
            || !self.names.is_empty()
            || !self.works.is_empty()
    }
}

impl Call {
    pub(super) fn listen(address: &Address, options: &ListenOptions, token: Token) -> Self {
        Self::Listen {
            address: address.clone(),
            mode: options.mode,
            backlog: options.backlog,
            token,
        }
    }

    /// A question that changes nothing: asked once more or less, as by a log that tells more, it makes no difference.
    pub(super) fn is_question(&self) -> bool {
        matches!(
            self,
            Self::Now
                | Self::WallClock
                | Self::LocalAddress(_)
                | Self::PeerCredentials(_)
                | Self::DescriptorLimit
        )
    }

    /// The socket that it is about.
    pub(super) fn socket(&self) -> Option<SocketId> {
        match self {
            Self::Accept(socket)
            | Self::Refuse(socket)
            | Self::Register(socket, _)
            | Self::FinishConnect(socket)
            | Self::Read(socket)
            | Self::ReadStamped(socket)
            | Self::Write { socket, .. }
            | Self::ShutDownWrite(socket)
            | Self::TakeError(socket)
            | Self::LocalAddress(socket)
            | Self::PeerCredentials(socket)
            | Self::Close(socket, _)
            | Self::SetTimeStamps(socket, _) => Some(*socket),
            _ => None,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poll => f.write_str("wait for events"),
            Self::Now | Self::WallClock => f.write_str("read the clock"),
            Self::Random => f.write_str("draw a random number"),
            Self::Listen { address, .. } => write!(f, "listen on {address}"),
            Self::Adopt { socket, .. } => write!(f, "listen on {socket}"),
            Self::Accept(_) => f.write_str("accept"),
            Self::Refuse(_) => f.write_str("refuse a connection"),
            Self::Register(..) => f.write_str("register the connection"),
            Self::Connect { address, .. } => write!(f, "connect to {address}"),
            Self::FinishConnect(_) => f.write_str("finish the connect"),
            Self::Read(_) | Self::ReadStamped(_) => f.write_str("read"),
            Self::Write { taken, rest, .. } if taken.is_empty() => write!(f, "write {rest} bytes"),
            Self::Write { taken, rest: 0, .. } => write!(f, "write {}", Excerpt(taken)),
            Self::Write { taken, rest, .. } => {
                write!(f, "write {} and {rest} bytes more", Excerpt(taken))
            }
            Self::ShutDownWrite(_) => f.write_str("send FIN"),
            Self::TakeError(_) => f.write_str("take the pending error"),
            Self::LocalAddress(_) => f.write_str("ask for our address"),
            Self::PeerCredentials(_) => f.write_str("ask who the peer is"),
            Self::Close(_, Farewell::Close) => f.write_str("close"),
            Self::Close(_, Farewell::Reset) => f.write_str("close with RST"),
            Self::LookUp(_, question) => write!(f, "look {question} up"),
            Self::CancelLookUp(_) => f.write_str("cancel a look-up"),
            Self::ServicePort(service, _) => write!(f, "ask for the port of {service}"),
            Self::ServiceName(port, _) => write!(f, "ask for the service at {port}"),
            Self::WatchSignals => f.write_str("watch signals"),
            Self::DescriptorLimit => f.write_str("ask for the limit of descriptors"),
            Self::SetTimeStamps(..) => f.write_str("set time stamps"),
            Self::SetSpin(_) => f.write_str("set the time to spin"),
            Self::Defer(_) => f.write_str("give work to a thread"),
            Self::Posted(_) => f.write_str("make a call that another thread posted"),
            Self::End => f.write_str("end"),
        }
    }
}

/// The begin of some bytes, for people.
pub(super) struct Excerpt<'a>(pub(super) &'a [u8]);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 40;
        let Self(bytes) = self;
        let shown = bytes[..bytes.len().min(SHOWN)].escape_ascii();
        let more = if bytes.len() > SHOWN { "…" } else { "" };
        write!(f, "\"{shown}{more}\"")
    }
}
