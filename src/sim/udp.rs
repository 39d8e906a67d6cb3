//! One UDP socket as its kernel sees it. Owns what has come and was not received; does not know time, nor the way of a datagram.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;

use super::host::{Host, Socket};
use crate::network::{Multicast, SocketId, Token};

/// What a kernel holds for a socket, 208 KiB as on Linux.
const BUFFER: usize = 208 * 1024;
/// What a datagram takes of that beside its bytes.
const OVERHEAD: usize = 768;

/// What every kernel sends to all hosts of its network, and to itself alone.
const BROADCASTS: [Ipv4Addr; 2] = [Ipv4Addr::BROADCAST, Ipv4Addr::new(127, 255, 255, 255)];

#[derive(Debug)]
pub(super) struct UdpSocket {
    pub(super) address: SocketAddr,
    pub(super) peer: Option<SocketAddr>,
    pub(super) broadcast: bool,
    pub(super) shared: bool,
    /// What its readiness is told under; a script's has none.
    pub(super) token: Option<Token>,
    pub(super) groups: BTreeSet<Multicast>,
    inbox: VecDeque<(SocketAddr, Bytes)>,
    held: usize,
    /// How many had no room.
    pub(super) dropped: u64,
    /// The error pending: told once, by whichever call asks first.
    pub(super) error: Option<i32>,
    /// The next arrival is to be told of.
    pub(super) awaits_input: bool,
}

impl UdpSocket {
    pub(super) fn new(address: SocketAddr, token: Option<Token>) -> Self {
        Self {
            address,
            peer: None,
            broadcast: false,
            shared: false,
            token,
            groups: BTreeSet::new(),
            inbox: VecDeque::new(),
            held: 0,
            dropped: 0,
            error: None,
            awaits_input: true,
        }
    }

    /// Whether a datagram from one address to another is for it.
    pub(super) fn hears(&self, from: SocketAddr, to: SocketAddr) -> bool {
        let is_bound = self.address.ip() == to.ip() || self.address.ip().is_unspecified();
        self.address.port() == to.port()
            && self.address.is_ipv4() == to.is_ipv4()
            && is_bound
            && self.peer.is_none_or(|peer| peer == from)
            && (!to.ip().is_multicast() || self.is_in(to.ip()))
    }

    fn is_in(&self, group: IpAddr) -> bool {
        self.groups.iter().any(|joined| match joined {
            Multicast::V4 { group: joined, .. } => *joined == group,
            Multicast::V6 { group: joined, .. } => *joined == group,
        })
    }

    /// How closely its addresses are those of who speaks with it: of several that hear a datagram the closest one gets it.
    pub(super) fn closeness(&self) -> (bool, bool) {
        (self.peer.is_some(), !self.address.ip().is_unspecified())
    }

    /// `false` if there is no room.
    pub(super) fn deliver(&mut self, from: SocketAddr, data: Bytes) -> bool {
        let held = self.held + data.len() + OVERHEAD;
        if held > BUFFER {
            self.dropped += 1;
            return false;
        }
        self.held = held;
        self.inbox.push_back((from, data));
        true
    }

    pub(super) fn take(&mut self) -> Option<(SocketAddr, Bytes)> {
        let (from, data) = self.inbox.pop_front()?;
        self.held -= data.len() + OVERHEAD;
        Some((from, data))
    }

    pub(super) fn is_readable(&self) -> bool {
        !self.inbox.is_empty() || self.error.is_some()
    }
}

impl Socket {
    /// What its readiness is told under.
    pub(super) fn token(&self) -> Option<Token> {
        match self {
            Self::Stream { token, .. } => *token,
            Self::Listener(listener) => listener.token,
            Self::Datagrams(socket) => socket.token,
        }
    }
}

impl Host {
    fn udp_sockets(&self) -> impl Iterator<Item = (SocketId, &UdpSocket)> {
        self.sockets().filter_map(|(id, socket)| match socket {
            Socket::Datagrams(socket) => Some((id, socket)),
            Socket::Listener(_) | Socket::Stream { .. } => None,
        })
    }

    /// Whether a socket can't be bound there, for another is.
    pub(super) fn is_udp_taken(&self, address: SocketAddr, shared: bool) -> bool {
        self.udp_sockets().any(|(_, other)| {
            let (ours, theirs) = (address.ip(), other.address.ip());
            other.address.port() == address.port()
                && ours.is_ipv4() == theirs.is_ipv4()
                && (ours == theirs || ours.is_unspecified() || theirs.is_unspecified())
                && !(shared && other.shared)
        })
    }

    /// A socket there is closed: its port is free, unless it was shared.
    pub(super) fn release_udp(&mut self, port: u16) {
        let is_left = self
            .udp_sockets()
            .any(|(_, other)| other.address.port() == port);
        if !is_left {
            self.udp_ports.release(port);
        }
    }

    /// The sockets that hear a datagram from one address to another.
    pub(super) fn udp_sockets_for(&self, from: SocketAddr, to: SocketAddr) -> Vec<SocketId> {
        let hear = self
            .udp_sockets()
            .filter(|(_, socket)| socket.hears(from, to));
        hear.map(|(id, _)| id).collect()
    }

    /// The one of them that gets it, if it is for one.
    pub(super) fn udp_socket_for(&self, from: SocketAddr, to: SocketAddr) -> Option<SocketId> {
        let hear = self
            .udp_sockets()
            .filter(|(_, socket)| socket.hears(from, to));
        let closest = hear.max_by_key(|(_, socket)| socket.closeness());
        closest.map(|(id, _)| id)
    }
}

/// Whether a datagram to this address goes to whoever is there.
pub(super) fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if BROADCASTS.contains(&ip))
}

/// The most that IP can carry in one datagram.
pub(super) fn longest(to: IpAddr) -> usize {
    match to {
        IpAddr::V4(_) => 65_535 - 20 - 8,
        IpAddr::V6(_) => 65_535 - 8,
    }
}
