//! The reactor: what one can ask of the loop, from outside and from inside callbacks. Owns all state of one loop; what it
//! does in a turn is in its submodules, and the outside world is behind [`Network`].

mod accept;
mod ahead;
mod attempts;
mod builders;
mod calls;
mod close;
mod connect;
mod copying;
mod datagrams;
mod deferring;
mod dispatch;
mod dump;
mod early;
mod flush;
mod idle;
mod inbound;
mod inspected;
mod kept;
mod latency;
mod latest;
mod layers;
mod listen;
mod loss;
mod names;
mod outgoing;
mod outputs;
mod pipe;
mod policed;
mod read;
mod replying;
mod requests;
mod settings;
mod shares;
mod shutdown;
mod stepper;
mod stop;
mod stopwatch;
mod tail;
mod throttled;
mod time_outs;
mod timed;
mod together;
mod turn;
mod unheard;
mod unsent;
mod upkeep;
mod verdict;
mod wire;
mod wrappers;
mod write;

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use slab::Slab;

use crate::address::Address;
use crate::buffer_pool::BufferPool;
use crate::connection::{Connection, Rare};
use crate::counters::Counters;
use crate::endpoint::{ClientEndpoint, ServerEndpoint};
use crate::error::{EndpointError, Result};
use crate::framing::Framings;
use crate::inspector::Inspector;
use crate::layer::{Scratch, Up};
use crate::limits::{self, Limits};
use crate::log_limit::LogLimit;
use crate::network::{Credentials, Network, OsNetwork, Time};
use crate::protocol::Protocol;
use crate::remote::{Mailbox, Remote};
use crate::table::{ConnectionId, Owner, Table};
use crate::timer::{TimerId, Timers};

use accept::ListenerState;
pub use builders::{Connect, Listen};
pub(crate) use connect::Connecting;
pub use datagrams::{Bind, DatagramSocket};
use deferring::Works;
use dispatch::Call;
pub(crate) use dispatch::OnProtocol;
pub(crate) use dispatch::{Mail, on_protocol};
pub(crate) use early::Early;
use idle::Watches;
pub(crate) use inspected::Hearing;
pub(crate) use kept::Keeper;
pub use listen::Listener;
pub use names::LookUp;
use names::Lookups;
use outputs::Outputs;
pub(crate) use policed::Policed;
use replying::Replies;
pub(crate) use requests::Outstanding;
use settings::Settings;
use shutdown::Hooks;
pub use shutdown::TriggerId;
pub use stepper::{Stepper, run, run_on};
pub use stop::Report;
use stop::Running;
use stopwatch::{Caller, Stopwatch};
pub(crate) use timed::RepeatedCall;
use timed::Timed;
pub(crate) use unsent::LeftOver;
use wrappers::Wrappers;
pub(crate) use write::encode;

