//! Making a failing run smaller: fewer families, fewer and smaller decisions, as long as it fails in the same way. Owns the
//! search and the report; plays no scenario but the one it is given.

use std::fmt::Write;
use std::panic;

use super::choose::{Mark, Source, Tape};
use super::faults::Faults;
use super::sweep::{Failure, play};
use super::world::{Kept, World};

/// How often a failing scenario is played again at the most.
const MOST_RUNS: usize = 600;

/// Plays a seed that failed again, makes it smaller, and panics with all that helps to find out why.
pub(super) fn report(
    seed: u64,
    faults: Faults,
    failure: &Failure,
    scenario: &impl Fn(&World),
) -> ! {
    let mut text = format!("seed {seed} failed, Faults::{faults:?}: {failure}\n");
    let options = World::new(seed, faults).describe_faults();
    let _ = writeln!(text, "\nfaults of this seed: {options}");
    let after = seed.saturating_add(1);
    let _ = writeln!(
        text,
        "to play it alone: sim::sweep({seed}..{after}, Faults::{faults:?}, ..)"
    );
    match (Shrinker { scenario, kind: failure.kind(), runs: 0 }).run(seed, faults) {
        Some((tape, smallest)) => {
            let _ = writeln!(
                text,
                "\nmade smaller, {} decisions out of the ordinary are left: {smallest}\n\n\
                 #[test]\nfn seed_{seed}() {{\n    sim::replay(\n        \"{tape}\",\n        scenario,\n    );\n}}",
                tape.len()
            );
        }
        None => text.push_str(
            "\nplayed again, it did not fail in that way: something in the scenario is not repeatable\n",
        ),
    }
    panic!("{text}");
}

struct Shrinker<'a, S> {
    scenario: &'a S,
    kind: String,
    runs: usize,
}

impl<S: Fn(&World)> Shrinker<'_, S> {
    fn run(&mut self, seed: u64, faults: Faults) -> Option<(Tape, Failure)> {
        // Nobody wants to read of all the runs that fail on the way.
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| ()));
        let smallest = self.record(seed, faults).map(|found| self.shrink(found));
        panic::set_hook(hook);
        smallest
    }

    fn record(&mut self, seed: u64, faults: Faults) -> Option<(Tape, Failure)> {
        let source = Source::of_seed(seed, faults);
        let world = World::from_source(seed, faults, source, Kept::Tape);
        let failure = play(&world, self.scenario).err()?;
        (failure.kind() == self.kind).then(|| (world.take_tape(), failure))
    }

    /// The failure of a tape, if it is of the same kind; the tape is what was asked for in that run.
    fn fails(&mut self, tape: &Tape) -> Option<(Tape, Failure)> {
        if self.runs >= MOST_RUNS {
            return None;
        }
        self.runs += 1;
        let world = World::played(tape, Kept::Tape);
        let failure = play(&world, self.scenario).err()?;
        (failure.kind() == self.kind).then(|| (world.take_tape(), failure))
    }

    fn shrink(&mut self, mut found: (Tape, Failure)) -> (Tape, Failure) {
        loop {
            let before = found.0.len();
            self.leave_out_families(&mut found);
            self.leave_out_marks(&mut found);
            self.make_marks_smaller(&mut found);
            if found.0.len() >= before || self.runs >= MOST_RUNS {
                return found;
            }
        }
    }

    fn leave_out_families(&mut self, found: &mut (Tape, Failure)) {
        for family in found.0.families() {
            if let Some(less) = self.fails(&found.0.without_family(family)) {
                *found = less;
            }
        }
    }

    /// Large parts first, then ever smaller ones.
    fn leave_out_marks(&mut self, found: &mut (Tape, Failure)) {
        let mut size = found.0.len().div_ceil(2);
        while size > 0 && self.runs < MOST_RUNS {
            let mut at = 0;
            loop {
                let marks = found.0.marks();
                let Some(part) = marks.get(at..(at + size).min(marks.len())) else {
                    break;
                };
                if part.is_empty() {
                    break;
                }
                let without = part.iter().map(|&mark| Mark { outcome: 0, ..mark });
                match self.fails(&found.0.with(without)) {
                    Some(less) if less.0.len() < found.0.len() => *found = less,
                    _ => at += size,
                }
            }
            size /= 2;
        }
    }

    fn make_marks_smaller(&mut self, found: &mut (Tape, Failure)) {
        for mark in found.0.marks() {
            for outcome in [1, mark.outcome / 2, mark.outcome - 1] {
                if outcome == 0 || outcome >= mark.outcome {
                    continue;
                }
                if let Some(less) = self.fails(&found.0.with([Mark { outcome, ..mark }])) {
                    *found = less;
                    break;
                }
            }
        }
    }
}
