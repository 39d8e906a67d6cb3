//! How listeners come to be, and how sockets go. Owns what an address in use is; connections are made in `calls`.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use super::Fabric;
use crate::network::{Farewell, SocketId, Token};
use crate::sim::errno;
use crate::sim::host::{HostId, Listener, Socket};
use crate::sim::trace::What;

impl Fabric {
    pub(in crate::sim) fn listen(
        &mut self,
        on: HostId,
        mut address: SocketAddr,
        backlog: u32,
        token: Option<Token>,
    ) -> io::Result<(SocketId, SocketAddr)> {
        let host = self.host_mut(on);
        host.check_descriptors()?;
        if !host.owns(address.ip()) {
            return Err(errno::error(errno::EADDRNOTAVAIL));
        }
        if address.port() == 0 {
            let free = host.ports.take();
            address.set_port(free.ok_or_else(|| errno::error(errno::EADDRINUSE))?);
        } else if host.is_taken(address) {
            return Err(errno::error(errno::EADDRINUSE));
        } else {
            host.ports.claim(address.port());
        }
        Ok((self.add_listener(on, address, backlog, token), address))
    }

    pub(super) fn add_listener(
        &mut self,
        on: HostId,
        address: SocketAddr,
        backlog: u32,
        token: Option<Token>,
    ) -> SocketId {
        let socket = self.host_mut(on).insert(Socket::Listener(Listener {
            address,
            token,
            backlog: VecDeque::new(),
            // `listen(2)` admits one more than it is told.
            depth: usize::try_from(backlog).map_or(usize::MAX, |n| n.saturating_add(1)),
            awaits_input: true,
        }));
        let shown = self.shown(on, address);
        self.note(on, What::Listens(shown));
        socket
    }

    /// Closes a socket or listener. Who waits in a backlog is reset.
    pub(in crate::sim) fn close_socket(&mut self, on: HostId, id: SocketId, farewell: Farewell) {
        let host = self.host_mut(on);
        match host.remove(id) {
            Some(Socket::Stream { end, .. }) => self.close(end, farewell),
            Some(Socket::Listener(listener)) => {
                host.let_go_of(listener.address);
                for end in listener.backlog {
                    self.close(end, Farewell::Reset);
                }
            }
            Some(Socket::Datagrams(socket)) => host.release_udp(socket.address.port()),
            None => {}
        }
    }

    /// A host's process is gone: its kernel closes what it leaves open.
    pub(in crate::sim) fn end_process(&mut self, on: HostId) {
        for id in self.host(on).descriptors() {
            self.close_socket(on, id, Farewell::Close);
        }
        self.host_mut(on).end_process();
    }
}
