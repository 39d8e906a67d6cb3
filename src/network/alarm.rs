//! A timer of the kernel's beside the selector's own time-out, which counts whole milliseconds. Owns the timer and what it
//! is set for; does not wait.
//!
//! It rings as an event, which ends the wait. Setting it costs a system call, so it is left as it is when it rings early
//! enough: at most one call for each timer that fires, and none for a deadline that only waits behind others.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::Time;

#[derive(Debug)]
pub(super) struct Alarm {
    /// `None` where the system has none: then the time-out of the selector has to do.
    timer: Option<TimerFd>,
    /// When it rings, or has rung.
    set_for: Time,
}

impl Alarm {
    /// Rings under `token`.
    pub(super) fn new(registry: &Registry, token: Token) -> Self {
        let timer = open(registry, token);
        if let Err(error) = &timer {
            log::debug!(
                "timers count whole milliseconds, for the system has no finer one: {error}"
            );
        }
        Self {
            timer: timer.ok(),
            set_for: Time::START,
        }
    }

    /// Sees to it that a wait that begins now is over after `wait`, or before.
    pub(super) fn ring_within(&mut self, wait: Duration, now: impl FnOnce() -> Time) {
        let Some(timer) = &self.timer else {
            return;
        };
        let now = now();
        let end = now + wait;
        if rings_between(now, self.set_for, end) {
            return;
        }
        let once = Expiration::OneShot(TimeSpec::from_duration(wait));
        match timer.set(once, TimerSetTimeFlags::empty()) {
            Ok(()) => self.set_for = end,
            Err(error) => log::debug!("a timer was not set: {error}"),
        }
    }
}

/// Whether an alarm will still ring, and not after `end`.
fn rings_between(now: Time, set_for: Time, end: Time) -> bool {
    now < set_for && set_for <= end
}

fn open(registry: &Registry, token: Token) -> io::Result<TimerFd> {
    let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
    registry.register(
        &mut SourceFd(&timer.as_fd().as_raw_fd()),
        token,
        Interest::READABLE,
    )?;
    Ok(timer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_set_only_if_it_would_ring_too_late_or_not_at_all() {
        let at = Time::from_nanos;
        assert!(rings_between(at(10), at(11), at(20)));
        assert!(rings_between(at(10), at(20), at(20)));
        assert!(!rings_between(at(10), at(21), at(20)), "too late");
        assert!(!rings_between(at(10), at(10), at(20)), "it has rung");
        assert!(!rings_between(at(10), Time::START, at(20)), "never set");
    }

    #[test]
    fn it_rings_each_time_it_was_set() {
        let mut poll = mio::Poll::new().unwrap();
        let mut events = mio::Events::with_capacity(4);
        let mut alarm = Alarm::new(poll.registry(), Token(7));
        for round in 1..4 {
            alarm.ring_within(Duration::from_micros(200), || {
                Time::from_nanos(round * 1_000_000)
            });
            poll.poll(&mut events, Some(Duration::from_secs(20)))
                .unwrap();
            let rung: Vec<Token> = events.iter().map(|event| event.token()).collect();
            assert_eq!(rung, [Token(7)]);
        }
    }

    #[test]
    fn waits_that_end_later_cost_no_further_call() {
        let poll = mio::Poll::new().unwrap();
        let mut alarm = Alarm::new(poll.registry(), Token(0));
        let at = |nanoseconds| move || Time::from_nanos(nanoseconds);
        let hour = Duration::from_secs(3600);
        alarm.ring_within(hour, at(1_000));
        let first = alarm.set_for;
        assert_eq!(first, Time::from_nanos(1_000) + hour);
        alarm.ring_within(hour, at(2_000));
        assert_eq!(alarm.set_for, first);
        alarm.ring_within(hour / 2, at(3_000));
        assert_eq!(alarm.set_for, Time::from_nanos(3_000) + hour / 2);
    }
}
