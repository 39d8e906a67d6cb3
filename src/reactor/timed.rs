//! Timers of users and of the loop itself. Owns what is due when, and whose it is; the order is `timer`'s.

use std::time::Duration;

use crate::limits::{Idle, TIMER_BUDGET};
use crate::network::Time;
use crate::protocol::Protocol;
use crate::table::{ConnectionId, ListenerId};
use crate::timer::{Cancelled, TimerId};
use crate::transport::Transport;

use super::Reactor;
use super::dispatch::ProtocolCall;

/// What is done when a timer is due.
pub(super) enum Timed {
    Call(Box<dyn FnOnce(&mut Reactor)>),
    Every(Pace, Box<dyn FnMut(&mut Reactor)>),
    ProtocolCall(ProtocolCall),
    ProtocolEvery(Pace, ConnectionId, u32, RepeatedCall),
    /// The deadline of a connection's phase.
    Phase(ConnectionId),
    /// The deadline of a peer that takes nothing.
    Stall(ConnectionId),
    /// A connection may have been idle for long enough.
    Idle(ConnectionId, Idle),
    /// A listener that had no descriptor tries again.
    Accept(ListenerId),
    /// The reactor waited long enough for its connections.
    Stop,
}

pub(super) type RepeatedCall = Box<dyn FnMut(&mut dyn Protocol, &mut Transport<'_>)>;

/// The beat of a repeated call.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    interval: Duration,
    due: Time,
}

impl Pace {
    /// The same interval, counted from a beat that may have been moved.
    fn at(self, due: Time) -> Self {
        Self { due, ..self }
    }

    /// The next beat after `now`. Beats that were missed are skipped: a loop that was held up does not catch up in a burst.
    fn next(self, now: Time) -> Self {
        let interval = self.interval.as_nanos();
        let late = now.since(self.due).as_nanos();
        let due = match late.checked_div(interval) {
            Some(missed) => {
                let ahead = (missed + 1).saturating_mul(interval);
                self.due + Duration::from_nanos(u64::try_from(ahead).unwrap_or(u64::MAX))
            }
            None => now,
        };
        Self { due, ..self }
    }
}

impl Reactor {
    /// Calls `call`, `delay` after [`now`](Self::now) or later. Calls due at the same moment come in the order in which
    /// they were asked for; one asked for with no delay comes in the next turn.
    pub fn call_later(
        &mut self,
        delay: Duration,
        call: impl FnOnce(&mut Self) + 'static,
    ) -> TimerId {
        self.timers
            .arm(self.now + delay, Timed::Call(Box::new(call)))
    }

    /// Calls `call` every `interval`, first after one interval. Times that were missed are skipped. An interval of zero
    /// means every turn.
    pub fn call_every(
        &mut self,
        interval: Duration,
        call: impl FnMut(&mut Self) + 'static,
    ) -> TimerId {
        let pace = Pace {
            interval,
            due: self.now + interval,
        };
        self.timers
            .arm(pace.due, Timed::Every(pace, Box::new(call)))
    }

