//! Why a connection was not made. Owns the names and their wording; decides nothing.

use std::fmt;
use std::time::Duration;

use super::{EndpointError, Lost, OsError};
use crate::address::Address;

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
    /// The address is none of those that [may be connected to](crate::Connect::permitted). It was not tried.
    Forbidden {
        /// Which.
        address: Address,
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
    /// The name has several addresses, and none of them could be connected to.
    Several {
        /// What was asked for.
        endpoint: String,
        /// Why each attempt came to nothing, in the order in which they ended; those that the deadline has cut short are the
        /// last, as timed out. At most 32, for no more addresses of a name are tried.
        attempts: Vec<Self>,
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
    /// The connection stood, but no protocol was built for it.
    Unwanted,
    /// The connection stood, but code of ours panicked: the factory, or what was to make it ready.
    Panicked,
    /// The connection stood, and what was to [prepare](crate::ClientService::prepare) it says that it can't be used, and why.
    Unprepared(String),
    /// The connection stood, and was lost before it was [prepared](crate::ClientService::prepare).
    Lost(Lost),
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

impl ConnectError {
    /// What to act upon: of [several](Self::Several) attempts the last one that was refused or timed out, if there is one, for
    /// a machine without IPv6 gets to no address of IPv6; else the last one. Otherwise the error itself.
    pub fn reason(&self) -> &Self {
        let Self::Several { attempts, .. } = self else {
            return self;
        };
        let mut latest = attempts.iter().rev();
        latest
            .find(|error| matches!(error, Self::Refused { .. } | Self::TimedOut { .. }))
            .or(attempts.last())
            .unwrap_or(self)
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(error) => error.fmt(f),
            Self::Name { host, error } => write!(f, "can't look up {host}: {error}"),
            Self::Service { service } => write!(f, "no such service: {service}"),
            Self::Forbidden { address } => write!(f, "{address} may not be connected to"),
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
            Self::Several { endpoint, attempts } => {
                write!(f, "{endpoint}: no connection to any of its addresses")?;
                for (nth, attempt) in attempts.iter().enumerate() {
                    write!(f, "{} {attempt}", if nth == 0 { ":" } else { ";" })?;
                }
                Ok(())
            }
            Self::SelfConnected { address } => {
                write!(f, "{address} refused: the socket met itself")
            }
            Self::Bind { address, error } => {
                write!(f, "no local address to reach {address} from: {error}")
            }
            Self::Handshake(lost) => write!(f, "the handshake failed: {lost}"),
            Self::Unwanted => f.write_str("no protocol was built for the connection"),
            Self::Panicked => f.write_str("our own code panicked"),
            Self::Unprepared(why) => write!(f, "not prepared: {why}"),
            Self::Lost(lost) => write!(f, "lost before it was ready: {lost}"),
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
    /// The service that was asked for with it is not known.
    Service,
    /// The resolver failed: what it said.
    Failed(String),
    /// It can't be a name, or not be put into the letters of names: why not.
    NotAName(String),
    /// Too many lookups wait already.
    Busy,
    /// Nothing was found in the time that was given.
    TimedOut,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("name not known"),
            Self::NoData => f.write_str("no address for this name"),
            Self::Temporary => f.write_str("the resolver can't tell now"),
            Self::Service => f.write_str("service not known"),
            Self::Failed(what) => f.write_str(what),
            Self::NotAName(why) => write!(f, "not a name: {why}"),
            Self::Busy => f.write_str("too many lookups under way"),
            Self::TimedOut => f.write_str("the lookup took too long"),
        }
    }
}

impl std::error::Error for NameError {}
