//! What a connection of somebody who keeps calling needs of the loop: its protocol built when it stands, and its keeper told how
//! it goes. Owns the ties between the two; when to call again is the keeper's affair.

use std::rc::Rc;

use crate::address::Address;
use crate::error::{ConnectError, Lost};
use crate::network::Farewell;
use crate::protocol::Protocol;
use crate::table::ConnectionId;
use crate::transport::Transport;

use super::Reactor;
use super::builders::Connect;

/// Hears how a connection goes that it has asked for. It is told outside of any callback, so it may call users' code, under
/// guard.
pub(crate) trait Keeper {
    /// Builds the protocol of a connection that stands.
    fn build_protocol(&self, peer: &Address) -> Option<Box<dyn Protocol>>;

    /// The protocol was told that its connection is made, and lives.
    fn made(&self, reactor: &mut Reactor, id: ConnectionId);

    /// The connection was not made.
    fn failed(&self, reactor: &mut Reactor, error: &ConnectError);

    /// The connection is gone, and its protocol was told so.
    fn lost(&self, reactor: &mut Reactor, reason: &Lost);
}

impl Connect<'_> {
    /// Connects, with a protocol from the keeper.
    pub(crate) fn keep(self, keeper: Rc<dyn Keeper>) -> ConnectionId {
        self.begin(None, Some(keeper))
    }
}

impl Reactor {
    /// Gives a connection that stands its protocol, if it is for its keeper to build. `false` if there is none to be had: it
    /// has failed then.
    pub(super) fn meet_keeper(&mut self, id: ConnectionId) -> bool {
        let Some(keeper) = self.connecting(id).and_then(|it| it.keeper.take()) else {
            return true;
        };
        let Some(peer) = self.peer(id) else {
            return false;
        };
        let protocol = self.build_kept(&peer, &keeper);
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        let rare = connection.rare();
        match protocol {
            Ok(protocol) => {
                rare.keeper = Some(keeper);
                let protocol = self.beginning(protocol);
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.protocol = Some(protocol);
                }
                true
            }
            Err(error) => {
                if let Some(connecting) = &mut rare.connecting {
                    connecting.keeper = Some(keeper);
                    connecting.fail(error);
                }
                self.retire(id, Lost::Aborted, Farewell::Reset.into());
                false
            }
        }
    }

    fn build_kept(
        &mut self,
        peer: &Address,
        keeper: &Rc<dyn Keeper>,
    ) -> Result<Box<dyn Protocol>, ConnectError> {
        let built = self.guarded("a factory", |_| keeper.build_protocol(peer));
        let error = match built {
            Some(Some(protocol)) => return Ok(protocol),
            Some(None) => ConnectError::Unwanted,
            None => ConnectError::Panicked,
        };
        self.counters.unwanted += 1;
        Err(error)
    }

    /// Tells the keeper of a connection, if it has one, that its protocol was told that it is made.
    pub(super) fn tell_keeper(&mut self, id: ConnectionId) {
        let rare = self
            .live(id)
            .and_then(|connection| connection.rare.as_ref());
        if let Some(keeper) = rare.and_then(|rare| rare.keeper.clone()) {
            keeper.made(self, id);
        }
    }

    /// The same of the loss, behind the protocol.
    pub(super) fn tell_keeper_of_the_loss(&mut self, id: ConnectionId, reason: &Lost) {
        let connection = self.connections.get_mut(id);
        let rare = connection.and_then(|connection| connection.rare.as_mut());
        if let Some(keeper) = rare.and_then(|rare| rare.keeper.take()) {
            keeper.lost(self, reason);
        }
    }

    /// Calls users' code with a connection's protocol, from outside of any callback. `None` if that is gone, or panicked.
    pub(crate) fn call_protocol<R>(
        &mut self,
        id: ConnectionId,
        call: impl FnOnce(&mut dyn Protocol, &mut Transport<'_>) -> R,
    ) -> Option<R> {
        self.dispatch(id, call)
    }

    /// Calls users' code that belongs to no protocol, from outside of any callback. `None` if it panicked.
    pub(crate) fn call_guarded<R>(
        &mut self,
        what: &'static str,
        call: impl FnOnce(&mut Self) -> R,
    ) -> Option<R> {
        self.guarded(what, call)
    }
}
