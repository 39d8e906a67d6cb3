//! The machine's network, counting what it is asked for, which a reactor does not count. Owns the counts; everything is
//! passed on.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use ropewalk::network::{
    Batch, ConnectOptions, Farewell, ListenOptions, LookupId, Network, NotWhole, OsNetwork, Piece,
    Question, Received, SocketId, Token, Wake, Work, WorkId,
};
use ropewalk::{Address, Arrival, DeferError, NameError, Reactor, Time};

/// How often each was asked for. Clones count together.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    pub(crate) polls: Rc<Cell<usize>>,
    pub(crate) reads: Rc<Cell<usize>>,
    pub(crate) writes: Rc<Cell<usize>>,
    wakes: Arc<AtomicUsize>,
}

impl Calls {
    /// A reactor on real sockets whose calls are counted here.
    pub(crate) fn reactor(&self) -> Reactor {
        Reactor::on(Box::new(self.network()))
    }

    /// The machine's network, with what is asked of it counted here.
    pub(crate) fn network(&self) -> Counted {
        Counted {
            network: OsNetwork::new().expect("the system has a selector"),
            calls: self.clone(),
        }
    }

    pub(crate) fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }
}

pub(crate) struct Counted {
    network: OsNetwork,
    calls: Calls,
}

struct CountedWaker {
    waker: Arc<dyn Wake>,
    wakes: Arc<AtomicUsize>,
}

impl Wake for CountedWaker {
    fn wake(&self) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.waker.wake();
    }
}

fn one_more(calls: &Cell<usize>) {
    calls.set(calls.get() + 1);
}

impl Network for Counted {
    fn poll(&mut self, timeout: Option<Duration>, batch: &mut Batch) -> io::Result<()> {
        one_more(&self.calls.polls);
        self.network.poll(timeout, batch)
    }

    fn set_spin(&mut self, time: Duration) {
        self.network.set_spin(time);
    }

    fn now(&mut self) -> Time {
        self.network.now()
    }

    fn wall_clock(&mut self) -> SystemTime {
        self.network.wall_clock()
    }

    fn random(&mut self) -> u64 {
        self.network.random()
    }

    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: Token,
    ) -> io::Result<(SocketId, Address)> {
        self.network.listen(address, options, token)
    }

    fn accept(&mut self, listener: SocketId) -> io::Result<(SocketId, Address)> {
        self.network.accept(listener)
    }

    fn refuse(&mut self, listener: SocketId) -> io::Result<()> {
        self.network.refuse(listener)
    }

    fn register(&mut self, socket: SocketId, token: Token) -> io::Result<()> {
        self.network.register(socket, token)
    }

    fn connect(
        &mut self,
        address: &Address,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<SocketId> {
        self.network.connect(address, options, token)
    }

    fn finish_connect(&mut self, socket: SocketId) -> io::Result<bool> {
        self.network.finish_connect(socket)
    }

    fn read(&mut self, socket: SocketId, buffer: &mut [u8]) -> io::Result<Received> {
        one_more(&self.calls.reads);
        self.network.read(socket, buffer)
    }

    fn read_each(
        &mut self,
        sockets: &[SocketId],
        buffer: &mut [u8],
        most: usize,
        sizes: &mut Vec<usize>,
    ) -> Option<io::Result<Received>> {
        let before = sizes.len();
        let odd = self.network.read_each(sockets, buffer, most, sizes);
        let reads = sizes.len() - before + usize::from(odd.is_some());
        self.calls.reads.set(self.calls.reads.get() + reads);
        odd
    }

    fn set_time_stamps(&mut self, socket: SocketId, on: bool) -> io::Result<()> {
        self.network.set_time_stamps(socket, on)
    }

    fn read_stamped(
        &mut self,
        socket: SocketId,
        buffer: &mut [u8],
    ) -> io::Result<(Received, Arrival)> {
        one_more(&self.calls.reads);
        self.network.read_stamped(socket, buffer)
    }

    fn write(&mut self, socket: SocketId, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        one_more(&self.calls.writes);
        self.network.write(socket, pieces)
    }

    fn write_each(&mut self, bytes: &[u8], pieces: &[Piece]) -> Result<(), NotWhole> {
        let outcome = self.network.write_each(bytes, pieces);
        let writes = match &outcome {
            Ok(()) => pieces.len(),
            Err(not_whole) => not_whole.index + 1,
        };
        self.calls.writes.set(self.calls.writes.get() + writes);
        outcome
    }

    fn shutdown_write(&mut self, socket: SocketId) -> io::Result<()> {
        self.network.shutdown_write(socket)
    }

    fn take_error(&mut self, socket: SocketId) -> Option<io::Error> {
        self.network.take_error(socket)
    }

    fn local_address(&self, socket: SocketId) -> io::Result<Address> {
        self.network.local_address(socket)
    }

    fn close(&mut self, socket: SocketId, farewell: Farewell) {
        self.network.close(socket, farewell);
    }

    fn socket_options(&self, socket: SocketId) -> Option<socket2::SockRef<'_>> {
        self.network.socket_options(socket)
    }

    fn look_up(&mut self, lookup: LookupId, question: &Question) -> Result<(), NameError> {
        self.network.look_up(lookup, question)
    }

    fn cancel_look_up(&mut self, lookup: LookupId) {
        self.network.cancel_look_up(lookup);
    }

    fn defer(&mut self, id: WorkId, work: Work) -> Result<(), DeferError> {
        self.network.defer(id, work)
    }

    fn service_port(&mut self, service: &str, protocol: Option<&str>) -> Option<u16> {
        self.network.service_port(service, protocol)
    }

    fn watch_signals(&mut self) -> io::Result<()> {
        self.network.watch_signals()
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::new(CountedWaker {
            waker: self.network.waker(),
            wakes: Arc::clone(&self.calls.wakes),
        })
    }

    fn descriptor_limit(&self) -> Option<usize> {
        self.network.descriptor_limit()
    }
}
