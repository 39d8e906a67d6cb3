//! Why a datagram was not sent. Owns the names and their wording; decides nothing.

use std::fmt;
use std::io;

use super::{Fault, OsError};

/// Why a datagram was not sent, told at once by [`try_send_to`](crate::DatagramTransport::try_send_to). It costs this datagram
/// alone: the socket is as good as before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The system takes nothing now, and so much waits for it already that this would be too much.
    Full {
        /// How many bytes may wait.
        limit: usize,
    },
    /// It is longer than the protocol, the way there or the system allows.
    TooLong {
        /// How long it is.
        size: usize,
    },
    /// No way there: no route, or a network that is down.
    Unreachable(OsError),
    /// The socket is connected to nobody, and nobody was named.
    NoPeer,
    /// The socket is closed, or never was.
    Closed,
    /// Anything else the system said: that it has no memory for it, that the socket may not send to a broadcast address, that
    /// it is of the other family.
    Failed(OsError),
}

impl SendError {
    /// What the system's error means for a datagram of this size.
    pub(crate) fn of(error: &io::Error, size: usize) -> Self {
        if error.raw_os_error() == Some(EMSGSIZE) {
            return Self::TooLong { size };
        }
        match error.kind() {
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown => Self::Unreachable(error.into()),
            _ => Self::Failed(error.into()),
        }
    }

    /// Whose fault it is.
    pub fn whose(&self) -> Fault {
        match self {
            Self::Full { .. } | Self::Unreachable(_) | Self::Failed(_) => Fault::Systems,
            Self::TooLong { .. } | Self::NoPeer => Fault::Ours,
            Self::Closed => Fault::Nobodys,
        }
    }
}

/// The standard library has no name for it.
const EMSGSIZE: i32 = if cfg!(windows) {
    10_040
} else if cfg!(any(target_os = "linux", target_os = "android")) {
    90
} else {
    40
};

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { limit } => {
                write!(f, "the system takes none now, and {limit} bytes may wait")
            }
            Self::TooLong { size } => write!(f, "too long: {size} bytes"),
            Self::Unreachable(error) => write!(f, "no way there: {error}"),
            Self::NoPeer => f.write_str("the socket is connected to nobody"),
            Self::Closed => f.write_str("the socket is closed"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}
