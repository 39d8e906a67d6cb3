//! What a resolver is asked, and what it finds. Owns the words for it; asks nobody.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One lookup of a name under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId(pub u64);

/// What is to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The addresses of a host: a name in ASCII, or an address of IPv6 whose scope is a name.
    Addresses(String),
    /// The name of an address.
    Name(IpAddr),
}

/// `example.com`, `the name of 127.0.0.1`.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses(host) => f.write_str(host),
            Self::Name(address) => write!(f, "the name of {address}"),
        }
    }
}

/// What was found, of the sort that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// In the resolver's order, with port 0.
    Addresses(Vec<SocketAddr>),
    /// One name, the first if there are several.
    Name(String),
}
