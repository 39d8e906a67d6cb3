//! Timers of users and of the loop itself. Owns what is due when, and whose it is; the order is `timer`'s.

use std::time::Duration;

use crate::inspector::RarePath;
use crate::limits::TIMER_BUDGET;
use crate::network::{LookupId, Time};
use crate::protocol::{Protocol, downcast};
use crate::rate::Direction;
use crate::table::{ConnectionId, DatagramId, ListenerId};
use crate::timer::{Cancelled, TimerId};
use crate::transport::Transport;

use super::Reactor;
use super::datagrams::{DatagramCall, RepeatedDatagramCall};
use super::dispatch::ProtocolCall;
use super::idle::Watched;

/// What is done when a timer is due.
pub(super) enum Timed {
    Call(Box<dyn FnOnce(&mut Reactor)>),
    Every(Duration, Repeated),
    ProtocolCall(ProtocolCall),
    ProtocolEvery(Duration, ConnectionId, u32, RepeatedCall),
    DatagramCall(DatagramCall),
    DatagramEvery(Duration, DatagramId, RepeatedDatagramCall),
    /// A socket for datagrams of which each call had failed.
    Receive(DatagramId),
    /// The system has had time enough to take what was sent on a socket for datagrams.
    Close(DatagramId),
    /// The deadline of a connection's phase.
    Phase(ConnectionId),
    /// A name's next address is to be tried beside those that have not answered.
    Attempt(ConnectionId),
    /// The deadline of a lookup.
    LookUp(LookupId),
    /// The deadline of a peer that takes nothing.
    Stall(ConnectionId),
    /// A connection may have been idle for long enough.
    Idle(ConnectionId, Watched),
    /// A connection has been there for long enough.
    Life(ConnectionId),
    /// The rate of a connection allows some bytes more.
    Rate(ConnectionId, Direction),
    /// The rate that connections with these settings share allows some bytes more.
    Share(u32, Direction),
    /// A listener that had no descriptor tries again.
    Accept(ListenerId),
    /// The reactor waited long enough for its connections.
    Stop,
}

