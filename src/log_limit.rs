//! Keeps a flood of log lines down to a few a second of each kind. Owns the counts; does not write them.

use std::collections::BTreeMap;
use std::panic::Location;
use std::time::Duration;

use crate::counters::Counters;
use crate::limits::LOG_BURST;
use crate::network::Time;

/// What each line of the program that warns has logged in its last second. So a peer that provokes one warning hides no other.
#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    kinds: BTreeMap<&'static Location<'static>, Second>,
}

#[derive(Debug, Default)]
struct Second {
    since: Time,
    lines: u32,
    kept_back: u64,
}

impl LogLimit {
    /// Whether one more line of the caller's kind may be logged now.
    #[track_caller]
    pub(crate) fn allows(&mut self, now: Time, counters: &mut Counters) -> bool {
        let second = self.kinds.entry(Location::caller()).or_default();
        if now.since(second.since) >= Duration::from_secs(1) {
            if second.kept_back > 0 {
                log::warn!(
                    "{} more warnings like the next one were kept back",
                    second.kept_back
                );
            }
            *second = Second {
                since: now,
                ..Second::default()
            };
        }
        second.lines += 1;
        if second.lines > LOG_BURST {
            second.kept_back += 1;
            counters.quiet_logs += 1;
            return false;
        }
        true
    }
}
