//! Lookups, of a call's host and of what users ask. Owns who waits for which, and for how long; what is found is the network's to
//! say, and nothing is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::error::NameError;
use crate::host_name;
use crate::limits;
use crate::network::{Found, LookupId, Question, Resolver};
use crate::table::ConnectionId;
use crate::timer::TimerId;

use super::Reactor;
use super::dispatch::Call;
use super::timed::Timed;

/// The lookups under way.
#[derive(Default)]
pub(super) struct Lookups {
    waiting: BTreeMap<LookupId, Waiting>,
    next: u64,
}

/// Who hears what was found.
enum Waiting {
    Connection(ConnectionId),
    User {
        then: Told,
        deadline: Option<TimerId>,
    },
}

/// A user's hook, for what it asked.
pub(super) enum Told {
    Addresses(u16, Then<Vec<SocketAddr>>),
    Name(Then<String>),
}

type Then<T> = Box<dyn FnOnce(&mut Reactor, Result<T, NameError>)>;

impl Told {
    fn with(self, outcome: Result<Found, NameError>) -> Call {
        let senseless = || NameError::Failed("the network answered another question".to_owned());
        Call::Reactor(match self {
            Self::Addresses(port, then) => {
                let found = outcome.and_then(|found| match found {
                    Found::Addresses(found) if found.is_empty() => Err(NameError::NoData),
                    Found::Addresses(found) => Ok(with_port(found, port)),
                    Found::Name(_) => Err(senseless()),
                });
                Box::new(move |reactor| then(reactor, found))
            }
            Self::Name(then) => {
                let found = outcome.and_then(|found| match found {
                    Found::Name(name) => Ok(name),
                    Found::Addresses(_) => Err(senseless()),
                });
                Box::new(move |reactor| then(reactor, found))
            }
        })
    }
}

/// Each once.
fn with_port(mut found: Vec<SocketAddr>, port: u16) -> Vec<SocketAddr> {
    found.iter_mut().for_each(|address| address.set_port(port));
    let mut seen = BTreeSet::new();
    found.retain(|address| seen.insert(*address));
    found
}

/// A lookup about to be: see [`Reactor::look_up`] and [`Reactor::look_up_name`].
#[must_use = "nothing is looked up before `then`"]
pub struct LookUp<'a, T> {
    reactor: &'a mut Reactor,
    asked: Result<Asked, NameError>,
    port: u16,
    timeout: Option<Duration>,
    told: fn(u16, Then<T>) -> Told,
}

/// What may need no resolver.
enum Asked {
    Known(SocketAddr),
    Unknown(Question),
}

impl<T> std::fmt::Debug for LookUp<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LookUp")
            .field("port", &self.port)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl LookUp<'_, Vec<SocketAddr>> {
    /// The port of the addresses: that of a service, by its name or as a number. What is not in the system's table, under TCP or
    /// otherwise, is [`NameError::Service`]. Default: 0.
    pub fn service(mut self, service: &str) -> Self {
        let digits = !service.is_empty() && service.bytes().all(|byte| byte.is_ascii_digit());
        let port = if digits {
            service.parse().ok()
        } else {
            let of_tcp = self.reactor.service_port(service, "tcp");
            of_tcp.or_else(|| self.reactor.service_port(service, None))
        };
        match port {
            Some(port) => self.port = port,
            None => self.asked = Err(NameError::Service),
        }
        self
    }
}

impl<T: 'static> LookUp<'_, T> {
    /// How long it may take, the wait for a thread included. Default 30 s; `None`: as long as the resolver tries.
    pub fn timeout(mut self, within: impl Into<Option<Duration>>) -> Self {
        self.timeout = within.into();
        self
    }

    /// Begins, and calls `then` with what was found, once and later, unless it is [cancelled](Reactor::cancel_look_up) or the
    /// reactor stops before. A lookup keeps no reactor from stopping.
    pub fn then(self, then: impl FnOnce(&mut Reactor, Result<T, NameError>) + 'static) -> LookupId {
        let told = (self.told)(self.port, Box::new(then));
        self.reactor.begin_look_up(self.asked, self.timeout, told)
    }
}

