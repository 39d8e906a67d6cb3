//! Idle connections: who has received or sent nothing for how long. Owns the time stamps and the timers that look at them;
//! tells nobody before what has arrived was read.

use std::time::Duration;

use crate::connection::{Care, Pauses, Phase, Reading, Writing};
use crate::error::{Deadline, Lost};
use crate::limits::Idle;
use crate::network::Time;
use crate::table::ConnectionId;
use crate::timer::TimerId;
use crate::transport::Transport;

use super::Reactor;
use super::timed::Timed;

const BOTH: [Idle; 2] = [Idle::Reading, Idle::Writing];

/// The connections that are to be told when they are idle. Nothing, as long as there are none.
#[derive(Default)]
pub(super) struct Watches {
    /// By the places of the table, so that a message costs one store.
    places: Vec<Option<Box<Watch>>>,
    /// Who has been silent for long enough, unless something turns out to have arrived.
    due: Vec<(ConnectionId, Idle)>,
}

#[derive(Default)]
struct Watch {
    reading: Option<Silence>,
    writing: Option<Silence>,
}

/// One direction's silence.
struct Silence {
    longest: Duration,
    since: Time,
    /// Armed for the time at which it was to be told when it was armed: activity is stored and not followed by the timer.
    /// `None` from when it is due until it was looked at.
    timer: Option<TimerId>,
}

impl Watches {
    /// From now on it is as if somebody were watched.
    pub(super) fn attend(&mut self) {
        self.places.push(None);
    }

    /// Whether anybody has ever been watched, or somebody looks on.
    #[inline]
    pub(super) fn any(&self) -> bool {
        !self.places.is_empty()
    }

    fn silence(&mut self, id: ConnectionId, which: Idle) -> Option<&mut Silence> {
        let watch = self.places.get_mut(id.place())?.as_mut()?;
        watch.side(which).as_mut()
    }

    /// Where a silence is kept, made if need be.
    fn side(&mut self, id: ConnectionId, which: Idle) -> &mut Option<Silence> {
        let place = id.place();
        if self.places.len() <= place {
            self.places.resize_with(place + 1, || None);
        }
        self.places[place].get_or_insert_default().side(which)
    }
}

impl Watch {
    fn side(&mut self, which: Idle) -> &mut Option<Silence> {
        match which {
            Idle::Reading => &mut self.reading,
            Idle::Writing => &mut self.writing,
        }
    }
}

impl Transport<'_> {
    /// Has [`Protocol::idle`](crate::Protocol::idle) told after so long without anything received, or anything sent,
    /// counted from now; `None`, or zero, never. Changes what [`Limits::idle`](crate::Limits::idle) says, for this connection; a
    /// protocol that takes it over finds it so.
    pub fn set_idle(&mut self, which: Idle, after: impl Into<Option<Duration>>) {
        let id = self.id();
        self.reactor().set_idle(id, which, after.into());
    }

    /// What is done by default.
    pub(crate) fn lose_if_silent(&mut self, which: Idle) {
        if which == Idle::Reading {
            self.reactor().count_time_out(Deadline::Idle);
            self.refuse(Lost::TimedOut(Deadline::Idle));
        }
    }
}

impl Reactor {
    /// Begins to watch a connection as its limits say.
    pub(super) fn watch_as_limited(&mut self, id: ConnectionId) {
        for which in BOTH {
            let after = self.limits(id).idle_after(which);
            let watched = self
                .connections
                .get(id)
                .is_some_and(|c| c.care.contains(Care::WATCHED));
            if after.is_some() || watched {
                self.set_idle(id, which, after);
            }
        }
    }

