//! Listening: from an endpoint to a listener, and its end. Owns what an endpoint comes to; what a listener does in between is
//! in `accept`.

use std::io;

use crate::address::Address;
use crate::endpoint::{Inherited, Port, ServerEndpoint, TcpServerEndpoint, UnixServerEndpoint};
use crate::error::{EndpointError, Error, Result};
use crate::layer::LayerMaker;
use crate::limits::Limits;
use crate::network::{Farewell, ListenOptions, SocketId};
use crate::table::ListenerId;

use super::accept::{Accepting, Built, ListenerState};
use super::{Reactor, Settings};

/// A listening endpoint: what [`Listen::serve`](crate::Listen::serve) returns. Dropping it changes nothing; see
/// [`Reactor::stop_listening`].
#[derive(Clone, Debug)]
pub struct Listener {
    id: ListenerId,
    address: Address,
}

impl Listener {
    /// The address it is bound to, with the port the system chose for port 0.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

/// Whoever wrote the name is to mend it, as with any endpoint that can't be understood.
fn unknown_service(endpoint: &TcpServerEndpoint) -> EndpointError {
    let description = endpoint.to_string();
    EndpointError {
        at: description.find(':').map_or(0, |colon| colon + 1),
        description,
        expected: "a port's number or a known service".to_owned(),
    }
}

/// Where a socket is to be had from.
enum Origin {
    Made(Address, ListenOptions),
    Inherited(Inherited),
}

impl Reactor {
    pub(super) fn begin_to_listen(
        &mut self,
        endpoint: ServerEndpoint,
        limits: Limits,
        layers: Vec<LayerMaker>,
        build: Built,
    ) -> Result<Listener> {
        if self.running.is_stopping() {
            return Err(Error::Stopping);
        }
        let (endpoint, mut all_layers) = self.unwrap_server(endpoint)?;
        all_layers.extend(layers);
        let shown = endpoint.to_string();
        let origin = self.origin_of(endpoint)?;
        let id = ListenerId {
            index: self.listeners.vacant_key() as u32,
            serial: self.next_listener,
        };
        let (socket, address) = self.open_listener(shown, &origin, id)?;
        self.next_listener = self.next_listener.wrapping_add(1);
        let settings = self.settings.insert(Settings::new(limits, self.now)) as u32;
        log::info!("listening on {address}");
        self.listeners.insert(ListenerState {
            serial: id.serial,
            socket,
            address: address.clone(),
            build: Some(build),
            layers: all_layers,
            settings,
            accepting: Accepting::Ready,
            queued: false,
        });
        Ok(Listener { id, address })
    }

    fn open_listener(
        &mut self,
        endpoint: String,
        origin: &Origin,
        id: ListenerId,
    ) -> Result<(SocketId, Address)> {
        match origin {
            Origin::Made(address, options) => self
                .network
                .listen(address, options, id.token())
                .map_err(|error: io::Error| Error::Listen {
                    endpoint,
                    error: error.into(),
                }),
            Origin::Inherited(socket) => self
                .network
                .adopt(socket, id.token())
                .map_err(|error| Error::Adopt { endpoint, error }),
        }
    }

    fn origin_of(&mut self, endpoint: ServerEndpoint) -> Result<Origin, EndpointError> {
        let mut options = ListenOptions::default();
        let (address, backlog) = match endpoint {
            ServerEndpoint::Tcp(endpoint) => (self.tcp_address(&endpoint)?, endpoint.backlog),
            ServerEndpoint::Unix(UnixServerEndpoint {
                address,
                mode,
                backlog,
            }) => {
                options.mode = mode;
                (address.into(), backlog)
            }
            ServerEndpoint::Inherited(socket) => return Ok(Origin::Inherited(socket)),
            ServerEndpoint::Wrapped(_) => unreachable!("it was unwrapped"),
        };
        options.backlog = backlog.unwrap_or(options.backlog);
        Ok(Origin::Made(address, options))
    }

    fn tcp_address(&mut self, endpoint: &TcpServerEndpoint) -> Result<Address, EndpointError> {
        let port = match &endpoint.port {
            Port::Number(port) => *port,
            Port::Service(service) => self
                .network
                .service_port(service, Some("tcp"))
                .ok_or_else(|| unknown_service(endpoint))?,
        };
        Ok(Address::Tcp((endpoint.interface, port).into()))
    }

    /// Stops accepting; the connections that were accepted live on. Does nothing if it has been done.
    pub fn stop_listening(&mut self, listener: &Listener) {
        if self.listener(listener.id).is_some() {
            self.close_listener(listener.id);
        }
    }

    pub(super) fn close_all_listeners(&mut self) {
        let all: Vec<ListenerId> = self
            .listeners
            .iter()
            .map(|(index, listener)| ListenerId {
                index: index as u32,
                serial: listener.serial,
            })
            .collect();
        for id in all {
            self.close_listener(id);
        }
    }

    fn close_listener(&mut self, id: ListenerId) {
        self.set_accepting(id, Accepting::Ready);
        let state = self.listeners.remove(id.index as usize);
        log::info!("no longer listening on {}", state.address);
        self.network.close(state.socket, Farewell::Close);
        self.leave_settings(state.settings, None);
        self.discard((state.build, state.layers));
    }

    /// A listener in a line of a dump.
    pub(super) fn describe(&self, listener: &ListenerState) -> String {
        let settings = &self.settings[listener.settings as usize];
        let own = settings.connections();
        let addresses = settings.addresses();
        let addresses =
            addresses.map_or_else(String::new, |count| format!(" of {count} addresses"));
        let accepting = match listener.accepting {
            Accepting::Ready => "accepting",
            Accepting::Full => "full",
            Accepting::Exhausted { .. } => "out of descriptors or memory",
        };
        format!(
            "{}: {own} connections{addresses}, {accepting}",
            listener.address
        )
    }
}
