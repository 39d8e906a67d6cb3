//! A UDP socket. Owns its timeout and its family; keeps no order, for the network keeps none.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::SockRef;

use super::address::HostPort;
use super::error::Result;
use super::patience::Patience;
use crate::network::resolver::Family;

/// A UDP socket. What it is bound to says its family, IPv4 or IPv6, and with that whom it can reach.
///
/// ```
/// use ropewalk::socket::{Datagram, Result};
///
/// # fn main() -> Result<()> {
/// let one = Datagram::bind(("127.0.0.1", 0))?;
/// let other = Datagram::bind(("127.0.0.1", 0))?;
/// one.sendto("hello", other.getsockname()?)?;
/// let (data, from) = other.recvfrom(1500)?;
/// assert_eq!(data, b"hello");
/// assert_eq!(from, one.getsockname()?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Datagram {
    socket: UdpSocket,
    family: Family,
    patience: Patience,
}

impl Datagram {
    /// A UDP socket at an address of this machine. Who only asks and never serves binds to `("", 0)`: any address, any port.
    ///
    /// # Errors
    /// [`Gaierror`](super::Error::Gaierror) if the host is no address, else what the system says.
    pub fn bind(address: impl Into<HostPort>) -> Result<Self> {
        let address = address.into().resolve_one()?;
        Ok(Self {
            socket: UdpSocket::bind(address)?,
            family: if address.is_ipv4() {
                Family::V4
            } else {
                Family::V6
            },
            patience: Patience::endless(),
        })
    }

    /// Sends one datagram, and returns its length. That it arrives nobody promises.
    ///
    /// # Errors
    /// [`Gaierror`](super::Error::Gaierror) if the host is no address of the socket's family, else what the system says.
    pub fn sendto(&self, data: impl AsRef<[u8]>, address: impl Into<HostPort>) -> Result<usize> {
        let to = address.into().resolve(self.family)?[0];
        let deadline = self.patience.begin();
        deadline.send(SockRef::from(&self.socket), || {
            self.socket.send_to(data.as_ref(), to)
        })
    }

    /// Waits for a datagram, and returns it with its sender's address. What is longer than `bufsize` is lost.
    ///
    /// # Errors
    /// What the system says, or that it took too long.
    pub fn recvfrom(&self, bufsize: usize) -> Result<(Vec<u8>, SocketAddr)> {
        self.receive(bufsize, |socket, data| socket.recv_from(data))
    }

    /// From now on sends to this address, and hears nobody else. A port that nobody listens at is told, as refused, by a later
    /// call.
    ///
    /// # Errors
    /// As [`sendto`](Self::sendto).
    pub fn connect(&self, address: impl Into<HostPort>) -> Result<()> {
        let to = address.into().resolve(self.family)?[0];
        Ok(self.socket.connect(to)?)
    }

    /// Sends one datagram to where the socket is connected to, and returns its length.
    ///
    /// # Errors
    /// What the system says.
    pub fn send(&self, data: impl AsRef<[u8]>) -> Result<usize> {
        let deadline = self.patience.begin();
        deadline.send(SockRef::from(&self.socket), || {
            self.socket.send(data.as_ref())
        })
    }

    /// Waits for a datagram. What is longer than `bufsize` is lost.
    ///
    /// # Errors
    /// What the system says, or that it took too long.
    pub fn recv(&self, bufsize: usize) -> Result<Vec<u8>> {
        let received = self.receive(bufsize, |socket, data| Ok((socket.recv(data)?, ())));
        received.map(|(data, ())| data)
    }

    fn receive<A>(
        &self,
        size: usize,
        call: impl Fn(&UdpSocket, &mut [u8]) -> std::io::Result<(usize, A)>,
    ) -> Result<(Vec<u8>, A)> {
        let mut data = vec![0; size];
        let deadline = self.patience.begin();
        let socket = SockRef::from(&self.socket);
        let (count, from) = deadline.receive(socket, || call(&self.socket, &mut data))?;
        data.truncate(count);
        Ok((data, from))
    }

    /// Our own address.
    ///
    /// # Errors
    /// What the system says.
    pub fn getsockname(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    /// The address it is connected to.
    ///
    /// # Errors
    /// That it is not connected.
    pub fn getpeername(&self) -> Result<SocketAddr> {
        Ok(self.socket.peer_addr()?)
    }

    /// How long each call may wait; see [`Socket::settimeout`](super::Socket::settimeout).
    ///
    /// # Errors
    /// What the system says.
    pub fn settimeout(&self, timeout: impl Into<Option<Duration>>) -> Result<()> {
        let socket = SockRef::from(&self.socket);
        self.patience.set(socket, timeout.into())
    }

    /// What [`settimeout`](Self::settimeout) has set; `None` at first.
    pub fn gettimeout(&self) -> Option<Duration> {
        self.patience.timeout()
    }

    /// Closes the socket, as dropping it does.
    pub fn close(self) {}
}

#[cfg(unix)]
impl std::os::fd::AsFd for Datagram {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
