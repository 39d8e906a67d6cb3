//! Datagrams as they cross the seam. Owns what a reactor can ask of a network that has them, and the words for it; opens, sends and
//! receives nothing.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{SocketId, Token};

/// What a network does that has datagrams, see [`Network::datagrams`](super::Network::datagrams). Readiness is told as for streams;
/// a socket is closed by [`Network::close`](super::Network::close).
pub trait DatagramNetwork {
    /// Opens a socket, bound and, if the options say so, connected; readiness is told under `token`. Returns the socket and the
    /// address it is bound to.
    ///
    /// # Errors
    /// What `socket`, `bind` and `connect` say.
    fn open(
        &mut self,
        address: SocketAddr,
        options: &DatagramOptions,
        token: Token,
    ) -> io::Result<(SocketId, SocketAddr)>;

    /// Receives one datagram.
    ///
    /// # Errors
    /// What `recvfrom` says; of a connected socket also that the peer refused one that was sent. After an error the socket is
    /// as good as before, unless it is none.
    fn receive(&mut self, socket: SocketId, buffer: &mut [u8]) -> io::Result<ReceivedDatagram>;

    /// Sends one datagram, whole or not at all; to the socket's peer if nobody is named.
    ///
    /// # Errors
    /// What `sendto` says; `WouldBlock` when the system has no room for it now: that there is some is told as readiness.
    fn send(&mut self, socket: SocketId, data: &[u8], to: Option<SocketAddr>) -> io::Result<()>;

    /// From now on hears a multicast group, or no longer.
    ///
    /// # Errors
    /// What the system says.
    fn set_membership(
        &mut self,
        socket: SocketId,
        group: &Multicast,
        member: bool,
    ) -> io::Result<()>;

    /// How many datagrams the system has dropped because they came faster than they were received. `None`: it does not say.
    fn dropped(&mut self, socket: SocketId) -> Option<u64> {
        let _ = socket;
        None
    }
}

/// How a datagram socket is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatagramOptions {
    /// Whom it is connected to: it hears nobody else, and is told when that one refuses.
    pub peer: Option<SocketAddr>,
    /// Whether it may send to broadcast addresses.
    pub broadcast: bool,
    /// Whether others may be bound to the same address and port, as those that listen to one multicast group are.
    pub shared: bool,
}

/// What was received: the bytes are in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedDatagram {
    /// How many bytes there are. None at all is a datagram too.
    pub size: usize,
    /// Who sent it.
    pub from: SocketAddr,
    /// It was longer, and the rest is gone. Systems do not all tell: one that fills its buffer counts as cut off.
    pub truncated: bool,
}

/// A multicast group, as heard on one of the machine's interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Multicast {
    /// Of IPv4: the interface by its address; `0.0.0.0`: as the system chooses.
    V4 {
        /// The group.
        group: Ipv4Addr,
        /// The interface.
        interface: Ipv4Addr,
    },
    /// Of IPv6: the interface by its number; 0: as the system chooses.
    V6 {
        /// The group.
        group: Ipv6Addr,
        /// The interface.
        interface: u32,
    },
}

/// On whichever interface the system chooses.
impl From<Ipv4Addr> for Multicast {
    fn from(group: Ipv4Addr) -> Self {
        let interface = Ipv4Addr::UNSPECIFIED;
        Self::V4 { group, interface }
    }
}

/// On whichever interface the system chooses.
impl From<Ipv6Addr> for Multicast {
    fn from(group: Ipv6Addr) -> Self {
        let interface = 0;
        Self::V6 { group, interface }
    }
}
