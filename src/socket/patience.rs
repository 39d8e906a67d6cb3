//! How long the calls of one socket wait. Owns the setting of `settimeout`, and what an interrupted or fruitless call means
//! under it; opens no socket.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "there is no reactor here to ask for the time, and nothing to be replayed"
)]

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::error::{Error, Result};

const FOR_EVER: u64 = u64::MAX;

/// The timeout of a socket, which several threads may share.
#[derive(Debug)]
pub(super) struct Patience(AtomicU64);

impl Patience {
    /// Waits for as long as it takes.
    pub(super) fn endless() -> Self {
        Self(AtomicU64::new(FOR_EVER))
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        match self.0.load(Ordering::Relaxed) {
            FOR_EVER => None,
            nanoseconds => Some(Duration::from_nanos(nanoseconds)),
        }
    }

    /// Zero: calls do not wait at all.
    pub(super) fn set(&self, socket: SockRef<'_>, timeout: Option<Duration>) -> Result<()> {
        socket.set_nonblocking(timeout.is_some_and(|timeout| timeout.is_zero()))?;
        // What a call may wait is set by that call; here only what an earlier one has left is taken away.
        socket.set_read_timeout(None)?;
        socket.set_write_timeout(None)?;
        let nanoseconds = timeout.map_or(FOR_EVER, |timeout| {
            u64::try_from(timeout.as_nanos()).unwrap_or(FOR_EVER)
        });
        self.0.store(nanoseconds, Ordering::Relaxed);
        Ok(())
    }

    /// Until when a call that begins now may wait.
    pub(super) fn begin(&self) -> Deadline {
        match self.timeout() {
            None => Deadline::None,
            Some(timeout) if timeout.is_zero() => Deadline::Now,
            Some(timeout) => Instant::now()
                .checked_add(timeout)
                .map_or(Deadline::None, Deadline::At),
        }
    }
}

/// Until when one call may wait, all the system calls in it counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deadline {
    None,
    At(Instant),
    /// The socket does not block.
    Now,
}

impl Deadline {
    /// Makes a call that receives, or accepts.
    pub(super) fn receive<T>(
        self,
        socket: SockRef<'_>,
        call: impl FnMut() -> io::Result<T>,
    ) -> Result<T> {
        self.wait(|left| socket.set_read_timeout(Some(left)), call)
    }

    /// Makes a call that sends.
    pub(super) fn send<T>(
        self,
        socket: SockRef<'_>,
        call: impl FnMut() -> io::Result<T>,
    ) -> Result<T> {
        self.wait(|left| socket.set_write_timeout(Some(left)), call)
    }

    /// A signal's handler may interrupt any call: that says nothing about the socket, and gives it no more time.
    fn wait<T>(
        self,
        limit: impl Fn(Duration) -> io::Result<()>,
        mut call: impl FnMut() -> io::Result<T>,
    ) -> Result<T> {
        loop {
            if let Self::At(end) = self {
                limit(left(end)?)?;
            }
            match call() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.has_passed_with(&error) => return Err(Error::Timeout),
                outcome => return Ok(outcome?),
            }
        }
    }

    fn has_passed_with(self, error: &io::Error) -> bool {
        !matches!(self, Self::Now) && error.kind() == io::ErrorKind::WouldBlock
    }
}

/// Never less than the system counts in: nothing at all would mean for ever.
fn left(end: Instant) -> Result<Duration> {
    match end.checked_duration_since(Instant::now()) {
        None | Some(Duration::ZERO) => Err(Error::Timeout),
        Some(left) => Ok(left.max(Duration::from_micros(1))),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn interrupted() -> io::Result<()> {
        Err(io::ErrorKind::Interrupted.into())
    }

    #[test]
    fn an_interrupted_call_is_made_again_with_what_time_is_left() {
        let hour = Instant::now() + Duration::from_secs(3600);
        let (calls, limits) = (Cell::new(0), Cell::new(Vec::new()));
        let outcome = Deadline::At(hour).wait(
            |left| {
                let mut all = limits.take();
                all.push(left);
                limits.set(all);
                Ok(())
            },
            || match calls.replace(calls.get() + 1) {
                0 | 1 => interrupted(),
                _ => Ok(()),
            },
        );
        assert_eq!(outcome, Ok(()));
        let limits = limits.take();
        assert_eq!(limits.len(), 3);
        assert!(limits.is_sorted_by(|one, next| one >= next), "{limits:?}");
    }

    #[test]
    fn interruptions_do_not_put_the_end_off() {
        let end = Instant::now() + Duration::from_millis(1);
        let outcome = Deadline::At(end).wait(|_| Ok(()), interrupted);
        assert_eq!(outcome, Err(Error::Timeout));
    }
}
