//! The machine's own network: sockets, clocks, names and signals of the process, over one selector. Owns every descriptor;
//! keeps no state of a connection, and calls each system function at most once where one is enough.

mod accepting;
mod datagrams;
mod limits;
mod tokens;
mod waiting;
mod waker;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll};
use socket2::SockRef;

use super::adopting;
use super::alarm::Alarm;
use super::clock::{self, Clock};
use super::names::Names;
use super::pieces::{self, NotWhole, Piece, received};
use super::random::SplitMix;
use super::services;
use super::signals::Signals;
use super::sockets::{self, Socket, retry_interrupted};
use super::stamps::Stamps;
use super::unix::{self, SocketFile};
use super::workers::Workers;
use super::{
    Arrival, Batch, ConnectOptions, Credentials, DatagramNetwork, DeferError, Farewell,
    ListenOptions, LookupId, Network, Question, Received, Resolver, SocketId, Time, Token, Wake,
    Work, WorkId,
};
use crate::address::Address;
use crate::endpoint::Inherited;
use crate::error::{AdoptError, NameError};
use crate::pages::Pages;
use accepting::Callers;
use tokens::{ALARM, FIRST_RESERVED, SIGNALS, WAKER, selector_token};
use waker::OsWaker;

#[cfg(not(target_pointer_width = "64"))]
compile_error!("the selector's tokens carry 64 bits: ropewalk needs a 64-bit machine");

/// What does not fit into one poll is told by the next.
const EVENTS: usize = 1024;

/// The machine's own network, as a program is run on.
///
/// Tokens from `u64::MAX - 4` up are its own. An id of a socket that is not open, or not of the right sort, is answered
/// with [`InvalidInput`](io::ErrorKind::InvalidInput).
#[derive(Debug)]
pub struct OsNetwork {
    /// Those of the listeners among `sockets` that have one; before these, for a file goes before its listener.
    files: BTreeMap<u32, SocketFile>,
    sockets: Pages<Socket>,
    poll: Poll,
    events: Events,
    callers: Callers,
    waker: Arc<OsWaker>,
    alarm: Alarm,
    /// For how long a wait is spent looking.
    spin: Duration,
    stamps: Stamps,
    names: Names,
    workers: Workers,
    signals: Option<Signals>,
    /// A descriptor held in reserve, for [`Network::refuse`].
    reserve: Option<File>,
    descriptor_limit: Option<usize>,
    clock: Clock,
    random: SplitMix,
}

