//! How a test's connection is to be made. Owns the settings until then; the connection itself is [`Wire`]'s.

use std::fmt;

use crate::layer::Layer;
use crate::limits::Limits;
use crate::protocol::Protocol;
use crate::reactor::Reactor;

use super::Wire;
use super::watched::Watched;

/// A connection to be made: what [`connect`](super::connect) leaves at its defaults.
///
/// ```
/// use ropewalk::{Limits, Protocol, Transport, testing};
///
/// struct Flood;
///
/// impl Protocol for Flood {
///     fn connection_made(&mut self, transport: &mut Transport<'_>) {
///         transport.write([0; 2000]);
///     }
///     fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
/// }
///
/// let mut wire = testing::wiring()
///     .limits(Limits::default().water_marks(100, 1000))
///     .blocked()
///     .connect(Flood);
/// wire.unblocks().sent([0; 2000]);
/// assert_eq!(wire.callbacks(), ["made", "pause", "resume"]);
/// ```
#[derive(Default)]
#[must_use = "nothing is connected before `connect`"]
pub struct Wiring {
    limits: Limits,
    layers: Vec<Box<dyn Layer>>,
    blocked: bool,
    /// What the peer sends as soon as it can.
    greeting: Vec<u8>,
}

impl fmt::Debug for Wiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wiring").finish_non_exhaustive()
    }
}

impl Wiring {
    /// The connection's limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Puts a layer on the connection, on top of those named before: the first one is nearest the wire.
    pub fn through(mut self, layer: impl Layer) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// The peer takes nothing from the start, see [`Wire::blocks`].
    pub fn blocked(mut self) -> Self {
        self.blocked = true;
        self
    }

    /// The peer has sent this before we even look.
    pub fn greeted(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.greeting.extend_from_slice(bytes.as_ref());
        self
    }

    /// Makes the connection, as if a listener had accepted it.
    #[track_caller]
    pub fn connect<P: Protocol>(self, protocol: P) -> Wire<P> {
        let mut layers: Vec<_> = self.layers.into_iter().map(Some).collect();
        let limits = self.limits;
        let mut setup = |reactor: &mut Reactor, protocol: Watched<P>| {
            let mut protocol = Some(protocol);
            let mut listen = reactor.listen("tcp:8007").limits(limits.clone());
            for layer in &mut layers {
                let mut layer = layer.take();
                listen = listen.through(move || layer.take().expect("a wire is connected once"));
            }
            listen
                .serve(move |_| protocol.take().expect("a wire is connected once"))
                .expect("a test's network listens");
        };
        Wire::new(protocol, self.blocked, &self.greeting, &mut setup)
    }

    /// Makes the connection, as if we had connected to a server. Of the limits, that of the handshake holds as well.
    #[track_caller]
    pub fn connect_as_client<P: Protocol>(self, protocol: P) -> Wire<P> {
        let limits = self.limits;
        let mut layers = self.layers.into_iter();
        let mut setup = |reactor: &mut Reactor, protocol: Watched<P>| {
            let mut connect = reactor.connect("tcp:127.0.0.1:8007");
            for layer in &mut layers {
                connect = connect.through(layer);
            }
            let id = connect.with(protocol);
            reactor.set_limits(id, limits.clone());
        };
        Wire::new(protocol, self.blocked, &self.greeting, &mut setup)
    }
}
