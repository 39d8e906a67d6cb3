//! How fast bytes may go: a rate, and the token bucket that keeps it. Owns their arithmetic, which is exact; neither reads a
//! clock nor knows who waits.

use crate::network::Time;

/// One way over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the peer to us.
    Received,
    /// From us to the peer.
    Sent,
}

/// How many bytes a second may go one way, see [`Limits::rate`](crate::Limits::rate).
///
/// It is kept by a token bucket. Bytes that were not used are saved up to the burst, and may go at once; after that they go
/// in portions of a tenth of a second, or of the burst, if that is less.
///
/// ```
/// use ropewalk::Rate;
///
/// let rate = Rate::per_second(64 * 1024).burst(1024 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    bytes: u64,
    burst: u64,
}

impl Rate {
    /// So many bytes a second, and as many in one burst.
    ///
    /// # Panics
    /// If it is zero: what lets nothing through is no rate.
    pub const fn per_second(bytes: u64) -> Self {
        assert!(bytes > 0, "a rate lets something through");
        Self {
            bytes,
            burst: bytes,
        }
    }

    /// How many bytes may go at once after a silence. Where timers are a millisecond late, a burst that is used up in less
    /// than that makes the rate a lower one.
    ///
    /// # Panics
    /// If it is zero.
    pub const fn burst(mut self, bytes: u64) -> Self {
        assert!(bytes > 0, "a burst lets something through");
        self.burst = bytes;
        self
    }

    /// What it is worth to wake up for: a tenth of a second, which is hardly noticed, and ten wake-ups a second at most.
    fn portion(self) -> u64 {
        (self.bytes / 10).clamp(1, self.burst)
    }
}

/// Parts of a byte that a rate of one a second yields in a nanosecond.
const PARTS: i128 = 1_000_000_000;

/// The bytes that may go now under a rate.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// In parts of a byte. Below zero if more went than was asked for.
    level: i128,
    /// When that was so.
    at: Time,
}

impl Bucket {
    pub(crate) fn full(rate: Rate, now: Time) -> Self {
        Self {
            rate,
            level: i128::from(rate.burst) * PARTS,
            at: now,
        }
    }

    /// Another rate holds from now on. What was saved remains, so that no new burst comes of it.
    pub(crate) fn change(&mut self, rate: Rate, now: Time) {
        self.fill(now);
        self.rate = rate;
        self.level = self.level.min(self.most());
    }

    /// How many bytes may go.
    pub(crate) fn level(&mut self, now: Time) -> u64 {
        self.fill(now);
        u64::try_from(self.level / PARTS).unwrap_or(0)
    }

    /// So many bytes went.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.level -= bytes as i128 * PARTS;
    }

    /// When so many bytes may go, of which there are not more than the burst.
    pub(crate) fn due(&self, bytes: u64) -> Time {
        let missing = i128::from(bytes.min(self.rate.burst)) * PARTS - self.level;
        let rate = i128::from(self.rate.bytes);
        let wait = u64::try_from((missing.max(0) + rate - 1) / rate).unwrap_or(u64::MAX);
        self.at + std::time::Duration::from_nanos(wait)
    }

    /// How many bytes are to be there before any of `wanted` go.
    pub(crate) fn portion(&self, wanted: u64) -> u64 {
        self.rate.portion().min(wanted)
    }

    fn fill(&mut self, now: Time) {
        let gained = i128::try_from((now - self.at).as_nanos()).unwrap_or(i128::MAX);
        let gained = gained.saturating_mul(self.rate.bytes.into());
        self.level = self.level.saturating_add(gained).min(self.most());
        self.at = self.at.max(now);
    }

    fn most(&self) -> i128 {
        i128::from(self.rate.burst) * PARTS
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn after(time: Duration) -> Time {
        Time::START + time
    }

    #[test]
    fn what_is_not_used_is_saved_up_to_the_burst() {
        let mut bucket = Bucket::full(Rate::per_second(10).burst(25), Time::START);
        assert_eq!(bucket.level(Time::START), 25);
        bucket.take(25);
        assert_eq!(bucket.level(after(Duration::from_millis(1999))), 19);
        assert_eq!(bucket.level(after(Duration::from_secs(60))), 25);
    }

    #[test]
    fn what_is_due_is_there_then_and_not_a_nanosecond_before() {
        for rate in [1, 3, 7, 1_000_003, u64::MAX] {
            let mut bucket = Bucket::full(Rate::per_second(rate), Time::START);
            bucket.take(usize::try_from(rate).expect("64 bits"));
            let portion = bucket.portion(u64::MAX);
            let due = bucket.due(portion);
            let before = Time::from_nanos(due.as_nanos() - 1);
            assert!(bucket.level(before) < portion, "{rate}");
            assert!(bucket.level(due) >= portion, "{rate}");
        }
    }

    #[test]
    fn the_sum_is_exact_however_often_it_is_asked_for() {
        let mut bucket = Bucket::full(Rate::per_second(1000).burst(1000), Time::START);
        bucket.take(1000);
        let mut taken = 0;
        for nanos in (0..3_000_000_000).step_by(7_654_321) {
            let level = bucket.level(Time::from_nanos(nanos));
            bucket.take(level as usize);
            taken += level;
        }
        let rest = bucket.level(after(Duration::from_secs(3)));
        assert_eq!(taken + rest, 3000);
    }

    #[test]
    fn more_than_was_asked_for_is_owed() {
        let mut bucket = Bucket::full(Rate::per_second(10), Time::START);
        bucket.take(40);
        assert_eq!(bucket.level(after(Duration::from_secs(3))), 0);
        assert_eq!(bucket.due(1), after(Duration::from_millis(3100)));
        assert_eq!(bucket.due(u64::MAX), after(Duration::from_secs(4)));
    }

    #[test]
    fn another_rate_brings_no_new_burst() {
        let mut bucket = Bucket::full(Rate::per_second(10), Time::START);
        bucket.take(10);
        bucket.change(Rate::per_second(1000), Time::START);
        assert_eq!(bucket.level(Time::START), 0);
        bucket.change(Rate::per_second(1), after(Duration::from_secs(1)));
        assert_eq!(bucket.level(after(Duration::from_secs(1))), 1);
    }

    #[test]
    fn an_age_overflows_nothing() {
        let mut bucket = Bucket::full(Rate::per_second(u64::MAX), Time::START);
        bucket.take(usize::MAX);
        assert_eq!(bucket.level(Time::NEVER), u64::MAX);
    }
}
