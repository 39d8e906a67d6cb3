//! Why a socket that a process was started with can't be taken over. Owns the names and their wording; looks at nothing.

use std::fmt;

use super::OsError;

/// Why an inherited socket can't be listened on: whoever has started the process, or wrote the endpoint, is to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdoptError {
    /// No sockets were passed as systemd does: the environment has no `LISTEN_PID` and `LISTEN_FDS`.
    NothingPassed,
    /// The variables are meant for another process, which is what `LISTEN_PID` says: they are ignored.
    ForAnother {
        /// The process that they are for.
        pid: String,
    },
    /// A variable of the environment can't be understood.
    Malformed {
        /// What it says, its name included.
        variable: String,
    },
    /// Fewer sockets were passed.
    NoSuchIndex {
        /// How many were passed.
        count: u32,
    },
    /// No socket was passed under this name.
    NoSuchName {
        /// The names that were passed, with colons between them.
        names: String,
    },
    /// The number is of no open descriptor.
    NotOpen {
        /// The number.
        number: u32,
    },
    /// The descriptor is open, but was not inherited: the process has opened it itself.
    NotInherited {
        /// Its number.
        number: u32,
    },
    /// The descriptor is not a socket.
    NotASocket {
        /// Its number.
        number: u32,
    },
    /// It is a socket, but not of TCP and no Unix stream.
    NotAStream {
        /// Its number.
        number: u32,
    },
    /// It is a stream socket, but does not listen.
    NotListening {
        /// Its number.
        number: u32,
    },
    /// It was taken over before: each can be once.
    Taken {
        /// Its number.
        number: u32,
    },
    /// This network, or this build, has no such sockets: it needs Unix and the feature `unix`.
    Unsupported,
    /// The system refused it.
    System(OsError),
}

impl fmt::Display for AdoptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingPassed => {
                f.write_str("no sockets were passed (LISTEN_PID and LISTEN_FDS are not set)")
            }
            Self::ForAnother { pid } => write!(
                f,
                "the sockets that were passed are not for this process (LISTEN_PID={pid})"
            ),
            Self::Malformed { variable } => write!(f, "{variable} can't be understood"),
            Self::NoSuchIndex { count } => write!(f, "the sockets that were passed are {count}"),
            Self::NoSuchName { names } => {
                write!(
                    f,
                    "no socket was passed under that name (LISTEN_FDNAMES={names})"
                )
            }
            Self::NotOpen { number } => write!(f, "descriptor {number} is not open"),
            Self::NotInherited { number } => write!(f, "descriptor {number} was not inherited"),
            Self::NotASocket { number } => write!(f, "descriptor {number} is no socket"),
            Self::NotAStream { number } => {
                write!(
                    f,
                    "descriptor {number} is no socket of TCP or of Unix streams"
                )
            }
            Self::NotListening { number } => write!(f, "descriptor {number} does not listen"),
            Self::Taken { number } => write!(f, "descriptor {number} is taken already"),
            Self::Unsupported => f.write_str("sockets can't be inherited here"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AdoptError {}
