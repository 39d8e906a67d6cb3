//! How long turns take, and which callback is to blame for a long one. Owns the measuring and the warning; stops nobody,
//! for a callback can't be interrupted.
//!
//! To read the clock costs 25 to 35 ns, and a whole echo of a message 3,200: one reading a callback would be the hundredth
//! part of it, which is all that this crate may cost. So a turn is read once, at its end, and who was called is only
//! noted. A long turn is named after its callers, if they are few, and for a minute after it each callback is timed by itself.

use std::time::Duration;

use crate::limits::SLOW_CALLBACK;
use crate::network::Time;
use crate::table::ConnectionId;

use super::Reactor;

/// The target of the log's lines, for those who want them, or want them not.
const TARGET: &str = "ropewalk::slow";

/// How long callbacks are timed one by one after a turn that was too long.
const CLOSER_LOOK: Duration = Duration::from_secs(60);

/// The first callers of a turn, that are named if it was too long.
const NAMED: usize = 4;

/// Whose code is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Connection(ConnectionId),
    /// No connection's: a timer of the reactor's, say.
    Other(&'static str),
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timing {
    Turns,
    /// Each callback, until then.
    CallbacksUntil(Time),
    Callbacks,
}

/// The time that the turn under way takes.
#[derive(Debug)]
pub(super) struct Stopwatch {
    /// More than this is too long; `None`: nothing is.
    most: Option<Duration>,
    timing: Timing,
    /// `None` between turns.
    begun: Option<Time>,
    /// When the last turn ended.
    ended: Time,
    /// Who was called first in this turn, and of how many in all, several calls in a row being one; not counted beyond those
    /// that are named.
    callers: [Option<Caller>; NAMED],
    called: usize,
    last: Option<Caller>,
    calls: u32,
    /// A callback of this turn was found to be too long by itself.
    found: bool,
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self {
            most: Some(SLOW_CALLBACK),
            timing: Timing::Turns,
            begun: None,
            ended: Time::START,
            callers: [None; NAMED],
            called: 0,
            last: None,
            calls: 0,
            found: false,
        }
    }
}

impl Stopwatch {
    fn begin(&mut self, now: Time) {
        self.begun = Some(now);
        self.called = 0;
        self.last = None;
        self.calls = 0;
        self.found = false;
    }

    #[inline]
    fn note(&mut self, caller: Caller) {
        self.calls = self.calls.wrapping_add(1);
        // Of many nobody is named.
        if self.called <= NAMED {
            self.note_caller(caller);
        }
    }

    fn note_caller(&mut self, caller: Caller) {
        if self.last == Some(caller) {
            return;
        }
        self.last = Some(caller);
        if let Some(place) = self.callers.get_mut(self.called) {
            *place = Some(caller);
        }
        self.called += 1;
    }

    /// The only one who was called, or the few; none if they were more.
    fn callers(&self) -> Vec<Caller> {
        let mut callers: Vec<Caller> = Vec::new();
        if self.called > NAMED {
            return callers;
        }
        for caller in self.callers.iter().take(self.called).flatten() {
            if !callers.contains(caller) {
                callers.push(*caller);
            }
        }
        callers
    }
}

impl Reactor {
    /// How long a callback may take before it is warned of in the log, with the connection that it belonged to: nobody
    /// else is served meanwhile. Counted as [`turns_slow`](crate::Counters::turns_slow). Default 100 ms; `None`: never.
    /// The log's target is `ropewalk::slow`: `RUST_LOG=warn,ropewalk::slow=off` leaves it out.
    ///
    /// Whole turns are timed, so it is the sum of a turn's callbacks that has to be shorter. A turn that was too long and
    /// had many of them is told of without a name; then, for a minute, each callback is timed.
    /// See [`time_callbacks`](Self::time_callbacks).
    pub fn set_slow_callback(&mut self, most: impl Into<Option<Duration>>) {
        self.stopwatch.most = most.into();
    }