impl OsNetwork {
    /// Opens the selector and the waker; no socket, thread or signal handler yet.
    ///
    /// # Errors
    /// What the system says; mostly that no descriptor is left.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(OsWaker(mio::Waker::new(poll.registry(), WAKER)?));
        Ok(Self {
            files: BTreeMap::new(),
            sockets: Pages::default(),
            alarm: Alarm::new(poll.registry(), ALARM),
            spin: Duration::ZERO,
            stamps: Stamps::new(),
            poll,
            events: Events::with_capacity(EVENTS),
            callers: Callers::default(),
            names: Names::new(Arc::clone(&waker) as Arc<dyn Wake>),
            workers: Workers::new(Arc::clone(&waker) as Arc<dyn Wake>),
            waker,
            signals: None,
            reserve: limits::open_reserve(),
            descriptor_limit: limits::descriptors(),
            clock: Clock::start(),
            random: SplitMix::unpredictable(),
        })
    }

    fn stream(&self, socket: SocketId) -> io::Result<&TcpStream> {
        match self.sockets.at(socket.0) {
            Some(Socket::Stream(stream)) => Ok(stream),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Keeps a listener, whose readiness is told under `token` from now on.
    fn keep_listener(&mut self, mut listener: Socket, token: Token) -> io::Result<SocketId> {
        let token = selector_token(token)?;
        let registry = self.poll.registry();
        let calls = Interest::READABLE;
        match &mut listener {
            Socket::Listener(listener) => registry.register(listener, token, calls)?,
            Socket::UnixListener(listener) => registry.register(listener, token, calls)?,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
        Ok(self.keep(listener))
    }

    fn keep(&mut self, socket: Socket) -> SocketId {
        SocketId(self.sockets.insert(socket))
    }
}

impl Network for OsNetwork {
    fn poll(&mut self, timeout: Option<Duration>, batch: &mut Batch) -> io::Result<()> {
        self.callers.begin_anew();
        self.wait(timeout, batch)
    }

    fn set_spin(&mut self, time: Duration) {
        self.spin = time;
    }

    fn now(&mut self) -> Time {
        self.clock.now()
    }

    fn wall_clock(&mut self) -> SystemTime {
        clock::wall_clock()
    }

    fn random(&mut self) -> u64 {
        self.random.next()
    }

    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: Token,
    ) -> io::Result<(SocketId, Address)> {
        match address {
            Address::Tcp(address) => {
                let listener = TcpListener::from_std(sockets::listen(*address, options)?.into());
                let bound = listener.local_addr()?;
                let id = self.keep_listener(Socket::Listener(listener), token)?;
                Ok((id, bound.into()))
            }
            Address::Unix(address) => {
                let (listener, file) = unix::listen(address, options)?;
                let id = self.keep_listener(Socket::UnixListener(listener), token)?;
                self.files.extend(file.map(|file| (id.0, file)));
                Ok((id, address.clone().into()))
            }
        }
    }

    fn adopt(
        &mut self,
        socket: &Inherited,
        token: Token,
    ) -> Result<(SocketId, Address), AdoptError> {
        let (listener, address) = adopting::adopt(socket)?;
        let kept = self.keep_listener(listener, token);
        match kept {
            Ok(id) => Ok((id, address)),
            Err(error) => Err(AdoptError::System(error.into())),
        }
    }

    fn accept(&mut self, listener: SocketId) -> io::Result<(SocketId, Address)> {
        let (stream, peer) = self.accept_next(listener)?;
        Ok((self.keep(Socket::Stream(stream)), peer))
    }

    fn refuse(&mut self, listener: SocketId) -> io::Result<()> {
        if self.reserve.is_none() {
            self.reserve = limits::open_reserve();
        }
        if self.reserve.take().is_none() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let refused = self.accept_from(listener).map(drop);
        self.reserve = limits::open_reserve();
        refused
    }

    fn register(&mut self, socket: SocketId, token: Token) -> io::Result<()> {
        let Some(Socket::Stream(stream)) = self.sockets.at_mut(socket.0) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        watch(&self.poll, stream, token)
    }

    fn connect(
        &mut self,
        address: &Address,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<SocketId> {
        let mut stream = match address {
            Address::Tcp(address) => {
                TcpStream::from_std(sockets::connect(*address, options)?.into())
            }
            Address::Unix(address) => unix::connect(address, options)?,
        };
        // Registered after the connect began: a socket that was never connected counts as hung up.
        watch(&self.poll, &mut stream, token)?;
        Ok(self.keep(Socket::Stream(stream)))
    }

    fn finish_connect(&mut self, socket: SocketId) -> io::Result<bool> {
        let stream = self.stream(socket)?;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match SockRef::from(stream).peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self, socket: SocketId, buffer: &mut [u8]) -> io::Result<Received> {
        let mut stream = self.stream(socket)?;
        let size = retry_interrupted(|| stream.read(buffer))?;
        Ok(received(size, buffer.len()))
    }

    fn read_each(
        &mut self,
        sockets: &[SocketId],
        buffer: &mut [u8],
        most: usize,
        sizes: &mut Vec<usize>,
    ) -> Option<io::Result<Received>> {
        pieces::read_each(&self.sockets, sockets, buffer, most, sizes)
    }

    fn set_time_stamps(&mut self, socket: SocketId, on: bool) -> io::Result<()> {
        Stamps::set(self.stream(socket)?, on)
    }

    fn read_stamped(
        &mut self,
        socket: SocketId,
        buffer: &mut [u8],
    ) -> io::Result<(Received, Arrival)> {
        let Some(Socket::Stream(stream)) = self.sockets.at(socket.0) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let (size, stamp) = retry_interrupted(|| self.stamps.read(stream, buffer))?;
        let arrival = self.clock.arrival(stamp);
        Ok((received(size, buffer.len()), arrival))
    }

    fn write(&mut self, socket: SocketId, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut stream = self.stream(socket)?;
        match pieces {
            [piece] => retry_interrupted(|| stream.write(piece)),
            pieces => retry_interrupted(|| sockets::send_pieces(stream, pieces)),
        }
    }

    fn write_each(&mut self, bytes: &[u8], pieces: &[Piece]) -> Result<(), NotWhole> {
        pieces::write_each(&self.sockets, bytes, pieces)
    }

    fn shutdown_write(&mut self, socket: SocketId) -> io::Result<()> {
        self.stream(socket)?.shutdown(Shutdown::Write)
    }

    fn datagrams(&mut self) -> Option<&mut dyn DatagramNetwork> {
        Some(self)
    }

    fn take_error(&mut self, socket: SocketId) -> Option<io::Error> {
        let stream = self.stream(socket).ok()?;
        stream.take_error().unwrap_or_else(Some)
    }

    fn local_address(&self, socket: SocketId) -> io::Result<Address> {
        let socket = self.socket_options(socket);
        let socket = socket.ok_or(io::ErrorKind::InvalidInput)?;
        sockets::address_of(&socket.local_addr()?)
    }

    fn peer_credentials(&self, socket: SocketId) -> Option<Credentials> {
        unix::credentials(self.stream(socket).ok()?)
    }

    // Closing takes a socket off the selector too: no call for it.
    fn close(&mut self, socket: SocketId, farewell: Farewell) {
        let closed = self.sockets.remove(socket.0);
        if let Some(Socket::UnixListener(_)) = &closed {
            // Before the listener itself.
            drop(self.files.remove(&socket.0));
        }
        if let (Some(Socket::Stream(stream)), Farewell::Reset) = (&closed, farewell)
            && let Err(error) = SockRef::from(stream).set_linger(Some(Duration::ZERO))
        {
            log::debug!("closing in order, for a reset was refused: {error}");
        }
    }

    fn socket_options(&self, socket: SocketId) -> Option<SockRef<'_>> {
        match self.sockets.at(socket.0)? {
            Socket::Listener(listener) => Some(SockRef::from(listener)),
            Socket::UnixListener(listener) => unix::options(listener),
            Socket::Stream(stream) => Some(SockRef::from(stream)),
            Socket::Datagram(socket) => Some(SockRef::from(socket)),
            Socket::Vacant(_) => None,
        }
    }

    fn look_up(&mut self, lookup: LookupId, question: &Question) -> Result<(), NameError> {
        self.names.look_up(lookup, question)
    }

    fn cancel_look_up(&mut self, lookup: LookupId) {
        self.names.cancel(lookup);
    }

    fn set_resolver(&mut self, resolver: Arc<dyn Resolver>) {
        self.names.set_resolver(resolver);
    }

    fn defer(&mut self, id: WorkId, work: Work) -> Result<(), DeferError> {
        self.workers.put(id, work)
    }

    fn service_port(&mut self, service: &str, protocol: Option<&str>) -> Option<u16> {
        services::port_of(service, protocol)
    }

    fn service_name(&mut self, port: u16, protocol: Option<&str>) -> Option<String> {
        services::name_of(port, protocol)
    }

    fn watch_signals(&mut self) -> io::Result<()> {
        if self.signals.is_none() {
            self.signals = Some(Signals::watch(self.poll.registry(), SIGNALS)?);
        }
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::clone(&self.waker) as Arc<dyn Wake>
    }

    fn descriptor_limit(&self) -> Option<usize> {
        self.descriptor_limit
    }
}

fn watch(poll: &Poll, stream: &mut TcpStream, token: Token) -> io::Result<()> {
    let both = Interest::READABLE | Interest::WRITABLE;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let both = both | Interest::PRIORITY;
    poll.registry()
        .register(stream, selector_token(token)?, both)
}
