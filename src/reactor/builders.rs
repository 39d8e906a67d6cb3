//! The two builders, of listeners and of connections. Owns what is set before they begin; does nothing until then.

use std::rc::Rc;
use std::time::Duration;

use crate::address::Address;
use crate::endpoint::{ClientEndpoint, ServerEndpoint};
use crate::error::{ConnectError, EndpointError, Result};
use crate::layer::{Layer, LayerMaker};
use crate::limits::Limits;
use crate::protocol::{Factory, Protocol};
use crate::table::ConnectionId;
use crate::transport::Transport;

use super::accept::Built;
use super::kept::Keeper;
use super::listen::Listener;
use super::{Reactor, limits};

/// A listener about to be: see [`Reactor::listen`].
#[must_use = "nothing listens before `serve` or `with`"]
pub struct Listen<'a> {
    reactor: &'a mut Reactor,
    endpoint: Result<ServerEndpoint, EndpointError>,
    limits: Limits,
    layers: Vec<LayerMaker>,
}

impl std::fmt::Debug for Listen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listen")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl<'a> Listen<'a> {
    pub(super) fn new(
        reactor: &'a mut Reactor,
        endpoint: Result<ServerEndpoint, EndpointError>,
    ) -> Self {
        Self {
            reactor,
            endpoint,
            limits: Limits::default(),
            layers: Vec::new(),
        }
    }

    /// The limits of each connection, and of their number.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Puts a layer on each connection, on top of those named before: the first one is nearest the wire.
    pub fn through<L: Layer>(mut self, mut layer: impl FnMut() -> L + 'static) -> Self {
        self.layers.push(Box::new(move || Box::new(layer())));
        self
    }

    /// Listens, with a protocol from `build` for each connection.
    ///
    /// # Errors
    /// See [`with`](Self::with).
    pub fn serve<P: Protocol>(
        self,
        build: impl FnMut(&Address) -> P + 'static,
    ) -> Result<Listener> {
        self.with(build)
    }

    /// Listens, with a protocol from `factory` for each connection. The address is bound when this returns.
    ///
    /// # Errors
    /// [`Error::Endpoint`](crate::Error::Endpoint) if the endpoint could not be understood, or names an unknown service or
    /// wrapper, [`Error::Listen`](crate::Error::Listen) if its address can't be listened on,
    /// [`Error::Adopt`](crate::Error::Adopt) if there is no such socket that was inherited,
    /// [`Error::Stopping`](crate::Error::Stopping) while the reactor stops.
    pub fn with<F: Factory>(self, mut factory: F) -> Result<Listener> {
        let build: Built = Box::new(move |peer| {
            factory
                .build_protocol(peer)
                .map(|protocol| Box::new(protocol) as Box<dyn Protocol>)
        });
        self.reactor
            .begin_to_listen(self.endpoint?, self.limits, self.layers, build)
    }
}

/// A connection about to be made: see [`Reactor::connect`].
#[must_use = "nothing is connected before `with`"]
pub struct Connect<'a> {
    reactor: &'a mut Reactor,
    pub(super) plan: Plan,
}

/// What is to be connected, and how.
pub(super) struct Plan {
    pub(super) endpoint: Result<ClientEndpoint, EndpointError>,
    pub(super) limits: Option<Limits>,
    pub(super) timeout: Option<Duration>,
    pub(super) attempt_delay: Option<Duration>,
    pub(super) bind: Option<Address>,
    pub(super) layers: Vec<Box<dyn Layer>>,
    pub(super) permitted: Option<Permitted>,
    pub(super) failed: Option<Failed>,
}

/// Says which addresses may be connected to.
pub(super) type Permitted = Rc<dyn Fn(&Address) -> bool>;

/// The hook for a connection that was not made.
pub(crate) type Failed = Box<dyn FnOnce(&mut Reactor, &ConnectError)>;

impl std::fmt::Debug for Connect<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("endpoint", &self.plan.endpoint)
            .finish_non_exhaustive()
    }
}

