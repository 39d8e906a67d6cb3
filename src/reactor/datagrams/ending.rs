//! How sockets for datagrams end: asked to, by a panic, with the reactor. Owns the telling of it, once and last; an error of the
//! network is no end.

use super::{Phase, State};
#[cfg(doc)]
use crate::datagram::DatagramProtocol;
use crate::error::{Lost, Side};
use crate::limits::DATAGRAMS_CLOSE;
use crate::network::Farewell;
use crate::reactor::Reactor;
use crate::reactor::dispatch::Call;
use crate::reactor::timed::Timed;
use crate::table::DatagramId;
use crate::timer::Cancelled;

impl Reactor {
    /// Closes a socket for datagrams. Its protocol is told [`stopped`](DatagramProtocol::stopped) later in the turn, or, if the system has
    /// yet to take what was sent, when it has, within a second. Does nothing if it has been done.
    pub fn stop_datagrams(&mut self, id: DatagramId) {
        self.end_datagrams(id, Lost::Done(Side::Us));
    }

    pub(super) fn end_datagrams(&mut self, id: DatagramId, reason: Lost) {
        let Some(state) = self.datagrams.get_mut(id) else {
            return;
        };
        let was_started = match &mut state.phase {
            Phase::New => false,
            Phase::Started => true,
            Phase::Over {
                reason: latched, ..
            } => {
                let is_closing = matches!(latched, Lost::Done(_));
                match reason {
                    // It was stopped in the very callback that panicked.
                    Lost::Panicked => *latched = reason,
                    // What waits may not wait any longer.
                    Lost::Stopped if is_closing => {
                        *latched = reason;
                        self.calls.push_back(Call::Stopped(id));
                    }
                    _ => {}
                }
                return;
            }
        };
        state.phase = Phase::Over {
            reason,
            was_started,
        };
        self.cancel_timers_of_datagrams(id);
        self.calls.push_back(Call::Stopped(id));
    }

    fn cancel_timers_of_datagrams(&mut self, id: DatagramId) {
        let Some(state) = self.datagrams.get_mut(id) else {
            return;
        };
        for timer in std::mem::take(&mut state.timers) {
            if let Cancelled::Pending(timed) = self.timers.cancel(timer) {
                self.discard(timed);
            }
        }
    }

    /// A socket is over. It is closed when the system has taken what waits, or has had its time for that.
    pub(in crate::reactor) fn close_datagrams(&mut self, id: DatagramId) {
        while self.send_one_waiting(id) {}
        let Some(state) = self.datagrams.get(id) else {
            return;
        };
        let waits = state.unsent.len() > 0 && state.is_closing();
        if !waits {
            return self.tell_stopped(id);
        }
        let deadline = self.now + DATAGRAMS_CLOSE;
        let timer = self.timers.arm(deadline, Timed::Close(id));
        if let Some(state) = self.datagrams.get_mut(id) {
            state.timers.insert(timer);
        }
    }

    /// The system may have room again, for a socket that waits for that to be closed.
    pub(super) fn go_on_closing(&mut self, id: DatagramId) {
        while self.send_one_waiting(id) {}
        let state = self.datagrams.get(id);
        if state.is_some_and(|state| state.unsent.len() == 0) {
            self.calls.push_back(Call::Stopped(id));
        }
    }

    /// Tells a protocol that its socket is over, and closes that.
    pub(in crate::reactor) fn tell_stopped(&mut self, id: DatagramId) {
        self.cancel_timers_of_datagrams(id);
        let Some(State {
            phase: Phase::Over {
                reason,
                was_started,
            },
            ..
        }) = self.datagrams.get(id)
        else {
            return;
        };
        let (reason, was_started) = (reason.clone(), *was_started);
        if was_started && !(canary!(DatagramPanicUntold) && reason == Lost::Panicked) {
            self.dispatch_datagrams(id, |protocol, transport| {
                protocol.stopped(transport, &reason);
            });
        }
        let Some(state) = self.datagrams.remove(id) else {
            return;
        };
        log::info!("no longer listening on {}, for datagrams", state.local);
        self.counters.datagrams_unsent += state.unsent.len() as u64;
        self.network.close(state.socket, Farewell::Close);
        self.discard(state.protocol);
        // A descriptor is free again.
        self.wake_listeners();
    }

    /// The reactor stops: each protocol may say a last word, and go on if it likes.
    pub(in crate::reactor) fn tell_datagrams_stopping(&mut self) {
        for id in self.datagrams.ids() {
            match self.datagrams.get(id).map(|state| &state.phase) {
                Some(Phase::Started) => {
                    self.dispatch_datagrams(id, |protocol, transport| protocol.stopping(transport));
                }
                Some(Phase::New) => self.end_datagrams(id, Lost::Stopped),
                // It is ending already, for a reason of its own, and what it waits for has its time.
                Some(Phase::Over { .. }) | None => {}
            }
        }
    }

    pub(in crate::reactor) fn cut_off_datagrams(&mut self) {
        for id in self.datagrams.ids() {
            self.end_datagrams(id, Lost::Stopped);
        }
    }
}