/// An event loop and all that lives on it: listeners, connections, timers. One type, inside and outside callbacks.
///
/// It belongs to one thread. Several may live in one process, each on its own; there is no global one. And it belongs to the
/// process that made it: after a `fork` without `exec` the child must not touch it, for both would share one selector. A
/// program that is started inherits none of its descriptors.
///
/// ```
/// # use ropewalk::{Protocol, Reactor, Transport};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) { transport.write(data) }
/// # }
/// # fn main() -> ropewalk::Result<()> {
/// let mut reactor = Reactor::new()?;
/// let listener = reactor.listen("tcp:0").serve(|_peer| Echo)?;
/// println!("listening on {}", listener.address());
/// # reactor.stop();
/// let report = reactor.run()?;
/// # let _ = report;
/// # Ok(())
/// # }
/// ```
pub struct Reactor {
    pub(crate) network: Box<dyn Network>,
    pub(crate) connections: Table,
    outs: Outputs,
    pub(crate) framings: Framings,
    pub(crate) settings: Slab<Settings>,
    listeners: Slab<ListenerState>,
    next_listener: u32,
    datagrams: datagrams::Datagrams,
    wrappers: Wrappers,
    timers: Timers<Timed>,
    due: Vec<TimerId>,
    calls: VecDeque<Call>,
    watches: Watches,
    lookups: Lookups,
    works: Works,
    /// To be flushed: each once, as its entry is marked.
    dirty: Vec<ConnectionId>,
    replies: Replies,
    together: outgoing::Outgoing,
    /// To be served in the next turn without waiting for readiness.
    ready: VecDeque<Owner>,
    /// Whose pressure has to be told.
    pressed: Vec<ConnectionId>,
    /// Whose loss has to be told.
    ended: VecDeque<ConnectionId>,
    /// Users' objects to drop when no callback is under way: their `Drop` is users' code too.
    discarded: Vec<Box<dyn Any>>,
    pool: BufferPool,
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is reused")]
    rares: Vec<Box<Rare>>,
    scratch: Scratch,
    up: Up,
    /// Whose callback is under way.
    current: Option<ConnectionId>,
    /// Its protocol has just been replaced by another, which is to be told `connection_made`.
    handed_over: bool,
    /// In this turn: how many connections spoke, whether one wrote to another, and who spoke last.
    spoken: u32,
    crossed: bool,
    speaker: Option<ConnectionId>,
    turn: u32,
    now: Time,
    /// How many of `ready` were queued before this turn.
    queued_before: usize,
    running: Running,
    hooks: Hooks,
    /// A hook hears that its connect was refused because the reactor stops.
    refusing: bool,
    was_run: bool,
    stopped: Report,
    mailbox: Option<Arc<Mailbox>>,
    /// What was taken out of it, while it is being called.
    mail: VecDeque<Mail>,
    max_connections: usize,
    stop_within: Option<Duration>,
    pub(crate) counters: Counters,
    stopwatch: Stopwatch,
    logs: LogLimit,
    /// Put around each protocol that takes a connection over: for tests, which watch the whole life of a connection.
    pub(crate) watch: Option<Watch>,
    /// Only in simulation.
    pub(crate) inspector: Option<Box<dyn Inspector>>,
}

pub(crate) type Watch = Box<dyn Fn(Box<dyn Protocol>) -> Box<dyn Protocol>>;

impl std::fmt::Debug for Reactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reactor")
            .field("connections", &self.connections.len())
            .field("listeners", &self.listeners.len())
            .field("timers", &self.timers.len())
            .finish_non_exhaustive()
    }
}

impl Reactor {
    /// A reactor on this machine's sockets.
    ///
    /// # Errors
    /// If the system has no selector or no descriptor for it.
    pub fn new() -> Result<Self> {
        Ok(Self::on(Box::new(OsNetwork::new()?)))
    }

    /// A reactor on any network.
    pub fn on(mut network: Box<dyn Network>) -> Self {
        let max_connections = limits::connections_within(network.descriptor_limit());
        let now = network.now();
        let mut settings = Slab::new();
        settings.insert(Settings::new(Limits::default(), now));
        Self {
            network,
            connections: Table::default(),
            outs: Outputs::default(),
            framings: Framings::default(),
            settings,
            listeners: Slab::new(),
            next_listener: 0,
            datagrams: datagrams::Datagrams::default(),
            wrappers: Wrappers::new(),
            timers: Timers::new(),
            due: Vec::new(),
            calls: VecDeque::new(),
            watches: Watches::default(),
            lookups: Lookups::default(),
            works: Works::default(),
            dirty: Vec::new(),
            replies: Replies::default(),
            together: outgoing::Outgoing::default(),
            ready: VecDeque::new(),
            pressed: Vec::new(),
            ended: VecDeque::new(),
            discarded: Vec::new(),
            pool: BufferPool::new(limits::POOL),
            rares: Vec::new(),
            scratch: Scratch::default(),
            up: Up::default(),
            current: None,
            handed_over: false,
            spoken: 0,
            crossed: false,
            speaker: None,
            turn: 0,
            now,
            queued_before: 0,
            running: Running::Idle,
            hooks: Hooks::default(),
            refusing: false,
            was_run: false,
            stopped: Report::default(),
            mailbox: None,
            mail: VecDeque::new(),
            max_connections,
            stop_within: Some(limits::STOP),
            counters: Counters::default(),
            stopwatch: Stopwatch::default(),
            logs: LogLimit::default(),
            watch: None,
            inspector: None,
        }
    }

    /// Begins to listen on an endpoint, as `"tcp:8007"`; see [`ServerEndpoint`]. Nothing happens before
    /// [`serve`](Listen::serve) or [`with`](Listen::with).
    pub fn listen<E>(&mut self, endpoint: E) -> Listen<'_>
    where
        E: TryInto<ServerEndpoint>,
        E::Error: Into<EndpointError>,
    {
        Listen::new(self, endpoint.try_into().map_err(Into::into))
    }

