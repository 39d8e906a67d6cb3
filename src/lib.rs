//! An event-driven reactor for network protocols: callbacks, one thread, no `Send`, no lifetimes to fight.
//!
//! ```no_run
//! use ropewalk::{Protocol, Transport};
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! fn main() -> ropewalk::Result<()> {
//!     ropewalk::run(|reactor| reactor.listen("tcp:8007").serve(|_peer| Echo).map(drop)).map(drop)
//! }
//! ```
//!
//! # A map, in reading order
//! - [`Protocol`], or [`LineReceiver`] for lines of text, is what you write: one value for each connection. A closure, or a
//!   [`Factory`], builds them.
//! - [`Transport`] is what a callback may do to its connection, [`Reactor`] what it may do to everything else: listen, connect,
//!   call later, write to and close others. [`run`] makes a reactor and turns it.
//! - [`Lost`] says why a connection ended, [`ConnectError`] why one was not made, [`Limits`] what one may cost, how long it may last and how fast it may be.
//! - [`DatagramProtocol`] is the same for datagrams, which [`Reactor::bind`] opens a socket for.
//! - [`Group`] sends to many; by [`send_latest`](Transport::send_latest) a newer frame takes the place of an unsent older one.
//! - [`Reactor::pipe`] joins two connections, [`Forward`] is a factory that joins each with one to elsewhere.
//! - [`ClientService`] is a client that stays connected; [`Reactor::before_shutdown`] does something before the end.
//! - [`Pending`] matches replies to requests, [`LoopingCall`] repeats a call.
//! - [`Remote`] calls in from other threads; [`Reactor::defer_to_thread`] has them do what takes long.
//! - [`Reactor::look_up`] asks what a name comes to, and [`Resolver`] is who answers; calls by name do so themselves.
//! - [`endpoint`] has all ways to say where: TCP, Unix streams, inherited sockets, and schemes of your own.
//! - [`framing`] cuts a stream into frames, by lines, lengths, or [rules of your own](guide::own_framing); [`layer`] stands between
//!   the wire and the framing.
//! - [`guide::finger`] is the tutorial; [`guide::coming_from`] says what is called what in Twisted, asyncio, gevent and tokio.
//! - [`guide::recipes`] has the small things every protocol needs, each as a whole program; [`guide::own_protocol`] tells how to
//!   test one of your own.
//! - [`testing`] runs one protocol without a network; [`sim`] runs whole servers and their clients in a simulated one.
//! - [`record`] writes down all that a program meets, and does it again: an incident becomes a test.
//! - [`socket`] has no loop: blocking sockets for scripts and tests, as every tutorial of sockets has them.
//! - [`wire`] has the standard small services, echo to quote of the day.
//! - [`network`] is the seam to the operating system, below all of it.
//!
//! # The picture
//! ```text
//!    sockets, clock, names (mio)  ─┐
//!    a simulated world (seeded)   ─┼─►  trait Network
//!    a fake for a unit test       ─┘         │
//!                                            ▼
//!         Reactor   one table of connections · timers · posted calls · the turn
//!                                            │  bytes            ▲ bytes
//!                                            ▼                   │
//!         Layers    between the wire and the framing, if asked for
//!                                            ▼                   │
//!         Framing   lines, lengths, or your own: cuts frames inbound, wraps them outbound
//!                                            ▼                   │
//!         Protocol  your code, called from one place only        │ Transport::write (bytes) / send (a frame)
//!                                            └───────────────────┘
//! ```
//!
//! # Two rules to know
//! - What a callback asks for is queued: nothing of yours is called from inside a call of yours. So an `Rc<RefCell<_>>` that
//!   connections share may be borrowed for a whole callback.
//! - Everything is bounded by default, and named when it is exceeded: see [`Limits`] and [`Counters`].
//!
//! # Where microseconds count
//! - By default a timer fires up to a millisecond late, which is what the selector counts in. With the feature `precise`, on
//!   Linux, it is some twenty microseconds: as long as it takes to be woken. It needs the crate `nix`, and costs one
//!   system call for a timer that fires.
//! - [`Reactor::set_spin`] has the loop look instead of sleep, where it has a core of its own: nobody has to wake it.
//! - [`Transport::set_time_stamps`] has [`received_at`](Transport::received_at) tell when bytes came: with `precise` by the
//!   kernel's stamp.
//!
//! # Logging
//! By the `log` crate, each line with the connection and its peer, warnings at most a few a second. Target `ropewalk::wire`
//! at level trace is a readable transcript of every connection.
#![forbid(unsafe_code)]

// First, for its macro is used in the others.
#[cfg(not(ropewalk_canaries))]
#[macro_use]
mod canary;
#[cfg(ropewalk_canaries)]
#[doc(hidden)]
#[macro_use]
pub mod canary;

pub mod endpoint;
pub mod framing;
pub mod guide;
pub mod layer;
pub mod network;
#[cfg(feature = "record")]
pub mod record;
pub mod sim;
pub mod socket;
pub mod testing;
pub mod wire;

mod address;
mod arena;
mod buffer_pool;
mod client_service;
mod connection;
mod copies;
mod counters;
mod datagram;
mod error;
mod forward;
mod frame_queue;
mod group;
mod hold;
mod host_name;
mod inspector;
mod latest;
mod limits;
mod log_limit;
mod looping_call;
mod mailbox;
mod outbound;
mod pages;
mod pending;
mod protocol;
mod rate;
mod reactor;
mod remote;
mod table;
mod timer;
mod traffic;
mod transport;

pub use address::{Address, UnixAddress};
pub use client_service::{Backoff, ClientEvent, ClientService, NotConnected, Preparing};
pub use counters::Counters;
pub use datagram::{DatagramProtocol, DatagramRemote, DatagramTransport};
pub use endpoint::{
    ClientEndpoint, Inherited, Port, ServerEndpoint, TcpClientEndpoint, TcpServerEndpoint,
    UdpEndpoint, UnixClientEndpoint, UnixServerEndpoint, Wrapped, Wrapping, WrappingOptions,
};
pub use error::{
    AdoptError, ConnectError, Deadline, EndpointError, Error, Fault, FrameError, Lost, NameError,
    OsError, Result, SendError, Side, Silence,
};
pub use forward::Forward;
pub use framing::{Framing, Lines, UnfinishedLine};
pub use group::{Group, Slow};
pub use hold::Hold;
pub use latest::FrameKey;
pub use layer::{Layer, Up};
pub use limits::{Idle, Limits, Overflow};
pub use looping_call::{Beat, LoopingCall};
pub use network::{
    Arrival, Credentials, DeferError, LookupId, Multicast, Network, OsNetwork, Resolver, Signal,
    StampedBy, SystemResolver, Time,
};
pub use pending::{Match, Pending, RequestError, Settled, Unanswered};
#[doc(hidden)]
pub use protocol::Input;
pub use protocol::{Factory, LineReceiver, Protocol, Refusal};
pub use rate::{Direction, Rate};
pub use reactor::{
    Bind, Connect, DatagramSocket, Listen, Listener, LookUp, Reactor, Report, Stepper, TriggerId,
    run, run_on,
};
pub use remote::{ProtocolRemote, Remote, RemoteError};
pub use table::{ConnectionId, DatagramId};
pub use timer::TimerId;
pub use traffic::{Traffic, TrafficLog};
pub use transport::Transport;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