    fn set_idle(&mut self, id: ConnectionId, which: Idle, after: Option<Duration>) {
        let Some(connection) = self
            .connections
            .get_mut(id)
            .filter(|connection| connection.phase == Phase::Open)
        else {
            return;
        };
        connection.care.add(Care::WATCHED);
        let silence = after
            .filter(|longest| !longest.is_zero())
            .map(|longest| Silence {
                longest,
                since: self.now,
                timer: Some(self.timers.arm(self.now + longest, Timed::Idle(id, which))),
            });
        let before = std::mem::replace(self.watches.side(id, which), silence);
        if let Some(timer) = before.and_then(|before| before.timer) {
            self.timers.cancel(timer);
        }
        if let Some(Some(watch)) = self.watches.places.get(id.place())
            && watch.reading.is_none()
            && watch.writing.is_none()
        {
            self.unwatch(id);
        }
    }

    /// The connection is told nothing any more.
    pub(super) fn unwatch(&mut self, id: ConnectionId) {
        let Some(connection) = self
            .connections
            .get_mut(id)
            .filter(|c| c.care.contains(Care::WATCHED))
        else {
            return;
        };
        connection.care.remove(Care::WATCHED);
        let watch = self.watches.places.get_mut(id.place());
        let Some(watch) = watch.and_then(Option::take) else {
            return;
        };
        for silence in [watch.reading, watch.writing].into_iter().flatten() {
            if let Some(timer) = silence.timer {
                self.timers.cancel(timer);
            }
        }
    }

    /// Something went over the wire.
    pub(super) fn note_activity(&mut self, id: ConnectionId, which: Idle) {
        let now = self.now;
        if let Some(silence) = self.watches.silence(id, which) {
            silence.since = now;
        }
    }

    /// A silence's timer fired: it was armed long ago, and there may have been activity since.
    pub(super) fn look_at_silence(&mut self, id: ConnectionId, which: Idle) {
        let Some(silence) = self.watches.silence(id, which) else {
            return;
        };
        silence.timer = None;
        if silence.since + silence.longest > self.now {
            self.await_silence(id, which);
        } else {
            self.watches.due.push((id, which));
        }
    }

    fn await_silence(&mut self, id: ConnectionId, which: Idle) {
        if let Some(silence) = self.watches.silence(id, which) {
            let due = silence.since + silence.longest;
            silence.timer = Some(self.timers.arm(due, Timed::Idle(id, which)));
        }
    }

    /// Tells those who are idle. After a standstill many are at once, and not all of what has arrived meanwhile need have
    /// been read in one turn: so each socket is asked once more.
    pub(super) fn tell_idle(&mut self, buffer: &mut [u8]) {
        if self.watches.due.is_empty() {
            return;
        }
        let mut due = std::mem::take(&mut self.watches.due);
        for (id, which) in due.drain(..) {
            if which == Idle::Reading {
                self.read(id, buffer);
            }
            self.tell_if_idle(id, which);
        }
        self.watches.due = due;
    }

    fn tell_if_idle(&mut self, id: ConnectionId, which: Idle) {
        let Some(active) = self.is_active(id, which) else {
            return;
        };
        let now = self.now;
        let Some(silence) = self.watches.silence(id, which) else {
            return;
        };
        // What was read may have made the protocol ask for another time.
        if silence.timer.is_some() {
            return;
        }
        let is_idle = !active && silence.since + silence.longest <= now;
        if active || is_idle {
            silence.since = now;
        }
        self.await_silence(id, which);
        if is_idle {
            self.dispatch(id, |protocol, transport| protocol.idle(transport, which));
        }
    }

    /// Whether a direction counts as active though nothing goes over the wire. `None` if it is over.
    fn is_active(&self, id: ConnectionId, which: Idle) -> Option<bool> {
        let connection = self
            .connections
            .get(id)
            .filter(|connection| connection.phase == Phase::Open)?;
        match which {
            Idle::Reading if connection.reading == Reading::Ended => None,
            // The silence is ours: who is behind with our replies, or in a pipe that is full, is not asked to say more.
            Idle::Reading => Some(
                connection.pauses.contains(Pauses::PRESSURE)
                    || connection.pauses.contains(Pauses::PIPED),
            ),
            Idle::Writing if connection.writing != Writing::Open => None,
            Idle::Writing => Some(self.unsent(id) != Some(0)),
        }
    }
}
