//! A client that stays connected. Owns what is set before it starts and what can be asked of it; how it goes from one
//! connection to the next is in `course`.

mod backoff;
mod course;
mod event;
mod waiting;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use crate::address::Address;
use crate::endpoint::ClientEndpoint;
use crate::error::{ConnectError, EndpointError};
use crate::limits::CONNECT;
use crate::protocol::{Factory, Protocol, downcast};
use crate::reactor::{Connect, Reactor, TriggerId};
use crate::table::ConnectionId;
use crate::transport::Transport;

pub use backoff::Backoff;
use course::Phase;
pub use event::{ClientEvent, NotConnected};
use waiting::Waiting;

/// A client that stays connected: when its connection is lost, or can't be made, it calls again.
///
/// Clones are the same service. The first attempt begins as soon as it is [started](Self::start), each further one after a wait
/// that grows with each attempt in vain, see [`Backoff`]; a connection that stands makes it short again. It goes on when
/// nobody has a clone of it any more, until it is [stopped](Self::stop), has [given up](Self::give_up_after), or the reactor
/// stops, in which it is in nobody's way.
///
/// ```
/// use std::time::Duration;
/// use ropewalk::{Backoff, ClientService, LineReceiver, Reactor, Transport};
///
/// #[derive(Default)]
/// struct Subscriber;
///
/// impl LineReceiver for Subscriber {
///     fn connection_made(&mut self, transport: &mut Transport<'_>) {
///         // On each connection anew.
///         transport.send("SUBSCRIBE prices");
///     }
///     fn line_received(&mut self, _transport: &mut Transport<'_>, line: &[u8]) {
///         println!("{}", String::from_utf8_lossy(line));
///     }
/// }
///
/// fn setup(reactor: &mut Reactor) -> ropewalk::Result<()> {
///     let prices = ClientService::new("tcp:prices.example.org:8007", |_peer| Subscriber)?
///         .connecting(|connect| connect.timeout(Duration::from_secs(5)))
///         .backoff(Backoff::default().maximum(Duration::from_secs(20)))
///         .events(|_reactor, _service, event| eprintln!("{event}"));
///     prices.start(reactor);
///     // Now, or as soon as there is a connection.
///     prices.when_connected(reactor, None, |reactor, connection| {
///         if let Ok(id) = connection {
///             reactor.send(id, "LIST");
///         }
///     });
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct ClientService {
    shared: Rc<Shared>,
}

struct Shared {
    endpoint: ClientEndpoint,
    settings: RefCell<Settings>,
    factory: RefCell<Box<Build>>,
    prepare: RefCell<Option<Box<Prepare>>>,
    events: RefCell<Option<Box<Events>>>,
    phase: RefCell<Phase>,
    waiting: Waiting,
    /// Attempts in a row that were in vain, and waits in a row since a connection stood.
    failures: Cell<u32>,
    waits: Cell<u32>,
    /// How it has come to an end, if that was not told yet.
    untold: RefCell<Option<ClientEvent>>,
    /// By which the reactor tells that it stops.
    trigger: Cell<Option<TriggerId>>,
}

struct Settings {
    backoff: Backoff,
    give_up_after: Option<u32>,
    prepare_within: Option<Duration>,
    connecting: Option<Rc<Connecting>>,
}

type Connecting = dyn for<'a> Fn(Connect<'a>) -> Connect<'a>;
type Build = dyn FnMut(&Address) -> Option<Box<dyn Protocol>>;
type Prepare = dyn FnMut(&mut dyn Protocol, &mut Transport<'_>, Preparing);
type Events = dyn FnMut(&mut Reactor, &ClientService, &ClientEvent);

impl fmt::Debug for ClientService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientService")
            .field("endpoint", &self.shared.endpoint)
            .field("phase", &self.shared.phase)
            .field("failures", &self.shared.failures)
            .finish_non_exhaustive()
    }
}

impl ClientService {
    /// A client of an endpoint, as `"tcp:localhost:8007"`, with a protocol from `build` on each connection; a name is looked up
    /// anew for each. Nothing happens before it is started.
    ///
    /// # Errors
    /// If the endpoint can't be understood.
    pub fn new<E, P: Protocol>(
        endpoint: E,
        build: impl FnMut(&Address) -> P + 'static,
    ) -> Result<Self, EndpointError>
    where
        E: TryInto<ClientEndpoint>,
        E::Error: Into<EndpointError>,
    {
        Self::with(endpoint, build)
    }

