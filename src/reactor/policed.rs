//! Connections whose bytes are counted or shown: by rates of their own, shares of their listener's, a log of their traffic.
//! Owns whether one waits for its rate, and what wakes it; reads and writes nothing.

use crate::connection::{Care, Connection, Phase};
use crate::rate::{Bucket, Direction};
use crate::table::ConnectionId;
use crate::timer::TimerId;
use crate::traffic::{Traffic, TrafficLog};

use super::Reactor;
use super::shares::Place;
use super::timed::Timed;

/// What is kept of a connection whose bytes are followed.
#[derive(Debug, Default)]
pub(crate) struct Policed {
    /// Received, sent.
    flows: [Flow; 2],
    traffic: Option<TrafficLog>,
}

/// One direction.
#[derive(Debug, Default)]
struct Flow {
    bucket: Option<Bucket>,
    /// Set while the bucket is too empty.
    timer: Option<TimerId>,
    /// Where it stands among those who share the listener's rate.
    place: Place,
}

impl Policed {
    fn flow(&mut self, direction: Direction) -> &mut Flow {
        &mut self.flows[direction as usize]
    }

    fn waits(&self, direction: Direction) -> bool {
        let flow = &self.flows[direction as usize];
        // Who was called has its portion: what it waits for now, if anything, is not that.
        flow.timer.is_some() || matches!(flow.place, Place::InLine(_))
    }
}

impl Connection {
    fn policed(&mut self) -> Option<&mut Policed> {
        self.rare.as_mut()?.policed.as_deref_mut()
    }

    /// Whether nothing goes one way because a rate is used up.
    pub(crate) fn awaits_rate(&self, direction: Direction) -> bool {
        self.rare
            .as_ref()
            .and_then(|rare| rare.policed.as_ref())
            .is_some_and(|policed| policed.waits(direction))
    }
}

const DIRECTIONS: [Direction; 2] = [Direction::Received, Direction::Sent];

impl Reactor {
    /// Follows the bytes of a connection, as its limits say, or no longer.
    pub(super) fn police(&mut self, id: ConnectionId) {
        let now = self.now;
        let policies = &self.limits(id).policies;
        let follow = policies.follow_bytes();
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let shares = self.settings[connection.settings as usize].shares.is_some();
        if !shares && !follow {
            return self.police_no_more(id);
        }
        let policies = policies.clone();
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.care.add(Care::POLICED);
        let before = connection.rare().policed.take();
        let mut policed = before.unwrap_or_default();
        for direction in DIRECTIONS {
            policed.flow(direction).bucket = match (
                policies.rate(direction),
                policed.flow(direction).bucket.take(),
            ) {
                (Some(rate), Some(mut bucket)) => {
                    bucket.change(rate, now);
                    Some(bucket)
                }
                (rate, _) => rate.map(|rate| Bucket::full(rate, now)),
            };
        }
        let traffic = std::mem::replace(&mut policed.traffic, policies.traffic_log);
        connection.rare().policed = Some(policed);
        self.discard_log(traffic);
        for direction in DIRECTIONS {
            self.wake_from_rate(id, direction);
        }
    }

    /// Nobody follows the connection's bytes any more.
    pub(super) fn police_no_more(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if !connection.care.contains(Care::POLICED) {
            return;
        }
        for direction in DIRECTIONS {
            self.wake_from_rate(id, direction);
        }
        if let Some(connection) = self.connections.get_mut(id) {
            connection.care.remove(Care::POLICED);
            let policed = connection.rare().policed.take();
            self.discard_log(policed.and_then(|policed| policed.traffic));
        }
    }

    /// A log's sink is a user's object.
    pub(super) fn discard_log(&mut self, log: Option<TrafficLog>) {
        if let Some(log) = log {
            self.discard(log);
        }
    }

    /// How many of `wanted` bytes may go one way now. If none, they are looked at again when some may.
    pub(super) fn allowance(
        &mut self,
        id: ConnectionId,
        direction: Direction,
        wanted: usize,
    ) -> usize {
        let (now, wanted) = (self.now, wanted as u64);
        let Some(connection) = self.connections.get_mut(id) else {
            return 0;
        };
        let settings = connection.settings;
        let Some(policed) = connection.policed() else {
            return usize::MAX;
        };
        let flow = policed.flow(direction);
        let waited = flow.timer.is_some() || flow.place != Place::None;
        let mut own = u64::MAX;
        if let Some(bucket) = &mut flow.bucket {
            own = bucket.level(now);
            let least = bucket.portion(wanted);
            if own < least {
                if flow.timer.is_none() {
                    let due = bucket.due(least);
                    flow.timer = Some(self.timers.arm(due, Timed::Rate(id, direction)));
                }
                return self.note_wait(direction, waited);
            }
        }
        if let Some(timer) = flow.timer.take() {
            self.timers.cancel(timer);
        }
        let place = flow.place;
        match self.ask_for_share(settings, id, direction, place, wanted.min(own)) {
            Ok(shared) => {
                self.set_place(id, direction, Place::None);
                usize::try_from(own.min(shared)).unwrap_or(usize::MAX)
            }
            Err(ticket) => {
                self.set_place(id, direction, Place::InLine(ticket));
                self.note_wait(direction, waited)
            }
        }
    }

