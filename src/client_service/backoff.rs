//! How long to wait before the next attempt. Owns the arithmetic; draws no number and looks at no clock itself.

use std::time::Duration;

/// How long a [`ClientService`](crate::ClientService) waits before it calls again: longer after each attempt in vain, never
/// longer than a maximum, and never for as long as all others do.
///
/// The first wait is the initial delay, each one after that by a factor longer. A share of it, the jitter, is left to chance:
/// with a jitter of 0.5 a delay of one second is anything from half a second to one. So those who lost one server at the same
/// moment do not come back at the same moment.
///
/// ```
/// use std::time::Duration;
/// use ropewalk::Backoff;
///
/// let backoff = Backoff::default()
///     .initial(Duration::from_secs(2))
///     .factor(3.0)
///     .maximum(Duration::from_secs(10))
///     .jitter(0.25);
/// // The shortest and the longest waits.
/// assert_eq!(backoff.delays(0), (Duration::from_millis(1500), Duration::from_secs(2)));
/// assert_eq!(backoff.delays(1), (Duration::from_millis(4500), Duration::from_secs(6)));
/// assert_eq!(backoff.delays(2), (Duration::from_millis(7500), Duration::from_secs(10)));
/// assert_eq!(backoff.delays(1000), backoff.delays(2));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff {
    initial: Duration,
    factor: f64,
    maximum: Duration,
    jitter: f64,
}

impl Default for Backoff {
    /// From one second, by 1.5, to one minute; half of each is left to chance.
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            factor: 1.5,
            maximum: Duration::from_secs(60),
            jitter: 0.5,
        }
    }
}

impl Backoff {
    /// The longest that the first wait may be. Default 1 s. With zero there is no wait at all, ever.
    #[must_use]
    pub fn initial(mut self, delay: Duration) -> Self {
        self.initial = delay;
        self
    }

    /// By how much a wait is longer than the one before. Default 1.5; at least 1.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor.max(1.0);
        self
    }

    /// No wait is longer than this. Default 60 s.
    #[must_use]
    pub fn maximum(mut self, delay: Duration) -> Self {
        self.maximum = delay;
        self
    }

    /// The share of a wait that is left to chance, from 0, all waits are as long as they may be, to 1, anything down to
    /// nothing. Default 0.5.
    #[must_use]
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        };
        self
    }

    /// The shortest and the longest that a wait may be, by how many were in vain before it.
    pub fn delays(&self, before: u32) -> (Duration, Duration) {
        let longest = self.longest(before);
        (longest.mul_f64(1.0 - self.jitter), longest)
    }

    /// A wait, by a random number.
    pub(super) fn delay(&self, before: u32, random: u64) -> Duration {
        let share = random as f64 / u64::MAX as f64;
        self.longest(before).mul_f64(1.0 - self.jitter * share)
    }

    fn longest(&self, before: u32) -> Duration {
        if self.initial.is_zero() {
            return Duration::ZERO;
        }
        let growth = self.factor.powi(i32::try_from(before).unwrap_or(i32::MAX));
        let delay = Duration::try_from_secs_f64(self.initial.as_secs_f64() * growth);
        delay.unwrap_or(self.maximum).min(self.maximum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_within_its_bounds_whatever_the_number() {
        for jitter in [0.0, 0.3, 1.0] {
            let backoff = Backoff::default().jitter(jitter);
            for before in [0, 1, 5, 40, 10_000, u32::MAX] {
                let (shortest, longest) = backoff.delays(before);
                assert!(longest <= Duration::from_secs(60));
                assert_eq!(backoff.delay(before, 0), longest);
                assert_eq!(backoff.delay(before, u64::MAX), shortest);
            }
        }
    }

    #[test]
    fn settings_that_make_no_sense_do_no_harm() {
        let backoff = Backoff::default().factor(f64::NAN).jitter(f64::NAN);
        let second = Duration::from_secs(1);
        assert_eq!(backoff.delays(7), (second, second));
        let backoff = Backoff::default().factor(0.1).jitter(-1.0);
        assert_eq!(backoff.delays(7), (second, second));
        let endless = Backoff::default().factor(f64::INFINITY).jitter(7.0);
        assert_eq!(endless.delays(0).1, second);
        assert_eq!(endless.delays(3), (Duration::ZERO, Duration::from_secs(60)));
        let none = Backoff::default()
            .initial(Duration::ZERO)
            .factor(f64::INFINITY);
        assert_eq!(none.delays(3).1, Duration::ZERO);
    }
}