    pub(crate) fn call_protocol_later<P: Protocol>(
        &mut self,
        id: ConnectionId,
        delay: Duration,
        call: impl FnOnce(&mut P, &mut Transport<'_>) + 'static,
    ) -> TimerId {
        let call = self.protocol_call(id, call);
        let timer = self.timers.arm(self.now + delay, Timed::ProtocolCall(call));
        self.own_timer(id, timer);
        timer
    }

    pub(crate) fn call_protocol_every(
        &mut self,
        id: ConnectionId,
        interval: Duration,
        call: RepeatedCall,
    ) -> TimerId {
        let pace = Pace {
            interval,
            due: self.now + interval,
        };
        let serial = self
            .connections
            .get(id)
            .map_or(0, |connection| connection.protocol_serial());
        let timer = self
            .timers
            .arm(pace.due, Timed::ProtocolEvery(pace, id, serial, call));
        self.own_timer(id, timer);
        timer
    }

    /// A protocol's timers end with it.
    fn own_timer(&mut self, id: ConnectionId, timer: TimerId) {
        if self.live(id).is_none() {
            self.cancel(timer);
        } else if let Some(rare) = self.rare(id) {
            rare.timers.insert(timer);
        }
    }

    /// Cancels a timer; `false` if it is over or was cancelled. A repeated call may cancel itself.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        match self.timers.cancel(timer) {
            Cancelled::Pending(timed) => {
                self.disown(&timed, timer);
                self.discard(timed);
                true
            }
            Cancelled::Running => true,
            Cancelled::Unknown => false,
        }
    }

    /// Sets a timer to `delay` after [`now`](Self::now); `false` if it is over. A repeated call goes on from there.
    pub fn reset(&mut self, timer: TimerId, delay: Duration) -> bool {
        self.timers.reset(timer, self.now + delay)
    }

    /// When a timer will fire; `None` if it is over, or running now.
    pub fn due(&self, timer: TimerId) -> Option<Time> {
        self.timers.deadline(timer)
    }

    fn disown(&mut self, timed: &Timed, timer: TimerId) {
        let id = match timed {
            Timed::ProtocolCall(call) => call.id,
            Timed::ProtocolEvery(_, id, ..) => *id,
            _ => return,
        };
        if let Some(rare) = self
            .connections
            .get_mut(id)
            .and_then(|connection| connection.rare.as_mut())
        {
            rare.timers.remove(&timer);
        }
    }

    pub(super) fn cancel_timers_of(&mut self, id: ConnectionId) {
        let Some(rare) = self
            .connections
            .get_mut(id)
            .and_then(|connection| connection.rare.as_mut())
        else {
            return;
        };
        for timer in std::mem::take(&mut rare.timers) {
            if let Cancelled::Pending(timed) = self.timers.cancel(timer) {
                self.discard(timed);
            }
        }
    }

    /// Runs the timers that are due now; what they arm is for the next turn.
    pub(super) fn fire_timers(&mut self) {
        let mut due = std::mem::take(&mut self.due);
        self.timers.collect_due(self.now, TIMER_BUDGET, &mut due);
        for timer in due.drain(..) {
            let deadline = self.timers.deadline(timer).unwrap_or(self.now);
            if let Some(timed) = self.timers.begin(timer) {
                self.fire(timer, deadline, timed);
            }
        }
        self.due = due;
    }

    fn fire(&mut self, timer: TimerId, due: Time, timed: Timed) {
        match timed {
            Timed::Every(pace, mut call) => {
                self.guarded("a repeated call", &mut *call);
                self.go_on(timer, pace.at(due), |pace| Timed::Every(pace, call));
            }
            Timed::ProtocolEvery(pace, id, serial, mut call) => {
                if self.hears(id, serial) {
                    self.dispatch(id, &mut *call);
                    self.go_on(timer, pace.at(due), |pace| {
                        Timed::ProtocolEvery(pace, id, serial, call)
                    });
                } else {
                    self.counters.stale_calls += 1;
                    self.timers.finish(timer);
                    self.drop_guarded(call);
                }
            }
            once => {
                self.timers.finish(timer);
                self.disown(&once, timer);
                self.fire_once(once);
            }
        }
    }

    fn go_on(&mut self, timer: TimerId, pace: Pace, again: impl FnOnce(Pace) -> Timed) {
        let pace = pace.next(self.now);
        if let Err(cancelled) = self.timers.rearm(timer, pace.due, again(pace)) {
            self.discard(cancelled);
        }
    }

    fn fire_once(&mut self, timed: Timed) {
        match timed {
            Timed::Call(call) => {
                self.guarded("a delayed call", call);
            }
            Timed::ProtocolCall(call) => self.make(super::Call::Protocol(call)),
            Timed::Phase(id) => self.phase_timed_out(id),
            Timed::Stall(id) => self.check_stall(id),
            Timed::Idle(id, which) => self.look_at_silence(id, which),
            Timed::Accept(id) => self.queue_listener(id),
            Timed::Stop => self.cut_off_all(),
            Timed::Every(..) | Timed::ProtocolEvery(..) => {}
        }
    }
}
