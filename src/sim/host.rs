//! One host: its addresses, its sockets and what is ready on them, its ports and descriptors. Owns the socket table;
//! does not route between hosts.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::errno;
use super::flag::Flag;
use super::link::EndId;
use super::ports::Ports;
use super::random::Random;
use super::udp::UdpSocket;
use super::unix_names::{UnixNames, is_unix};
use crate::error::NameError;
use crate::network::{
    Credentials, Found, LookupId, Resolver, Signal, SocketId, Time, Token, WorkId, WorkOutcome,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HostId(pub(super) usize);

/// Wall time when a world begins: 14 November 2023, 22:13:20 UTC.
pub(super) const EPOCH: Duration = Duration::from_secs(1_700_000_000);

#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: Rc<str>,
    pub(super) v4: Ipv4Addr,
    pub(super) v6: Ipv6Addr,
    slots: Vec<Option<Slot>>,
    free: BTreeSet<u32>,
    listeners: Vec<SocketId>,
    /// How many of the sockets are no descriptors of its process.
    scripted: usize,
    /// Which process runs on it, counted from 0: what one has asked for is no business of the next.
    pub(super) process: u64,
    /// How many descriptors it may have open.
    pub(super) limit: Option<usize>,
    /// The same for a while, as others take what there is: a process that asks how many it may have is not told of it.
    pub(super) wanting: Option<Want>,
    /// Sockets that something happened to since they were last told of, in that order, each once.
    marked: VecDeque<SocketId>,
    pub(super) ports: Ports,
    pub(super) udp_ports: Ports,
    pub(super) unix: UnixNames,
    /// Who its processes are, if that was said.
    pub(super) credentials: Option<Credentials>,
    /// How many connections it has had: the last one's number.
    pub(super) connections: u64,
    pub(super) injected: Injected,
    pub(super) signals: Vec<Signal>,
    pub(super) watches_signals: bool,
    pub(super) lookups: BTreeSet<LookupId>,
    pub(super) names: Vec<(LookupId, Result<Found, NameError>)>,
    /// Its process' own, asked about names that the world does not know.
    pub(super) resolver: Option<Arc<dyn Resolver>>,
    /// How much work its threads have.
    pub(super) working: usize,
    /// Work that was done and not told.
    pub(super) works: Vec<(WorkId, WorkOutcome)>,
    pub(super) random: Random,
    /// The wall time at the world's beginning.
    pub(super) epoch: SystemTime,
    pub(super) waker: Arc<Flag>,
    /// How often it was polled.
    pub(super) polls: u64,
    /// It has no power: who calls it is not answered.
    pub(super) is_off: bool,
}

/// For a while others have taken what descriptors there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    /// So many the host may have open.
    pub(super) most: usize,
    pub(super) until: Time,
}

#[derive(Debug)]
struct Slot {
    socket: Socket,
    marked: bool,
    /// At which poll it was told to be readable, if it was not read since.
    told: Option<u64>,
}

#[derive(Debug)]
pub(super) enum Socket {
    Listener(Listener),
    Stream {
        end: EndId,
        /// What its readiness is told under; nothing is told before it is known.
        token: Option<Token>,
    },
    Datagrams(UdpSocket),
}

#[derive(Debug)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) token: Option<Token>,
    pub(super) backlog: VecDeque<EndId>,
    pub(super) depth: usize,
    /// The next connection is to be told of.
    pub(super) awaits_input: bool,
}

/// Error numbers that the next calls are to fail with.
#[derive(Debug, Default)]
pub(super) struct Injected {
    pub(super) accept: VecDeque<i32>,
    pub(super) connect: VecDeque<i32>,
    pub(super) read: VecDeque<i32>,
    pub(super) write: VecDeque<i32>,
}

impl Socket {
    /// Whether it is one of the test's script, which no process holds and nobody polls.
    fn is_scripted(&self) -> bool {
        !matches!(self, Self::Stream { .. }) && self.token().is_none()
    }
}

