//! Making connections: name, service, addresses one after the other, deadline. Owns what an attempt needs until the
//! connection is made; the socket's life afterwards is the same as an accepted one's.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use crate::address::Address;
use crate::connection::{Connection, Peer, Phase};
use crate::endpoint::{ClientEndpoint, Port, TcpClientEndpoint};
use crate::error::{ConnectError, Deadline, Lost, NameError};
use crate::layer::Layer;
use crate::network::{ConnectOptions, Farewell, LookupId};
use crate::protocol::Protocol;
use crate::table::ConnectionId;

use super::builders::{Failed, Plan};
use super::dispatch::ProtocolCall;
use super::kept::Keeper;
use super::{Reactor, wire};

/// What a connection needs while it is being made.
pub(crate) struct Connecting {
    endpoint: String,
    timeout: Option<Duration>,
    host: String,
    port: u16,
    options: ConnectOptions,
    layers: Vec<Box<dyn Layer>>,
    failed: Option<Failed>,
    /// Builds the protocol, if it has none yet.
    pub(super) keeper: Option<Rc<dyn Keeper>>,
    lookup: Option<LookupId>,
    /// Still to be tried.
    addresses: VecDeque<Address>,
    /// Why it was not made: of several attempts the last one's reason.
    pub(crate) error: Option<ConnectError>,
    /// The error stands, and is to be told in the next turn.
    over: bool,
    /// Calls for its protocol, to be made when it has been made.
    pub(super) calls: Vec<ProtocolCall>,
}

impl Connecting {
    /// The connection was given up for `reason` before it was made.
    pub(crate) fn give_up(&mut self, reason: &Lost) {
        let error = match reason {
            Lost::Aborted => ConnectError::Cancelled,
            Lost::Stopped => ConnectError::Stopping,
            Lost::TimedOut(Deadline::Connect) => ConnectError::TimedOut {
                endpoint: self.endpoint.clone(),
                after: self.timeout,
            },
            other => ConnectError::Handshake(other.clone()),
        };
        if !self.over
            && self
                .error
                .as_ref()
                .is_none_or(|error| !matches!(error, ConnectError::Handshake(_)))
        {
            self.error = Some(error);
        }
    }

    /// The error stands, whatever comes of the connection's end.
    pub(crate) fn fail(&mut self, error: ConnectError) {
        self.error.get_or_insert(error);
        self.over = true;
    }

    /// The connection is made: the user's hook, which has nothing to tell then, and the calls that waited for it.
    pub(super) fn made(self) -> (Option<Failed>, Vec<ProtocolCall>) {
        (self.failed, self.calls)
    }
}

impl Reactor {
    pub(super) fn begin_to_connect(
        &mut self,
        plan: Plan,
        protocol: Option<Box<dyn Protocol>>,
        keeper: Option<Rc<dyn Keeper>>,
    ) -> ConnectionId {
        let mut connecting = Connecting {
            endpoint: String::new(),
            timeout: plan.timeout,
            host: String::new(),
            port: 0,
            options: ConnectOptions::default(),
            layers: plan.layers,
            failed: plan.failed,
            keeper,
            lookup: None,
            addresses: VecDeque::new(),
            error: self.connect_failed_at_once(),
            over: false,
            calls: Vec::new(),
        };
        connecting.options.bind = plan.bind;
        let settled = connecting.error.is_some();
        let prepared = match plan.endpoint {
            _ if settled => Ok(()),
            Ok(endpoint) => self.prepare(&mut connecting, endpoint),
            Err(error) => Err(ConnectError::Endpoint(error)),
        };
        if let Err(error) = prepared {
            connecting.error = Some(error);
        }
        connecting.over = connecting.error.is_some();
        let (within, layers) = (connecting.timeout, std::mem::take(&mut connecting.layers));
        let mut connection = Connection::new(None, Peer::Unknown, 0, Phase::Connecting);
        connection.protocol = protocol.map(|protocol| self.beginning(protocol));
        let rare = connection.rare();
        rare.connecting = Some(Box::new(connecting));
        rare.limits = plan.limits.map(Box::new);
        self.settings[0].users += 1;
        let id = self.connections.insert(connection);
        self.set_deadline(id, within);
        for layer in layers {
            self.push_layer(id, layer);
        }
        // The attempt itself begins in the turn, not inside the callback that asked for it. What is asked for in answer to
        // a refusal waits for the end of the stop.
        if !self.refusing {
            self.queue_ready(id);
        }
        id
    }

