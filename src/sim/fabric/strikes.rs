//! What strikes at times of its own and concerns the wires and hosts below their reactors: resets, partitions, clogs, wants of
//! descriptors, clocks that are set. Owns how long each lasts and how it ends; when it strikes is the world's.

use std::time::Duration;

use super::{Event, Fabric};
use crate::network::Time;
use crate::sim::choose::Site;
use crate::sim::errno;
use crate::sim::family::Family;
use crate::sim::host::{HostId, Want};
use crate::sim::link::{EndId, Holder, LinkId, Phase, Side};
use crate::sim::trace::What;

/// How many lengths of time are drawn from.
pub(in crate::sim) const LENGTHS: u64 = 64;
/// After how long a kernel gives up a peer of which it hears nothing: first probe after 240 s, then some more.
const KEEP_ALIVE: Duration = Duration::from_secs(300);

/// The `number`th length of time, each about a fifth longer than the one before: from 100 µs over 6 s for [`LENGTHS`] to some
/// hours for the longest.
pub(in crate::sim) fn length(number: u64) -> Duration {
    let quarters = 4 + number % 4;
    Duration::from_micros((25 * quarters) << (number / 4).min(26))
}

impl Fabric {
    /// When a family strikes next, if it is on.
    pub(in crate::sim) fn next_strike(&mut self, family: Family) -> Time {
        match self.choose(Site::When(family), LENGTHS) {
            0 => Time::NEVER,
            number => self.now + length(number),
        }
    }

    /// How long a strike of a family lasts: up to `most` lengths.
    pub(in crate::sim) fn span(&mut self, family: Family, most: u64) -> Duration {
        length(self.choose(Site::Span(family), most))
    }

    pub(in crate::sim) fn whom(&mut self, family: Family, count: usize) -> Option<usize> {
        (count > 0).then(|| self.choose_index(Site::Whom(family), count))
    }

    /// Strikes, if there is anybody to strike.
    pub(in crate::sim) fn strike(&mut self, family: Family) -> bool {
        match family {
            Family::Resets => self.strike_with_reset(),
            Family::Partitions => self.strike_with_partition(),
            Family::Clogs => self.strike_with_clog(),
            Family::Descriptors => self.strike_with_want_of_descriptors(),
            Family::WallClocks => self.strike_wall_clock(),
            _ => false,
        }
    }

    fn any_link(&mut self, family: Family) -> Option<LinkId> {
        let nth = self.whom(family, self.links.len())?;
        self.links.keys().nth(nth).copied()
    }

    /// Somebody on the way resets a connection: both ends hear of it, or one of them.
    fn strike_with_reset(&mut self) -> bool {
        let Some(link) = self.any_link(Family::Resets) else {
            return false;
        };
        let sides: &[Side] = match self.choose(Site::How(Family::Resets), 4) {
            0 | 1 => &[Side::Caller, Side::Callee],
            2 => &[Side::Caller],
            _ => &[Side::Callee],
        };
        let mut struck = false;
        for &side in sides {
            struck |= self.reset_from_outside(EndId { link, side });
        }
        struck
    }

    pub(super) fn reset_from_outside(&mut self, id: EndId) -> bool {
        let Some(link) = self.links.get_mut(&id.link) else {
            return false;
        };
        if link.end(id.side).phase != Phase::Open {
            return false;
        }
        let error = link.error_of_reset(id.side);
        link.inbound_mut(id.side).deliver_rst();
        link.break_end(id.side, error);
        self.note_end(id, What::Fault("is reset"));
        self.lose_received(id);
        self.tell_change(id);
        // If the other end has nothing to send, it is its kernel that finds out.
        let at = self.now + KEEP_ALIVE;
        self.queue.push(at, Event::KeepAlive(id.other()));
        self.bury(id.link);
        true
    }

    /// Some kernels drop what was received before a reset and not yet read.
    pub(super) fn lose_received(&mut self, id: EndId) {
        if self.choose(Site::ResetLoses, 2) == 1
            && let Some(link) = self.links.get_mut(&id.link)
        {
            link.inbound_mut(id.side).lose_arrived();
        }
    }

    fn strike_with_partition(&mut self) -> bool {
        let count = self.hosts.len();
        let pair = (
            self.whom(Family::Partitions, count),
            self.whom(Family::Partitions, count),
        );
        let (Some(one), Some(other)) = pair else {
            return false;
        };
        if one == other {
            return false;
        }
        let (one, other) = (HostId(one), HostId(other));
        let both = self.choose(Site::How(Family::Partitions), 2) == 0;
        let until = self.now + self.span(Family::Partitions, LENGTHS + 20);
        self.cut(one, other, both);
        let era = self.era;
        let rejoin = Event::Rejoin {
            one,
            other,
            both,
            era,
        };
        self.queue.push(until, rejoin);
        true
    }

