//! Forwarding: a factory that joins each connection with one to somewhere else. Owns where to; the joining itself is
//! [`Reactor::pipe`].

use std::fmt;
use std::rc::Rc;

use crate::address::Address;
use crate::endpoint::ClientEndpoint;
use crate::error::{ConnectError, EndpointError};
use crate::protocol::{Factory, Protocol};
use crate::reactor::{Connect, Reactor};
use crate::table::ConnectionId;
use crate::transport::Transport;

/// A factory for connections that are forwarded: for each one it makes another, and joins the two with
/// [`Reactor::pipe`].
///
/// A connection is not read before its other one stands, and closed in order if that can't be made.
///
/// ```no_run
/// use ropewalk::Forward;
///
/// fn main() -> ropewalk::Result<()> {
///     ropewalk::run(|reactor| {
///         let forward = Forward::to("tcp:127.0.0.1:8007")?;
///         reactor.listen("tcp:9000").with(forward).map(drop)
///     })
///     .map(drop)
/// }
/// ```
#[derive(Clone)]
pub struct Forward {
    endpoint: ClientEndpoint,
    connecting: Option<Rc<Connecting>>,
    failed: Option<Rc<Failed>>,
}

type Connecting = dyn for<'a> Fn(Connect<'a>) -> Connect<'a>;
type Failed = dyn Fn(&mut Reactor, ConnectionId, &ConnectError);

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Forward {
    /// Forwards to an endpoint, as `"tcp:localhost:8007"`; a name is looked up anew for each connection.
    ///
    /// # Errors
    /// If the endpoint can't be understood.
    pub fn to<E>(endpoint: E) -> Result<Self, EndpointError>
    where
        E: TryInto<ClientEndpoint>,
        E::Error: Into<EndpointError>,
    {
        Ok(Self {
            endpoint: endpoint.try_into().map_err(Into::into)?,
            connecting: None,
            failed: None,
        })
    }

    /// How the other connections are made: `set` may give each its time-out, its own address and layers.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ropewalk::Forward;
    /// let forward = Forward::to("tcp:127.0.0.1:8007")?
    ///     .connecting(|connect| connect.timeout(Duration::from_secs(2)));
    /// # Ok::<(), ropewalk::EndpointError>(())
    /// ```
    #[must_use]
    pub fn connecting(
        mut self,
        set: impl for<'a> Fn(Connect<'a>) -> Connect<'a> + 'static,
    ) -> Self {
        self.connecting = Some(Rc::new(set));
        self
    }

    /// What to do if a connection can't be forwarded, besides logging it: `hook` may still write to the one that waits,
    /// which is closed behind that.
    #[must_use]
    pub fn failed(
        mut self,
        hook: impl Fn(&mut Reactor, ConnectionId, &ConnectError) + 'static,
    ) -> Self {
        self.failed = Some(Rc::new(hook));
        self
    }
}

impl Factory for Forward {
    type Protocol = Box<dyn Protocol>;

    fn build_protocol(&mut self, _peer: &Address) -> Option<Self::Protocol> {
        Some(Box::new(Forwarding(self.clone())))
    }
}

/// A connection for the moment between its making and the pipe.
struct Forwarding(Forward);

impl Protocol for Forwarding {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let Forward {
            endpoint,
            connecting,
            failed,
        } = self.0.clone();
        let id = transport.id();
        let connect = transport.reactor().connect(endpoint);
        let connect = match connecting {
            Some(set) => set(connect),
            None => connect,
        };
        connect
            .failed(move |reactor, error| {
                reactor.warn(id, format_args!("not forwarded: {error}"));
                if let Some(hook) = failed {
                    hook(reactor, id, error);
                }
            })
            .pipe(id);
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}