    /// Whether each callback is timed by itself from the first one on, so that each that is too slow is named. That is one
    /// or two readings of the clock more for each of them. Default: not before a turn was too long.
    pub fn time_callbacks(&mut self, each: bool) {
        self.stopwatch.timing = if each {
            Timing::Callbacks
        } else {
            Timing::Turns
        };
    }

    pub(super) fn begin_timing(&mut self) {
        self.stopwatch.begin(self.now);
    }

    /// Whose code is about to be called; when that is, if it is timed.
    #[inline]
    pub(super) fn begin_call(&mut self, caller: Caller) -> Option<Time> {
        self.stopwatch.note(caller);
        if self.stopwatch.timing == Timing::Turns {
            return None;
        }
        Some(self.network.now())
    }

    #[inline]
    pub(super) fn end_call(&mut self, caller: Caller, begun: Option<Time>) {
        if let Some(begun) = begun {
            self.judge_call(caller, begun);
        }
    }

    fn judge_call(&mut self, caller: Caller, begun: Time) {
        let took = self.network.now() - begun;
        if self.stopwatch.most.is_none_or(|most| took <= most) {
            return;
        }
        self.stopwatch.found = true;
        self.warn_of_slow(&[caller], took);
    }

    /// The end of a turn: of its time, and of those who took it.
    pub(super) fn end_timing(&mut self) {
        let now = self.network.now();
        self.stopwatch.ended = now;
        let Some(begun) = self.stopwatch.begun.take() else {
            // Only if a callback put another reactor in this one's place.
            return;
        };
        let took = now - begun;
        self.counters.turn_longest = self.counters.turn_longest.max(took);
        if self.stopwatch.most.is_some_and(|most| took > most) {
            self.turn_was_slow(now, took);
        } else if let Timing::CallbacksUntil(end) = self.stopwatch.timing
            && now >= end
        {
            self.stopwatch.timing = Timing::Turns;
        }
    }

    fn turn_was_slow(&mut self, now: Time, took: Duration) {
        self.counters.turns_slow += 1;
        if !self.stopwatch.found {
            let callers = self.stopwatch.callers();
            self.warn_of_slow(&callers, took);
        }
        if self.stopwatch.timing != Timing::Callbacks {
            self.stopwatch.timing = Timing::CallbacksUntil(now + CLOSER_LOOK);
        }
    }

    fn warn_of_slow(&mut self, callers: &[Caller], took: Duration) {
        // Built only where somebody listens, as each line of the log.
        if !log::log_enabled!(target: TARGET, log::Level::Warn)
            || !self.logs.allows(self.now, &mut self.counters)
        {
            return;
        }
        let calls = self.stopwatch.calls;
        match callers {
            [Caller::Connection(id)] => {
                let (protocol, name) = (self.protocol_name(*id), self.named(*id));
                log::warn!(target: TARGET, "{name}: slow: a callback of {protocol} took {took:.1?}");
            }
            [Caller::Other(what)] => log::warn!(target: TARGET, "slow: {what} took {took:.1?}"),
            [] if calls == 0 => {
                log::warn!(target: TARGET, "slow: a turn took {took:.1?}, and called nobody");
            }
            [] => log::warn!(
                target: TARGET,
                "slow: a turn took {took:.1?} with {calls} callbacks; from now on each is timed"
            ),
            some => {
                let names = some.iter().map(|caller| self.caller_name(*caller));
                let names = names.collect::<Vec<_>>().join(", ");
                log::warn!(
                    target: TARGET,
                    "slow: a turn took {took:.1?}, by one of these: {names}; from now on each is timed"
                );
            }
        }
    }

    fn caller_name(&self, caller: Caller) -> String {
        match caller {
            Caller::Connection(id) => self.named(id),
            Caller::Other(what) => what.to_owned(),
        }
    }

    /// When the last turn ended: the time now, for whoever asks at once.
    pub(super) fn last_turn_ended(&self) -> Time {
        self.stopwatch.ended
    }
}
