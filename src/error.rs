//! Every error and every reason for a loss: what users are told, and whose fault it is. Owns the names and their
//! wording; decides nothing.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::address::Address;

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
            Self::Done(_) | Self::Aborted | Self::Stopped => Fault::Nobodys,
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
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Handshake => "the handshake",
            Self::Write => "the peer takes nothing",
            Self::Close => "closing",
            Self::Idle => "the peer says nothing",
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

/// Why a connection was not made, told once to the hook of [`Connect::failed`](crate::Connect::failed).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The endpoint's description can't be understood.
    Endpoint(EndpointError),
    /// The host's name could not be turned into an address.
    Name {
        /// The name.
        host: String,
        /// Why.
        error: NameError,
    },
    /// The service's name is not in the system's table.
    Service {
        /// The name.
        service: String,
    },
    /// Nobody listens there.
    Refused {
        /// Where.
        address: Address,
    },
    /// No way there: no route, or a host or network that is down.
    Unreachable {
        /// Where.
        address: Address,
        /// What the system said.
        error: OsError,
    },
    /// Not made within the deadline.
    TimedOut {
        /// What was asked for.
        endpoint: String,
        /// The deadline; `None` if it was the system's own.
        after: Option<Duration>,
    },
    /// The kernel joined the socket to itself: nobody listens on that ephemeral port, and it was chosen as our own.
    SelfConnected {
        /// Where.
        address: Address,
    },
    /// No local address or port could be had, or not the one asked for.
    Bind {
        /// Where to.
        address: Address,
        /// What the system said.
        error: OsError,
    },
    /// The connection stood, but a layer could not agree with the peer's.
    Handshake(Lost),
    /// Cancelled by `lose_connection` or `abort_connection`.
    Cancelled,
    /// The reactor is stopping.
    Stopping,
    /// Anything else the system said.
    Failed {
        /// Where to.
        address: Address,
        /// What the system said.
        error: OsError,
    },
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(error) => error.fmt(f),
            Self::Name { host, error } => write!(f, "can't look up {host}: {error}"),
            Self::Service { service } => write!(f, "no such service: {service}"),
            Self::Refused { address } => write!(f, "{address} refused: nobody listens there"),
            Self::Unreachable { address, error } => {
                write!(f, "{address} can't be reached: {error}")
            }
            Self::TimedOut {
                endpoint,
                after: Some(after),
            } => write!(f, "{endpoint}: no connection within {after:?}"),
            Self::TimedOut {
                endpoint,
                after: None,
            } => write!(f, "{endpoint}: no connection within the system's time"),
            Self::SelfConnected { address } => {
                write!(f, "{address} refused: the socket met itself")
            }
            Self::Bind { address, error } => {
                write!(f, "no local address to reach {address} from: {error}")
            }
            Self::Handshake(lost) => write!(f, "the handshake failed: {lost}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Stopping => f.write_str("the reactor is stopping"),
            Self::Failed { address, error } => write!(f, "can't connect to {address}: {error}"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// Why a name could not be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// There is no such name.
    Unknown,
    /// The name is known, and has no address.
    NoData,
    /// The resolver can't tell now; later it may.
    Temporary,
    /// The resolver failed: what it said.
    Failed(String),
    /// Too many lookups wait already.
    Busy,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("name not known"),
            Self::NoData => f.write_str("no address for this name"),
            Self::Temporary => f.write_str("the resolver can't tell now"),
            Self::Failed(what) => f.write_str(what),
            Self::Busy => f.write_str("too many lookups under way"),
        }
    }
}

impl std::error::Error for NameError {}
