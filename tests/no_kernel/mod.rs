//! A network without a kernel: peers that call in, say little and are gone, at the cost of a few bytes each, so that a
//! million of them fit in a test. It owns what each of them still has to say; it delivers nothing to anybody.
#![allow(
    dead_code,
    reason = "each program that includes this uses a part of it"
)]

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ropewalk::network::{
    Batch, ConnectOptions, Farewell, ListenOptions, LookupId, Question, Readiness, Received,
    SocketId, Token, Wake,
};
use ropewalk::{Address, NameError, Network, Time};

/// The far ends, as the test and the reactor both see them. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct FarEnds(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    now: Time,
    knock: Option<Token>,
    callers: usize,
    ends: Vec<End>,
    free: Vec<u32>,
    edges: Vec<Readiness>,
    open: usize,
    reset: usize,
    polls: usize,
}

/// One peer.
#[derive(Clone, Copy)]
struct End {
    token: Token,
    /// How many bytes it has sent that were not read yet.
    says: u32,
    /// How many bytes more it takes.
    takes: u32,
    tail: Tail,
}

/// What follows what a peer has said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Silence,
    Fin,
    Rst,
}

const UNBOUNDED: u32 = u32::MAX;
const LISTENER: SocketId = SocketId(u32::MAX);

impl FarEnds {
    /// Room for so many ends, taken at once: what grows afterwards is the reactor's.
    pub(crate) fn with_capacity(most: usize) -> Self {
        let ends = Self::default();
        {
            let mut state = ends.0.borrow_mut();
            state.ends.reserve_exact(most);
            state.free.reserve_exact(most);
            state.edges.reserve_exact(4096);
        }
        ends
    }

    /// The network that leads to them, for one reactor.
    pub(crate) fn network(&self) -> Box<dyn Network> {
        Box::new(NoKernel(Rc::clone(&self.0)))
    }

    /// So many more call in.
    pub(crate) fn call(&self, count: usize) {
        let mut state = self.0.borrow_mut();
        state.callers += count;
        if let Some(token) = state.knock {
            state.edge(token, |edge| edge.readable = true);
        }
    }

    /// One sends so many bytes, all of them newlines.
    pub(crate) fn send(&self, socket: u32, size: u32) {
        self.change(socket, |end| end.says += size, |edge| edge.readable = true);
    }

    /// One ends its direction.
    pub(crate) fn finish(&self, socket: u32) {
        self.change(
            socket,
            |end| end.tail = Tail::Fin,
            |edge| {
                edge.readable = true;
                edge.ended = true;
            },
        );
    }

    /// One breaks its connection.
    pub(crate) fn reset(&self, socket: u32) {
        self.change(
            socket,
            |end| {
                end.says = 0;
                end.tail = Tail::Rst;
            },
            |edge| {
                edge.readable = true;
                edge.writable = true;
                edge.ended = true;
                edge.failed = true;
            },
        );
    }

    /// One takes so many bytes and then no more; `None`: it takes all.
    pub(crate) fn take(&self, socket: u32, size: Option<u32>) {
        let takes = size.unwrap_or(UNBOUNDED);
        self.change(socket, |end| end.takes = takes, |edge| edge.writable = true);
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut state = self.0.borrow_mut();
        state.now = state.now + by;
    }

    /// How many sockets the reactor holds.
    pub(crate) fn open(&self) -> usize {
        self.0.borrow().open
    }

    /// How many sockets the reactor has broken.
    pub(crate) fn broken(&self) -> usize {
        self.0.borrow().reset
    }

    /// How many have called and were not accepted yet.
    pub(crate) fn waiting(&self) -> usize {
        self.0.borrow().callers
    }

    /// Whether nothing is left to tell the reactor of.
    pub(crate) fn is_quiet(&self) -> bool {
        self.0.borrow().edges.is_empty()
    }

    fn change(&self, socket: u32, end: impl FnOnce(&mut End), edge: impl FnOnce(&mut Readiness)) {
        let mut state = self.0.borrow_mut();
        let at = &mut state.ends[socket as usize];
        end(at);
        let token = at.token;
        state.edge(token, edge);
    }
}

impl State {
    fn edge(&mut self, token: Token, what: impl FnOnce(&mut Readiness)) {
        let mut edge = Readiness {
            token,
            readable: false,
            writable: false,
            ended: false,
            failed: false,
        };
        what(&mut edge);
        self.edges.push(edge);
    }

    fn end(&mut self, SocketId(socket): SocketId) -> io::Result<&mut End> {
        self.ends
            .get_mut(socket as usize)
            .ok_or_else(|| ErrorKind::InvalidInput.into())
    }
}

