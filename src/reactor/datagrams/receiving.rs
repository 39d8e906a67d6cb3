//! Receiving datagrams, up to a share of the turn. Owns what an error of a receive means, which is never the end; the buffer is the
//! turn's, so an idle socket has none.

use std::io::{self, ErrorKind};
use std::time::Duration;

use super::Phase;
use super::sending::is_refusal;
use crate::inspector::RarePath;
use crate::limits::DATAGRAM_BUDGET;
use crate::network::{Readiness, ReceivedDatagram};
use crate::reactor::timed::Timed;
use crate::reactor::{Reactor, wire};
use crate::table::{DatagramId, Owner};

/// A socket of which each call fails is asked again after this time, and not in each turn.
const RETRY: Duration = Duration::from_millis(10);

impl Reactor {
    /// The network says that a socket is ready. One that is queued has its share later, and only one in a turn.
    pub(in crate::reactor) fn serve_datagrams(
        &mut self,
        id: DatagramId,
        readiness: Readiness,
        buffer: &mut [u8],
    ) {
        let Some(state) = self.datagrams.get(id).filter(|state| !state.queued) else {
            return;
        };
        if state.is_over() {
            return self.go_on_closing(id);
        }
        if readiness.writable {
            self.send_waiting_datagrams(id);
        }
        self.receive_datagrams(id, buffer);
    }

    pub(in crate::reactor) fn serve_queued_datagrams(&mut self, id: DatagramId, buffer: &mut [u8]) {
        if let Some(state) = self.datagrams.get_mut(id) {
            state.queued = false;
            if state.is_over() {
                return self.go_on_closing(id);
            }
            self.start_datagrams(id);
            self.send_waiting_datagrams(id);
            self.receive_datagrams(id, buffer);
        }
    }

    /// Tells the protocol of a new socket that it is open.
    pub(super) fn start_datagrams(&mut self, id: DatagramId) {
        if let Some(state) = self.datagrams.open(id)
            && matches!(state.phase, Phase::New)
        {
            state.phase = Phase::Started;
            self.dispatch_datagrams(id, |protocol, transport| protocol.started(transport));
        }
    }

    fn receive_datagrams(&mut self, id: DatagramId, buffer: &mut [u8]) {
        self.tell_refusal(id);
        let share = self.share(DATAGRAM_BUDGET, RarePath::ReadBudget);
        let mut failed = 0;
        for _ in 0..share {
            let Some(state) = self.datagrams.open(id) else {
                return;
            };
            let (socket, longest) = (state.socket, state.longest);
            // With one byte more than is delivered, for not every system tells of what it has cut off.
            let room = &mut buffer[..=longest];
            let network = self.datagram_network();
            match network.and_then(|network| network.receive(socket, room)) {
                Ok(received) => self.deliver_datagram(id, received, longest, buffer),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    failed += 1;
                    self.receive_failed(id, &error);
                }
            }
        }
        if failed < share {
            if !canary!(DatagramShareForgotten) {
                self.queue_datagrams(id);
            }
        } else {
            self.receive_again_later(id);
        }
    }

    fn deliver_datagram(
        &mut self,
        id: DatagramId,
        received: ReceivedDatagram,
        longest: usize,
        buffer: &[u8],
    ) {
        let ReceivedDatagram {
            size,
            from,
            truncated,
        } = received;
        let data = &buffer[..size.min(longest)];
        self.counters.datagrams_in += 1;
        self.counters.bytes_in += data.len() as u64;
        wire::datagram(id, "<-", Some(from), data);
        if truncated || size > longest {
            self.counters.datagrams_truncated += 1;
            self.dispatch_datagrams(id, |protocol, transport| {
                protocol.datagram_truncated(transport, data, from);
            });
        } else {
            self.dispatch_datagrams(id, |protocol, transport| {
                protocol.datagram_received(transport, data, from);
            });
        }
    }

    /// Nothing that a receive says is the end of a socket: it is about one datagram, be it one of ours that was refused elsewhere.
    fn receive_failed(&mut self, id: DatagramId, error: &io::Error) {
        if is_refusal(error) {
            if let Some(state) = self.datagrams.get_mut(id) {
                state.refused = true;
            }
            self.tell_refusal(id);
        } else if error.kind() != ErrorKind::Interrupted {
            self.counters.datagrams_failed += 1;
            log::debug!("{id}: can't receive: {error}");
        }
    }

    fn tell_refusal(&mut self, id: DatagramId) {
        let Some(state) = self.datagrams.open(id) else {
            return;
        };
        if std::mem::take(&mut state.refused) {
            let is_connected = state.peer.is_some();
            self.counters.datagrams_refused += 1;
            if is_connected {
                self.dispatch_datagrams(id, |protocol, transport| {
                    protocol.connection_refused(transport);
                });
            }
        }
    }

    /// No edge would follow, for it was not drained. Until then it counts as queued, so that there is one such timer.
    fn receive_again_later(&mut self, id: DatagramId) {
        if let Some(state) = self.datagrams.get_mut(id) {
            state.queued = true;
            self.timers.arm(self.now + RETRY, Timed::Receive(id));
        }
    }

    pub(in crate::reactor) fn receive_again(&mut self, id: DatagramId) {
        if self.datagrams.get(id).is_some() {
            self.ready.push_back(Owner::Datagrams(id));
        }
    }
}
