//! What requests that wait for replies need of the loop: to be told of the loss, and calls with whichever protocol has
//! asked. Owns who is to be told; what was asked is [`crate::pending`]'s.

use std::rc::Rc;
use std::time::Duration;

use crate::connection::Connection;
use crate::error::Lost;
use crate::table::ConnectionId;
use crate::timer::TimerId;

use super::dispatch::{Call, OnProtocol, ProtocolCall};
use super::{Reactor, Timed};

/// Requests of one protocol.
pub(crate) trait Outstanding {
    /// How many are unanswered.
    fn len(&self) -> usize;

    /// Takes the first one out; what it returns tells it of the loss. `None` if there is none left.
    fn fail_next(&self, reason: &Lost) -> Option<OnProtocol>;
}

impl Reactor {
    /// Which of its protocols speaks for a connection that could still be sent a request.
    pub(crate) fn asks(&self, id: ConnectionId) -> Option<u32> {
        let connection = self.connections.get(id);
        connection
            .filter(|connection| connection.takes_writes())
            .map(Connection::protocol_serial)
    }

    /// Has the requests told of the loss of a connection.
    pub(crate) fn tell_of_the_loss(&mut self, id: ConnectionId, requests: Rc<dyn Outstanding>) {
        let Some(rare) = self.rare(id) else { return };
        // Those that were dropped by their protocol and have nothing to tell.
        rare.requests
            .retain(|others| Rc::strong_count(others) > 1 || others.len() > 0);
        rare.requests.push(requests);
    }

    /// Tells the requests of a connection that there will be no reply.
    pub(super) fn fail_requests(&mut self, id: ConnectionId, reason: &Lost) {
        for requests in self.take_requests(id) {
            while let Some(call) = requests.fail_next(reason) {
                self.dispatch(id, call);
            }
        }
    }

    /// The protocol that has asked has handed the connection over: the requests go with it.
    pub(super) fn drop_requests(&mut self, id: ConnectionId) {
        for requests in self.take_requests(id) {
            self.counters.stale_calls += requests.len() as u64;
            self.discard(requests);
        }
    }

    fn take_requests(&mut self, id: ConnectionId) -> Vec<Rc<dyn Outstanding>> {
        let connection = self.connections.get_mut(id);
        let rare = connection.and_then(|connection| connection.rare.as_mut());
        rare.map_or_else(Vec::new, |rare| std::mem::take(&mut rare.requests))
    }

    pub(crate) fn call_any_protocol_later(
        &mut self,
        id: ConnectionId,
        delay: Duration,
        call: OnProtocol,
    ) -> TimerId {
        let call = self.any_protocol_call(id, call);
        let timer = self.timers.arm(self.now + delay, Timed::ProtocolCall(call));
        self.own_timer(id, timer);
        timer
    }

    pub(crate) fn tell_any_protocol(&mut self, id: ConnectionId, call: OnProtocol) {
        let call = self.any_protocol_call(id, call);
        self.calls.push_back(Call::Protocol(call));
    }

    fn any_protocol_call(&self, id: ConnectionId, call: OnProtocol) -> ProtocolCall {
        let connection = self.connections.get(id);
        ProtocolCall {
            id,
            serial: connection.map_or(0, Connection::protocol_serial),
            call,
        }
    }
}