    fn prepare(
        &mut self,
        connecting: &mut Connecting,
        endpoint: ClientEndpoint,
    ) -> Result<(), ConnectError> {
        connecting.endpoint = endpoint.to_string();
        let (mut endpoint, wrapping) = self
            .unwrap_client(endpoint)
            .map_err(ConnectError::Endpoint)?;
        connecting.layers.splice(0..0, wrapping);
        connecting.timeout = endpoint.timeout_mut().or(connecting.timeout);
        match endpoint {
            ClientEndpoint::Tcp(endpoint) => self.prepare_tcp(connecting, endpoint),
            ClientEndpoint::Unix(endpoint) => {
                connecting.addresses.push_back(endpoint.address.into());
                Ok(())
            }
            ClientEndpoint::Wrapped(_) => unreachable!("it was unwrapped"),
        }
    }

    fn prepare_tcp(
        &mut self,
        connecting: &mut Connecting,
        endpoint: TcpClientEndpoint,
    ) -> Result<(), ConnectError> {
        let TcpClientEndpoint {
            host, port, bind, ..
        } = endpoint;
        if let Some(bind) = bind {
            connecting.options.bind.get_or_insert(Address::Tcp(bind));
        }
        connecting.port = match port {
            Port::Number(port) => port,
            Port::Service(service) => match self.network.service_port(&service) {
                Some(port) => port,
                None => return Err(ConnectError::Service { service }),
            },
        };
        if let Ok(ip) = host.parse::<IpAddr>() {
            connecting
                .addresses
                .push_back(SocketAddr::from((ip, connecting.port)).into());
        }
        connecting.host = host;
        Ok(())
    }

    /// Takes the next step of an attempt: tell that it failed, look the name up, or try the next address.
    pub(super) fn go_on_connecting(&mut self, id: ConnectionId) {
        let Some(connecting) = self.connecting(id) else {
            return;
        };
        if connecting.over {
            return self.retire(id, Lost::Aborted, Farewell::Reset.into());
        }
        if connecting.addresses.is_empty() && connecting.error.is_none() {
            self.look_up(id);
        } else if connecting.lookup.is_none() {
            self.try_next_address(id);
        }
    }

    pub(super) fn connecting(&mut self, id: ConnectionId) -> Option<&mut Connecting> {
        self.connections
            .get_mut(id)?
            .rare
            .as_mut()?
            .connecting
            .as_deref_mut()
    }

    fn look_up(&mut self, id: ConnectionId) {
        let lookup = LookupId(self.next_lookup);
        let Some(connecting) = self.connecting(id) else {
            return;
        };
        if connecting.lookup.is_some() {
            return;
        }
        connecting.lookup = Some(lookup);
        let host = connecting.host.clone();
        self.next_lookup += 1;
        self.lookups.insert(lookup, id);
        if let Err(error) = self.network.look_up(lookup, &host) {
            self.looked_up(lookup, Err(error));
        }
    }

    /// A name was looked up, or could not be.
    pub(super) fn looked_up(&mut self, lookup: LookupId, result: Result<Vec<IpAddr>, NameError>) {
        let Some(id) = self.lookups.remove(&lookup) else {
            return;
        };
        let Some(connecting) = self.connecting(id) else {
            return;
        };
        connecting.lookup = None;
        match result {
            Ok(addresses) if !addresses.is_empty() => {
                let port = connecting.port;
                connecting.addresses.extend(
                    addresses
                        .iter()
                        .map(|ip| Address::Tcp(SocketAddr::from((*ip, port)))),
                );
                self.try_next_address(id);
            }
            Ok(_) => self.name_failed(id, NameError::Unknown),
            Err(error) => self.name_failed(id, error),
        }
    }

    fn name_failed(&mut self, id: ConnectionId, error: NameError) {
        if let Some(connecting) = self.connecting(id) {
            connecting.error = Some(ConnectError::Name {
                host: connecting.host.clone(),
                error,
            });
            connecting.over = true;
        }
        self.retire(id, Lost::Aborted, Farewell::Reset.into());
    }

