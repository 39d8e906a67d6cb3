//! Unix streams in a world: how names are bound and called. Owns the kernel's rules for them; a stream, once it is called, is a
//! connection like any other, between two ends of one host.

use std::io;
use std::net::SocketAddr;

use super::Fabric;
use crate::address::{Address, UnixAddress};
use crate::network::{Credentials, ListenOptions, SocketId, Token};
use crate::sim::errno;
use crate::sim::host::{HostId, Socket};
use crate::sim::link::EndId;
use crate::sim::unix_names::{Found, MODE, is_unix};

impl Fabric {
    /// As on the machine: a dead socket's file is replaced, a live one and anything else is left alone.
    pub(in crate::sim) fn listen_unix(
        &mut self,
        on: HostId,
        name: &UnixAddress,
        options: &ListenOptions,
        token: Option<Token>,
    ) -> io::Result<(SocketId, Address)> {
        check_length(name)?;
        let host = self.host_mut(on);
        host.check_descriptors()?;
        match host.unix.find(name) {
            Some(Found::Other) => return Err(errno::error(errno::EEXIST)),
            Some(Found::Socket { place, .. }) if host.listener_at(place).is_some() => {
                return Err(errno::error(errno::EADDRINUSE));
            }
            Some(Found::Socket { .. }) | None => {}
        }
        let place = host.unix.bind(name, options.mode.unwrap_or(MODE));
        let socket = self.add_listener(on, place, options.backlog, token);
        Ok((socket, name.clone().into()))
    }

    /// Where a call of a name goes; there is an answer to that at once.
    pub(in crate::sim) fn place_of(
        &self,
        on: HostId,
        name: &UnixAddress,
    ) -> io::Result<SocketAddr> {
        check_length(name)?;
        let host = self.host(on);
        match (host.unix.find(name), name) {
            (Some(Found::Socket { place, .. }), _) if host.listener_at(place).is_some() => {
                Ok(place)
            }
            (None, UnixAddress::Path(_)) => Err(errno::error(errno::ENOENT)),
            _ => Err(errno::error(errno::ECONNREFUSED)),
        }
    }

    /// A listener is closed in order, by who has bound it: then its file goes too, if it is still its.
    pub(in crate::sim) fn unlink(&mut self, on: HostId, listener: SocketId) {
        let host = self.host_mut(on);
        let Some(Socket::Listener(listener)) = host.socket(listener) else {
            return;
        };
        if let Some(name) = host.unix.leading_to(listener.address).cloned() {
            host.unix.remove(&name);
        }
    }

    /// An address of a host's connections, as its users are to see it.
    pub(in crate::sim) fn shown(&self, on: HostId, address: SocketAddr) -> Address {
        self.host(on).unix.shown(address)
    }

    pub(super) fn is_unix(&self, end: EndId) -> bool {
        let link = self.link(end.link);
        link.is_some_and(|link| is_unix(link.end(end.side).remote))
    }

    /// Who is at the other end, if that is on the same host.
    pub(in crate::sim) fn credentials(&self, end: EndId) -> Option<Credentials> {
        let other = self.link(end.link)?.end(end.side.other());
        self.is_unix(end)
            .then(|| self.host(other.host).credentials())
    }
}

/// What does not fit into the system's structure is no name.
fn check_length(name: &UnixAddress) -> io::Result<()> {
    let length = match name {
        UnixAddress::Path(path) => path.as_os_str().len(),
        UnixAddress::Abstract(name) => name.len(),
        UnixAddress::Unnamed => 0,
    };
    match length {
        1..=UnixAddress::MOST => Ok(()),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}
