//! Where to connect to. Owns the list of clients' schemes; what is particular to one stands beside it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::port::Port;
use super::tcp_client::{self, TcpClientEndpoint};
use super::unix::{self, UnixClientEndpoint};
use super::wrapping::{Wrapped, Wrapping};
use super::{Endpoint, Scheme};
use crate::address::UnixAddress;

/// Where to connect to, in Twisted's words: `tcp:example.com:80`, `tcp:[::1]:8007:timeout=5`, `unix:/run/chat`. All of them
/// are in a table of [the module's documentation](crate::endpoint).
///
/// ```
/// use ropewalk::ClientEndpoint;
/// let endpoint: ClientEndpoint = r"tcp6:\:\:1:http:timeout=2.5".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp:[::1]:http:timeout=2.5");
/// assert_eq!(
///     ClientEndpoint::from(ClientEndpoint::unix("/run/chat")),
///     "unix:/run/chat".parse()?
/// );
/// # Ok::<(), ropewalk::EndpointError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEndpoint {
    /// A port of a host: `tcp:HOST:PORT`, `tcp6:ADDRESS:PORT`.
    Tcp(TcpClientEndpoint),
    /// A Unix stream: `unix:PATH`, `unix:@NAME`.
    Unix(UnixClientEndpoint),
    /// Another endpoint, through a layer: `WRAPPER:…`.
    Wrapped(Wrapped<Self>),
}

impl ClientEndpoint {
    /// A port of a host, which is a name, or an address without brackets.
    pub fn tcp(host: impl Into<String>, port: impl Into<Port>) -> TcpClientEndpoint {
        TcpClientEndpoint::new(host.into(), port.into())
    }

    /// A socket file.
    pub fn unix(path: impl Into<PathBuf>) -> UnixClientEndpoint {
        UnixClientEndpoint::new(UnixAddress::Path(path.into()))
    }

    /// A Unix stream's name without a file, which only Linux has.
    pub fn unix_abstract(name: impl Into<Vec<u8>>) -> UnixClientEndpoint {
        UnixClientEndpoint::new(UnixAddress::Abstract(name.into()))
    }

    /// This endpoint, through the layer of a [`Wrapper`](crate::layer::Wrapper).
    pub fn wrapped(self, wrapping: Wrapping) -> Self {
        Endpoint::wrapped(wrapping, self)
    }

    /// The time that the description gives for connecting; the wrappers have none of their own.
    pub(crate) fn timeout_mut(&mut self) -> &mut Option<Duration> {
        match self {
            Self::Tcp(endpoint) => &mut endpoint.timeout,
            Self::Unix(endpoint) => &mut endpoint.timeout,
            Self::Wrapped(wrapped) => wrapped.inner_mut().timeout_mut(),
        }
    }
}

impl Endpoint for ClientEndpoint {
    const SCHEMES: &'static [Scheme<Self>] = &[
        ("tcp", tcp_client::tcp, tcp_client::KEYS),
        ("tcp6", tcp_client::tcp6, tcp_client::KEYS),
        ("unix", unix::client, unix::CLIENT_KEYS),
    ];

    fn wrapped(wrapping: Wrapping, inner: Self) -> Self {
        Self::Wrapped(Wrapped::new(wrapping, inner))
    }
}

impl From<TcpClientEndpoint> for ClientEndpoint {
    fn from(endpoint: TcpClientEndpoint) -> Self {
        Self::Tcp(endpoint)
    }
}

impl From<UnixClientEndpoint> for ClientEndpoint {
    fn from(endpoint: UnixClientEndpoint) -> Self {
        Self::Unix(endpoint)
    }
}

/// The description that says the same, defaults left out.
impl fmt::Display for ClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(endpoint) => endpoint.fmt(f),
            Self::Unix(endpoint) => endpoint.fmt(f),
            Self::Wrapped(wrapped) => wrapped.fmt(f),
        }
    }
}
