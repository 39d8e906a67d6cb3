//! What a kernel does for a UDP socket: open it, receive, send, join groups. Owns the errors of these calls, with the faults among
//! them; the way of what is sent is in `datagrams`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::calls::loopback;
use super::datagrams::{Way, is_for_many};
use super::{Event, Fabric};
use crate::network::{DatagramOptions, Multicast, ReceivedDatagram, SocketId, Token};
use crate::sim::choose::Site;
use crate::sim::errno;
use crate::sim::host::{Host, HostId, Socket};
use crate::sim::trace::What;
use crate::sim::udp::{UdpSocket, is_broadcast, longest};

/// How long a kernel has no room that a test has it say so.
const ROOM: Duration = Duration::from_millis(1);
/// Of a datagram that is cut off, so many parts may be left.
const PARTS: u64 = 16;

impl Fabric {
    pub(in crate::sim) fn open_datagrams(
        &mut self,
        on: HostId,
        mut address: SocketAddr,
        options: &DatagramOptions,
        token: Option<Token>,
    ) -> io::Result<(SocketId, SocketAddr)> {
        let is_cut_off = options
            .peer
            .is_some_and(|peer| self.cut_off.contains(&peer.ip()));
        let host = self.host_mut(on);
        host.check_descriptors()?;
        if !host.owns(address.ip()) && !address.ip().is_multicast() {
            return Err(errno::error(errno::EADDRNOTAVAIL));
        }
        if is_cut_off {
            return Err(errno::error(errno::ENETUNREACH));
        }
        if let Some(peer) = options.peer {
            if peer.is_ipv4() != address.is_ipv4() {
                return Err(errno::error(errno::EAFNOSUPPORT));
            }
            if address.ip().is_unspecified() {
                address.set_ip(source_for(host, peer.ip()));
            }
        }
        if address.port() == 0 {
            let free = host.udp_ports.take();
            address.set_port(free.ok_or_else(|| errno::error(errno::EADDRINUSE))?);
        } else if host.is_udp_taken(address, options.shared) {
            return Err(errno::error(errno::EADDRINUSE));
        } else {
            host.udp_ports.claim(address.port());
        }
        let mut socket = UdpSocket::new(address, token);
        socket.peer = options.peer;
        (socket.broadcast, socket.shared) = (options.broadcast, options.shared);
        let id = host.insert(Socket::Datagrams(socket));
        self.note(on, What::Listens(address.into()));
        Ok((id, address))
    }

