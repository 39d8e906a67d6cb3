//! How a wait is spent: by sleeping, or by looking again and again first. Owns the way from the selector's events to a batch;
//! does not know why the loop waits.

use std::io;
use std::time::Duration;

use mio::event::Event;

use super::{FIRST_RESERVED, OsNetwork, WAKER};
use crate::network::{Batch, Readiness, Token};

/// Far below what selectors count in (milliseconds, 31 bits), and one needless turn a day is free.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

impl OsNetwork {
    pub(super) fn wait(&mut self, timeout: Option<Duration>, batch: &mut Batch) -> io::Result<()> {
        if self.spin.is_zero() || timeout == Some(Duration::ZERO) {
            self.sleep(timeout, batch)
        } else {
            self.spin(timeout, batch)
        }
    }

    /// Looks again and again for as long as it may, then sleeps. It gets up for the last stretch of the wait: the loop finds
    /// nothing due yet and waits anew, for so short a time that all of it is spent here.
    fn spin(&mut self, timeout: Option<Duration>, batch: &mut Batch) -> io::Result<()> {
        let longest = timeout.map_or(self.spin, |timeout| timeout.min(self.spin));
        let begin = self.clock.now();
        while !self.select(Some(Duration::ZERO), batch)? {
            batch.spins += 1;
            let spent = self.clock.now() - begin;
            if spent >= longest {
                let before_the_end = spent.saturating_add(self.spin);
                return match timeout.map(|timeout| timeout.saturating_sub(before_the_end)) {
                    Some(Duration::ZERO) => Ok(()),
                    rest => self.sleep(rest, batch),
                };
            }
        }
        Ok(())
    }

    fn sleep(&mut self, timeout: Option<Duration>, batch: &mut Batch) -> io::Result<()> {
        let timeout = timeout.map(|timeout| timeout.min(LONGEST_WAIT));
        if let Some(wait) = timeout.filter(|wait| !wait.is_zero()) {
            self.alarm.ring_within(wait, || self.clock.now());
        }
        self.select(timeout, batch).map(drop)
    }

    /// Asks the selector once; whether it had anything to tell.
    fn select(&mut self, timeout: Option<Duration>, batch: &mut Batch) -> io::Result<bool> {
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            Err(error) => return Err(error),
        }
        for event in &self.events {
            let token = event.token();
            if token.0 < FIRST_RESERVED {
                batch.ready.push(readiness(event));
            } else if token == WAKER {
                self.names.take_done(&mut batch.names);
                self.workers.take_done(&mut batch.works);
            } else if let Some(signals) = &mut self.signals {
                signals.drain(token, &mut batch.signals);
            }
        }
        Ok(!self.events.is_empty())
    }
}

fn readiness(event: &Event) -> Readiness {
    Readiness {
        token: Token(event.token().0 as u64),
        readable: event.is_readable(),
        writable: event.is_writable(),
        ended: event.is_read_closed() || event.is_write_closed() || stops_at_urgent(event),
        failed: event.is_error(),
    }
}

/// Urgent data makes a read stop in front of it, short though more is waiting; no edge follows for that.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn stops_at_urgent(event: &Event) -> bool {
    event.is_priority()
}

/// Elsewhere a short read is not taken for the last one.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn stops_at_urgent(_event: &Event) -> bool {
    false
}