impl Reactor {
    /// Looks the addresses of a host up, beside the loop: of both families, in the resolver's order, each once. What is an
    /// address already is not looked up. To connect to a host this is not needed.
    ///
    /// ```
    /// # fn main() -> ropewalk::Result<()> {
    /// use ropewalk::NameError;
    ///
    /// let mut reactor = ropewalk::Reactor::new()?;
    /// reactor.look_up("127.0.0.1").service("http").then(|reactor, found| {
    ///     match found {
    ///         Ok(addresses) => assert_eq!(addresses[0].to_string(), "127.0.0.1:80"),
    ///         Err(NameError::Temporary) => println!("try again later"),
    ///         Err(error) => println!("gaierror: {error}"),
    ///     }
    ///     reactor.stop();
    /// });
    /// reactor.run()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn look_up(&mut self, host: &str) -> LookUp<'_, Vec<SocketAddr>> {
        let asked = match host_name::literal(host) {
            Some(address) => Ok(Asked::Known(address)),
            // In other letters, or brackets, it may be an address after all.
            None => host_name::to_ascii(host).map(|name| match host_name::literal(&name) {
                Some(address) => Asked::Known(address),
                None => Asked::Unknown(Question::Addresses(name)),
            }),
        };
        self.new_look_up(asked, Told::Addresses)
    }

    /// Looks the name of an address up, beside the loop: its first one if it has several. Python's errors of these lookups are
    /// `socket.herror`.
    pub fn look_up_name(&mut self, address: impl Into<IpAddr>) -> LookUp<'_, String> {
        let asked = Ok(Asked::Unknown(Question::Name(address.into())));
        self.new_look_up(asked, |_, then| Told::Name(then))
    }

    fn new_look_up<T>(
        &mut self,
        asked: Result<Asked, NameError>,
        told: fn(u16, Then<T>) -> Told,
    ) -> LookUp<'_, T> {
        LookUp {
            reactor: self,
            asked,
            port: 0,
            timeout: Some(limits::LOOK_UP),
            told,
        }
    }

    /// Gives a lookup up: nothing is heard of it any more. `false` if it is over, or was given up.
    pub fn cancel_look_up(&mut self, lookup: LookupId) -> bool {
        match self.lookups.waiting.remove(&lookup) {
            Some(Waiting::User { then, deadline }) => {
                self.give_up_look_up(lookup, deadline);
                self.discard(then);
                true
            }
            // A call's is none of the user's.
            Some(other) => {
                self.lookups.waiting.insert(lookup, other);
                false
            }
            None => false,
        }
    }

    /// The port of a service, by the system's table: `service_port("domain", "udp")`, or with `None` that of any protocol.
    pub fn service_port<'a>(
        &mut self,
        service: &str,
        protocol: impl Into<Option<&'a str>>,
    ) -> Option<u16> {
        self.network.service_port(service, protocol.into())
    }

    /// The name of the service at a port, by the system's table: `service_name(53, "udp")`, or with `None` that of any protocol.
    pub fn service_name<'a>(
        &mut self,
        port: u16,
        protocol: impl Into<Option<&'a str>>,
    ) -> Option<String> {
        self.network.service_name(port, protocol.into())
    }

    /// Whom lookups ask from now on, those of calls included; by default the [system's resolver](crate::SystemResolver). In
    /// simulation it is asked only about names that the world does not know, and on a tape its answers stand already.
    pub fn set_resolver(&mut self, resolver: impl Resolver + 'static) {
        self.network.set_resolver(Arc::new(resolver));
    }

    fn begin_look_up(
        &mut self,
        asked: Result<Asked, NameError>,
        timeout: Option<Duration>,
        then: Told,
    ) -> LookupId {
        let lookup = self.next_look_up();
        let now = self.now;
        let deadline = timeout.map(|within| self.timers.arm(now + within, Timed::LookUp(lookup)));
        let waiting = Waiting::User { then, deadline };
        self.lookups.waiting.insert(lookup, waiting);
        let known = match asked {
            Ok(Asked::Known(address)) => Some(Ok(Found::Addresses(vec![address]))),
            Ok(Asked::Unknown(question)) => self.network.look_up(lookup, &question).err().map(Err),
            Err(error) => Some(Err(error)),
        };
        if let Some(outcome) = known {
            self.call_soon(move |reactor| reactor.looked_up(lookup, outcome));
        }
        lookup
    }

    fn next_look_up(&mut self) -> LookupId {
        let lookup = LookupId(self.lookups.next);
        self.lookups.next += 1;
        lookup
    }

    /// Begins to look the host of a call up. An error comes at once.
    pub(super) fn look_up_for(
        &mut self,
        id: ConnectionId,
        host: &str,
    ) -> Result<LookupId, NameError> {
        let question = Question::Addresses(host_name::to_ascii(host)?);
        let lookup = self.next_look_up();
        self.network.look_up(lookup, &question)?;
        self.lookups.waiting.insert(lookup, Waiting::Connection(id));
        Ok(lookup)
    }

    /// A call does not need its lookup any more.
    pub(super) fn forget_look_up(&mut self, lookup: LookupId) {
        if self.lookups.waiting.remove(&lookup).is_some() {
            self.network.cancel_look_up(lookup);
        }
    }

    /// Something was looked up, or could not be.
    pub(super) fn looked_up(&mut self, lookup: LookupId, outcome: Result<Found, NameError>) {
        match self.lookups.waiting.remove(&lookup) {
            Some(Waiting::Connection(id)) => self.host_found(id, outcome),
            Some(Waiting::User { then, deadline }) => {
                if let Some(deadline) = deadline {
                    self.timers.cancel(deadline);
                }
                self.make(then.with(outcome));
            }
            None => {}
        }
    }

    pub(super) fn look_up_timed_out(&mut self, lookup: LookupId) {
        self.network.cancel_look_up(lookup);
        self.looked_up(lookup, Err(NameError::TimedOut));
    }

    fn give_up_look_up(&mut self, lookup: LookupId, deadline: Option<TimerId>) {
        self.network.cancel_look_up(lookup);
        if let Some(deadline) = deadline {
            self.timers.cancel(deadline);
        }
    }

    /// Nobody hears any more what the lookups under way find.
    pub(super) fn forget_look_ups(&mut self) {
        for (lookup, waiting) in std::mem::take(&mut self.lookups.waiting) {
            self.network.cancel_look_up(lookup);
            self.drop_guarded(waiting);
        }
    }
}