    fn note_wait(&mut self, direction: Direction, already: bool) -> usize {
        if !already {
            *match direction {
                Direction::Received => &mut self.counters.rate_waits_receiving,
                Direction::Sent => &mut self.counters.rate_waits_sending,
            } += 1;
        }
        0
    }

    fn set_place(&mut self, id: ConnectionId, direction: Direction, place: Place) {
        if let Some(policed) = self.connections.get_mut(id).and_then(Connection::policed) {
            policed.flow(direction).place = place;
        }
    }

    /// So many bytes of a connection went one way.
    pub(super) fn use_up(&mut self, id: ConnectionId, direction: Direction, bytes: usize) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let settings = connection.settings as usize;
        if let Some(policed) = connection.policed()
            && let Some(bucket) = &mut policed.flow(direction).bucket
        {
            bucket.take(bytes);
        }
        if let Some(shares) = &mut self.settings[settings].shares {
            shares.take(direction, bytes);
        }
    }

    /// Bytes were received on a connection whose bytes are followed. `false` if its log had it lost.
    pub(super) fn account(&mut self, id: ConnectionId, data: &[u8]) -> bool {
        self.use_up(id, Direction::Received, data.len());
        match self.traffic_log_of(id) {
            Some(log) => self.log_traffic(id, &log, Direction::Received, data),
            None => true,
        }
    }

    /// The log of a connection's traffic, if anybody would see it.
    pub(super) fn traffic_log_of(&self, id: ConnectionId) -> Option<TrafficLog> {
        let rare = self.connections.get(id)?.rare.as_ref()?;
        let log = rare.policed.as_ref()?.traffic.as_ref();
        log.filter(|log| log.is_heard()).cloned()
    }

    /// `false` if its log had the connection lost.
    pub(super) fn log_traffic(
        &mut self,
        id: ConnectionId,
        log: &TrafficLog,
        direction: Direction,
        bytes: &[u8],
    ) -> bool {
        let traffic = Traffic {
            time: self.now,
            id,
            peer: self.peer(id),
            direction,
            bytes,
        };
        self.send_replies();
        self.guarded_for(id, || log.write(&traffic)).is_some()
    }

    /// The own rate of a connection allows some bytes more.
    pub(super) fn rate_allows(&mut self, id: ConnectionId, direction: Direction) {
        if let Some(policed) = self.connections.get_mut(id).and_then(Connection::policed) {
            policed.flow(direction).timer = None;
        }
        self.go_on_with(id, direction);
    }

    /// Its portion of what is shared is there, and kept for it until it comes.
    pub(super) fn call_to_its_share(&mut self, id: ConnectionId, direction: Direction) {
        self.set_place(id, direction, Place::Called);
        self.go_on_with(id, direction);
    }

    fn go_on_with(&mut self, id: ConnectionId, direction: Direction) {
        match direction {
            Direction::Received => self.queue_ready(id),
            Direction::Sent => {
                self.had_to_wait(id);
                self.mark_dirty(id);
            }
        }
    }

    /// It was we who let a connection's output wait: the peer's time counts from now.
    pub(super) fn had_to_wait(&mut self, id: ConnectionId) {
        let now = self.now;
        if let Some(connection) = self.connections.get(id)
            && let Some(unsent) = self.outs.get_mut(connection.out)
        {
            unsent.progress = now;
        }
    }

    /// The connection waits no longer, whatever for, and is looked at.
    fn wake_from_rate(&mut self, id: ConnectionId, direction: Direction) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let settings = connection.settings as usize;
        let Some(policed) = connection.policed() else {
            return;
        };
        let waited = policed.waits(direction);
        let flow = policed.flow(direction);
        let (timer, place) = (
            flow.timer.take(),
            std::mem::replace(&mut flow.place, Place::None),
        );
        let is_there = connection.phase < Phase::Lost;
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
        if let Place::InLine(ticket) = place
            && let Some(shares) = &mut self.settings[settings].shares
        {
            shares.forget(direction, ticket);
        }
        if waited && is_there {
            self.go_on_with(id, direction);
        }
    }
}
