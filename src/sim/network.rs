//! One simulated host as its reactor sees it. Owns nothing but the handle: every call is a short borrow of the fabric,
//! over before it returns, and none of them waits.

mod datagrams;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::choose::Site;
use super::errno;
use super::fabric::Shared;
use super::host::{HostId, Injected, Socket};
use super::link::{EndId, Phase};
use super::names::{self, Outcome};
use crate::address::Address;
use crate::error::NameError;
use crate::limits::{WORK_THREADS, WORK_WAITING};
use crate::network::resolver::ask;
use crate::network::{
    Arrival, Batch, ConnectOptions, Credentials, DatagramNetwork, DeferError, Farewell,
    ListenOptions, LookupId, Network, Question, Received, Resolver, SocketId, StampedBy, Time,
    Token, Wake, Work, WorkId, run_work,
};

/// The network of one host of a [`World`](super::World).
pub(crate) struct SimNetwork {
    fabric: Shared,
    host: HostId,
}

impl SimNetwork {
    pub(super) fn new(fabric: Shared, host: HostId) -> Self {
        Self { fabric, host }
    }

    fn end_of(&self, socket: SocketId) -> io::Result<EndId> {
        let end = self.fabric.borrow().host(self.host).end_of(socket);
        end.ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// The error that a test has asked for, if any.
    fn injected(&self, queue: impl FnOnce(&mut Injected) -> &mut VecDeque<i32>) -> io::Result<()> {
        let mut fabric = self.fabric.borrow_mut();
        let number = queue(&mut fabric.host_mut(self.host).injected).pop_front();
        number.map_or(Ok(()), |number| Err(errno::error(number)))
    }
}

impl Network for SimNetwork {
    fn poll(&mut self, _timeout: Option<Duration>, batch: &mut Batch) -> io::Result<()> {
        self.fabric.borrow_mut().poll(self.host, batch);
        Ok(())
    }

    fn now(&mut self) -> Time {
        self.fabric.borrow().now
    }

    fn wall_clock(&mut self) -> SystemTime {
        let fabric = self.fabric.borrow();
        fabric.host(self.host).epoch + fabric.now.since(Time::START)
    }

    fn random(&mut self) -> u64 {
        self.fabric.borrow_mut().host_mut(self.host).random.next()
    }

    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: Token,
    ) -> io::Result<(SocketId, Address)> {
        let mut fabric = self.fabric.borrow_mut();
        match address {
            Address::Tcp(address) => {
                let (backlog, token) = (options.backlog, Some(token));
                let (id, bound) = fabric.listen(self.host, *address, backlog, token)?;
                Ok((id, bound.into()))
            }
            Address::Unix(name) => fabric.listen_unix(self.host, name, options, Some(token)),
        }
    }

    fn accept(&mut self, listener: SocketId) -> io::Result<(SocketId, Address)> {
        let mut fabric = self.fabric.borrow_mut();
        let (id, peer) = fabric.accept(self.host, listener)?;
        Ok((id, fabric.shown(self.host, peer)))
    }

    fn refuse(&mut self, listener: SocketId) -> io::Result<()> {
        let mut fabric = self.fabric.borrow_mut();
        let end = fabric.take_call(self.host, listener)?;
        fabric.close(end, Farewell::Close);
        Ok(())
    }

    fn register(&mut self, socket: SocketId, new: Token) -> io::Result<()> {
        let mut fabric = self.fabric.borrow_mut();
        let host = fabric.host_mut(self.host);
        let Some(Socket::Stream { token, .. }) = host.socket_mut(socket) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        *token = Some(new);
        host.mark(socket);
        Ok(())
    }

