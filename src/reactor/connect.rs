//! Making connections: name, service, deadline. Owns what a call needs until the connection is made; how its addresses are tried
//! is told in `attempts`, and the socket's life afterwards is the same as an accepted one's.

use std::rc::Rc;
use std::time::Duration;

use crate::address::Address;
use crate::connection::{Connection, Peer, Phase};
use crate::endpoint::{ClientEndpoint, Port, TcpClientEndpoint};
use crate::error::{ConnectError, Deadline, Lost, NameError};
use crate::host_name;
use crate::layer::Layer;
use crate::network::{ConnectOptions, Farewell, Found, LookupId, Time};
use crate::protocol::Protocol;
use crate::table::ConnectionId;

use super::Reactor;
use super::attempts::Attempts;
use super::builders::{Failed, Permitted, Plan};
use super::dispatch::ProtocolCall;
use super::kept::Keeper;

/// What a connection needs while it is being made.
pub(crate) struct Connecting {
    pub(super) endpoint: String,
    timeout: Option<Duration>,
    host: String,
    port: u16,
    pub(super) options: ConnectOptions,
    layers: Vec<Box<dyn Layer>>,
    pub(super) permitted: Option<Permitted>,
    failed: Option<Failed>,
    /// Builds the protocol, if it has none yet.
    pub(super) keeper: Option<Rc<dyn Keeper>>,
    step: Step,
    pub(super) attempts: Attempts,
    /// Why it was not made.
    pub(crate) error: Option<ConnectError>,
    /// The error stands, and is to be told in the next turn.
    over: bool,
    /// Calls for its protocol, to be made when it has been made.
    pub(super) calls: Vec<ProtocolCall>,
}

/// How far a call is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing was done yet.
    Asked,
    LookingUp(LookupId),
    /// Its addresses are known.
    Trying,
}

impl Connecting {
    /// The connection was given up for `reason` before it was made.
    pub(crate) fn give_up(&mut self, reason: &Lost, now: Time) {
        let error = match reason {
            Lost::Aborted => ConnectError::Cancelled,
            Lost::Stopped => ConnectError::Stopping,
            Lost::TimedOut(Deadline::Connect) => {
                self.attempts.timed_out(&self.endpoint, self.timeout, now)
            }
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

    /// The connection is made: the user's hook and policy, which have nothing to say then, and the calls that waited for it.
    pub(super) fn made(self) -> ((Option<Failed>, Option<Permitted>), Vec<ProtocolCall>) {
        ((self.failed, self.permitted), self.calls)
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
            permitted: plan.permitted,
            failed: plan.failed,
            keeper,
            step: Step::Asked,
            attempts: Attempts::new(plan.attempt_delay),
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
        self.settings[0].add_user();
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
                connecting.attempts.add(endpoint.address.into());
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
            host,
            port,
            bind,
            attempt_delay,
            ..
        } = endpoint;
        connecting.attempts.suggest_delay(attempt_delay);
        if let Some(bind) = bind {
            connecting.options.bind.get_or_insert(Address::Tcp(bind));
        }
        connecting.port = match port {
            Port::Number(port) => port,
            Port::Service(service) => match self.network.service_port(&service, Some("tcp")) {
                Some(port) => port,
                None => return Err(ConnectError::Service { service }),
            },
        };
        if let Some(mut address) = host_name::literal(&host) {
            address.set_port(connecting.port);
            connecting.attempts.add(address.into());
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
        if connecting.step != Step::Asked {
            return;
        }
        if connecting.attempts.is_empty() {
            self.look_up_host(id);
        } else {
            connecting.step = Step::Trying;
            self.begin_attempt(id);
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

    fn look_up_host(&mut self, id: ConnectionId) {
        let Some(host) = self.connecting(id).map(|it| it.host.clone()) else {
            return;
        };
        match self.look_up_for(id, &host) {
            Ok(lookup) => {
                if let Some(connecting) = self.connecting(id) {
                    connecting.step = Step::LookingUp(lookup);
                }
            }
            Err(error) => self.name_failed(id, error),
        }
    }

    /// The host was looked up, or could not be.
    pub(super) fn host_found(&mut self, id: ConnectionId, outcome: Result<Found, NameError>) {
        let Some(connecting) = self.connecting(id) else {
            return;
        };
        connecting.step = Step::Trying;
        match outcome {
            Ok(Found::Addresses(found)) if !found.is_empty() => {
                connecting.attempts.add_found(found, connecting.port);
                self.begin_attempt(id);
            }
            Ok(_) => self.name_failed(id, NameError::NoData),
            Err(error) => self.name_failed(id, error),
        }
    }

    fn name_failed(&mut self, id: ConnectionId, error: NameError) {
        if let Some(connecting) = self.connecting(id) {
            let host = connecting.host.clone();
            connecting.fail(ConnectError::Name { host, error });
        }
        self.retire(id, Lost::Aborted, Farewell::Reset.into());
    }

    pub(super) fn tell_failed_connect(&mut self, id: ConnectionId, connecting: Connecting) {
        self.counters.connects_failed += 1;
        self.counters.stale_calls += connecting.calls.len() as u64;
        for call in connecting.calls {
            self.drop_guarded(call.call);
        }
        if let Step::LookingUp(lookup) = connecting.step {
            self.forget_look_up(lookup);
        }
        self.let_go_of(connecting.attempts);
        if let Some(permitted) = connecting.permitted {
            self.drop_guarded(permitted);
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
