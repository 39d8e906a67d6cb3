//! The seam: all that a reactor can ask of the outside world. Owns the vocabulary between the loop and a network
//! (sockets, readiness, clocks, names, threads, signals, wake-ups, randomness); holds no connection and calls no user code.
//!
//! A [`Network`] is readiness-shaped, non-blocking, edge-triggered and thin: about one method a system call. Everything
//! above it, the turn of the loop included, is the same code over the machine's sockets ([`OsNetwork`]), in simulation
//! and in a unit test.

#[cfg(all(feature = "unix", unix))]
mod adopting;
#[cfg(not(all(feature = "unix", unix)))]
#[path = "no_adopting.rs"]
mod adopting;
#[cfg(all(feature = "precise", any(target_os = "linux", target_os = "android")))]
mod alarm;
#[cfg(not(all(feature = "precise", any(target_os = "linux", target_os = "android"))))]
#[path = "no_alarm.rs"]
mod alarm;
mod arrival;
mod asking;
mod clock;
mod credentials;
mod datagram;
mod direct;
mod names;
mod options;
mod os;
#[cfg(all(feature = "unix", unix))]
mod passed;
mod pieces;
mod pool;
mod random;
mod readiness;
pub(crate) mod resolver;
pub(crate) mod services;
mod signal;
#[cfg(unix)]
mod signals;
#[cfg(not(unix))]
#[path = "no_signals.rs"]
mod signals;
mod sockets;
#[cfg(all(feature = "precise", any(target_os = "linux", target_os = "android")))]
mod stamps;
#[cfg(not(all(feature = "precise", any(target_os = "linux", target_os = "android"))))]
#[path = "no_stamps.rs"]
mod stamps;
mod time;
mod udp;
#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
#[path = "no_unix.rs"]
mod unix;
mod wake;
mod work;
mod workers;

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::address::Address;
use crate::endpoint::Inherited;
use crate::error::{AdoptError, NameError};

pub use arrival::{Arrival, StampedBy};
pub use asking::{Found, LookupId, Question};
pub use credentials::Credentials;
pub use datagram::{DatagramNetwork, DatagramOptions, Multicast, ReceivedDatagram};
pub use options::{ConnectOptions, ListenOptions};
pub use os::OsNetwork;
pub use pieces::{NotWhole, Piece};
pub use readiness::{Batch, Readiness, Received};
pub use resolver::{Resolver, SystemResolver};
pub use signal::Signal;
pub use time::Time;
pub use wake::Wake;
pub use work::{DeferError, Posted, Work, WorkId, WorkOutcome, run_work};
pub(crate) use work::{let_go, panic_message};

/// The reactor's whole view of the outside.
///
/// # The contract of readiness
/// Readiness is told by edges. After [`read`](Self::read), [`write`](Self::write) or [`accept`](Self::accept) said
/// [`WouldBlock`](io::ErrorKind::WouldBlock), or a read said that it drained its socket, the network tells of the next
/// change; before that it need not. Spurious readiness is allowed at any time. A token that was closed may still be
/// told of in the same batch, so the reactor checks tokens against its table.
pub trait Network {
    /// Waits until something is ready, a signal, a wake-up or a looked-up name arrives, or `timeout` is over (`None`:
    /// for ever), and appends what happened to `batch`, which comes in cleared. Returning early with nothing is allowed.
    ///
    /// # Errors
    /// Only when the selector itself is broken; an interrupted wait is no error.
    fn poll(&mut self, timeout: Option<Duration>, batch: &mut Batch) -> io::Result<()>;

    /// From now on a [`poll`](Self::poll) that has to wait first looks, for so long, again and again without sleeping, and
    /// likewise for so long before the wait is over. Zero: it sleeps at once. Where nobody sleeps this means nothing.
    fn set_spin(&mut self, time: Duration) {
        let _ = time;
    }

    /// Monotonic time now. The reactor asks once a turn.
    fn now(&mut self) -> Time;

    /// Wall time now. Nothing is timed by it.
    fn wall_clock(&mut self) -> SystemTime;

    /// The next number of the network's random source. Not for keys or masks that an adversary must not guess.
    fn random(&mut self) -> u64;