    /// The same with any factory. One that builds nothing, or panics, costs the attempt.
    ///
    /// # Errors
    /// If the endpoint can't be understood.
    pub fn with<E>(endpoint: E, mut factory: impl Factory) -> Result<Self, EndpointError>
    where
        E: TryInto<ClientEndpoint>,
        E::Error: Into<EndpointError>,
    {
        let build = move |peer: &Address| {
            let protocol = factory.build_protocol(peer)?;
            Some(Box::new(protocol) as Box<dyn Protocol>)
        };
        Ok(Self {
            shared: Rc::new(Shared {
                endpoint: endpoint.try_into().map_err(Into::into)?,
                settings: RefCell::new(Settings {
                    backoff: Backoff::default(),
                    give_up_after: None,
                    prepare_within: Some(CONNECT),
                    connecting: None,
                }),
                factory: RefCell::new(Box::new(build)),
                prepare: RefCell::default(),
                events: RefCell::default(),
                phase: RefCell::new(Phase::New),
                waiting: Waiting::default(),
                failures: Cell::default(),
                waits: Cell::default(),
                untold: RefCell::default(),
                trigger: Cell::default(),
            }),
        })
    }

    /// How long it waits between attempts.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.shared.settings.borrow_mut().backoff = backoff;
        self
    }

    /// After how many attempts in a row in vain there is no further one. By default it never gives up.
    #[must_use]
    pub fn give_up_after(self, failures: impl Into<Option<u32>>) -> Self {
        self.shared.settings.borrow_mut().give_up_after = failures.into();
        self
    }

    /// How each connection is made: `set` may give it its time-out, its own address, its limits and layers.
    #[must_use]
    pub fn connecting(self, set: impl for<'a> Fn(Connect<'a>) -> Connect<'a> + 'static) -> Self {
        self.shared.settings.borrow_mut().connecting = Some(Rc::new(set));
        self
    }

    /// What happens on each connection, right after its protocol was told that it is made, before it counts as connected: to log
    /// in, say. It may take its time, 30 s by default, and says by [`Preparing`] what came of it. If it fails, or the
    /// connection is lost before, the attempt has failed.
    ///
    /// ```
    /// # use ropewalk::{ClientService, LineReceiver, Preparing, Transport};
    /// #[derive(Default)]
    /// struct Session {
    ///     preparing: Option<Preparing>,
    /// }
    ///
    /// impl LineReceiver for Session {
    ///     fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
    ///         match (self.preparing.take(), line) {
    ///             (Some(preparing), b"welcome") => preparing.done(transport),
    ///             (Some(preparing), _) => preparing.fail(transport, "the password is wrong"),
    ///             (None, _) => {}
    ///         }
    ///     }
    /// }
    ///
    /// let service = ClientService::new("tcp:localhost:8007", |_peer| Session::default())?
    ///     .prepare(|session: &mut Session, transport, preparing| {
    ///         transport.send("alice secret");
    ///         session.preparing = Some(preparing);
    ///     });
    /// # Ok::<(), ropewalk::EndpointError>(())
    /// ```
    #[must_use]
    pub fn prepare<P: Protocol>(
        self,
        mut prepare: impl FnMut(&mut P, &mut Transport<'_>, Preparing) + 'static,
    ) -> Self {
        let prepare: Box<Prepare> = Box::new(move |protocol, transport, preparing| {
            let id = transport.id();
            match downcast::<P>(protocol) {
                Some(this) => prepare(this, transport, preparing),
                None => {
                    transport.reactor().misdirected::<P>(id);
                    preparing.fail(transport, "its protocol is of another type");
                }
            }
        });
        self.shared.prepare.replace(Some(prepare));
        self
    }

    /// How long preparing a connection may take. Default 30 s; `None`: for as long as it lives.
    #[must_use]
    pub fn prepare_within(self, within: impl Into<Option<Duration>>) -> Self {
        self.shared.settings.borrow_mut().prepare_within = within.into();
        self
    }

    /// What is told of it as it happens, one after the other, and not inside any other callback. The service is handed along, for
    /// to capture a clone of it would keep both for ever. After a panic, which is counted, it goes on.
    #[must_use]
    pub fn events(self, told: impl FnMut(&mut Reactor, &Self, &ClientEvent) + 'static) -> Self {
        self.shared.events.replace(Some(Box::new(told)));
        self
    }

    /// How many calls may wait for a connection. Default 1,024.
    #[must_use]
    pub fn waiting(self, most: usize) -> Self {
        self.shared.waiting.set_most(most);
        self
    }

    /// Begins to connect; does nothing if it is at it. One that was stopped begins anew, behind the end of its connection. While
    /// the reactor stops, it ends at once.
    pub fn start(&self, reactor: &mut impl AsMut<Reactor>) {
        self.begin(reactor.as_mut());
    }

    /// Ends it: nothing is tried any more, and its connection is closed in order, as by
    /// [`lose_connection`](Reactor::lose_connection).
    pub fn stop(&self, reactor: &mut impl AsMut<Reactor>) {
        self.end(reactor.as_mut());
    }

    /// The same, and calls `stopped` when the connection is gone, its protocol told so: later, also if there is none. As many of
    /// these calls as [may wait](Self::waiting) for a connection may wait for the end; one more is dropped, logged and counted.
    pub fn stop_then(
        &self,
        reactor: &mut impl AsMut<Reactor>,
        stopped: impl FnOnce(&mut Reactor) + 'static,
    ) {
        let reactor = reactor.as_mut();
        if let Err(stopped) = self.shared.waiting.wait_for_end(Box::new(stopped)) {
            reactor.counters.waits_refused += 1;
            reactor.warn_of(format_args!(
                "{}: too many wait for its end, and one more is dropped",
                self.shared.endpoint
            ));
            reactor.discard(stopped);
        }
        self.end(reactor);
    }

    /// Calls `told` once, later: with the connection, if there is one or as soon as there is, or with the reason why not. So many
    /// failures from now on are one of these reasons; with `None` it waits through any number of them.
    ///
    /// It may be called before the service is started. A service that was stopped or has given up says so at once.
    pub fn when_connected(
        &self,
        reactor: &mut impl AsMut<Reactor>,
        fail_after_failures: impl Into<Option<u32>>,
        told: impl FnOnce(&mut Reactor, Result<ConnectionId, NotConnected>) + 'static,
    ) {
        let reactor = reactor.as_mut();
        let waits = self
            .shared
            .waiting
            .wait(fail_after_failures.into(), Box::new(told));
        if let Err((told, most)) = waits {
            reactor.counters.waits_refused += 1;
            return reactor.call_soon(move |reactor| told(reactor, Err(NotConnected::Full(most))));
        }
        let service = self.clone();
        reactor.call_soon(move |reactor| service.tell_waiting(reactor));
    }

    /// Its connection, if that stands and is prepared.
    pub fn connection(&self) -> Option<ConnectionId> {
        match *self.shared.phase.borrow() {
            Phase::Connected(id) => Some(id),
            _ => None,
        }
    }

    /// Whether it is started, and neither stopped nor has given up.
    pub fn is_running(&self) -> bool {
        self.shared.phase.borrow().is_running()
    }

    /// How many attempts in a row were in vain.
    pub fn failures(&self) -> u32 {
        self.shared.failures.get()
    }
}

/// A connection that is being prepared, see [`ClientService::prepare`]: by it the preparing says what came of it. If it is dropped
/// before, the connection is given up when its time is over.
#[must_use = "the connection is not ready before `done` is called"]
#[derive(Debug)]
pub struct Preparing {
    service: ClientService,
    id: ConnectionId,
}

impl Preparing {
    /// The connection is ready. That is told later; nothing happens if it is lost by then, or its time is over.
    pub fn done(self, reactor: &mut impl AsMut<Reactor>) {
        let Self { service, id } = self;
        reactor
            .as_mut()
            .call_soon(move |reactor| service.prepared(reactor, id));
    }

    /// The connection can't be used: it is aborted, and the attempt has failed as [`ConnectError::Unprepared`].
    pub fn fail(self, reactor: &mut impl AsMut<Reactor>, why: impl Display) {
        let Self { service, id } = self;
        let error = ConnectError::Unprepared(why.to_string());
        service.not_prepared(reactor.as_mut(), id, error);
    }
}
