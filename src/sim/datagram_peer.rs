//! Scripted sockets for datagrams: what a test sends to a reactor, and what it wants to get. Owns the reading of scripts; the way of
//! a datagram is the fabric's.

use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;

use super::host::HostId;
use super::world::World;
use crate::network::{DatagramOptions, Farewell, SocketId};

/// A socket for datagrams that is moved by a test.
///
/// What waits for something runs the world until it comes, and panics with the story if it does not.
///
/// ```
/// use std::net::SocketAddr;
/// use ropewalk::sim::{Faults, World};
/// use ropewalk::{DatagramProtocol, DatagramTransport};
///
/// struct Echo;
///
/// impl DatagramProtocol for Echo {
///     fn datagram_received(&mut self, transport: &mut DatagramTransport<'_>, data: &[u8], from: SocketAddr) {
///         transport.send_to(data, from);
///     }
/// }
///
/// let world = World::new(0, Faults::None);
/// world.host("server", |reactor| reactor.bind("udp:7:interface=*").with(Echo).map(drop));
/// let server = SocketAddr::new(world.address("server"), 7);
/// let alice = world.datagram_peer("alice");
/// alice.send_to("hello", server).expect("hello");
/// ```
pub struct DatagramPeer {
    world: World,
    host: HostId,
    socket: SocketId,
    address: SocketAddr,
    /// The socket's place may be another's since.
    is_closed: Cell<bool>,
}

impl World {
    /// A socket for datagrams on a host, which is made if there is none of that name: at a free port, of IPv4. On a reactor's
    /// own host it reaches what is bound to the loopback address alone.
    pub fn datagram_peer(&self, host: &str) -> DatagramPeer {
        self.datagram_peer_at(host, ([0, 0, 0, 0], 0))
    }

    /// The same at an address of the host.
    ///
    /// # Panics
    /// If that is taken, or not the host's.
    #[track_caller]
    pub fn datagram_peer_at(&self, host: &str, address: impl Into<SocketAddr>) -> DatagramPeer {
        let address = address.into();
        let mut fabric = self.fabric().borrow_mut();
        let id = fabric.host_named(host);
        let options = DatagramOptions::default();
        let (socket, address) = match fabric.open_datagrams(id, address, &options, None) {
            Ok(opened) => opened,
            Err(error) => panic!("a peer can't be at {address} on {host}: {error}"),
        };
        drop(fabric);
        DatagramPeer {
            world: self.clone(),
            host: id,
            socket,
            address,
            is_closed: Cell::new(false),
        }
    }
}

impl DatagramPeer {
    /// Its address; its host's own if it is at any of them.
    pub fn address(&self) -> SocketAddr {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            let fabric = self.world.fabric().borrow();
            let host = fabric.host(self.host);
            address.set_ip(if address.is_ipv4() {
                host.v4.into()
            } else {
                host.v6.into()
            });
        }
        address
    }

    /// Sends a datagram, which never waits. What befalls it on its way is up to the world's faults.
    ///
    /// # Panics
    /// If it can't be sent at all, as one that is too long, or after [`closes`](Self::closes).
    #[track_caller]
    pub fn send_to(&self, data: impl AsRef<[u8]>, to: SocketAddr) -> &Self {
        assert!(!self.is_closed.get(), "the peer's socket is closed");
        let data = data.as_ref();
        let sent = {
            let mut fabric = self.world.fabric().borrow_mut();
            fabric.peer_sends_to(self.host, self.socket, data, to)
        };
        if let Err(error) = sent {
            panic!("a peer can't send {} bytes to {to}: {error}", data.len());
        }
        self
    }

    /// The next datagram that comes, and whom it comes from.
    #[track_caller]
    pub fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let received = self.world.wait_for(|_| self.try_receive());
        match received {
            Some(received) => received,
            None => self.world.fail("a peer expected a datagram; none comes"),
        }
    }

    /// A datagram that has come, and whom from; `None` if none has.
    pub fn try_receive(&self) -> Option<(Vec<u8>, SocketAddr)> {
        if self.is_closed.get() {
            return None;
        }
        let mut fabric = self.world.fabric().borrow_mut();
        let (from, data) = fabric.peer_receives(self.host, self.socket)?;
        Some((data.to_vec(), from))
    }

    /// The next datagram that comes is this one.
    #[track_caller]
    pub fn expect(&self, data: impl AsRef<[u8]>) -> &Self {
        let (got, from) = self.receive();
        let wanted = data.as_ref();
        if got != wanted {
            let (got, wanted) = (got.escape_ascii(), wanted.escape_ascii());
            let what = format!("a peer expected \"{wanted}\", and {from} sends \"{got}\"");
            self.world.fail(&what);
        }
        self
    }

    /// Closes the socket: what comes from now on is refused.
    pub fn closes(&self) {
        if self.is_closed.replace(true) {
            return;
        }
        let mut fabric = self.world.fabric().borrow_mut();
        fabric.close_socket(self.host, self.socket, Farewell::Close);
    }
}

impl fmt::Debug for DatagramPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramPeer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
