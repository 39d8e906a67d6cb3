//! Attempts at the addresses of one call, side by side as RFC 8305 has it. Owns which address is next and when, and what came of
//! the others; where the addresses come from is `connect`'s affair.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use crate::address::Address;
use crate::connection::Phase;
use crate::error::{ConnectError, Lost};
use crate::limits::{ADDRESSES_TRIED, ATTEMPT_DELAY, LEAST_ATTEMPT_DELAY, MOST_ATTEMPT_DELAY};
use crate::network::{Farewell, SocketId, Time};
use crate::table::ConnectionId;
use crate::timer::TimerId;

use super::timed::Timed;
use super::{Reactor, wire};

/// The attempts of one call.
pub(super) struct Attempts {
    to_come: VecDeque<Address>,
    /// In the order in which they were begun: of two that succeed at once the earlier one counts.
    under_way: Vec<Attempt>,
    failures: Vec<ConnectError>,
    /// As it was asked for.
    delay: Option<Duration>,
    /// Begins the next one.
    next: Option<TimerId>,
}

/// A socket that is being connected.
struct Attempt {
    socket: SocketId,
    address: Address,
    begun: Time,
}

impl Attempts {
    pub(super) fn new(delay: Option<Duration>) -> Self {
        Self {
            to_come: VecDeque::new(),
            under_way: Vec::new(),
            failures: Vec::new(),
            delay,
            next: None,
        }
    }

    /// A delay for who has asked for none.
    pub(super) fn suggest_delay(&mut self, delay: Option<Duration>) {
        self.delay = self.delay.or(delay);
    }

    /// Held to what the RFC allows.
    fn delay(&self) -> Duration {
        let delay = self.delay.unwrap_or(ATTEMPT_DELAY);
        delay.clamp(LEAST_ATTEMPT_DELAY, MOST_ATTEMPT_DELAY)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.to_come.is_empty()
    }

    /// One address, which was given as such.
    pub(super) fn add(&mut self, address: Address) {
        self.to_come.push_back(address);
    }

    /// The addresses of a name, in the resolver's order.
    pub(super) fn add_found(&mut self, mut found: Vec<SocketAddr>, port: u16) {
        found.iter_mut().for_each(|address| address.set_port(port));
        let addresses = interleave(found).into_iter().map(Address::Tcp);
        self.to_come.extend(addresses);
    }

    /// What a deadline that has passed makes of it all.
    pub(super) fn timed_out(
        &mut self,
        endpoint: &str,
        after: Option<Duration>,
        now: Time,
    ) -> ConnectError {
        let mut attempts = std::mem::take(&mut self.failures);
        attempts.extend(self.under_way.iter().map(|attempt| ConnectError::TimedOut {
            endpoint: attempt.address.to_string(),
            after: Some(now.since(attempt.begun)),
        }));
        let endpoint = endpoint.to_owned();
        match attempts.len() {
            0 | 1 => ConnectError::TimedOut { endpoint, after },
            _ => ConnectError::Several { endpoint, attempts },
        }
    }

    /// What is told when nothing is left to be tried.
    fn failed(&mut self, endpoint: &str) -> ConnectError {
        let mut attempts = std::mem::take(&mut self.failures);
        match attempts.pop() {
            Some(only) if attempts.is_empty() => only,
            last => {
                attempts.extend(last);
                ConnectError::Several {
                    endpoint: endpoint.to_owned(),
                    attempts,
                }
            }
        }
    }
}

