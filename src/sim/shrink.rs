//! Making a failing run smaller: fewer families, fewer and smaller decisions, as long as it fails in the same way. Owns the
//! search and the report; plays no scenario but the one it is given.

use std::fmt::Write;

use super::choose::{Mark, Source, Tape};
use super::faults::Faults;
use super::panics::Hook;
use super::sweep::{Course, Failure, play};
use super::world::{Kept, World};

/// How often a failing scenario is played again at the most, and how much may happen in all of these runs.
const MOST_RUNS: usize = 2_000;
const MOST_EVENTS: u64 = 5_000_000;

/// Plays a run that failed again, with the same decisions, makes it smaller, and panics with all that helps to find out why.
#[track_caller]
pub(super) fn report(
    course: Course,
    first: &World,
    failure: &Failure,
    again: Source,
    scenario: &impl Fn(&World),
) -> ! {
    let (seed, faults) = (first.seed(), first.faults());
    let mut shrinker = Shrinker {
        scenario,
        kind: failure.kind(),
        runs: 0,
        events: 0,
    };
    match shrinker.record(seed, faults, again) {
        Some(found) => {
            let decisions = found.tape.len();
            let smallest = shrinker.shrink(found);
            panic!("{}", tell_smallest(course, first, decisions, &smallest));
        }
        None => panic!(
            "{}\nplayed again, it did not fail in that way: something in the scenario is not repeatable, or waits \
             for a panic hook. What happened at \
             first:\n\n{}",
            headline(course, first, failure),
            first.ladder()
        ),
    }
}

fn headline(course: Course, first: &World, failure: &Failure) -> String {
    let faults = first.faults();
    let mut text = format!("{course} failed, Faults::{faults:?}: {failure}\n");
    if let Course::Seed(seed) = course {
        let after = seed.saturating_add(1);
        let families = World::new(seed, faults).describe_faults();
        let _ = write!(
            text,
            "\nfaults of this seed: {families}\nto play all of it: sim::sweep({seed}..{after}, Faults::{faults:?}, ..)\n"
        );
    }
    text
}

/// A test to be pasted stands last, where it is found first.
fn tell_smallest(course: Course, first: &World, decisions: usize, smallest: &Found) -> String {
    let Found {
        tape,
        failure,
        world,
    } = smallest;
    let name = course.to_string().replace(' ', "_");
    format!(
        "{}\nmade smaller, from {decisions} decisions out of the ordinary to {}. What happened until t={}:\n\n{}\n\
         #[test]\nfn {name}() {{\n    ropewalk::sim::replay(\n        \"{tape}\",\n        scenario,\n    );\n}}\n",
        headline(course, first, failure),
        tape.len(),
        world.now(),
        world.ladder(),
    )
}

/// A run that fails, the smallest so far.
pub(super) struct Found {
    pub(super) tape: Tape,
    pub(super) failure: Failure,
    world: World,
}

pub(super) struct Shrinker<'a, S> {
    scenario: &'a S,
    kind: (Option<String>, String),
    runs: usize,
    events: u64,
}

impl<S: Fn(&World)> Shrinker<'_, S> {
    fn record(&mut self, seed: u64, faults: Faults, again: Source) -> Option<Found> {
        self.play(World::from_source(seed, faults, again, Kept::Tape))
    }

    /// The failure of a tape, if it is of the same kind; its tape is what was asked for in that run.
    fn fails(&mut self, tape: &Tape) -> Option<Found> {
        if self.is_tired() {
            return None;
        }
        self.play(World::played(tape, Kept::Tape))
    }

    fn play(&mut self, world: World) -> Option<Found> {
        self.runs += 1;
        let failure = play(&world, self.scenario, Hook::Spared).err();
        self.events += world.events();
        let failure = failure.filter(|failure| failure.kind() == self.kind)?;
        let tape = world.take_tape();
        Some(Found {
            tape,
            failure,
            world,
        })
    }

    fn is_tired(&self) -> bool {
        self.runs >= MOST_RUNS || self.events >= MOST_EVENTS
    }

    /// Whether a run with this tape fails as well and is smaller; then it is the one to go on with.
    fn takes(&mut self, found: &mut Found, tape: &Tape) -> bool {
        let smaller = self
            .fails(tape)
            .filter(|it| it.tape.size() < found.tape.size());
        let Some(smaller) = smaller else { return false };
        *found = smaller;
        true
    }

    /// Goes on until nothing gets smaller, for what is left out makes other things needless.
    fn shrink(&mut self, mut found: Found) -> Found {
        loop {
            let before = found.tape.size();
            self.leave_out_families(&mut found);
            self.leave_out_marks(&mut found);
            self.make_marks_smaller(&mut found);
            if found.tape.size() == before || self.is_tired() {
                return found;
            }
        }
    }

    fn leave_out_families(&mut self, found: &mut Found) {
        for family in found.tape.families() {
            let without = found.tape.without_family(family);
            self.takes(found, &without);
        }
    }

    /// Large parts first, then ever smaller ones.
    fn leave_out_marks(&mut self, found: &mut Found) {
        let mut size = found.tape.len().div_ceil(2);
        while size > 0 && !self.is_tired() {
            let mut at = 0;
            loop {
                let marks = found.tape.marks();
                let part = marks.get(at..(at + size).min(marks.len()));
                let Some(part) = part.filter(|part| !part.is_empty()) else {
                    break;
                };
                let without = part.iter().map(|&mark| Mark { outcome: 0, ..mark });
                let without = found.tape.with(without);
                if !self.takes(found, &without) {
                    at += size;
                }
            }
            size /= 2;
        }
    }

    /// The least outcome at once if that will do, else down by halves, then by ones.
    fn make_marks_smaller(&mut self, found: &mut Found) {
        for mark in found.tape.marks() {
            let mut least = mark.outcome;
            let mut down = least - 1;
            while down > 0 && !self.is_tired() {
                let outcome = least - down;
                let with = found.tape.with([Mark { outcome, ..mark }]);
                if self.takes(found, &with) {
                    least = outcome;
                    down = down.min(least - 1);
                } else {
                    down /= 2;
                }
            }
        }
    }
}
