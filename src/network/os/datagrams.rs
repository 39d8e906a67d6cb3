//! The datagrams of the machine's network. Owns which calls go to which socket; how sockets are made is `udp`'s.

use std::io;
use std::net::SocketAddr;

use mio::Interest;
use mio::net::UdpSocket;

use super::{OsNetwork, selector_token};
use crate::network::sockets::Socket;
use crate::network::{
    DatagramNetwork, DatagramOptions, Multicast, ReceivedDatagram, SocketId, Token, udp,
};

impl OsNetwork {
    fn datagram_socket(&self, socket: SocketId) -> io::Result<&UdpSocket> {
        match self.sockets.at(socket.0) {
            Some(Socket::Datagram(socket)) => Ok(socket),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

impl DatagramNetwork for OsNetwork {
    fn open(
        &mut self,
        address: SocketAddr,
        options: &DatagramOptions,
        token: Token,
    ) -> io::Result<(SocketId, SocketAddr)> {
        let mut socket = udp::open(address, options)?;
        let bound = socket.local_addr()?;
        let both = Interest::READABLE | Interest::WRITABLE;
        let token = selector_token(token)?;
        self.poll.registry().register(&mut socket, token, both)?;
        Ok((self.keep(Socket::Datagram(socket)), bound))
    }

    fn receive(&mut self, socket: SocketId, buffer: &mut [u8]) -> io::Result<ReceivedDatagram> {
        udp::receive(self.datagram_socket(socket)?, buffer)
    }

    fn send(&mut self, socket: SocketId, data: &[u8], to: Option<SocketAddr>) -> io::Result<()> {
        udp::send(self.datagram_socket(socket)?, data, to)
    }

    fn set_membership(
        &mut self,
        socket: SocketId,
        group: &Multicast,
        member: bool,
    ) -> io::Result<()> {
        udp::set_membership(self.datagram_socket(socket)?, group, member)
    }

    fn dropped(&mut self, socket: SocketId) -> Option<u64> {
        udp::dropped(self.datagram_socket(socket).ok()?)
    }
}