/// The families by turns, beginning with that of the first address, and each in its order; none twice, and not too many.
fn interleave(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = found.first().is_some_and(SocketAddr::is_ipv4);
    let (one, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|it| it.is_ipv4() == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut mixed = Vec::new();
    loop {
        let pair = [one.next(), other.next()];
        if pair == [None, None] || mixed.len() >= ADDRESSES_TRIED {
            mixed.truncate(ADDRESSES_TRIED);
            return mixed;
        }
        for address in pair.into_iter().flatten() {
            if !mixed.contains(&address) {
                mixed.push(address);
            }
        }
    }
}

impl Reactor {
    fn attempts(&mut self, id: ConnectionId) -> Option<&mut Attempts> {
        let connecting = self.connections.get(id)?.phase == Phase::Connecting;
        Some(&mut self.connecting(id).filter(|_| connecting)?.attempts)
    }

    /// Tries the next address, and the ones after it as long as they fail at once.
    pub(super) fn begin_attempt(&mut self, id: ConnectionId) {
        loop {
            let Some(attempts) = self.attempts(id) else {
                return;
            };
            let Some(address) = attempts.to_come.pop_front() else {
                return self.fail_if_over(id);
            };
            let Some(options) = self.connecting(id).map(|it| it.options.clone()) else {
                return;
            };
            if let Err(error) = self.hold_against_policy(id, &address) {
                self.attempt_failed(id, error);
                continue;
            }
            match self.network.connect(&address, &options, id.token()) {
                Ok(socket) => return self.attempt_begun(id, socket, address),
                Err(error) => {
                    self.attempt_failed(id, explain(address, options.bind.is_some(), &error));
                }
            }
        }
    }

    /// Whether the call may go there.
    fn hold_against_policy(
        &mut self,
        id: ConnectionId,
        address: &Address,
    ) -> Result<(), ConnectError> {
        let permitted = self.connecting(id).and_then(|it| it.permitted.clone());
        let Some(permitted) = permitted else {
            return Ok(());
        };
        let what = "a policy of where calls may go";
        match self.guarded(what, |_| permitted(address)) {
            Some(true) => Ok(()),
            Some(false) => Err(ConnectError::Forbidden {
                address: address.clone(),
            }),
            None => Err(ConnectError::Panicked),
        }
    }

    fn attempt_begun(&mut self, id: ConnectionId, socket: SocketId, address: Address) {
        let begun = self.now;
        let Some(attempts) = self.attempts(id) else {
            return;
        };
        attempts.under_way.push(Attempt {
            socket,
            address,
            begun,
        });
        let next = (!attempts.to_come.is_empty()).then(|| attempts.delay());
        self.set_next_attempt(id, next);
    }

    /// Sets the time of the next attempt, or that there is none.
    fn set_next_attempt(&mut self, id: ConnectionId, within: Option<Duration>) {
        let now = self.now;
        let armed = within.map(|within| self.timers.arm(now + within, Timed::Attempt(id)));
        let attempts = self.connecting(id).map(|it| &mut it.attempts);
        let old = match attempts {
            Some(attempts) => std::mem::replace(&mut attempts.next, armed),
            None => armed,
        };
        if let Some(old) = old {
            self.timers.cancel(old);
        }
    }

    fn attempt_failed(&mut self, id: ConnectionId, error: ConnectError) {
        log::debug!("{id}: {error}");
        if let Some(attempts) = self.attempts(id) {
            attempts.failures.push(error);
        }
    }

    fn fail_if_over(&mut self, id: ConnectionId) {
        let Some(connecting) = self.connecting(id) else {
            return;
        };
        if connecting.attempts.under_way.is_empty() {
            let error = connecting.attempts.failed(&connecting.endpoint);
            connecting.fail(error);
            self.retire(id, Lost::Aborted, Farewell::Reset.into());
        }
    }

    /// The kernel says that an attempt is over, and not which: readiness is told for all of them under one token.
    pub(super) fn finish_connect(&mut self, id: ConnectionId) {
        let (mut place, mut failures) = (0, 0);
        while let Some(attempt) = self.attempts(id).and_then(|it| it.under_way.get(place)) {
            let (socket, address) = (attempt.socket, attempt.address.clone());
            let error = match self.network.finish_connect(socket) {
                Ok(false) => {
                    place += 1;
                    continue;
                }
                // On loopback the kernel can choose, as our own port, the very one that nobody listens on.
                Ok(true) if self.network.local_address(socket).ok().as_ref() == Some(&address) => {
                    ConnectError::SelfConnected { address }
                }
                Ok(true) => return self.connected(id, place),
                Err(error) => explain(address, false, &error),
            };
            if let Some(attempts) = self.attempts(id) {
                attempts.under_way.remove(place);
            }
            if !canary!(DescriptorLeaked) {
                self.network.close(socket, Farewell::Close);
            }
            self.attempt_failed(id, error);
            failures += 1;
        }
        // For each that failed another one begins at once.
        for _ in 0..failures {
            self.begin_attempt(id);
        }
    }

    /// The attempt at this place has won.
    fn connected(&mut self, id: ConnectionId, place: usize) {
        let Some(attempts) = self.attempts(id) else {
            return;
        };
        let winner = attempts.under_way.remove(place);
        let losers = std::mem::replace(attempts, Attempts::new(None));
        self.let_go_of(losers);
        let within = self.limits(id).handshake;
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.set_socket(Some(winner.socket));
        connection.peer = winner.address.into();
        connection.phase = Phase::Opening;
        let has_layers = connection.has_layers();
        wire::event(id, &self.connections, format_args!("-- connected"));
        self.set_deadline(id, within.filter(|_| has_layers));
        self.police(id);
        self.mark_dirty(id);
        self.open_if_ready(id);
    }

    /// Aborts attempts that nobody wants any more.
    pub(super) fn let_go_of(&mut self, attempts: Attempts) {
        if let Some(next) = attempts.next {
            self.timers.cancel(next);
        }
        for attempt in attempts.under_way {
            self.network.close(attempt.socket, Farewell::Reset);
        }
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
