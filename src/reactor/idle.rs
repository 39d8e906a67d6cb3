//! Idle connections: who has received or sent nothing for how long. Owns the time stamps and the timers that look at them;
//! tells nobody before what has arrived was read.

use std::time::Duration;

use crate::connection::{Care, Pauses, Phase, Reading, Writing};
use crate::error::{Deadline, Lost, Silence};
use crate::limits::Idle;
use crate::network::Time;
use crate::rate::Direction;
use crate::table::ConnectionId;
use crate::timer::TimerId;
use crate::transport::Transport;

use super::Reactor;
use super::time_outs::Life;
use super::timed::Timed;

/// What a silence is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// The protocol is told.
    Told(Idle),
    /// The connection is closed.
    Ended(Silence),
}

impl Watched {
    const ALL: [Self; 5] = [
        Self::Told(Idle::Reading),
        Self::Told(Idle::Writing),
        Self::Ended(Silence::Receiving),
        Self::Ended(Silence::Sending),
        Self::Ended(Silence::Both),
    ];

    /// Whether what is received breaks it.
    fn hears(self) -> bool {
        !matches!(
            self,
            Self::Told(Idle::Writing) | Self::Ended(Silence::Sending)
        )
    }
}

/// The connections that are to be told when they are idle. Nothing, as long as there are none.
#[derive(Default)]
pub(super) struct Watches {
    /// By the places of the table, so that a message costs one store.
    places: Vec<Option<Box<Watch>>>,
    /// Who has been silent for long enough, unless something turns out to have arrived.
    due: Vec<(ConnectionId, Watched)>,
}

#[derive(Default)]
struct Watch {
    reading: Option<Quiet>,
    writing: Option<Quiet>,
    ends: Option<Box<Ends>>,
}

/// What ends a connection without its protocol's being asked.
#[derive(Default)]
pub(super) struct Ends {
    quiet: [Option<Quiet>; 3],
    pub(super) life: Option<Life>,
}

impl Ends {
    fn are_none(&self) -> bool {
        self.life.is_none() && self.quiet.iter().all(Option::is_none)
    }
}

/// A silence that is watched.
struct Quiet {
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

    fn quiet(&mut self, id: ConnectionId, which: Watched) -> Option<&mut Quiet> {
        let watch = self.places.get_mut(id.place())?.as_mut()?;
        match which {
            Watched::Told(Idle::Reading) => watch.reading.as_mut(),
            Watched::Told(Idle::Writing) => watch.writing.as_mut(),
            Watched::Ended(silence) => watch.ends.as_mut()?.quiet[silence as usize].as_mut(),
        }
    }

    pub(super) fn ends(&mut self, id: ConnectionId) -> Option<&mut Ends> {
        self.places
            .get_mut(id.place())?
            .as_mut()?
            .ends
            .as_deref_mut()
    }

    /// What is watched of a connection, made if need be.
    fn watch(&mut self, id: ConnectionId) -> &mut Watch {
        let place = id.place();
        if self.places.len() <= place {
            self.places.resize_with(place + 1, || None);
        }
        self.places[place].get_or_insert_default()
    }

    pub(super) fn ends_made(&mut self, id: ConnectionId) -> &mut Ends {
        self.watch(id).ends.get_or_insert_default()
    }
}

impl Watch {
    /// Where a silence is kept, made if need be.
    fn side(&mut self, which: Watched) -> &mut Option<Quiet> {
        match which {
            Watched::Told(Idle::Reading) => &mut self.reading,
            Watched::Told(Idle::Writing) => &mut self.writing,
            Watched::Ended(silence) => {
                &mut self.ends.get_or_insert_default().quiet[silence as usize]
            }
        }
    }

    fn is_over(&mut self) -> bool {
        self.ends.take_if(|ends| ends.are_none());
        self.reading.is_none() && self.writing.is_none() && self.ends.is_none()
    }

    fn into_timers(self) -> impl Iterator<Item = TimerId> {
        let ends = self.ends.map(|ends| *ends).unwrap_or_default();
        let life = ends.life.and_then(|life| life.timer);
        let quiet = [self.reading, self.writing].into_iter().chain(ends.quiet);
        quiet.flatten().filter_map(|quiet| quiet.timer).chain(life)
    }
}

