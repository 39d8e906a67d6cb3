//! The one table of connections, and the ids that are checked against it. Owns the minting of ids and who a token stands
//! for; does not look into a connection.

use std::fmt;

use crate::connection::{Connection, Peer, Phase};
use crate::network::Token;
use crate::pages::{Entry, Pages};

/// Names one connection of one reactor, for ever: an id whose connection has ended reaches nobody.
///
/// It is a place in a table and the serial of what stands there; serials are given out once in four billion connections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    index: u32,
    serial: u32,
}

/// The bit of a token that says "a listener": so connections and listeners share one key space.
const LISTENER: u64 = 1 << 31;

/// The bit beside it that says "a socket for datagrams", in tokens that are no connection's.
const DATAGRAMS: u64 = 1 << 30;

impl ConnectionId {
    /// Its place in the table, which others have had and will have.
    pub(crate) fn place(self) -> usize {
        self.index as usize
    }

    pub(crate) fn token(self) -> Token {
        Token(u64::from(self.serial) << 32 | u64::from(self.index))
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index, self.serial)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A listener's place in its table, with the serial of what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenerId {
    pub(crate) index: u32,
    pub(crate) serial: u32,
}

impl ListenerId {
    pub(crate) fn token(self) -> Token {
        Token(u64::from(self.serial) << 32 | u64::from(self.index) | LISTENER)
    }
}

/// Names one socket for datagrams of one reactor, for ever: an id whose socket is closed reaches nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatagramId {
    pub(crate) index: u32,
    pub(crate) serial: u32,
}

impl DatagramId {
    pub(crate) fn token(self) -> Token {
        Token(u64::from(self.serial) << 32 | u64::from(self.index) | LISTENER | DATAGRAMS)
    }
}

impl fmt::Display for DatagramId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "udp#{}.{}", self.index, self.serial)
    }
}

impl fmt::Debug for DatagramId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whom a readiness is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Connection(ConnectionId),
    Listener(ListenerId),
    Datagrams(DatagramId),
}

impl From<Token> for Owner {
    fn from(Token(token): Token) -> Self {
        let serial = (token >> 32) as u32;
        let index = (token & (LISTENER - 1)) as u32;
        if token & LISTENER == 0 {
            Self::Connection(ConnectionId { index, serial })
        } else if token & DATAGRAMS == 0 {
            Self::Listener(ListenerId { index, serial })
        } else {
            let index = index & (DATAGRAMS - 1) as u32;
            Self::Datagrams(DatagramId { index, serial })
        }
    }
}

/// The serial of a vacant place, which no connection gets: so the comparison that finds a stale id finds that one too.
const NOBODY: u32 = u32::MAX;

/// The link to the next vacant place stands where a connection has that of its output.
impl Entry for Connection {
    fn vacant(next: u16) -> Self {
        let mut vacant = Self::new(None, Peer::Unknown, 0, Phase::Lost);
        vacant.serial = NOBODY;
        vacant.out = next.into();
        vacant
    }

    fn next_vacant(&self) -> Option<u16> {
        (self.serial == NOBODY).then_some(self.out as u16)
    }
}

/// The one table of connections: mints their ids and checks them at every use.
#[derive(Default)]
pub(crate) struct Table {
    places: Pages<Connection>,
    next_serial: u32,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// So that serials soon begin anew, in a simulated world.
    pub(crate) fn begin_near_the_last_serial(&mut self) {
        self.next_serial = NOBODY - 3;
    }

    pub(crate) fn insert(&mut self, mut connection: Connection) -> ConnectionId {
        let serial = self.next_serial;
        self.next_serial = (serial + 1) % NOBODY;
        connection.serial = serial;
        let index = self.places.insert(connection);
        debug_assert!(
            u64::from(index) < LISTENER,
            "two billion connections in one process"
        );
        ConnectionId { index, serial }
    }

    #[inline]
    pub(crate) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.places.at(id.index).filter(|connection| {
            connection.serial == id.serial
                || canary!(SerialUnchecked) && connection.serial != NOBODY
        })
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.places.at_mut(id.index).filter(|connection| {
            connection.serial == id.serial
                || canary!(SerialUnchecked) && connection.serial != NOBODY
        })
    }

    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        self.get(id)?;
        self.places.remove(id.index)
    }

    /// Whether `is_so` holds of every one.
    pub(crate) fn all(&self, is_so: impl Fn(&Connection) -> bool) -> bool {
        self.places.iter().all(|(_, connection)| is_so(connection))
    }

    /// All ids, in the order of their places.
    pub(crate) fn ids(&self) -> Vec<ConnectionId> {
        let mut ids = Vec::with_capacity(self.len());
        ids.extend(self.ids_of(|_| true));
        ids
    }

    /// The ids of those of which `is_so` holds, likewise.
    pub(crate) fn ids_of(
        &self,
        is_so: impl Fn(&Connection) -> bool,
    ) -> impl Iterator<Item = ConnectionId> {
        let those = self
            .places
            .iter()
            .filter(move |(_, connection)| is_so(connection));
        those.map(|(index, connection)| ConnectionId {
            index,
            serial: connection.serial,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{Peer, Phase};

    fn connection() -> Connection {
        Connection::new(None, Peer::Unknown, 0, Phase::Open)
    }

    #[test]
    fn an_id_of_a_reused_place_reaches_nobody() {
        let mut table = Table::default();
        let first = table.insert(connection());
        assert!(table.remove(first).is_some());
        for _ in 0..1 << 17 {
            let id = table.insert(connection());
            assert_ne!(id, first);
            assert!(table.get(first).is_none());
            assert!(table.remove(id).is_some());
        }
    }

    #[test]
    fn serials_wrap_without_harm() {
        let mut table = Table {
            next_serial: NOBODY - 1,
            ..Table::default()
        };
        let last = table.insert(connection());
        let first = table.insert(connection());
        assert_eq!((last.serial, first.serial), (NOBODY - 1, 0));
        assert!(table.get(last).is_some() && table.get(first).is_some());
    }

    #[test]
    fn a_vacant_place_is_nobodys() {
        let mut table = Table::default();
        let first = table.insert(connection());
        let (second, third) = (table.insert(connection()), table.insert(connection()));
        assert!(table.remove(second).is_some() && table.remove(second).is_none());
        assert_eq!((table.len(), table.ids()), (2, vec![first, third]));
        assert!(table.all(|connection| connection.phase == Phase::Open));
    }

    #[test]
    fn a_token_comes_back_as_its_owner() {
        let mut table = Table {
            next_serial: NOBODY - 1,
            ..Table::default()
        };
        let id = table.insert(connection());
        assert_eq!(Owner::from(id.token()), Owner::Connection(id));
        let listener = ListenerId {
            index: 7,
            serial: 3,
        };
        assert_eq!(Owner::from(listener.token()), Owner::Listener(listener));
        let (index, serial) = (listener.index, u32::MAX);
        let datagrams = DatagramId { index, serial };
        assert_eq!(Owner::from(datagrams.token()), Owner::Datagrams(datagrams));
    }

    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Connection>() <= 72, "{}", size_of::<Connection>());
    }
}
