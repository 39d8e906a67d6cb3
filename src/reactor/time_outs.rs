//! Connections that are closed because their time is up: after a silence, or at the end of their life. Owns the deadline of a
//! life; how long a silence lasts is found out by `idle`.

use crate::connection::{Care, Phase};
use crate::error::{Deadline, Lost};
use crate::network::{Farewell, Time};
use crate::table::ConnectionId;
use crate::timer::TimerId;

use super::Reactor;
use super::timed::Timed;

/// The life of a connection that is watched.
pub(super) struct Life {
    /// From when it counts.
    since: Time,
    /// `None` if it may last for ever.
    pub(super) timer: Option<TimerId>,
}

impl Reactor {
    /// Has a connection closed at the end of its life, as its limits say.
    pub(super) fn set_lifetime(&mut self, id: ConnectionId) {
        let longest = self.limits(id).policies.lifetime;
        let is_open = self
            .connections
            .get(id)
            .is_some_and(|connection| connection.phase == Phase::Open);
        // One that is being closed keeps the deadline that it has.
        if !is_open {
            return;
        }
        let before = self.watches.ends(id).and_then(|ends| ends.life.take());
        if let Some(timer) = before.as_ref().and_then(|life| life.timer) {
            self.timers.cancel(timer);
        }
        // Without anything that ends it, when it was made is forgotten.
        if longest.is_none() && self.watches.ends(id).is_none() {
            return;
        }
        let since = before.map_or(self.now, |life| life.since);
        let due = longest.map(|longest| since + longest);
        let timer = due.map(|due| self.timers.arm(due, Timed::Life(id)));
        self.watches.ends_made(id).life = Some(Life { since, timer });
        if let Some(connection) = self.connections.get_mut(id) {
            connection.care.add(Care::WATCHED);
        }
    }

    /// The life of a connection is over. What it is owed is sent; but who takes it slowly has only the time of a close.
    pub(super) fn end_life(&mut self, id: ConnectionId) {
        let Some(life) = self.watches.ends(id).and_then(|ends| ends.life.as_mut()) else {
            return;
        };
        life.timer = None;
        let over = Lost::TimedOut(Deadline::Lifetime);
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let is_told = |connection: &crate::connection::Connection| {
            let rare = connection.rare.as_ref();
            rare.is_some_and(|rare| rare.reason == Some(over.clone()))
        };
        match connection.phase {
            Phase::Open => {
                self.close_overdue(id, Deadline::Lifetime);
                let close = self.limits(id).close;
                let due = close.map(|within| self.now + within);
                let timer = due.map(|due| self.timers.arm(due, Timed::Life(id)));
                if let Some(life) = self.watches.ends(id).and_then(|ends| ends.life.as_mut()) {
                    life.timer = timer;
                }
            }
            Phase::Draining if is_told(connection) => {
                self.retire(id, over, Farewell::Reset.into());
            }
            Phase::Draining => self.time_out(id, Deadline::Lifetime),
            _ => {}
        }
    }

    /// Closes a connection whose time is up: what it is owed is sent.
    pub(super) fn close_overdue(&mut self, id: ConnectionId, deadline: Deadline) {
        self.count_time_out(deadline);
        self.drain(id, Some(Lost::TimedOut(deadline)));
    }
}
