//! The datagrams of one simulated host. Owns nothing: every call is a short borrow of the fabric.

use std::io;
use std::net::SocketAddr;

use super::SimNetwork;
use crate::network::{
    DatagramNetwork, DatagramOptions, Multicast, ReceivedDatagram, SocketId, Token,
};
use crate::sim::host::Socket;

impl DatagramNetwork for SimNetwork {
    fn open(
        &mut self,
        address: SocketAddr,
        options: &DatagramOptions,
        token: Token,
    ) -> io::Result<(SocketId, SocketAddr)> {
        let mut fabric = self.fabric.borrow_mut();
        fabric.open_datagrams(self.host, address, options, Some(token))
    }

    fn receive(&mut self, socket: SocketId, buffer: &mut [u8]) -> io::Result<ReceivedDatagram> {
        self.injected(|injected| &mut injected.read)?;
        let mut fabric = self.fabric.borrow_mut();
        fabric.host_mut(self.host).look_at(socket);
        fabric.receive(self.host, socket, buffer)
    }

    fn send(&mut self, socket: SocketId, data: &[u8], to: Option<SocketAddr>) -> io::Result<()> {
        let injected = self.injected(|injected| &mut injected.write);
        let mut fabric = self.fabric.borrow_mut();
        if injected.is_err() {
            fabric.tell_of_room_soon(self.host, socket);
        }
        injected?;
        fabric.send_datagram(self.host, socket, data, to)
    }

    fn set_membership(
        &mut self,
        socket: SocketId,
        group: &Multicast,
        member: bool,
    ) -> io::Result<()> {
        let mut fabric = self.fabric.borrow_mut();
        fabric.set_membership(self.host, socket, group, member)
    }

    fn dropped(&mut self, socket: SocketId) -> Option<u64> {
        match self.fabric.borrow().host(self.host).socket(socket)? {
            Socket::Datagrams(socket) => Some(socket.dropped),
            Socket::Listener(_) | Socket::Stream { .. } => None,
        }
    }
}
