//! Where to listen. Owns the list of servers' schemes; what is particular to one stands beside it.

use std::fmt;
use std::path::PathBuf;

use super::inherited::{self, Inherited};
use super::port::Port;
use super::tcp_server::{self, TcpServerEndpoint};
use super::unix::{self, UnixServerEndpoint};
use super::wrapping::{Wrapped, Wrapping};
use super::{Endpoint, Scheme};
use crate::address::UnixAddress;

/// Where to listen, in Twisted's words: `tcp:8007`, `unix:/run/chat:mode=660`, `systemd:name=web`. All of them are in a
/// table of [the module's documentation](crate::endpoint).
///
/// ```
/// use ropewalk::ServerEndpoint;
/// let endpoint: ServerEndpoint = "tcp:8007:interface=0.0.0.0".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp:8007:interface=*");
/// assert_eq!(
///     ServerEndpoint::from(ServerEndpoint::unix("/run/chat").mode(0o660)),
///     "unix:/run/chat:mode=660".parse()?
/// );
/// # Ok::<(), ropewalk::EndpointError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEndpoint {
    /// A TCP port: `tcp:PORT`, `tcp6:PORT`.
    Tcp(TcpServerEndpoint),
    /// A Unix stream: `unix:PATH`, `unix:@NAME`.
    Unix(UnixServerEndpoint),
    /// A listening socket that the process was started with: `fd:NUMBER`, `systemd:index=N`, `systemd:name=NAME`.
    Inherited(Inherited),
    /// Another endpoint, with a layer on each connection: `WRAPPER:…`.
    Wrapped(Wrapped<Self>),
}

impl ServerEndpoint {
    /// A port of 127.0.0.1, which [`interface`](TcpServerEndpoint::interface) opens to others.
    pub fn tcp(port: impl Into<Port>) -> TcpServerEndpoint {
        TcpServerEndpoint::new(port.into())
    }

    /// A socket file.
    pub fn unix(path: impl Into<PathBuf>) -> UnixServerEndpoint {
        UnixServerEndpoint::new(UnixAddress::Path(path.into()))
    }

    /// A Unix stream's name without a file, which only Linux has.
    pub fn unix_abstract(name: impl Into<Vec<u8>>) -> UnixServerEndpoint {
        UnixServerEndpoint::new(UnixAddress::Abstract(name.into()))
    }

    /// This endpoint, with the layer of a [`Wrapper`](crate::layer::Wrapper) on each connection.
    pub fn wrapped(self, wrapping: Wrapping) -> Self {
        Endpoint::wrapped(wrapping, self)
    }
}

impl Endpoint for ServerEndpoint {
    const SCHEMES: &'static [Scheme<Self>] = &[
        ("tcp", tcp_server::tcp, tcp_server::KEYS),
        ("tcp6", tcp_server::tcp6, tcp_server::KEYS),
        ("unix", unix::server, unix::SERVER_KEYS),
        ("fd", inherited::descriptor, "(there are none)"),
        ("systemd", inherited::systemd, inherited::SYSTEMD_KEYS),
    ];

    fn wrapped(wrapping: Wrapping, inner: Self) -> Self {
        Self::Wrapped(Wrapped::new(wrapping, inner))
    }
}

impl From<TcpServerEndpoint> for ServerEndpoint {
    fn from(endpoint: TcpServerEndpoint) -> Self {
        Self::Tcp(endpoint)
    }
}

impl From<UnixServerEndpoint> for ServerEndpoint {
    fn from(endpoint: UnixServerEndpoint) -> Self {
        Self::Unix(endpoint)
    }
}

impl From<Inherited> for ServerEndpoint {
    fn from(socket: Inherited) -> Self {
        Self::Inherited(socket)
    }
}

/// The description that says the same, defaults left out.
impl fmt::Display for ServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(endpoint) => endpoint.fmt(f),
            Self::Unix(endpoint) => endpoint.fmt(f),
            Self::Inherited(socket) => socket.fmt(f),
            Self::Wrapped(wrapped) => wrapped.fmt(f),
        }
    }
}
