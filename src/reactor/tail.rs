//! The end of what a peer says: the unfinished frame, then `eof_received`. Owns their order, behind all that came before;
//! reads no socket.

use std::ops::Range;

use crate::connection::{Cutting, Phase, Reading, Writing};
use crate::error::{FrameError, Lost};
use crate::framing::{OUT_OF_PLACE, Tail, lies_within};
use crate::network::Farewell;
use crate::protocol::Refusal;
use crate::table::ConnectionId;

use super::Reactor;
use super::dispatch::Notice;

impl Reactor {
    /// Tells the protocol that the peer has ended, if it may hear it now: after all that came before, and after the
    /// unfinished frame, if its framing makes something of that.
    pub(super) fn tell_end(&mut self, id: ConnectionId) {
        let connection = self.connections.get(id);
        if connection.is_some_and(|connection| connection.rare.is_some()) {
            self.deliver_what_is_left(id);
        }
        if !self.may_hear_the_end(id) {
            return;
        }
        if let Some(connection) = self.connections.get_mut(id) {
            connection.reading = Reading::Ended;
        }
        self.notify(id, &Notice::Eof);
        if let Some(connection) = self.connections.get(id)
            && connection.phase == Phase::Open
            && connection.writing == Writing::Ended
        {
            let done = connection.done();
            self.retire(id, done, Farewell::Close.into());
        }
    }

    /// Delivers what stands before the end.
    fn deliver_what_is_left(&mut self, id: ConnectionId) {
        loop {
            self.deliver_held(id);
            if !self.may_hear_the_end(id) || !self.deliver_tail(id) {
                return;
            }
        }
    }

    fn may_hear_the_end(&self, id: ConnectionId) -> bool {
        self.connections.get(id).is_some_and(|connection| {
            connection.reading == Reading::Ending
                && connection.delivers()
                && connection
                    .rare
                    .as_ref()
                    .is_none_or(|rare| rare.pending.is_empty())
        })
    }

    /// Delivers the unfinished frame, if there is one and it counts; `true` if some of it was given back.
    fn deliver_tail(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        let framing = self
            .framings
            .at(connection.framing)
            .filter(|_| connection.cutting == Cutting::Frames);
        let Some(rare) = connection
            .rare
            .as_mut()
            .filter(|rare| !rare.held.is_empty())
        else {
            return false;
        };
        let mut held = std::mem::take(&mut rare.held);
        let mut back = 0;
        if let Some(framing) = framing {
            match self.guarded_for(id, || framing.rules().at_eof(held.rest())) {
                Some(Tail::Frame(_)) if canary!(LastLineLost) => {}
                Some(Tail::Frame(body)) if !lies_within(&body, held.rest().len()) => {
                    self.refuse_last_frame(id, OUT_OF_PLACE);
                }
                Some(Tail::Frame(body)) => back = self.deliver_last_frame(id, held.rest(), body),
                Some(Tail::Dropped) | None => {}
                Some(Tail::Truncated) => self.drain(id, Some(Lost::Truncated)),
                Some(Tail::Refused(error)) => self.refuse_last_frame(id, error),
            }
        }
        held.keep_last(back);
        self.hold(id, held);
        back > 0
    }

    /// How many of its bytes were given back.
    fn deliver_last_frame(&mut self, id: ConnectionId, rest: &[u8], body: Range<usize>) -> usize {
        let back = self.dispatch(id, |protocol, transport| {
            protocol.frame_received(transport, &rest[body]);
            transport.take_unread_frame(rest.len())
        });
        back.filter(|_| self.live(id).is_some()).unwrap_or(0)
    }

    fn refuse_last_frame(&mut self, id: ConnectionId, error: FrameError) {
        self.count_bad_frame(&error);
        self.dispatch(id, |protocol, transport| {
            // Before it returns: a successor would hear of the loss, and not of the frame.
            if protocol.frame_refused(transport, &error) == Refusal::Lose {
                transport.refuse(Lost::BadFrame(error.clone()));
            }
        });
    }
}
