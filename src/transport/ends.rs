//! Where a connection leads, and who is there. Owns nothing: the reactor knows.

use super::Transport;
use crate::address::Address;
use crate::network::Credentials;

impl Transport<'_> {
    /// The peer's address, valid also in `connection_lost`.
    ///
    /// # Panics
    /// Never in a callback: a connection that was made has a peer.
    pub fn peer(&self) -> Address {
        self.reactor
            .peer(self.id)
            .expect("a connection that was made has a peer")
    }

    /// Our own address, valid also in `connection_lost`. `None` if the system does not tell it any more.
    pub fn local(&self) -> Option<Address> {
        self.reactor.local(self.id)
    }

    /// Who is at the other end of a Unix stream on this machine, by the system's word, valid also in `connection_lost`. `None`
    /// if it is no Unix stream, or the system does not say: this needs Linux and the feature `unix`.
    pub fn peer_credentials(&self) -> Option<Credentials> {
        self.reactor.peer_credentials(self.id)
    }
}
