//! The figures of many times. Owns their order, and the line they are told in.

use std::time::Duration;

const ROUNDS: usize = 25;

#[derive(Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The quantiles of rounds, and of those the middle one: where others have work for the cores too, some rounds are
    /// theirs. The maximum is that of all. `cost`: the reactor's processor time for each.
    pub(crate) fn print(mut self, what: &str, spin: Duration, cost: Duration) {
        let round = self.0.len().div_ceil(ROUNDS).max(1);
        let rounds = self.0.chunks_mut(round);
        let sorted: Vec<&[Duration]> = rounds
            .map(|round| {
                round.sort();
                &*round
            })
            .collect();
        let at = |share: f64| {
            let mut quantiles: Vec<Duration> =
                sorted.iter().map(|round| quantile(round, share)).collect();
            quantiles.sort();
            let middle = if share < 1.0 { 0.5 } else { 1.0 };
            quantile(&quantiles, middle).as_nanos() as f64 / 1000.0
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

fn quantile(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}