    /// Nothing passes from one host to another any more, or between them.
    pub(in crate::sim) fn cut(&mut self, one: HostId, other: HostId, both: bool) {
        *self.cuts.entry((one, other)).or_default() += 1;
        if both {
            *self.cuts.entry((other, one)).or_default() += 1;
        }
        self.note(one, What::Fault("is cut off"));
    }

    pub(super) fn rejoin(&mut self, one: HostId, other: HostId, both: bool) {
        for pair in [Some((one, other)), both.then_some((other, one))] {
            if let Some(pair) = pair
                && let Some(count) = self.cuts.get_mut(&pair)
            {
                *count -= 1;
                if *count == 0 {
                    self.cuts.remove(&pair);
                }
            }
        }
        self.note(one, What::Note("is reached again"));
        self.release_parked();
    }

    /// All partitions are over.
    pub(in crate::sim) fn rejoin_all(&mut self) {
        self.era += 1;
        self.cuts.clear();
        self.clogs.clear();
        self.release_parked();
    }

    pub(super) fn is_cut(&self, from: HostId, to: HostId) -> bool {
        !self.cuts.is_empty() && self.cuts.contains_key(&(from, to))
    }

    /// Whether what arrives at an end now has to wait, because the way to it is cut or clogged.
    pub(super) fn is_held_up(&self, id: EndId) -> bool {
        if self.cuts.is_empty() && self.clogs.is_empty() {
            return false;
        }
        let Some(link) = self.links.get(&id.link) else {
            return false;
        };
        let from = link.end(id.side.other()).host;
        self.is_cut(from, link.end(id.side).host) || self.clogs.contains_key(&(id.link, id.side))
    }

    /// What was held up arrives, if nothing holds it up any more.
    fn release_parked(&mut self) {
        for end in std::mem::take(&mut self.parked) {
            if self.is_held_up(end) {
                self.parked.push(end);
            } else {
                let at = self.arrival();
                self.queue.push(at, Event::Arrive(end));
            }
        }
    }

    fn strike_with_clog(&mut self) -> bool {
        let Some(link) = self.any_link(Family::Clogs) else {
            return false;
        };
        let side = match self.choose(Site::How(Family::Clogs), 2) {
            0 => Side::Caller,
            _ => Side::Callee,
        };
        let until = self.now + self.span(Family::Clogs, LENGTHS + 10);
        let clog = self.clogs.entry((link, side)).or_insert(until);
        *clog = until.max(*clog);
        self.queue.push(until, Event::Unclog(EndId { link, side }));
        true
    }

    /// A clog is over, unless another one of the same end lasts longer.
    pub(super) fn unclog(&mut self, end: EndId) {
        let place = (end.link, end.side);
        if self
            .clogs
            .get(&place)
            .is_some_and(|&until| until <= self.now)
        {
            self.clogs.remove(&place);
            self.release_parked();
        }
    }

    fn strike_with_want_of_descriptors(&mut self) -> bool {
        let with_sockets: Vec<usize> = (0..self.hosts.len())
            .filter(|&host| {
                self.hosts[host].wanting.is_none() && self.hosts[host].open_descriptors() > 0
            })
            .collect();
        let Some(nth) = self.whom(Family::Descriptors, with_sockets.len()) else {
            return false;
        };
        let host = HostId(with_sockets[nth]);
        let left = self.choose_index(Site::How(Family::Descriptors), 4);
        let until = self.now + self.span(Family::Descriptors, LENGTHS);
        let state = self.host_mut(host);
        let most = state.open_descriptors() + left;
        state.wanting = Some(Want { most, until });
        self.note(host, What::Note("runs out of descriptors"));
        self.queue.push(until, Event::Descriptors(host));
        true
    }

    /// A want is over, unless its process went before it and this one is another.
    pub(super) fn end_want(&mut self, on: HostId) {
        let now = self.now;
        if self.host(on).wanting.is_some_and(|want| want.until <= now) {
            self.host_mut(on).wanting = None;
            self.note(on, What::Note("has descriptors again"));
        }
    }