    /// Binds and listens; readiness is told under `token`. Returns the socket and the address it is bound to.
    ///
    /// # Errors
    /// What `socket`, `bind` and `listen` say.
    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: Token,
    ) -> io::Result<(SocketId, Address)>;

    /// Listens on a socket that the process was started with, which is bound and listens already. Each can be had once.
    ///
    /// # Errors
    /// That there is no such socket, or that it is of another kind.
    fn adopt(
        &mut self,
        socket: &Inherited,
        token: Token,
    ) -> Result<(SocketId, Address), AdoptError> {
        let _ = (socket, token);
        Err(AdoptError::Unsupported)
    }

    /// Takes the next connection off a listener's backlog, with its peer as `accept` itself told it: asking later
    /// fails for a peer that has gone. Nothing is told of it before [`register`](Self::register).
    ///
    /// # Errors
    /// What `accept` says; `WouldBlock` when the backlog is empty.
    fn accept(&mut self, listener: SocketId) -> io::Result<(SocketId, Address)>;

    /// Gives up the descriptor held in reserve for one moment, to take a connection off the backlog and close it, so that
    /// its peer is not left to wait while descriptors are exhausted. Another thread may snatch the descriptor: then the
    /// error is that of `accept`.
    ///
    /// # Errors
    /// `WouldBlock` when the backlog is empty; `Unsupported` where there is no reserve.
    fn refuse(&mut self, listener: SocketId) -> io::Result<()>;

    /// From now on tells of an accepted socket's readiness, both directions, under `token`. What is ready already is
    /// told by the next poll.
    ///
    /// # Errors
    /// What the selector says.
    fn register(&mut self, socket: SocketId, token: Token) -> io::Result<()>;

    /// Begins to connect; the outcome is told as readiness under `token`, then by [`finish_connect`](Self::finish_connect).
    ///
    /// # Errors
    /// What `socket`, `bind` and `connect` say at once; "in progress" is no error.
    fn connect(
        &mut self,
        address: &Address,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<SocketId>;

    /// Whether a connect is done: `true`, or `false` if the readiness was spurious.
    ///
    /// # Errors
    /// Why it failed.
    fn finish_connect(&mut self, socket: SocketId) -> io::Result<bool>;

    /// Reads once, into `buffer` or by lending a buffer of the network's own.
    ///
    /// # Errors
    /// What `recv` says.
    fn read(&mut self, socket: SocketId, buffer: &mut [u8]) -> io::Result<Received>;

    /// From now on [`read_stamped`](Self::read_stamped) is to tell when the system received the bytes, or no longer.
    ///
    /// # Errors
    /// What the system says; `Unsupported` where it has no such stamps: then a stamp is the time of the read.
    fn set_time_stamps(&mut self, socket: SocketId, on: bool) -> io::Result<()> {
        let _ = (socket, on);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Like [`read`](Self::read), and tells when the last of these bytes were received.
    ///
    /// # Errors
    /// What `recvmsg` says.
    fn read_stamped(
        &mut self,
        socket: SocketId,
        buffer: &mut [u8],
    ) -> io::Result<(Received, Arrival)> {
        let received = self.read(socket, buffer)?;
        Ok((received, Arrival::read_at(self.now(), self.wall_clock())))
    }

    /// [Reads](Self::read) once from each of several sockets, in order, all into `buffer`, one behind the other: the sizes
    /// are added to `sizes`. Nothing else is done between two reads, so that the system's code for receiving stays in the
    /// processor's caches. It goes on as long as a read brings all that was waiting, and until more than `most` bytes have
    /// come; `buffer` is longer than that.
    ///
    /// What the next read said, if it was something else; what it may have put into the buffer lies behind the rest.
    fn read_each(
        &mut self,
        sockets: &[SocketId],
        buffer: &mut [u8],
        most: usize,
        sizes: &mut Vec<usize>,
    ) -> Option<io::Result<Received>> {
        let read = |socket, room: &mut [u8]| self.read(socket, room);
        pieces::read_one_by_one(read, sockets, buffer, most, sizes)
    }

    /// Writes once, from several pieces in order; returns how many bytes were taken. Never raises `SIGPIPE`.
    ///
    /// # Errors
    /// What `send` says.
    fn write(&mut self, socket: SocketId, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// [Writes](Self::write) once to each of several sockets, in order, its piece of `bytes`; up to the first that does not
    /// take all of it. Nothing else is done between two writes, so that the system's code for sending stays in the
    /// processor's caches.
    ///
    /// # Errors
    /// Which piece was not taken whole, and what the write of it said: the rest of the pieces is still to be written.
    fn write_each(&mut self, bytes: &[u8], pieces: &[Piece]) -> Result<(), NotWhole> {
        pieces::write_one_by_one(self, bytes, pieces)
    }

    /// Sends our FIN after what was written. Reading goes on.
    ///
    /// # Errors
    /// What `shutdown` says.
    fn shutdown_write(&mut self, socket: SocketId) -> io::Result<()>;

    /// The datagrams of this network. A network of streams alone has none.
    fn datagrams(&mut self) -> Option<&mut dyn DatagramNetwork> {
        None
    }

    /// The error pending on the socket, which this takes off it: the kernel tells it once.
    fn take_error(&mut self, socket: SocketId) -> Option<io::Error>;

    /// The socket's own address.
    ///
    /// # Errors
    /// What `getsockname` says.
    fn local_address(&self, socket: SocketId) -> io::Result<Address>;

    /// Who is at the other end of a Unix stream, as the system says. `None`: it is no Unix stream, or the system doesn't say.
    fn peer_credentials(&self, socket: SocketId) -> Option<Credentials> {
        let _ = socket;
        None
    }

    /// Closes a socket or a listener. Its id is free for reuse at once. The file of a Unix stream's listener goes with it,
    /// unless something else has taken its place.
    fn close(&mut self, socket: SocketId, farewell: Farewell);

    /// The socket itself, for options this crate does not name. `None` where there is no real socket.
    fn socket_options(&self, socket: SocketId) -> Option<socket2::SockRef<'_>> {
        let _ = socket;
        None
    }

    /// Begins to look a name up, off the loop; the outcome comes in [`Batch::names`]. Names that are addresses never come here.
    ///
    /// # Errors
    /// [`NameError::Busy`] when too many lookups wait already.
    fn look_up(&mut self, lookup: LookupId, question: &Question) -> Result<(), NameError>;

    /// Forgets a lookup: its outcome is not told any more.
    fn cancel_look_up(&mut self, lookup: LookupId);

    /// Whom it asks from now on. A network that knows by itself what is found, as a tape does, ignores it.
    fn set_resolver(&mut self, resolver: Arc<dyn Resolver>) {
        let _ = resolver;
    }

    /// Has `work` run on a thread, off the loop; what comes of it is told in [`Batch::works`].
    ///
    /// # Errors
    /// [`DeferError::Busy`] when too much work waits already; [`DeferError::NoThread`] where there are no threads.
    fn defer(&mut self, id: WorkId, work: Work) -> Result<(), DeferError> {
        let _ = (id, work);
        Err(DeferError::NoThread)
    }

    /// The loop is about to make a call that another thread posted. A network has nothing to do with that; who records
    /// what the loop does notes it.
    fn posted(&mut self, post: Posted) {
        let _ = post;
    }

    /// The port of a service, by the system's table of services; of any protocol if none is named. `None`: no such service.
    fn service_port(&mut self, service: &str, protocol: Option<&str>) -> Option<u16>;

    /// The name of the service at a port, likewise.
    fn service_name(&mut self, port: u16, protocol: Option<&str>) -> Option<String> {
        let _ = (port, protocol);
        None
    }

    /// From now on tells of SIGINT, SIGTERM and SIGUSR1 in [`Batch::signals`] instead of dying of them.
    ///
    /// # Errors
    /// What the system says; `Unsupported` where there are no signals.
    fn watch_signals(&mut self) -> io::Result<()>;

    /// What another thread may use to end a [`poll`](Self::poll) early.
    fn waker(&self) -> Arc<dyn Wake>;

    /// How many descriptors the process may have open, if that is limited and known.
    fn descriptor_limit(&self) -> Option<usize>;
}

impl fmt::Debug for dyn Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

/// A socket or listener, as its network numbers them. It may be reused once closed; the reactor's ids may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// What the reactor wants to be told a socket's readiness under. The network does not look into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// How a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// The kernel's ordinary close: what was written still goes out, then FIN (RST if there was unread input).
    Close,
    /// At once, with RST; what was not sent is dropped.
    Reset,
}