/// What a repeated call is called with, besides its protocol if it has one: how many beats it stands for.
type Repeated = Box<dyn FnMut(&mut Reactor, u64)>;
pub(crate) type RepeatedCall = Box<dyn FnMut(&mut dyn Protocol, &mut Transport<'_>, u64)>;

/// Where a repeated call stands in its beat when it is made.
#[derive(Clone, Copy)]
struct Beats {
    /// How many have come since the last call, with the one that was due; the others were missed.
    count: u64,
    /// The next one, after now.
    next: Time,
}

impl Beats {
    /// A loop that was held up does not catch up in a burst: what was missed is counted, and the beat goes on.
    fn at(now: Time, due: Time, interval: Duration) -> Self {
        let late = now.since(due).as_nanos();
        let Some(missed) = late.checked_div(interval.as_nanos()) else {
            return Self {
                count: 1,
                next: now,
            };
        };
        let ahead = (missed + 1).saturating_mul(interval.as_nanos());
        Self {
            count: u64::try_from(missed + 1).unwrap_or(u64::MAX),
            next: due + Duration::from_nanos(u64::try_from(ahead).unwrap_or(u64::MAX)),
        }
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
        mut call: impl FnMut(&mut Self) + 'static,
    ) -> TimerId {
        self.call_every_with_count(interval, move |reactor, _| call(reactor))
    }

    /// Like [`call_every`](Self::call_every), and tells the call how many intervals have passed since the one before: 1,
    /// and more if some were missed, because the loop was held up or the machine stood still. With an interval of zero
    /// it is always 1.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn setup(reactor: &mut ropewalk::Reactor) {
    /// let mut position = 0;
    /// // A step for each interval, though they be made in one call.
    /// reactor.call_every_with_count(Duration::from_millis(50), move |_, count| position += 3 * count);
    /// # }
    /// ```
    pub fn call_every_with_count(
        &mut self,
        interval: Duration,
        call: impl FnMut(&mut Self, u64) + 'static,
    ) -> TimerId {
        let timed = Timed::Every(interval, Box::new(call));
        self.timers.arm(self.now + interval, timed)
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
        let serial = self
            .connections
            .get(id)
            .map_or(0, |connection| connection.protocol_serial());
        let timer = self.timers.arm(
            self.now + interval,
            Timed::ProtocolEvery(interval, id, serial, call),
        );
        self.own_timer(id, timer);
        timer
    }

    /// A protocol's timers end with it.
    pub(super) fn own_timer(&mut self, id: ConnectionId, timer: TimerId) {
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

    /// Whether a timer will fire, or is running and was not cancelled.
    pub(crate) fn is_armed(&self, timer: TimerId) -> bool {
        self.timers.contains(timer)
    }

    fn disown(&mut self, timed: &Timed, timer: TimerId) {
        let id = match timed {
            Timed::ProtocolCall(call) => call.id,
            Timed::ProtocolEvery(_, id, ..) => *id,
            Timed::DatagramCall(call) => return self.disown_for_datagrams(call.id, timer),
            Timed::DatagramEvery(_, id, _) => return self.disown_for_datagrams(*id, timer),
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
        let share = self.share(TIMER_BUDGET, RarePath::TimerBudget);
        self.timers.collect_due(self.now, share, &mut due);
        for timer in due.drain(..) {
            let at = self.timers.deadline(timer).unwrap_or(self.now);
            if let Some(timed) = self.timers.begin(timer) {
                self.note_firing(at);
                self.fire(timer, at, timed);
            }
        }
        self.due = due;
    }

    fn fire(&mut self, timer: TimerId, due: Time, timed: Timed) {
        match timed {
            Timed::Every(interval, mut call) => {
                let beats = Beats::at(self.now, due, interval);
                self.guarded("a repeated call", |reactor| call(reactor, beats.count));
                self.go_on(timer, beats.next, Timed::Every(interval, call));
            }
            Timed::ProtocolEvery(interval, id, serial, mut call) => {
                if self.hears(id, serial) {
                    let beats = Beats::at(self.now, due, interval);
                    self.dispatch(id, |protocol, transport| {
                        call(protocol, transport, beats.count)
                    });
                    let again = Timed::ProtocolEvery(interval, id, serial, call);
                    self.go_on(timer, beats.next, again);
                } else {
                    self.counters.stale_calls += 1;
                    self.timers.finish(timer);
                    self.drop_guarded(call);
                }
            }
            Timed::DatagramEvery(interval, id, mut call) => {
                let beats = Beats::at(self.now, due, interval);
                if self.repeat_for_datagrams(id, &mut call, beats.count) {
                    let again = Timed::DatagramEvery(interval, id, call);
                    self.go_on(timer, beats.next, again);
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

    fn go_on(&mut self, timer: TimerId, next: Time, again: Timed) {
        if let Err(cancelled) = self.timers.rearm(timer, next, again) {
            self.discard(cancelled);
        }
    }

    fn fire_once(&mut self, timed: Timed) {
        match timed {
            Timed::Call(call) => {
                self.guarded("a delayed call", call);
            }
            Timed::ProtocolCall(call) => self.make(super::Call::Protocol(call)),
            Timed::DatagramCall(call) => self.make_datagram_call(call),
            Timed::Receive(id) => self.receive_again(id),
            Timed::Close(id) => self.tell_stopped(id),
            Timed::Phase(id) => self.phase_timed_out(id),
            Timed::Attempt(id) => self.begin_attempt(id),
            Timed::LookUp(lookup) => self.look_up_timed_out(lookup),
            Timed::Stall(id) => self.check_stall(id),
            Timed::Idle(id, which) => self.look_at_silence(id, which),
            Timed::Life(id) => self.end_life(id),
            Timed::Rate(id, direction) => self.rate_allows(id, direction),
            Timed::Share(settings, direction) => self.call_those_in_line(settings, direction),
            Timed::Accept(id) => self.queue_listener(id),
            Timed::Stop => self.stop_timed_out(),
            Timed::Every(..) | Timed::ProtocolEvery(..) | Timed::DatagramEvery(..) => {}
        }
    }
}

impl Transport<'_> {
    /// Like [`call_every`](Self::call_every), and tells the call how many intervals have passed since the one before, see
    /// [`Reactor::call_every_with_count`].
    pub fn call_every_with_count<P: Protocol>(
        &mut self,
        interval: Duration,
        mut call: impl FnMut(&mut P, &mut Transport<'_>, u64) + 'static,
    ) -> TimerId {
        let id = self.id();
        let call: RepeatedCall =
            Box::new(
                move |protocol, transport, count| match downcast::<P>(protocol) {
                    Some(this) => call(this, transport, count),
                    None => transport.reactor().misdirected::<P>(id),
                },
            );
        self.reactor().call_protocol_every(id, interval, call)
    }
}
