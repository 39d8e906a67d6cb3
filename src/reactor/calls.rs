//! Calls that are posted from the loop's own thread. Owns how one is addressed to a protocol; when it is made is the turn's
//! affair, and how is the dispatch's.

use crate::connection::Connection;
use crate::protocol::Protocol;
use crate::table::ConnectionId;
use crate::transport::Transport;

use super::Reactor;
use super::dispatch::{Call, ProtocolCall, on_protocol};

impl Reactor {
    /// Calls `call` later in this turn or at the begin of the next one, when no callback is under way.
    pub fn call_soon(&mut self, call: impl FnOnce(&mut Self) + 'static) {
        self.calls.push_back(Call::Reactor(Box::new(call)));
    }

    /// Calls `call` with another connection's protocol, later in this turn or at the begin of the next one; after
    /// `connection_made`, if the connection is still being made by us. If it has ended or changed its protocol by then, or
    /// that is not a `P`, the call is dropped and counted.
    pub fn tell<P: Protocol>(
        &mut self,
        id: ConnectionId,
        call: impl FnOnce(&mut P, &mut Transport<'_>) + 'static,
    ) {
        let call = self.protocol_call(id, call);
        self.calls.push_back(Call::Protocol(call));
    }

    pub(super) fn protocol_call<P: Protocol>(
        &self,
        id: ConnectionId,
        call: impl FnOnce(&mut P, &mut Transport<'_>) + 'static,
    ) -> ProtocolCall {
        ProtocolCall {
            id,
            serial: self
                .connections
                .get(id)
                .map_or(0, Connection::protocol_serial),
            call: Box::new(on_protocol(call)),
        }
    }

    pub(crate) fn misdirected<P>(&mut self, id: ConnectionId) {
        self.counters.stale_calls += 1;
        let wanted = std::any::type_name::<P>();
        self.warn(
            id,
            format_args!(
                "a call for a {wanted} was dropped: the connection's protocol is another type"
            ),
        );
    }
}