impl Host {
    pub(super) fn new(name: &str, v4: Ipv4Addr, v6: Ipv6Addr, random: Random) -> Self {
        Self {
            name: name.into(),
            v4,
            v6,
            slots: Vec::new(),
            free: BTreeSet::new(),
            listeners: Vec::new(),
            scripted: 0,
            process: 0,
            limit: None,
            wanting: None,
            marked: VecDeque::new(),
            ports: Ports::default(),
            udp_ports: Ports::default(),
            unix: UnixNames::default(),
            credentials: None,
            connections: 0,
            injected: Injected::default(),
            signals: Vec::new(),
            watches_signals: false,
            lookups: BTreeSet::new(),
            names: Vec::new(),
            resolver: None,
            working: 0,
            works: Vec::new(),
            random,
            epoch: SystemTime::UNIX_EPOCH + EPOCH,
            waker: Arc::new(Flag::default()),
            polls: 0,
            is_off: false,
        }
    }

    /// Whether an address is this host's own: loopback and "any" are on every host.
    pub(super) fn owns(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || ip.is_unspecified() || ip == self.v4 || ip == self.v6
    }

    /// The address to speak to `to` from.
    pub(super) fn source_for(&self, to: IpAddr) -> IpAddr {
        match to {
            IpAddr::V4(ip) if ip.is_loopback() => to,
            IpAddr::V6(ip) if ip.is_loopback() => to,
            IpAddr::V4(_) => self.v4.into(),
            IpAddr::V6(_) => self.v6.into(),
        }
    }