    /// A peer that reads stops for a while.
    pub(in crate::sim) fn strike_with_stalled_peer(&mut self) -> bool {
        let family = Family::Stalls;
        let reading = self.reading_peers();
        let Some(nth) = self.whom(family, reading.len()) else {
            return false;
        };
        let until = self.now + self.span(family, LENGTHS + 12);
        let (peer, stall) = (reading[nth], self.stalls);
        self.stalls += 1;
        self.stall_peer(peer, stall);
        self.queue.push(until, Event::ReadsAgain { peer, stall });
        true
    }

    /// How much later than asked for a timer fires.
    pub(in crate::sim) fn timer_is_late(&mut self) -> Duration {
        match self.choose(Site::CoarseTimer, LENGTHS) {
            0 => Duration::ZERO,
            number => length(number / 2),
        }
    }

    /// Faults cease, and what they have done is undone; what the script has laid down holds, but for partitions.
    pub(in crate::sim) fn calm(&mut self) {
        self.choices.cease();
        self.rejoin_all();
        for host in &mut self.hosts {
            host.wanting = None;
        }
        self.end_all_stalls();
    }

    /// By up to twelve days, forward or back.
    fn strike_wall_clock(&mut self) -> bool {
        let Some(nth) = self.whom(Family::WallClocks, self.hosts.len()) else {
            return false;
        };
        let by = Duration::from_secs(1 << self.choose(Site::Span(Family::WallClocks), 21));
        let forward = self.choose(Site::How(Family::WallClocks), 2) == 0;
        let host = self.host_mut(HostId(nth));
        let epoch = if forward {
            host.epoch.checked_add(by)
        } else {
            host.epoch.checked_sub(by)
        };
        host.epoch = epoch.unwrap_or(host.epoch);
        self.note(HostId(nth), What::Note("has its wall clock set"));
        true
    }

    /// A host loses its power: its sockets are gone without a word to anybody. Their peers hear of it when they send, or
    /// when their kernels ask.
    pub(in crate::sim) fn lose_power(&mut self, on: HostId) {
        self.host_mut(on).is_off = true;
        self.note(on, What::Note("loses its power"));
        for id in self.host(on).descriptors() {
            for end in self.host_mut(on).forget(id) {
                if let Some(link) = self.links.get_mut(&end.link) {
                    link.end_mut(end.side).holder = Holder::Nobody;
                }
            }
        }
        let at = self.now + KEEP_ALIVE;
        for end in self.abandoned(on) {
            if let Some(link) = self.links.get_mut(&end.link) {
                // Its kernel is no more, which would have sent the rest.
                link.outbound_mut(end.side).break_off();
                self.queue.push(at, Event::KeepAlive(end.other()));
                self.bury(end.link);
            }
        }
    }

    /// The ends on a host of which only its kernel knows.
    fn abandoned(&self, on: HostId) -> Vec<EndId> {
        let abandoned = self.ends().filter(|(_, end)| {
            end.host == on
                && end.holder == Holder::Nobody
                && matches!(end.phase, Phase::Open | Phase::Connecting)
        });
        abandoned.map(|(id, _)| id).collect()
    }

    pub(in crate::sim) fn has_power(&mut self, on: HostId) {
        self.host_mut(on).is_off = false;
    }

    /// A kernel asks a peer that has been silent. It is asked of only by those whose peers may be gone.
    pub(super) fn keep_alive(&mut self, id: EndId) {
        let Some(link) = self.links.get_mut(&id.link) else {
            return;
        };
        let other = link.end(id.side.other());
        let gone = other.holder == Holder::Nobody || other.phase == Phase::Broken;
        if gone && link.end(id.side).phase == Phase::Open {
            link.inbound_mut(id.side).deliver_rst();
            link.break_end(id.side, errno::ETIMEDOUT);
            self.note_end(id, What::Failed(errno::ETIMEDOUT));
            self.tell_change(id);
            self.bury(id.link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_grow_from_a_tenth_of_a_millisecond_to_some_seconds() {
        assert_eq!(length(0), Duration::from_micros(100));
        assert_eq!(length(4), Duration::from_micros(200));
        assert!((0..LENGTHS).all(|number| length(number) < length(number + 1)));
        assert!((5..8).contains(&length(LENGTHS).as_secs()));
    }

    #[test]
    fn a_leap_is_up_to_some_hours() {
        let most = LENGTHS + 44;
        assert!((0..most - 1).all(|number| length(number) < length(number + 1)));
        assert!((2..5).contains(&(length(most - 1).as_secs() / 3_600)));
    }
}