    fn connect(
        &mut self,
        address: &Address,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<SocketId> {
        self.injected(|injected| &mut injected.connect)?;
        let mut fabric = self.fabric.borrow_mut();
        fabric.host(self.host).check_descriptors()?;
        let to = match address {
            Address::Tcp(address) => *address,
            Address::Unix(name) => fabric.place_of(self.host, name)?,
        };
        let bind = match (&options.bind, address) {
            (None, _) => None,
            (Some(Address::Tcp(local)), Address::Tcp(_)) => Some(*local),
            _ => return Err(errno::error(errno::EADDRNOTAVAIL)),
        };
        let end = fabric.connect(self.host, to, bind)?;
        let token = Some(token);
        let socket = Socket::Stream { end, token };
        let socket = fabric.host_mut(self.host).insert(socket);
        fabric.hold(end, socket);
        Ok(socket)
    }

    fn finish_connect(&mut self, socket: SocketId) -> io::Result<bool> {
        let end = self.end_of(socket)?;
        let phase = self.fabric.borrow().phase(end);
        match phase {
            Phase::Connecting => Ok(false),
            Phase::Open => Ok(true),
            Phase::Absent | Phase::Broken => {
                let error = self.take_error(socket);
                Err(error.unwrap_or_else(|| errno::error(errno::ENOTCONN)))
            }
        }
    }

    fn read(&mut self, socket: SocketId, buffer: &mut [u8]) -> io::Result<Received> {
        self.injected(|injected| &mut injected.read)?;
        let end = self.end_of(socket)?;
        let mut fabric = self.fabric.borrow_mut();
        fabric.host_mut(self.host).look_at(socket);
        fabric.unlucky(Site::Read, &errno::OF_READ)?;
        fabric.read(end, buffer)
    }

    fn set_time_stamps(&mut self, _: SocketId, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn read_stamped(
        &mut self,
        socket: SocketId,
        buffer: &mut [u8],
    ) -> io::Result<(Received, Arrival)> {
        let end = self.end_of(socket)?;
        let received = self.read(socket, buffer)?;
        let fabric = self.fabric.borrow();
        let time = fabric.read_arrival(end);
        let arrival = Arrival {
            time,
            wall_clock: fabric.host(self.host).epoch + time.since(Time::START),
            stamped_by: StampedBy::Kernel,
        };
        Ok((received, arrival))
    }

    fn write(&mut self, socket: SocketId, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.injected(|injected| &mut injected.write)?;
        let end = self.end_of(socket)?;
        let mut fabric = self.fabric.borrow_mut();
        fabric.unlucky(Site::Write, &errno::OF_WRITE)?;
        fabric.write(end, pieces)
    }

    fn shutdown_write(&mut self, socket: SocketId) -> io::Result<()> {
        let end = self.end_of(socket)?;
        self.fabric.borrow_mut().shut_down(end)
    }

    fn datagrams(&mut self) -> Option<&mut dyn DatagramNetwork> {
        Some(self)
    }

    fn take_error(&mut self, socket: SocketId) -> Option<io::Error> {
        let end = self.end_of(socket).ok()?;
        self.fabric.borrow_mut().take_error(end).map(errno::error)
    }

    fn local_address(&self, socket: SocketId) -> io::Result<Address> {
        let fabric = self.fabric.borrow();
        if let Some(Socket::Listener(listener)) = fabric.host(self.host).socket(socket) {
            return Ok(fabric.shown(self.host, listener.address));
        }
        let end = self.end_of(socket)?;
        let link = fabric.link(end.link);
        let local = link.map(|link| fabric.shown(self.host, link.end(end.side).local));
        local.ok_or_else(|| errno::error(errno::ENOTCONN))
    }

    fn peer_credentials(&self, socket: SocketId) -> Option<Credentials> {
        let end = self.end_of(socket).ok()?;
        self.fabric.borrow().credentials(end)
    }

    fn close(&mut self, socket: SocketId, farewell: Farewell) {
        let mut fabric = self.fabric.borrow_mut();
        fabric.unlink(self.host, socket);
        fabric.close_socket(self.host, socket, farewell);
    }

    fn look_up(&mut self, lookup: LookupId, question: &Question) -> Result<(), NameError> {
        let mut fabric = self.fabric.borrow_mut();
        if fabric.names.is_busy(question) || fabric.choose(Site::Busy, 2) == 1 {
            return Err(NameError::Busy);
        }
        let known = fabric.names.outcome(question);
        let resolver = fabric.host(self.host).resolver.clone();
        drop(fabric);
        let outcome = known.unwrap_or_else(|| {
            let unknown = Err(NameError::Unknown);
            Outcome::of(resolver.map_or(unknown, |resolver| ask(resolver, question)))
        });
        let mut fabric = self.fabric.borrow_mut();
        fabric.look_up(self.host, lookup, question, outcome);
        Ok(())
    }

    fn cancel_look_up(&mut self, lookup: LookupId) {
        let mut fabric = self.fabric.borrow_mut();
        let host = fabric.host_mut(self.host);
        host.lookups.remove(&lookup);
        host.names.retain(|(other, _)| *other != lookup);
    }

    /// There are no threads: it is asked at once, about names that the world does not know.
    fn set_resolver(&mut self, resolver: Arc<dyn Resolver>) {
        let mut fabric = self.fabric.borrow_mut();
        fabric.host_mut(self.host).resolver = Some(resolver);
    }

    /// There are no threads: the work is done at once, and takes its time all the same.
    fn defer(&mut self, id: WorkId, work: Work) -> Result<(), DeferError> {
        const MOST: usize = WORK_THREADS + WORK_WAITING;
        if self.fabric.borrow().host(self.host).working >= MOST {
            return Err(DeferError::Busy);
        }
        let outcome = run_work(work);
        let mut fabric = self.fabric.borrow_mut();
        fabric.work(self.host, id, outcome);
        Ok(())
    }

    fn service_port(&mut self, service: &str, protocol: Option<&str>) -> Option<u16> {
        names::service_port(service, protocol)
    }

    fn service_name(&mut self, port: u16, protocol: Option<&str>) -> Option<String> {
        names::service_name(port, protocol)
    }

    fn watch_signals(&mut self) -> io::Result<()> {
        self.fabric.borrow_mut().host_mut(self.host).watches_signals = true;
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.fabric.borrow().host(self.host).waker.clone()
    }

    fn descriptor_limit(&self) -> Option<usize> {
        self.fabric.borrow().host(self.host).limit
    }
}

/// The kernel closes what a process leaves open.
impl Drop for SimNetwork {
    fn drop(&mut self) {
        // A panic inside the fabric may be what drops it.
        let Ok(mut fabric) = self.fabric.try_borrow_mut() else {
            return;
        };
        fabric.end_process(self.host);
    }
}
