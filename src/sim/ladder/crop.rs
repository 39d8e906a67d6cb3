//! What of a long picture is shown: its beginning and its end. Owns the cut; draws nothing.

use super::lanes;
use super::steps::{Act, Step};

/// At most so many rows, and one that says how many events are left out between them. Of these rows the last are more.
pub(super) fn crop(steps: &[Step], rows: usize) -> Vec<Step> {
    let steps = lanes::without_spectators(steps);
    if steps.len() <= rows {
        return steps;
    }
    let first = rows * 3 / 8;
    let mut last = steps.len() - (rows - first);
    // One gap beside another is one gap.
    while matches!(steps[last].act, Act::Gap(_)) && last + 1 < steps.len() {
        last += 1;
    }
    let missing = steps[first..last].iter().map(events).sum();
    let gap = Step::gap(missing);
    let (head, tail) = (&steps[..first], &steps[last..]);
    head.iter().chain([&gap]).chain(tail).cloned().collect()
}

fn events(step: &Step) -> u64 {
    match step.act {
        Act::Gap(count) => count,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Time;

    fn row(number: usize) -> Step {
        Step {
            at: Time::START,
            act: Act::Across,
            label: number.to_string(),
        }
    }

    #[test]
    fn the_middle_is_left_out_and_counted() {
        let mut steps: Vec<_> = (0..10).map(row).collect();
        steps[5] = Step::gap(100);
        let labels: Vec<_> = crop(&steps, 8).into_iter().map(|step| step.label).collect();
        let gap = "… 102 events left out";
        assert_eq!(labels, ["0", "1", "2", gap, "6", "7", "8", "9"]);
    }
}