    fn try_next_address(&mut self, id: ConnectionId) {
        loop {
            let Some(connecting) = self.connecting(id) else {
                return;
            };
            let Some(address) = connecting.addresses.pop_front() else {
                connecting.over = true;
                return self.retire(id, Lost::Aborted, Farewell::Reset.into());
            };
            let options = connecting.options.clone();
            let bound = options.bind.is_some();
            match self.network.connect(&address, &options, id.token()) {
                Ok(socket) => {
                    if let Some(connection) = self.connections.get_mut(id) {
                        connection.set_socket(Some(socket));
                        connection.peer = address.into();
                    }
                    return;
                }
                Err(error) => self.attempt_failed(id, explain(address, bound, &error)),
            }
        }
    }

    fn attempt_failed(&mut self, id: ConnectionId, error: ConnectError) {
        log::debug!("{id}: {error}");
        if let Some(connecting) = self.connecting(id) {
            connecting.error = Some(error);
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if let Some(socket) = connection.socket() {
            connection.set_socket(None);
            connection.peer = Peer::Unknown;
            if canary!(DescriptorLeaked) {
                return;
            }
            self.network.close(socket, Farewell::Close);
        }
    }

    /// The kernel says that an attempt is over.
    pub(super) fn finish_connect(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let (Some(socket), Some(address)) = (connection.socket(), connection.peer.address()) else {
            return;
        };
        let error = match self.network.finish_connect(socket) {
            Ok(false) => return,
            // On loopback the kernel can choose, as our own port, the very one that nobody listens on.
            Ok(true) if self.local(id).as_ref() == Some(&address) => {
                ConnectError::SelfConnected { address }
            }
            Ok(true) => return self.connected(id),
            Err(error) => explain(address, false, &error),
        };
        self.attempt_failed(id, error);
        self.try_next_address(id);
    }

    fn connected(&mut self, id: ConnectionId) {
        let within = self.limits(id).handshake;
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.phase = Phase::Opening;
        let has_layers = connection.has_layers();
        wire::event(id, &self.connections, format_args!("-- connected"));
        self.set_deadline(id, within.filter(|_| has_layers));
        self.mark_dirty(id);
        self.open_if_ready(id);
    }

    pub(super) fn tell_failed_connect(&mut self, id: ConnectionId, connecting: Connecting) {
        self.counters.connects_failed += 1;
        self.counters.stale_calls += connecting.calls.len() as u64;
        for call in connecting.calls {
            self.drop_guarded(call.call);
        }
        if let Some(lookup) = connecting.lookup {
            self.lookups.remove(&lookup);
            self.network.cancel_look_up(lookup);
        }
        let error = connecting.error.unwrap_or(ConnectError::Cancelled);
        if connecting.failed.is_none() && connecting.keeper.is_none() {
            return self.warn_of(format_args!("{id}: {error}"));
        }
        log::debug!("{id}: {error}");
        self.refusing = error == ConnectError::Stopping;
        if let Some(hook) = connecting.failed {
            self.guarded("a hook for a failed connect", |reactor| {
                hook(reactor, &error)
            });
        }
        if let Some(keeper) = connecting.keeper {
            keeper.failed(self, &error);
        }
        self.refusing = false;
    }
}

/// An error of an attempt, in the words of [`ConnectError`]. `bound`: it may be about the local address that was asked for.
fn explain(address: Address, bound: bool, error: &io::Error) -> ConnectError {
    match error.kind() {
        ErrorKind::ConnectionRefused => ConnectError::Refused { address },
        // There is no such file, so nobody who listens.
        ErrorKind::NotFound if matches!(address, Address::Unix(_)) => {
            ConnectError::Refused { address }
        }
        ErrorKind::TimedOut => ConnectError::TimedOut {
            endpoint: address.to_string(),
            after: None,
        },
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            ConnectError::Unreachable {
                address,
                error: error.into(),
            }
        }
        ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable => ConnectError::Bind {
            address,
            error: error.into(),
        },
        // A port that only root may have; without one it is a rule of the system's, as a firewall's.
        ErrorKind::PermissionDenied if bound => ConnectError::Bind {
            address,
            error: error.into(),
        },
        _ => ConnectError::Failed {
            address,
            error: error.into(),
        },
    }
}
