//! The Unix streams' names of one host: files, and names without one. Owns what a name leads to; holds no socket.
//!
//! The wires of a world know IP addresses only. So whatever is bound to a name gets a place, an address of a loopback network
//! that nothing else uses; its port counts what was bound on the host, as the number of a file does.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::address::{Address, UnixAddress};

/// The loopback address of all places.
const PLACES: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 255, 255, 254));

/// A socket file's mode, as the umask of most has it.
pub(super) const MODE: u32 = 0o755;

#[derive(Debug, Default)]
pub(super) struct UnixNames {
    found: BTreeMap<UnixAddress, Found>,
    /// By place: what was bound, be it still there or not.
    bound: Vec<UnixAddress>,
}

/// What is found under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Socket {
        place: SocketAddr,
        mode: u32,
    },
    /// A file that is no socket.
    Other,
}

/// Whether an address is a place: an end of a Unix stream.
pub(super) fn is_unix(address: SocketAddr) -> bool {
    address.ip() == PLACES
}

impl UnixNames {
    pub(super) fn find(&self, name: &UnixAddress) -> Option<Found> {
        self.found.get(name).copied()
    }

    /// Something is bound to a name that is free, or was a dead one's.
    pub(super) fn bind(&mut self, name: &UnixAddress, mode: u32) -> SocketAddr {
        self.bound.push(name.clone());
        let number = u16::try_from(self.bound.len()).expect("fewer than 65,536 names were bound");
        let place = SocketAddr::new(PLACES, number);
        let socket = Found::Socket { place, mode };
        self.found.insert(name.clone(), socket);
        place
    }

    pub(super) fn put(&mut self, name: UnixAddress) {
        self.found.insert(name, Found::Other);
    }

    pub(super) fn remove(&mut self, name: &UnixAddress) -> Option<Found> {
        self.found.remove(name)
    }

    /// The name of what was bound to a place, if it still leads there.
    pub(super) fn leading_to(&self, place: SocketAddr) -> Option<&UnixAddress> {
        let name = self.bound_to(place)?;
        let leads =
            matches!(self.find(name), Some(Found::Socket { place: other, .. }) if other == place);
        leads.then_some(name)
    }

    /// A listener is closed: a name without a file goes with it.
    pub(super) fn closes(&mut self, place: SocketAddr) {
        if let Some(name @ UnixAddress::Abstract(_)) = self.leading_to(place).cloned() {
            self.remove(&name);
        }
    }

    /// An address as users are to see it. Who calls has a port of those that a kernel gives out, and no name.
    pub(super) fn shown(&self, address: SocketAddr) -> Address {
        if !is_unix(address) {
            return address.into();
        }
        let name = self.bound_to(address).cloned();
        name.unwrap_or(UnixAddress::Unnamed).into()
    }

    fn bound_to(&self, place: SocketAddr) -> Option<&UnixAddress> {
        let index = usize::from(place.port()).checked_sub(1)?;
        self.bound.get(index).filter(|_| is_unix(place))
    }
}
