//! The rates that all connections of a listener share. Owns who waits for its portion, in which order, and what is kept for
//! those whose turn it is; moves no bytes.

use std::collections::BTreeMap;

use crate::limits::Policies;
use crate::network::Time;
use crate::rate::{Bucket, Direction};
use crate::table::ConnectionId;
use crate::timer::TimerId;

use super::Reactor;
use super::timed::Timed;

/// The rates of a listener, received and sent.
#[derive(Debug)]
pub(crate) struct Shares([Option<Share>; 2]);

/// One rate that many share.
#[derive(Debug)]
struct Share {
    bucket: Bucket,
    /// By ticket, so in the order in which they began to wait: each once, and only those that are still there.
    waiting: BTreeMap<Ticket, ConnectionId>,
    next: Ticket,
    /// Set for when the first of these may have its portion.
    timer: Option<TimerId>,
    kept: Kept,
}

/// What is kept for those who were called and have not come yet. It is kept for a turn, in which all come that can: so
/// nothing is lost by one that does not want it any more.
#[derive(Debug, Default)]
struct Kept {
    bytes: u64,
    turn: u32,
}

impl Kept {
    fn in_turn(&self, turn: u32) -> u64 {
        if turn.wrapping_sub(self.turn) <= 1 {
            self.bytes
        } else {
            0
        }
    }
}

/// A place in the line.
pub(super) type Ticket = u64;

/// Whether it is a connection's turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// It has not waited.
    #[default]
    None,
    /// It stands in the line.
    InLine(Ticket),
    /// It was called, and its portion is kept for it.
    Called,
}

impl Shares {
    /// `None` if nothing is shared.
    pub(super) fn new(policies: &Policies, now: Time) -> Option<Self> {
        let share = |direction| {
            policies.shared_rate(direction).map(|rate| Share {
                bucket: Bucket::full(rate, now),
                waiting: BTreeMap::new(),
                next: 0,
                timer: None,
                kept: Kept::default(),
            })
        };
        let shares = [share(Direction::Received), share(Direction::Sent)];
        shares.iter().any(Option::is_some).then_some(Self(shares))
    }

    fn of(&mut self, direction: Direction) -> Option<&mut Share> {
        self.0[direction as usize].as_mut()
    }

    /// So many bytes went.
    pub(super) fn take(&mut self, direction: Direction, bytes: usize) {
        if let Some(share) = self.of(direction) {
            share.bucket.take(bytes);
        }
    }

    /// The connection no longer waits.
    pub(super) fn forget(&mut self, direction: Direction, ticket: Ticket) {
        if let Some(share) = self.of(direction) {
            share.waiting.remove(&ticket);
        }
    }
}

impl Share {
    /// How many bytes a connection may have now; 0 if it has to stand in line.
    fn grant(&mut self, place: Place, wanted: u64, now: Time, turn: u32) -> u64 {
        let portion = self.bucket.portion(u64::MAX);
        let mut kept = self.kept.in_turn(turn);
        if place == Place::Called {
            kept = kept.saturating_sub(portion);
            self.kept = Kept { bytes: kept, turn };
        } else if !self.waiting.is_empty() {
            return 0;
        }
        let free = self.bucket.level(now).saturating_sub(kept);
        if free < self.bucket.portion(wanted) {
            return 0;
        }
        if self.waiting.is_empty() {
            free
        } else {
            free.min(portion)
        }
    }

    /// The next in line, if its portion is there. From now on that is kept for it.
    fn call_next(&mut self, now: Time, turn: u32) -> Option<ConnectionId> {
        let portion = self.bucket.portion(u64::MAX);
        let kept = self.kept.in_turn(turn);
        if self.bucket.level(now).saturating_sub(kept) < portion {
            return None;
        }
        let (_, next) = self.waiting.pop_first()?;
        self.kept = Kept {
            bytes: kept + portion,
            turn,
        };
        Some(next)
    }

    /// When the next in line may have its portion.
    fn due(&self, turn: u32) -> Time {
        let portion = self.bucket.portion(u64::MAX);
        self.bucket.due(portion + self.kept.in_turn(turn))
    }
}

impl Reactor {
    /// How many bytes a connection may have of what its listener's connections share.
    ///
    /// # Errors
    /// None now: its place in the line.
    pub(super) fn ask_for_share(
        &mut self,
        settings: u32,
        id: ConnectionId,
        direction: Direction,
        place: Place,
        wanted: u64,
    ) -> Result<u64, Ticket> {
        let (now, turn) = (self.now, self.turn);
        let shares = self.settings[settings as usize].shares.as_deref_mut();
        let Some(share) = shares.and_then(|shares| shares.of(direction)) else {
            return Ok(u64::MAX);
        };
        if let Place::InLine(ticket) = place {
            return Err(ticket);
        }
        let granted = share.grant(place, wanted, now, turn);
        if granted > 0 {
            return Ok(granted);
        }
        let ticket = share.next;
        share.next += 1;
        share.waiting.insert(ticket, id);
        if share.timer.is_none() {
            let due = share.due(turn);
            share.timer = Some(self.timers.arm(due, Timed::Share(settings, direction)));
        }
        Err(ticket)
    }

    /// A portion is there: whose turn it is goes on.
    pub(super) fn call_those_in_line(&mut self, settings: u32, direction: Direction) {
        let (now, turn) = (self.now, self.turn);
        loop {
            let shares = self.settings.get_mut(settings as usize);
            let shares = shares.and_then(|settings| settings.shares.as_deref_mut());
            let Some(share) = shares.and_then(|shares| shares.of(direction)) else {
                return;
            };
            share.timer = None;
            let Some(next) = share.call_next(now, turn) else {
                if !share.waiting.is_empty() {
                    let due = share.due(turn);
                    share.timer = Some(self.timers.arm(due, Timed::Share(settings, direction)));
                }
                return;
            };
            self.call_to_its_share(next, direction);
        }
    }

    /// Their listener is gone, and the last connection.
    pub(super) fn end_shares(&mut self, shares: Shares) {
        for share in shares.0.into_iter().flatten() {
            if let Some(timer) = share.timer {
                self.timers.cancel(timer);
            }
        }
    }
}
