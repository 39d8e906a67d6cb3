//! The machine's clocks. Owns the moment from which monotonic time is counted; times nothing.

use std::time::SystemTime;

use super::{Arrival, Time};

/// Monotonic time, counted from when it was started.
#[derive(Debug)]
#[expect(
    clippy::disallowed_types,
    reason = "this is where the reactor gets its time from"
)]
pub(super) struct Clock(std::time::Instant);

#[expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is where the reactor gets its time from"
)]
impl Clock {
    pub(super) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(super) fn now(&self) -> Time {
        Time::START + self.0.elapsed()
    }

    /// When bytes came that were read just now.
    pub(super) fn arrival(&self, stamp: Option<SystemTime>) -> Arrival {
        let (now, wall_clock) = (self.now(), wall_clock());
        match stamp {
            Some(stamp) => Arrival::stamped_at(stamp, now, wall_clock),
            None => Arrival::read_at(now, wall_clock),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where the reactor gets its wall time from"
)]
pub(super) fn wall_clock() -> SystemTime {
    SystemTime::now()
}
