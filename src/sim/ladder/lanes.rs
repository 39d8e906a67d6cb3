//! The columns of a picture. Owns who has one, and in which order; does not know how wide they are.

use std::rc::Rc;

use super::steps::{Act, Step};

/// More columns than this do not fit in text.
const MOST: usize = 16;

/// Who takes part, in the order in which they first do.
pub(super) fn of(steps: &[Step]) -> Vec<Rc<str>> {
    let mut lanes: Vec<Rc<str>> = Vec::new();
    for name in steps.iter().flat_map(parties) {
        if !lanes.contains(name) {
            lanes.push(name.clone());
        }
    }
    lanes
}

/// Leaves those out who have to do least with how it ended, if there are more than fit.
pub(super) fn without_spectators(steps: &[Step]) -> Vec<Step> {
    let mut latest: Vec<Rc<str>> = Vec::new();
    for name in steps.iter().rev().flat_map(parties) {
        if !latest.contains(name) {
            latest.push(name.clone());
        }
    }
    let kept = &latest[..latest.len().min(MOST)];
    let takes_part = |step: &&Step| parties(step).all(|name| kept.contains(name));
    let mut rows: Vec<_> = steps.iter().filter(takes_part).cloned().collect();
    let missing = steps.len() - rows.len();
    if missing > 0 {
        rows.insert(0, Step::gap(missing as u64));
    }
    rows
}

/// Whom a row is about.
fn parties(step: &Step) -> impl Iterator<Item = &Rc<str>> {
    let both = match &step.act {
        Act::Arrow(arrow) => [Some(&arrow.from), arrow.to.as_ref()],
        Act::Mark { lane, .. } => [Some(lane), None],
        Act::Across | Act::Gap(_) => [None, None],
    };
    both.into_iter().flatten()
}
