//! When bytes came. Owns the words for it; stamps nothing.

use std::time::{Duration, SystemTime};

use super::Time;

/// When received bytes came, see [`Transport::received_at`](crate::Transport::received_at).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// On the reactor's clock. A wall clock that was set between the arrival and the read falsifies it, where the kernel
    /// stamps by the wall clock (Linux does).
    pub time: Time,
    /// On the wall clock, to be compared with what a peer says.
    pub wall_clock: SystemTime,
    /// Whose time it is.
    pub stamped_by: StampedBy,
}

/// Who looked at the clock when bytes were received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampedBy {
    /// The kernel, when it took them from the network.
    Kernel,
    /// The loop, when it had read them: they may have waited for that.
    Loop,
}

impl Arrival {
    /// Nobody stamped the bytes before they were read, at this time on both clocks.
    pub fn read_at(now: Time, wall_clock: SystemTime) -> Self {
        Self {
            time: now,
            wall_clock,
            stamped_by: StampedBy::Loop,
        }
    }

    /// The kernel stamped the bytes by the wall clock; both clocks as they are now.
    pub(super) fn stamped_at(stamp: SystemTime, now: Time, wall_clock: SystemTime) -> Self {
        let ago = wall_clock.duration_since(stamp).unwrap_or(Duration::ZERO);
        let ago = u64::try_from(ago.as_nanos()).unwrap_or(u64::MAX);
        Self {
            time: Time::from_nanos(now.as_nanos().saturating_sub(ago)),
            wall_clock: stamp,
            stamped_by: StampedBy::Kernel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_as_long_ago_on_both_clocks() {
        let wall_clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let now = Time::from_nanos(5_000_000);
        let millisecond = Duration::from_millis(1);
        let arrival = Arrival::stamped_at(wall_clock - millisecond, now, wall_clock);
        assert_eq!(arrival.time, Time::from_nanos(4_000_000));
        assert_eq!(arrival.wall_clock, wall_clock - millisecond);
    }

    #[test]
    fn a_stamp_from_the_future_or_from_before_the_start_is_taken_to_the_nearest_time_there_is() {
        let wall_clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let now = Time::from_nanos(5_000_000);
        let hour = Duration::from_secs(3600);
        let ahead = Arrival::stamped_at(wall_clock + hour, now, wall_clock);
        assert_eq!(ahead.time, now);
        let before = Arrival::stamped_at(SystemTime::UNIX_EPOCH, now, wall_clock);
        assert_eq!(before.time, Time::START);
    }
}
