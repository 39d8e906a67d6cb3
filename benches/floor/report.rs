//! The table, and the arithmetic it needs. Owns how figures are told; measures nothing.

use std::time::Duration;

use crate::modes::Work;
use crate::peers::MEASURED;

/// What a peer's rounds came to, in the order they were run.
#[derive(Default)]
pub(crate) struct Figures {
    /// Nanoseconds of processor time an operation.
    pub(crate) costs: Vec<f64>,
    /// Median and 99th percentile of each round, in microseconds; empty where there is no latency to speak of.
    pub(crate) usual: Vec<f64>,
    pub(crate) late: Vec<f64>,
    /// In all, warming up included.
    pub(crate) operations: u64,
    pub(crate) sends: u64,
}

impl Figures {
    pub(crate) fn print(
        &self,
        mode: &str,
        name: &str,
        work: &Work,
        baseline: &Self,
        beside: Option<&Self>,
    ) {
        let [_, cost, _] = quartiles(self.costs.clone());
        let [low, ratio, high] = ratios(&self.costs, &baseline.costs);
        let mut line = format!(
            "{mode:<10} {name:<9} {cost:>10.1} ns a {:<10} ratio {ratio:.3} ({low:.3} to {high:.3})",
            work.unit
        );
        if name == MEASURED {
            line += &format!("  goal {:.2}", work.goal);
        }
        if let Some(measured) = beside {
            let [low, ratio, high] = ratios(&self.costs, &measured.costs);
            line += &format!("  {ratio:.3} ({low:.3} to {high:.3}) of {MEASURED}");
            // What a tape costs goes by what is new on it: only of short messages is something expected.
            if ["message", "line"].contains(&work.unit) {
                line += ", goal 1.10";
            }
        }
        if !self.late.is_empty() {
            let sends = self.sends as f64 / self.operations as f64;
            line += &format!(
                "; {sends:.3} sends a {}; {}; {}",
                work.unit,
                tell("p50", &self.usual, &baseline.usual),
                tell("p99", &self.late, &baseline.late)
            );
        }
        println!("{line}");
    }
}

fn tell(what: &str, ours: &[f64], theirs: &[f64]) -> String {
    let [_, time, _] = quartiles(ours.to_vec());
    let [_, ratio, _] = ratios(ours, theirs);
    format!("{what} {time:.0} µs, ratio {ratio:.2}")
}

/// The quartiles of the rounds' figures, each beside the baseline's of the same turn.
fn ratios(ours: &[f64], theirs: &[f64]) -> [f64; 3] {
    let ratios = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs);
    quartiles(ratios.collect())
}

pub(crate) fn quartiles(mut numbers: Vec<f64>) -> [f64; 3] {
    numbers.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| numbers[(numbers.len() - 1) * quarter / 4])
}

/// In microseconds.
pub(crate) fn quantile(times: &mut [Duration], share: f64) -> f64 {
    let place = ((times.len() - 1) as f64 * share) as usize;
    let (_, time, _) = times.select_nth_unstable(place);
    time.as_nanos() as f64 / 1000.0
}
