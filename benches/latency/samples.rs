//! The figures of many times. Owns their order, and the line they are told in.

use std::time::Duration;

#[derive(Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// `cost`: the reactor's processor time for each.
    pub(crate) fn print(mut self, what: &str, spin: Duration, cost: Duration) {
        self.0.sort();
        let at = |share: f64| {
            let place = ((self.0.len() - 1) as f64 * share) as usize;
            self.0[place].as_nanos() as f64 / 1000.0
        };
        let how = if spin.is_zero() { "sleeps" } else { "spins" };
        println!(
            "{what:<44} {how:<6}  p50 {:>7.1}  p99 {:>7.1}  max {:>8.1} µs  processor {:>7.1} µs",
            at(0.5),
            at(0.99),
            at(1.0),
            cost.as_nanos() as f64 / 1000.0
        );
    }
}
