//! Sockets for datagrams. Owns their table, which mints their ids and checks them; connections have another, and share nothing with
//! these but the turn.

mod bind;
mod calling;
mod ending;
mod receiving;
mod sending;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use slab::Slab;

use crate::datagram::DatagramProtocol;
use crate::error::{Lost, OsError, SendError};
use crate::network::{DatagramNetwork, Multicast, SocketId};
use crate::table::{DatagramId, Owner};
use crate::timer::TimerId;

use super::Reactor;
pub use bind::{Bind, DatagramSocket};
pub(super) use calling::{DatagramCall, RepeatedDatagramCall};
use sending::Unsent;

/// All of a reactor's sockets for datagrams.
#[derive(Default)]
pub(super) struct Datagrams {
    places: Slab<State>,
    next_serial: u32,
}

/// One socket, and whose it is.
struct State {
    serial: u32,
    socket: SocketId,
    local: SocketAddr,
    peer: Option<SocketAddr>,
    phase: Phase,
    /// Taken out while it is being called.
    protocol: Option<Box<dyn DatagramProtocol>>,
    /// Longer ones are cut off.
    longest: usize,
    /// What the system had no room for.
    unsent: Unsent,
    /// It stands in the reactor's list of those to serve without waiting for readiness, or will when it has failed for a while.
    queued: bool,
    /// A send has found that the peer refused what was sent before, and the protocol has yet to be told.
    refused: bool,
    /// The protocol's timers, which end with it.
    timers: BTreeSet<TimerId>,
}

/// How far a socket is. It only moves downwards.
enum Phase {
    /// The protocol has heard nothing.
    New,
    Started,
    /// Nothing is received or sent any more; the protocol is told soon, if it was told of the start.
    Over {
        reason: Lost,
        was_started: bool,
    },
}

impl State {
    /// Whether it was stopped in order: then what waits is still sent.
    fn is_closing(&self) -> bool {
        matches!(
            self.phase,
            Phase::Over {
                reason: Lost::Done(_),
                ..
            }
        )
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
    }
}

impl Datagrams {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The id that the next socket gets.
    fn next_id(&self) -> DatagramId {
        DatagramId {
            index: self.places.vacant_key() as u32,
            serial: self.next_serial,
        }
    }

    fn insert(&mut self, state: State) {
        self.next_serial = self.next_serial.wrapping_add(1);
        self.places.insert(state);
    }

    fn get(&self, id: DatagramId) -> Option<&State> {
        let state = self.places.get(id.index as usize);
        state.filter(|state| state.serial == id.serial)
    }

    fn get_mut(&mut self, id: DatagramId) -> Option<&mut State> {
        let state = self.places.get_mut(id.index as usize);
        state.filter(|state| state.serial == id.serial)
    }

    /// The socket, if it may still be used.
    fn open(&mut self, id: DatagramId) -> Option<&mut State> {
        self.get_mut(id).filter(|state| !state.is_over())
    }

    fn remove(&mut self, id: DatagramId) -> Option<State> {
        self.get(id)?;
        self.places.try_remove(id.index as usize)
    }

    /// All ids, in the order of their places.
    pub(super) fn ids(&self) -> Vec<DatagramId> {
        let places = self.places.iter();
        let ids = places.map(|(index, state)| DatagramId {
            index: index as u32,
            serial: state.serial,
        });
        ids.collect()
    }
}

impl Reactor {
    /// Our own address of a datagram socket, with the port the system chose for port 0; valid also in `stopped`.
    pub fn datagram_address(&self, id: DatagramId) -> Option<SocketAddr> {
        Some(self.datagrams.get(id)?.local)
    }

    /// Whom a datagram socket is connected to; `None` if it is not, or closed.
    pub fn datagram_peer(&self, id: DatagramId) -> Option<SocketAddr> {
        self.datagrams.get(id)?.peer
    }

    /// How many bytes of datagrams wait for the system to have room. `None` if the socket is closed.
    pub fn datagrams_unsent(&self, id: DatagramId) -> Option<usize> {
        Some(self.datagrams.get(id)?.unsent.size())
    }

    /// How many datagrams the system has dropped on a socket because they came faster than they were received. `None` if it does
    /// not say: this needs Linux, or a simulated network.
    pub fn datagrams_dropped(&mut self, id: DatagramId) -> Option<u64> {
        let socket = self.datagrams.get(id)?.socket;
        self.network.datagrams()?.dropped(socket)
    }

    /// A datagram socket itself, to set options that this crate does not name. `None` where there is no real socket.
    pub fn datagram_options(&self, id: DatagramId) -> Option<socket2::SockRef<'_>> {
        self.network.socket_options(self.datagrams.get(id)?.socket)
    }

    pub(crate) fn set_membership(
        &mut self,
        id: DatagramId,
        group: &Multicast,
        member: bool,
    ) -> Result<(), OsError> {
        let Some(state) = self.datagrams.open(id) else {
            return Err(io::Error::from(ErrorKind::NotConnected).into());
        };
        let socket = state.socket;
        let network = self.datagram_network();
        let outcome = network.and_then(|network| network.set_membership(socket, group, member));
        outcome.map_err(OsError::from)
    }

    fn datagram_network(&mut self) -> io::Result<&mut dyn DatagramNetwork> {
        let network = self.network.datagrams();
        network.ok_or_else(|| ErrorKind::Unsupported.into())
    }

    /// Has the socket looked at in the next turn, whether or not the network says that it is ready.
    fn queue_datagrams(&mut self, id: DatagramId) {
        if let Some(state) = self.datagrams.get_mut(id)
            && !state.queued
        {
            state.queued = true;
            self.ready.push_back(Owner::Datagrams(id));
        }
    }

    /// A socket in a line of a dump.
    pub(super) fn describe_datagrams(&self, id: DatagramId) -> String {
        let Some(state) = self.datagrams.get(id) else {
            return String::new();
        };
        let (local, unsent) = (state.local, state.unsent.size());
        let peer = match state.peer {
            Some(peer) => format!(" peer={peer}"),
            None => String::new(),
        };
        let protocol = state.protocol.as_ref();
        let protocol = protocol.map_or("(in a callback)", |protocol| protocol.type_name());
        format!("{id} {local}{peer} protocol={protocol} unsent={unsent}")
    }

    pub(crate) fn datagram_not_sent(
        &mut self,
        id: DatagramId,
        size: usize,
        to: Option<SocketAddr>,
        error: &SendError,
    ) {
        if *error == SendError::Closed {
            return;
        }
        match to.or(self.datagram_peer(id)) {
            Some(to) => self.warn_of(format_args!(
                "{id}: a datagram of {size} bytes to {to} is not sent: {error}"
            )),
            None => self.warn_of(format_args!(
                "{id}: a datagram of {size} bytes is not sent: {error}"
            )),
        }
    }
}