fn address() -> Address {
    Address::Tcp(([127, 0, 0, 1], 8007).into())
}

struct NoKernel(Rc<RefCell<State>>);

impl Network for NoKernel {
    fn poll(&mut self, timeout: Option<Duration>, batch: &mut Batch) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.polls += 1;
        let count = state.edges.len().min(1024);
        batch.ready.extend(state.edges.drain(..count));
        if count == 0 {
            let now = state.now;
            state.now = now + timeout.unwrap_or_default();
        }
        Ok(())
    }

    fn now(&mut self) -> Time {
        self.0.borrow().now
    }

    fn wall_clock(&mut self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn random(&mut self) -> u64 {
        4
    }

    fn listen(
        &mut self,
        _address: &Address,
        _options: &ListenOptions,
        token: Token,
    ) -> io::Result<(SocketId, Address)> {
        self.0.borrow_mut().knock = Some(token);
        Ok((LISTENER, address()))
    }

    fn accept(&mut self, _listener: SocketId) -> io::Result<(SocketId, Address)> {
        let mut state = self.0.borrow_mut();
        if state.callers == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        state.callers -= 1;
        state.open += 1;
        let end = End {
            token: Token(0),
            says: 0,
            takes: UNBOUNDED,
            tail: Tail::Silence,
        };
        let socket = match state.free.pop() {
            Some(socket) => {
                state.ends[socket as usize] = end;
                socket
            }
            None => {
                state.ends.push(end);
                state.ends.len() as u32 - 1
            }
        };
        Ok((SocketId(socket), address()))
    }

    fn refuse(&mut self, _listener: SocketId) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn register(&mut self, socket: SocketId, token: Token) -> io::Result<()> {
        self.0.borrow_mut().end(socket)?.token = token;
        Ok(())
    }

    fn connect(
        &mut self,
        _address: &Address,
        _options: &ConnectOptions,
        _token: Token,
    ) -> io::Result<SocketId> {
        Err(ErrorKind::Unsupported.into())
    }

    fn finish_connect(&mut self, _socket: SocketId) -> io::Result<bool> {
        Ok(true)
    }

    fn read(&mut self, socket: SocketId, buffer: &mut [u8]) -> io::Result<Received> {
        let mut state = self.0.borrow_mut();
        let end = state.end(socket)?;
        if end.says > 0 {
            let size = buffer.len().min(end.says as usize);
            buffer[..size].fill(b'\n');
            end.says -= size as u32;
            return Ok(Received::Filled {
                size,
                drained: end.says == 0,
            });
        }
        match end.tail {
            Tail::Silence => Err(ErrorKind::WouldBlock.into()),
            Tail::Fin => Ok(Received::Ended),
            Tail::Rst => Err(ErrorKind::ConnectionReset.into()),
        }
    }

    fn write(&mut self, socket: SocketId, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        let end = state.end(socket)?;
        let size: usize = pieces.iter().map(|piece| piece.len()).sum();
        match end.takes {
            _ if end.tail == Tail::Rst => Err(ErrorKind::BrokenPipe.into()),
            0 => Err(ErrorKind::WouldBlock.into()),
            UNBOUNDED => Ok(size),
            room => {
                let size = size.min(room as usize);
                end.takes -= size as u32;
                Ok(size)
            }
        }
    }

    fn shutdown_write(&mut self, _socket: SocketId) -> io::Result<()> {
        Ok(())
    }

    fn take_error(&mut self, socket: SocketId) -> Option<io::Error> {
        let mut state = self.0.borrow_mut();
        let end = state.end(socket).ok()?;
        (end.tail == Tail::Rst).then(|| ErrorKind::ConnectionReset.into())
    }

    fn local_address(&self, _socket: SocketId) -> io::Result<Address> {
        Ok(address())
    }

    fn close(&mut self, socket: SocketId, farewell: Farewell) {
        let mut state = self.0.borrow_mut();
        if socket == LISTENER {
            state.knock = None;
            return;
        }
        state.open -= 1;
        state.reset += usize::from(farewell == Farewell::Reset);
        state.free.push(socket.0);
    }

    fn look_up(&mut self, _lookup: LookupId, _question: &Question) -> Result<(), NameError> {
        Err(NameError::Busy)
    }

    fn cancel_look_up(&mut self, _lookup: LookupId) {}

    fn service_port(&mut self, _service: &str, _protocol: Option<&str>) -> Option<u16> {
        None
    }

    fn watch_signals(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Wake> {
        struct NeverAsleep;
        impl Wake for NeverAsleep {
            fn wake(&self) {}
        }
        Arc::new(NeverAsleep)
    }

    fn descriptor_limit(&self) -> Option<usize> {
        None
    }
}
