//! Keeps a flood of log lines down to a few a second. Owns the count; does not write them.

use std::time::Duration;

use crate::counters::Counters;
use crate::limits::LOG_BURST;
use crate::network::Time;

/// What one second has logged.
#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    since: Time,
    lines: u32,
    kept_back: u64,
}

impl LogLimit {
    /// Whether one more line may be logged now.
    pub(crate) fn allows(&mut self, now: Time, counters: &mut Counters) -> bool {
        if now.since(self.since) >= Duration::from_secs(1) {
            if self.kept_back > 0 {
                log::warn!("{} more warnings like these were kept back", self.kept_back);
            }
            *self = Self {
                since: now,
                ..Self::default()
            };
        }
        self.lines += 1;
        if self.lines > LOG_BURST {
            self.kept_back += 1;
            counters.quiet_logs += 1;
            return false;
        }
        true
    }
}
