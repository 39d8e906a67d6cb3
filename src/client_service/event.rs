//! What is told of a client that stays connected. Owns the words; tells nobody.

use std::fmt;
use std::time::Duration;

use crate::address::Address;
use crate::error::{ConnectError, Lost};
use crate::table::ConnectionId;

/// What a [`ClientService`](crate::ClientService) tells of itself, as it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// An attempt has begun.
    Started {
        /// Where to.
        endpoint: String,
    },
    /// The attempt failed.
    Failed(ConnectError),
    /// The connection stands, and is prepared.
    Connected {
        /// The connection.
        id: ConnectionId,
        /// Who is at the other end.
        peer: Address,
    },
    /// The connection is gone, and its protocol was told so.
    Lost(Lost),
    /// The next attempt begins after this time.
    Retry(Duration),
    /// So many attempts failed in a row that there is none any more.
    GaveUp,
    /// It was stopped, or the reactor stops: nothing of it is left.
    Stopped,
}

impl fmt::Display for ClientEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { endpoint } => write!(f, "connecting to {endpoint}"),
            Self::Failed(error) => write!(f, "failed {error}"),
            Self::Connected { peer, .. } => write!(f, "connected {peer}"),
            Self::Lost(reason) => write!(f, "lost {reason}"),
            Self::Retry(delay) => write!(f, "retry in {:.1} s", delay.as_secs_f64()),
            Self::GaveUp => f.write_str("gave up"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// Why there is no connection for who has waited for one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotConnected {
    /// So many attempts failed while it was waited for as the one who waits allows; the last one's error.
    Failed(ConnectError),
    /// The service gave up; its last attempt's error.
    GaveUp(ConnectError),
    /// The service was stopped.
    Stopped,
    /// So many wait already, which is as many as there may be.
    Full(usize),
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::GaveUp(error) => write!(f, "given up: {error}"),
            Self::Stopped => f.write_str("the service was stopped"),
            Self::Full(most) => write!(f, "{most} wait for the connection already"),
        }
    }
}

impl std::error::Error for NotConnected {}
