//! A connection as stories tell of it, long after it is over. Owns the names of its ends; does not carry a byte.

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::address::Address;
use crate::sim::host::HostId;
use crate::sim::link::{LinkId, Side};

/// Shared by a connection and all entries about it.
#[derive(Debug)]
pub(in crate::sim) struct Wire {
    pub(in crate::sim) id: LinkId,
    /// Where the caller stands.
    pub(in crate::sim) host: HostId,
    /// By side.
    addresses: [SocketAddr; 2],
    /// Likewise, as people know them.
    shown: [Address; 2],
    parties: [RefCell<Party>; 2],
}

/// Who is at an end.
#[derive(Clone, Debug)]
pub(in crate::sim) enum Party {
    /// No host yet: an address that was called.
    Unknown,
    /// The so-manieth connection of a host; 0 if it did not become one.
    Host {
        name: Rc<str>,
        number: u64,
    },
    Peer(Rc<str>),
}

impl Wire {
    pub(in crate::sim) fn new(id: LinkId, host: HostId, from: SocketAddr, to: SocketAddr) -> Self {
        Self {
            id,
            host,
            addresses: [from, to],
            shown: [from, to].map(Address::from),
            parties: [Party::Unknown, Party::Unknown].map(RefCell::new),
        }
    }

    /// With ends that people know by other names.
    pub(in crate::sim) fn shown_as(mut self, shown: [Address; 2]) -> Self {
        self.shown = shown;
        self
    }

    /// The address of an end as people know it.
    pub(in crate::sim) fn shown(&self, side: Side) -> &Address {
        &self.shown[side as usize]
    }

    pub(in crate::sim) fn address(&self, side: Side) -> SocketAddr {
        self.addresses[side as usize]
    }

    pub(in crate::sim) fn party(&self, side: Side) -> Party {
        self.parties[side as usize].borrow().clone()
    }

    pub(in crate::sim) fn introduce(&self, side: Side, party: Party) {
        *self.parties[side as usize].borrow_mut() = party;
    }

    /// How an end is called in a line: `server#3`, `peer1`.
    pub(in crate::sim) fn name(&self, side: Side) -> impl fmt::Display + '_ {
        Name(self.party(side), self.shown(side))
    }
}

impl Party {
    /// The host or peer, without the number.
    pub(in crate::sim) fn owner(&self) -> Option<&Rc<str>> {
        match self {
            Self::Unknown => None,
            Self::Host { name, .. } | Self::Peer(name) => Some(name),
        }
    }

    pub(in crate::sim) fn number(&self) -> Option<u64> {
        match self {
            Self::Host { number, .. } if *number > 0 => Some(*number),
            _ => None,
        }
    }
}

struct Name<'a>(Party, &'a Address);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Party::Unknown => self.1.fmt(f),
            Party::Host { name, number: 0 } | Party::Peer(name) => f.write_str(name),
            Party::Host { name, number } => write!(f, "{name}#{number}"),
        }
    }
}
