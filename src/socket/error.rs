//! What can go wrong, split as Python's `socket` module splits it. Owns the split; what a kind of failed lookup is called stands
//! in [`NameError`].

use std::fmt;
use std::io;

use crate::error::{NameError, OsError};

/// What a call of this module returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
///
/// ```
/// use std::io::ErrorKind;
/// use ropewalk::{OsError, socket};
///
/// # let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
/// match socket::connect(("127.0.0.1", port)) {
///     Ok(_) => println!("somebody is there"),
///     Err(socket::Error::Gaierror(error)) => println!("bad address: {error}"),
///     Err(socket::Error::Timeout) => println!("nobody answers"),
///     Err(socket::Error::Os(OsError { kind: ErrorKind::ConnectionRefused, .. })) => println!("nobody listens"),
///     Err(error) => println!("{error}, errno {:?}", error.errno()),
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The system refused: Python's `OSError`, which was `socket.error` before. What Python has subclasses for
    /// (`ConnectionRefusedError`) is the [kind](OsError::kind).
    Os(OsError),
    /// It took too long, by `settimeout` or by the system's own patience: `TimeoutError`, which was `socket.timeout`.
    Timeout,
    /// A name could not be turned into an address: `socket.gaierror`.
    Gaierror(NameError),
    /// An address could not be turned into a name: `socket.herror`.
    Herror(NameError),
}

impl Error {
    /// The number of a system's error; `None` for all others.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Os(error) => error.code,
            Self::Timeout | Self::Gaierror(_) | Self::Herror(_) => None,
        }
    }

    /// An error of the system that it has no number for.
    pub(super) fn of_kind(kind: io::ErrorKind) -> Self {
        Self::Os(OsError { kind, code: None })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os(error) => error.fmt(f),
            Self::Timeout => f.write_str("timed out"),
            Self::Gaierror(error) | Self::Herror(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Os(error.into()),
        }
    }
}
