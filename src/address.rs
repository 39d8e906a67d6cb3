//! Addresses of endpoints and peers. Owns how they look to people; does not parse endpoint descriptions, nor look names up.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Where a listener is bound or a peer speaks from.
///
/// ```
/// use ropewalk::{Address, UnixAddress};
/// let address = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 8007)));
/// assert_eq!(address.to_string(), "127.0.0.1:8007");
/// let address = Address::from(UnixAddress::Path("/run/chat".into()));
/// assert_eq!(address.to_string(), "unix:/run/chat");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP address, v4 or v6.
    Tcp(SocketAddr),
    /// An address of a Unix stream, on this machine.
    Unix(UnixAddress),
}

/// Where a Unix stream's end is. Most clients have no address of their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnixAddress {
    /// A socket file.
    Path(PathBuf),
    /// A name without a file, which only Linux has: these bytes, which in descriptions stand behind an `@`. It is gone when
    /// its listener is, and knows no permissions: whoever is on the machine may call.
    Abstract(Vec<u8>),
    /// No address.
    Unnamed,
}

impl UnixAddress {
    /// How many bytes a path or a name may have, by what the system's structure holds.
    pub(crate) const MOST: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
        107
    } else {
        103
    };
}

impl Address {
    /// The IP address, if it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix(_) => None,
        }
    }

    /// The port, if it has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl From<UnixAddress> for Address {
    fn from(address: UnixAddress) -> Self {
        Self::Unix(address)
    }
}

/// `127.0.0.1:8007`, `[::1]:8007`, `unix:/run/chat`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(address) => address.fmt(f),
        }
    }
}

/// `unix:/run/chat`, `unix:@chat`, and `unix:` for an end without an address.
impl fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => match std::str::from_utf8(name) {
                Ok(name) if !name.contains(char::is_control) => write!(f, "unix:@{name}"),
                _ => write!(f, "unix:@{}", name.escape_ascii()),
            },
            Self::Unnamed => f.write_str("unix:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_on_one_line() {
        for (name, shown) in [
            (&b"chat"[..], "unix:@chat"),
            ("hé".as_bytes(), "unix:@hé"),
            (b"a\nb", "unix:@a\\nb"),
            (b"\0\xff", "unix:@\\x00\\xff"),
        ] {
            assert_eq!(UnixAddress::Abstract(name.to_vec()).to_string(), shown);
        }
        assert_eq!(UnixAddress::Unnamed.to_string(), "unix:");
    }
}