impl<'a> Connect<'a> {
    pub(super) fn new(
        reactor: &'a mut Reactor,
        endpoint: Result<ClientEndpoint, EndpointError>,
    ) -> Self {
        let timeout = Some(limits::CONNECT);
        Self {
            reactor,
            plan: Plan {
                endpoint,
                limits: None,
                timeout,
                attempt_delay: None,
                bind: None,
                layers: Vec::new(),
                permitted: None,
                failed: None,
            },
        }
    }

    /// How long it may take, the name's lookup included. Default 30 s, or what the endpoint says; `None`: as long as the
    /// system tries.
    pub fn timeout(mut self, within: impl Into<Option<Duration>>) -> Self {
        self.plan.timeout = within.into();
        if let Ok(endpoint) = &mut self.plan.endpoint {
            *endpoint.timeout_mut() = None;
        }
        self
    }

    /// How long an address of a name has to itself before the next one is tried beside it. Default 250 ms, or what the endpoint
    /// says; held to what RFC 8305 allows, 10 ms to 2 s. After a failure the next one is tried at once.
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.plan.attempt_delay = Some(delay);
        self
    }

    /// Which addresses may be connected to: each is held against it before it is tried, whether it was found for a name or given
    /// as such. One that may not is no attempt, but [`ConnectError::Forbidden`], and the next one is tried. For a program that
    /// connects to where its peers say: a name of theirs can lead to this machine or its neighbours, and to another place each
    /// time it is looked up.
    ///
    /// ```
    /// # fn main() -> ropewalk::Result<()> {
    /// # use ropewalk::{Address, Protocol, Transport};
    /// # struct Fetch;
    /// # impl Protocol for Fetch { fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {} }
    /// # let mut reactor = ropewalk::Reactor::new()?;
    /// reactor
    ///     .connect("tcp:localhost:80")
    ///     .permitted(|address| match address {
    ///         Address::Tcp(address) => !address.ip().to_canonical().is_loopback(),
    ///         _ => false,
    ///     })
    ///     .failed(|reactor, error| {
    ///         println!("{error}");
    ///         reactor.stop();
    ///     })
    ///     .with(Fetch);
    /// # reactor.run()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn permitted(mut self, policy: impl Fn(&Address) -> bool + 'static) -> Self {
        self.plan.permitted = Some(Rc::new(policy));
        self
    }

    /// What the connection may cost, from its handshake on.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.plan.limits = Some(limits);
        self
    }

    /// The local address to connect from.
    pub fn bind(mut self, address: impl Into<Address>) -> Self {
        self.plan.bind = Some(address.into());
        self
    }

    /// Puts a layer on the connection, on top of those named before: the first one is nearest the wire.
    pub fn through(mut self, layer: impl Layer) -> Self {
        self.plan.layers.push(Box::new(layer));
        self
    }

    /// What to do if the connection is not made. Called once, later, instead of any of the protocol's callbacks.
    pub fn failed(mut self, hook: impl FnOnce(&mut Reactor, &ConnectError) + 'static) -> Self {
        self.plan.failed = Some(Box::new(hook));
        self
    }

    /// Connects, with `protocol` on the connection. The id is good at once: what is written to it is sent when the
    /// connection stands, and closing it cancels the attempt.
    pub fn with(self, protocol: impl Protocol) -> ConnectionId {
        self.begin(Some(Box::new(protocol)), None)
    }

    pub(super) fn begin(
        self,
        protocol: Option<Box<dyn Protocol>>,
        keeper: Option<Rc<dyn Keeper>>,
    ) -> ConnectionId {
        self.reactor.begin_to_connect(self.plan, protocol, keeper)
    }

    /// Connects, and joins the connection with another one: see [`Reactor::pipe`]. The other one is not read until this one
    /// stands. If it can't be made, the other one is closed in order, behind what the hook of [`failed`](Self::failed)
    /// wrote to it.
    pub fn pipe(self, other: ConnectionId) -> ConnectionId {
        let protocol: Box<dyn Protocol> = Box::new(Unpiped);
        let id = self
            .reactor
            .begin_to_connect(self.plan, Some(protocol), None);
        self.reactor.pipe(other, id);
        id
    }
}

/// Stands on a connection for the moment until a pipe takes it over.
struct Unpiped;

impl Protocol for Unpiped {
    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}