    /// Begins to connect to an endpoint, as `"tcp:localhost:8007"`; see [`ClientEndpoint`]. Nothing happens before
    /// [`with`](Connect::with).
    pub fn connect<E>(&mut self, endpoint: E) -> Connect<'_>
    where
        E: TryInto<ClientEndpoint>,
        E::Error: Into<EndpointError>,
    {
        Connect::new(self, endpoint.try_into().map_err(Into::into))
    }

    /// How many bytes were written to a connection and not yet taken by the system. `None` if it has ended.
    pub fn unsent(&self, id: ConnectionId) -> Option<usize> {
        self.live(id)?;
        Some(self.unsent_bytes(id))
    }

    /// Whether the id's connection is still there: being made, open or closing.
    pub fn is_connected(&self, id: ConnectionId) -> bool {
        self.live(id).is_some()
    }

    /// How many connections there are, those being made, closing and lingering included.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// The peer's address, valid also in `connection_lost`. `None` while connecting, and when it is over.
    pub fn peer(&self, id: ConnectionId) -> Option<Address> {
        self.connections.get(id)?.peer.address()
    }

    /// Our own address on a connection, valid also in `connection_lost`.
    pub fn local(&self, id: ConnectionId) -> Option<Address> {
        self.network
            .local_address(self.connections.get(id)?.socket()?)
            .ok()
    }

    /// Who is at the other end of a Unix stream on this machine, by the system's word; for as long as the connection is there.
    /// `None` if it is no Unix stream, or the system does not say: this needs Linux and the feature `unix`.
    pub fn peer_credentials(&self, id: ConnectionId) -> Option<Credentials> {
        let socket = self.connections.get(id)?.socket()?;
        self.network.peer_credentials(socket)
    }

    /// The socket of a connection, to set options that this crate does not name. `None` where there is no real socket.
    /// Reading, writing or closing it by hand is not foreseen.
    pub fn socket_options(&self, id: ConnectionId) -> Option<socket2::SockRef<'_>> {
        self.network.socket_options(self.live(id)?.socket()?)
    }

    /// The reactor's time, read once a turn.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The wall clock, for people to read. Nothing is timed by it.
    pub fn wall_clock(&mut self) -> SystemTime {
        self.network.wall_clock()
    }

    /// A random number, repeatable in simulation; not for secrets.
    pub fn random(&mut self) -> u64 {
        self.network.random()
    }

    /// What has happened so far, and how things stand now.
    pub fn counters(&self) -> Counters {
        let mailbox = self.mailbox.as_deref();
        Counters {
            connections: self.connections.len() as u64,
            connections_unsent: self.outs.len() as u64,
            listeners: self.listeners.len() as u64,
            datagram_sockets: self.datagrams.len() as u64,
            timers: self.timers.len() as u64,
            works_waiting: self.works.len() as u64,
            calls_waiting: (self.calls.len() + mailbox.map_or(0, Mailbox::waiting)) as u64,
            buffers_spare: self.pool.len() as u64,
            boxes_spare: self.rares.len() as u64,
            buffers_made: self.pool.made(),
            posts_refused: mailbox.map_or(0, Mailbox::refused),
            ..self.counters.clone()
        }
    }

    /// A handle with which other threads can call into this reactor.
    pub fn remote(&mut self) -> Remote {
        let network = &self.network;
        let mailbox = self
            .mailbox
            .get_or_insert_with(|| Arc::new(Mailbox::new(limits::MAILBOX, network.waker())));
        if self.running == Running::Done {
            // Nobody would ever look into it.
            mailbox.close();
        }
        Remote::new(Arc::clone(mailbox))
    }

    /// How many connections there may be at once over all listeners. Default: four fifths of the descriptors the process
    /// may have. Further ones wait in the kernel's backlog, or are refused by the listener's [`Limits::overflow`].
    pub fn set_max_connections(&mut self, most: usize) {
        self.max_connections = most;
        self.wake_listeners();
    }

    /// How long a stopping reactor waits, for what is to be done [before](Self::before_shutdown) and for its connections
    /// together. Default 10 s; `None`: for ever.
    pub fn set_stop_deadline(&mut self, within: impl Into<Option<Duration>>) {
        self.stop_within = within.into();
    }
}
