//! Addresses of endpoints and peers. Owns how they look to people; does not parse endpoint descriptions, nor look names up.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Where a listener is bound or a peer speaks from.
///
/// ```
/// use ropewalk::Address;
/// let address = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 8007)));
/// assert_eq!(address.to_string(), "127.0.0.1:8007");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP address, v4 or v6.
    Tcp(SocketAddr),
}

impl Address {
    /// The IP address, if it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
        }
    }

    /// The port, if it has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

/// `127.0.0.1:8007`, `[::1]:8007`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
        }
    }
}