    /// How many sockets are open on it, the script's listeners among them.
    pub(super) fn open_sockets(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// How many descriptors its process has open.
    pub(super) fn open_descriptors(&self) -> usize {
        self.open_sockets() - self.scripted
    }

    /// Who its process is: a user, with a number that each process has for itself.
    pub(super) fn credentials(&self) -> Credentials {
        let pid =
            u32::try_from(self.process).map_or(u32::MAX, |process| process.saturating_add(1000));
        let user = Credentials {
            pid,
            uid: 1000,
            gid: 1000,
        };
        self.credentials.unwrap_or(user)
    }

    pub(super) fn check_descriptors(&self) -> std::io::Result<()> {
        let limits = [self.limit, self.wanting.map(|want| want.most)];
        let least = limits.into_iter().flatten().min();
        match least {
            Some(least) if self.open_descriptors() >= least => Err(errno::error(errno::EMFILE)),
            _ => Ok(()),
        }
    }

    /// Takes the lowest free number, as descriptors do: so that a number is soon reused.
    pub(super) fn insert(&mut self, socket: Socket) -> SocketId {
        let index = self.free.pop_first().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 sockets")
        });
        let id = SocketId(index);
        if matches!(socket, Socket::Listener(_)) {
            self.listeners.push(id);
        }
        self.scripted += usize::from(socket.is_scripted());
        self.slots[index as usize] = Some(Slot {
            socket,
            marked: false,
            told: None,
        });
        id
    }

    pub(super) fn remove(&mut self, id: SocketId) -> Option<Socket> {
        let slot = self.slots.get_mut(id.0 as usize)?.take()?;
        self.free.insert(id.0);
        if slot.marked {
            self.marked.retain(|&other| other != id);
        }
        self.listeners.retain(|&other| other != id);
        self.scripted -= usize::from(slot.socket.is_scripted());
        Some(slot.socket)
    }

    /// Forgets a socket without a word. The ends that it held, or that waited to be accepted.
    pub(super) fn forget(&mut self, id: SocketId) -> Vec<EndId> {
        match self.remove(id) {
            Some(Socket::Stream { end, .. }) => vec![end],
            Some(Socket::Listener(listener)) => {
                self.let_go_of(listener.address);
                listener.backlog.into()
            }
            Some(Socket::Datagrams(socket)) => {
                self.release_udp(socket.address.port());
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    pub(super) fn socket(&self, id: SocketId) -> Option<&Socket> {
        Some(&self.slots.get(id.0 as usize)?.as_ref()?.socket)
    }

    pub(super) fn socket_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        Some(&mut self.slots.get_mut(id.0 as usize)?.as_mut()?.socket)
    }

    pub(super) fn end_of(&self, id: SocketId) -> Option<EndId> {
        match self.socket(id)? {
            Socket::Stream { end, .. } => Some(*end),
            Socket::Listener(_) | Socket::Datagrams(_) => None,
        }
    }

    pub(super) fn listener_mut(&mut self, id: SocketId) -> Option<&mut Listener> {
        match self.socket_mut(id)? {
            Socket::Listener(listener) => Some(listener),
            Socket::Stream { .. } | Socket::Datagrams(_) => None,
        }
    }

    /// The sockets that its process has open.
    pub(super) fn descriptors(&self) -> Vec<SocketId> {
        let own = self.sockets().filter(|(_, socket)| !socket.is_scripted());
        own.map(|(id, _)| id).collect()
    }

    /// Its process is gone, and with it all that it was to be told. Its sockets are closed already.
    pub(super) fn end_process(&mut self) {
        self.process += 1;
        self.lookups.clear();
        self.names.clear();
        self.resolver = None;
        self.works.clear();
        self.working = 0;
        self.signals.clear();
        self.watches_signals = false;
        self.waker = Arc::default();
        // Who begins while others have all descriptors would not even get as far as listening.
        self.wanting = None;
    }

    /// All sockets that are open.
    pub(super) fn sockets(&self) -> impl Iterator<Item = (SocketId, &Socket)> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| {
            let slot = slot.as_ref()?;
            Some((SocketId(index), &slot.socket))
        })
    }

    /// Whether a listener can't be bound there, for another is.
    pub(super) fn is_taken(&self, address: SocketAddr) -> bool {
        self.find_listener(|bound| takes(bound, address) || takes(address, bound))
            .is_some()
    }

    /// The listener that takes calls to an address.
    pub(super) fn listener_at(&self, address: SocketAddr) -> Option<SocketId> {
        self.find_listener(|bound| takes(bound, address))
    }

    fn find_listener(&self, suits: impl Fn(SocketAddr) -> bool) -> Option<SocketId> {
        let mut listeners = self.listeners.iter().copied();
        listeners.find(|&id| match self.socket(id) {
            Some(Socket::Listener(listener)) => suits(listener.address),
            _ => false,
        })
    }

    /// Notes that something happened to a socket, for the next poll to tell.
    pub(super) fn mark(&mut self, id: SocketId) {
        let Some(Some(slot)) = self.slots.get_mut(id.0 as usize) else {
            return;
        };
        if slot.socket.token().is_some() && !slot.marked {
            slot.marked = true;
            self.marked.push_back(id);
        }
    }

    /// Takes the sockets that the next poll is to tell of, in the order of their marks.
    pub(super) fn take_marked(&mut self) -> Vec<SocketId> {
        let marked = Vec::from(std::mem::take(&mut self.marked));
        for id in &marked {
            if let Some(Some(slot)) = self.slots.get_mut(id.0 as usize) {
                slot.marked = false;
            }
        }
        marked
    }

    /// A poll tells that a socket is readable.
    pub(super) fn tell_readable(&mut self, id: SocketId) {
        let polls = self.polls;
        if let Some(Some(slot)) = self.slots.get_mut(id.0 as usize) {
            slot.told.get_or_insert(polls);
        }
    }

    /// A socket is read.
    pub(super) fn look_at(&mut self, id: SocketId) {
        if let Some(Some(slot)) = self.slots.get_mut(id.0 as usize) {
            slot.told = None;
        }
    }

    /// The streams that were told to be readable before a poll, and were not read since.
    pub(super) fn told_before(&self, poll: u64) -> Vec<Token> {
        let slots = self.slots.iter().flatten();
        slots
            .filter(|slot| slot.told.is_some_and(|told| told < poll))
            .filter_map(|slot| match &slot.socket {
                Socket::Stream { token, .. } => *token,
                Socket::Listener(_) | Socket::Datagrams(_) => None,
            })
            .collect()
    }

    /// Whether a poll would tell something.
    pub(super) fn is_ready(&self) -> bool {
        !self.marked.is_empty()
            || !self.names.is_empty()
            || !self.works.is_empty()
            || (self.watches_signals && !self.signals.is_empty())
            || self.waker.is_raised()
    }

    /// A listener there is closed.
    pub(super) fn let_go_of(&mut self, address: SocketAddr) {
        if is_unix(address) {
            self.unix.closes(address);
        } else {
            self.ports.release(address.port());
        }
    }
}

/// Whether a listener on `bound` takes calls to `called`. "Any" is any of its family.
fn takes(bound: SocketAddr, called: SocketAddr) -> bool {
    bound.port() == called.port()
        && bound.is_ipv4() == called.is_ipv4()
        && (bound.ip() == called.ip() || bound.ip().is_unspecified())
}
