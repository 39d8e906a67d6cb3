//! The machine's network, and how often it was asked to send: what a reactor does not count. Owns the number; everything
//! is passed on.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ropewalk::network::{
    Batch, ConnectOptions, Farewell, ListenOptions, LookupId, Received, SocketId, Token, Wake,
    Work, WorkId,
};
use ropewalk::{Address, Arrival, DeferError, NameError, Network, OsNetwork, Time};

pub(crate) struct Counted {
    network: OsNetwork,
    sends: Rc<Cell<u64>>,
}

impl Counted {
    pub(crate) fn new() -> io::Result<(Self, Rc<Cell<u64>>)> {
        let sends = Rc::new(Cell::new(0));
        let network = OsNetwork::new()?;
        let counted = Self {
            network,
            sends: Rc::clone(&sends),
        };
        Ok((counted, sends))
    }
}

impl Network for Counted {
    fn write(&mut self, socket: SocketId, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.sends.set(self.sends.get() + 1);
        self.network.write(socket, pieces)
    }

    fn poll(&mut self, timeout: Option<Duration>, batch: &mut Batch) -> io::Result<()> {
        self.network.poll(timeout, batch)
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
        self.network.read(socket, buffer)
    }

    fn set_spin(&mut self, time: Duration) {
        self.network.set_spin(time);
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

    fn look_up(&mut self, lookup: LookupId, host: &str) -> Result<(), NameError> {
        self.network.look_up(lookup, host)
    }

    fn set_time_stamps(&mut self, socket: SocketId, on: bool) -> io::Result<()> {
        self.network.set_time_stamps(socket, on)
    }

    fn read_stamped(
        &mut self,
        socket: SocketId,
        buffer: &mut [u8],
    ) -> io::Result<(Received, Arrival)> {
        self.network.read_stamped(socket, buffer)
    }

    fn defer(&mut self, id: WorkId, work: Work) -> Result<(), DeferError> {
        self.network.defer(id, work)
    }

    fn cancel_look_up(&mut self, lookup: LookupId) {
        self.network.cancel_look_up(lookup);
    }

    fn service_port(&mut self, service: &str) -> Option<u16> {
        self.network.service_port(service)
    }

    fn watch_signals(&mut self) -> io::Result<()> {
        self.network.watch_signals()
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.network.waker()
    }

    fn descriptor_limit(&self) -> Option<usize> {
        self.network.descriptor_limit()
    }
}