impl Transport<'_> {
    /// Has [`Protocol::idle`](crate::Protocol::idle) told after so long without anything received, or anything sent,
    /// counted from now; `None`, or zero, never. Changes what [`Limits::idle`](crate::Limits::idle) says, for this connection; a
    /// protocol that takes it over finds it so.
    pub fn set_idle(&mut self, which: Idle, after: impl Into<Option<Duration>>) {
        let id = self.id();
        self.reactor()
            .set_watch(id, Watched::Told(which), after.into());
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
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let watched = connection.care.contains(Care::WATCHED);
        if !watched && !self.limits(id).watch_some() {
            return;
        }
        for which in Watched::ALL {
            let limits = self.limits(id);
            let after = match which {
                Watched::Told(which) => limits.idle_after(which),
                Watched::Ended(silence) => limits.policies.silence_after(silence),
            };
            if after.is_some() || watched && self.watches.quiet(id, which).is_some() {
                self.set_watch(id, which, after);
            }
        }
        self.set_lifetime(id);
        self.unwatch_if_over(id);
    }

    fn set_watch(&mut self, id: ConnectionId, which: Watched, after: Option<Duration>) {
        let Some(connection) = self
            .connections
            .get_mut(id)
            .filter(|connection| connection.phase == Phase::Open)
        else {
            return;
        };
        connection.care.add(Care::WATCHED);
        let quiet = after
            .filter(|longest| !longest.is_zero())
            .map(|longest| Quiet {
                longest,
                since: self.now,
                timer: Some(self.timers.arm(self.now + longest, Timed::Idle(id, which))),
            });
        let before = std::mem::replace(self.watches.watch(id).side(which), quiet);
        if let Some(timer) = before.and_then(|before| before.timer) {
            self.timers.cancel(timer);
        }
        self.unwatch_if_over(id);
    }

    fn unwatch_if_over(&mut self, id: ConnectionId) {
        if let Some(Some(watch)) = self.watches.places.get_mut(id.place())
            && watch.is_over()
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
        for timer in watch.into_timers() {
            self.timers.cancel(timer);
        }
    }

    /// Something went over the wire.
    pub(super) fn note_activity(&mut self, id: ConnectionId, which: Idle) {
        let one_way = match which {
            Idle::Reading => Silence::Receiving,
            Idle::Writing => Silence::Sending,
        };
        for which in [
            Watched::Told(which),
            Watched::Ended(one_way),
            Watched::Ended(Silence::Both),
        ] {
            if let Some(quiet) = self.watches.quiet(id, which) {
                quiet.since = self.now;
            }
        }
    }

    /// A silence's timer fired: it was armed long ago, and there may have been activity since.
    pub(super) fn look_at_silence(&mut self, id: ConnectionId, which: Watched) {
        let Some(quiet) = self.watches.quiet(id, which) else {
            return;
        };
        quiet.timer = None;
        if quiet.since + quiet.longest > self.now {
            self.await_silence(id, which);
        } else {
            self.watches.due.push((id, which));
        }
    }

    fn await_silence(&mut self, id: ConnectionId, which: Watched) {
        if let Some(quiet) = self.watches.quiet(id, which) {
            let due = quiet.since + quiet.longest;
            quiet.timer = Some(self.timers.arm(due, Timed::Idle(id, which)));
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
            if which.hears() {
                self.read(id, buffer);
            }
            self.tell_if_idle(id, which);
        }
        self.watches.due = due;
    }

    fn tell_if_idle(&mut self, id: ConnectionId, which: Watched) {
        let Some(active) = self.is_active(id, which) else {
            return;
        };
        let now = self.now;
        let Some(quiet) = self.watches.quiet(id, which) else {
            return;
        };
        // What was read may have made the protocol ask for another time.
        if quiet.timer.is_some() {
            return;
        }
        let is_idle = !active && quiet.since + quiet.longest <= now;
        if active || is_idle {
            quiet.since = now;
        }
        self.await_silence(id, which);
        match which {
            _ if !is_idle => {}
            Watched::Told(which) => {
                self.dispatch(id, |protocol, transport| protocol.idle(transport, which));
            }
            Watched::Ended(silence) => self.close_overdue(id, Deadline::Silence(silence)),
        }
    }

    /// Whether a direction counts as active though nothing goes over the wire. `None` if it is over.
    fn is_active(&self, id: ConnectionId, which: Watched) -> Option<bool> {
        let connection = self
            .connections
            .get(id)
            .filter(|connection| connection.phase == Phase::Open)?;
        let pauses = connection.pauses;
        let receives =
            connection.awaits_rate(Direction::Received) || pauses.contains(Pauses::PIPED);
        match which {
            Watched::Told(Idle::Reading) | Watched::Ended(Silence::Receiving) => {
                // The silence is ours: who is behind with our replies, or in a pipe that is full, is not asked to say more.
                (connection.reading != Reading::Ended)
                    .then(|| receives || pauses.contains(Pauses::PRESSURE))
            }
            Watched::Told(Idle::Writing) | Watched::Ended(Silence::Sending) => {
                (connection.writing == Writing::Open).then(|| self.unsent(id) != Some(0))
            }
            // A peer that does not take what waits for it is not active.
            Watched::Ended(Silence::Both) => {
                Some(receives || connection.awaits_rate(Direction::Sent))
            }
        }
    }
}