    pub(super) fn udp_socket(&mut self, on: HostId, id: SocketId) -> io::Result<&mut UdpSocket> {
        match self.host_mut(on).socket_mut(id) {
            Some(Socket::Datagrams(socket)) => Ok(socket),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    pub(in crate::sim) fn set_membership(
        &mut self,
        on: HostId,
        id: SocketId,
        group: &Multicast,
        member: bool,
    ) -> io::Result<()> {
        let socket = self.udp_socket(on, id)?;
        let changed = if member {
            socket.groups.insert(*group)
        } else {
            socket.groups.remove(group)
        };
        match (changed, member) {
            (true, _) => Ok(()),
            (false, true) => Err(errno::error(errno::EADDRINUSE)),
            (false, false) => Err(errno::error(errno::EADDRNOTAVAIL)),
        }
    }

    /// Receives one, or takes the error that is pending.
    pub(in crate::sim) fn receive(
        &mut self,
        on: HostId,
        id: SocketId,
        buffer: &mut [u8],
    ) -> io::Result<ReceivedDatagram> {
        self.unlucky(Site::Read, &errno::OF_READ)?;
        let would_block = self.choose(Site::WouldBlock, 2) == 1;
        let socket = self.udp_socket(on, id)?;
        if let Some(error) = socket.error.take() {
            return Err(errno::error(error));
        }
        if would_block && socket.is_readable() {
            self.host_mut(on).mark(id);
            return Err(errno::would_block());
        }
        let Some((from, data)) = socket.take() else {
            socket.awaits_input = true;
            return Err(errno::would_block());
        };
        let mut size = data.len().min(buffer.len());
        let left = match self.choose(Site::CutOff, PARTS + 1) {
            0 => size,
            parts => size * (parts as usize - 1) / PARTS as usize,
        };
        if left < size {
            self.note(on, What::Fault("receives only the beginning of a datagram"));
            size = left;
        }
        buffer[..size].copy_from_slice(&data[..size]);
        Ok(ReceivedDatagram {
            size,
            from,
            truncated: size < data.len(),
        })
    }

    /// What a script receives, without any fault of its own kernel's.
    pub(in crate::sim) fn peer_receives(
        &mut self,
        on: HostId,
        id: SocketId,
    ) -> Option<(SocketAddr, Bytes)> {
        let socket = self.udp_socket(on, id).ok()?;
        let taken = socket.take();
        socket.awaits_input |= taken.is_none();
        taken
    }

    pub(in crate::sim) fn send_datagram(
        &mut self,
        on: HostId,
        id: SocketId,
        data: &[u8],
        to: Option<SocketAddr>,
    ) -> io::Result<()> {
        self.unlucky(Site::Write, &errno::OF_SEND)?;
        let way = self.way_of(on, id, data.len(), to)?;
        if self.choose(Site::WouldBlock, 2) == 1 {
            self.host_mut(on).mark(id);
            return Err(errno::would_block());
        }
        self.send_off(way, data);
        Ok(())
    }

    /// A kernel that has no room tells when it has.
    pub(in crate::sim) fn tell_of_room_soon(&mut self, host: HostId, listener: SocketId) {
        let at = self.now + ROOM;
        self.queue.push(at, Event::TellListener { host, listener });
    }

    /// What a script sends, likewise.
    pub(in crate::sim) fn peer_sends_to(
        &mut self,
        on: HostId,
        id: SocketId,
        data: &[u8],
        to: SocketAddr,
    ) -> io::Result<()> {
        let way = self.way_of(on, id, data.len(), Some(to))?;
        self.send_off(way, data);
        Ok(())
    }

    /// Where a datagram is sent from, and where to, if its kernel lets it.
    fn way_of(
        &mut self,
        on: HostId,
        id: SocketId,
        size: usize,
        to: Option<SocketAddr>,
    ) -> io::Result<Way> {
        let socket = self.udp_socket(on, id)?;
        if let Some(error) = socket.error.take() {
            return Err(errno::error(error));
        }
        let to = to.or(socket.peer);
        let mut to = to.ok_or_else(|| errno::error(errno::EDESTADDRREQ))?;
        let mut from = socket.address;
        check_destination(socket, to, size)?;
        if self.cut_off.contains(&to.ip()) {
            return Err(errno::error(errno::ENETUNREACH));
        }
        if to.ip().is_unspecified() {
            to.set_ip(loopback(to.ip()));
        }
        let host = self.host(on);
        if from.ip().is_unspecified() {
            from.set_ip(source_for(host, to.ip()));
        }
        // An address of this machine alone can't be answered from elsewhere.
        if from.ip().is_loopback() && !host.owns(to.ip()) && !is_for_many(to.ip()) {
            return Err(errno::error(errno::EINVAL));
        }
        Ok(Way { host: on, from, to })
    }
}

/// From which of its addresses a host sends to another.
fn source_for(host: &Host, to: IpAddr) -> IpAddr {
    if to.is_loopback() {
        loopback(to)
    } else {
        host.source_for(to)
    }
}

/// What a kernel refuses at once.
fn check_destination(socket: &UdpSocket, to: SocketAddr, size: usize) -> io::Result<()> {
    let number = if to.is_ipv4() != socket.address.is_ipv4() {
        errno::EAFNOSUPPORT
    } else if size > longest(to.ip()) {
        errno::EMSGSIZE
    } else if is_broadcast(to.ip()) && !socket.broadcast {
        errno::EACCES
    } else if to.port() == 0 {
        errno::EINVAL
    } else {
        return Ok(());
    };
    Err(errno::error(number))
}
