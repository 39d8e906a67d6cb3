//! Every error and every reason for a loss: what users are told, and whose fault it is. Owns the names and their
//! wording; decides nothing.

mod adopt;
mod connect;
mod send;

use std::fmt;
use std::io;

pub use adopt::AdoptError;
pub use connect::{ConnectError, NameError};
pub use send::SendError;

/// What a call into this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed at once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The endpoint's description can't be understood.
    Endpoint(EndpointError),
    /// The address can't be listened on.
    Listen {
        /// What was asked for.
        endpoint: String,
        /// What the system said.
        error: OsError,
    },
    /// The network has no datagrams: that of a recorder, or of a unit test of connections.
    NoDatagrams {
        /// What was asked for.
        endpoint: String,
    },
    /// The socket that was inherited can't be taken over.
    Adopt {
        /// What was asked for.
        endpoint: String,
        /// Why.
        error: AdoptError,
    },
    /// The reactor is stopping: it takes no new listeners.
    Stopping,
    /// The reactor was run already, or is being run: a second run is refused.
    AlreadyRun,
    /// The system refused the loop itself what it needs.
    System(OsError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(error) => error.fmt(f),
            Self::Listen { endpoint, error } => write!(f, "can't listen on {endpoint}: {error}"),
            Self::NoDatagrams { endpoint } => {
                write!(
                    f,
                    "can't listen on {endpoint}: this network has no datagrams"
                )
            }
            Self::Adopt { endpoint, error } => write!(f, "can't listen on {endpoint}: {error}"),
            Self::Stopping => f.write_str("the reactor is stopping"),
            Self::AlreadyRun => f.write_str("this reactor was run before; make a new one"),
            Self::System(error) => write!(f, "the event loop failed: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<EndpointError> for Error {
    fn from(error: EndpointError) -> Self {
        Self::Endpoint(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::System(error.into())
    }
}

/// An endpoint's description that can't be understood: whoever wrote it is to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointError {
    /// The whole description.
    pub description: String,
    /// Where in it, in bytes.
    pub at: usize,
    /// What was expected there.
    pub expected: String,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bad endpoint {:?}: expected {} at byte {}",
            self.description, self.expected, self.at
        )
    }
}

impl std::error::Error for EndpointError {}

impl From<std::convert::Infallible> for EndpointError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// An error of the operating system, comparable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OsError {
    /// Its kind.
    pub kind: io::ErrorKind,
    /// Its errno, if it has one.
    pub code: Option<i32>,
}

impl From<io::Error> for OsError {
    fn from(error: io::Error) -> Self {
        Self {
            kind: error.kind(),
            code: error.raw_os_error(),
        }
    }
}

impl From<&io::Error> for OsError {
    fn from(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            code: error.raw_os_error(),
        }
    }
}

impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => io::Error::from_raw_os_error(code).fmt(f),
            None => self.kind.fmt(f),
        }
    }
}

impl fmt::Debug for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OsError({self})")
    }
}

impl std::error::Error for OsError {}

/// Why a connection ended, told once to [`connection_lost`](crate::Protocol::connection_lost). The first reason stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// In order: all that was owed was handed to the system, then FIN. The side is the one that ended it first.
    Done(Side),
    /// The peer broke it (RST, or a write met EPIPE): what was under way is lost.
    Reset,
    /// We broke it, by `abort_connection`.
    Aborted,
    /// A deadline passed.
    TimedOut(Deadline),
    /// The peer did not read what we wrote: more than the hard limit waited for it, and more was written.
    TooSlow,
    /// The peer sent bytes that its framing does not allow.
    BadFrame(FrameError),
    /// The peer ended in the middle of something that has an end of its own.
    Truncated,
    /// The protocol panicked.
    Panicked,
    /// The reactor stopped before it was done.
    Stopped,
    /// The system reported something else.
    Failed(OsError),
}

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This process.
    Us,
    /// The other end.
    Peer,
}

/// Whose fault the end of a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody's: it ended in order, or was told to.
    Nobodys,
    /// The peer's.
    Peers,
    /// Ours: a protocol panicked.
    Ours,
    /// The network's or the system's.
    Systems,
}

impl Lost {
    /// Whose fault it is.
    pub fn whose(&self) -> Fault {
        match self {
            Self::Done(_)
            | Self::Aborted
            | Self::Stopped
            | Self::TimedOut(Deadline::Lifetime | Deadline::Silence(Silence::Sending)) => {
                Fault::Nobodys
            }
            Self::TimedOut(Deadline::Connect) | Self::Failed(_) => Fault::Systems,
            Self::Reset
            | Self::TimedOut(_)
            | Self::TooSlow
            | Self::BadFrame(_)
            | Self::Truncated => Fault::Peers,
            Self::Panicked => Fault::Ours,
        }
    }
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted => Self::Reset,
            _ => Self::Failed(error.into()),
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(Side::Us) => f.write_str("done, ended by us"),
            Self::Done(Side::Peer) => f.write_str("done, ended by the peer"),
            Self::Reset => f.write_str("reset by the peer"),
            Self::Aborted => f.write_str("aborted"),
            Self::TimedOut(deadline) => write!(f, "timed out: {deadline}"),
            Self::TooSlow => f.write_str("too slow: the peer does not read"),
            Self::BadFrame(error) => write!(f, "bad frame: {error}"),
            Self::Truncated => f.write_str("truncated: the peer ended in the middle"),
            Self::Panicked => f.write_str("the protocol panicked"),
            Self::Stopped => f.write_str("the reactor stopped"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}

/// A deadline that the loop keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deadline {
    /// From the call of connect until the connection stands, the name's lookup included.
    Connect,
    /// Until every layer is ready.
    Handshake,
    /// Bytes waited, and the peer took none.
    Write,
    /// From `lose_connection` until all that was owed was handed over.
    Close,
    /// Nothing was received for longer than [`Limits::idle`](crate::Limits::idle) allows.
    Idle,
    /// A silence lasted longer than [`Limits::silence`](crate::Limits::silence) allows.
    Silence(Silence),
    /// The connection lasted longer than [`Limits::lifetime`](crate::Limits::lifetime) allows.
    Lifetime,
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silence(silence) => return silence.fmt(f),
            Self::Lifetime => "its time is up",
            Self::Connect => "connecting",
            Self::Handshake => "the handshake",
            Self::Write => "the peer takes nothing",
            Self::Close => "closing",
            Self::Idle => "the peer says nothing",
        })
    }
}

/// A silence that ends a connection, see [`Limits::silence`](crate::Limits::silence).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nothing was received, whatever was sent.
    Receiving,
    /// Nothing was sent, and nothing waits to be, whatever was received.
    Sending,
    /// Nothing went either way.
    Both,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receiving => "nothing was received",
            Self::Sending => "nothing was sent",
            Self::Both => "nothing was received or sent",
        })
    }
}

/// Why bytes are not a frame, or a frame can't be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// Longer than allowed.
    TooLong {
        /// The limit in bytes; a frame of exactly this length passes.
        limit: usize,
        /// How many bytes it has, or will have by what its prefix says; `None` if that is not known yet.
        size: Option<u64>,
    },
    /// The frame to send contains the delimiter that should end it.
    HoldsDelimiter,
    /// The bytes break the framing's rules.
    Malformed(&'static str),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit, size: None } => write!(f, "longer than {limit} bytes"),
            Self::TooLong {
                limit,
                size: Some(size),
            } => write!(f, "longer than {limit} bytes: {size}"),
            Self::HoldsDelimiter => f.write_str("it holds the delimiter"),
            Self::Malformed(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for FrameError {}
