//! Many worlds for one scenario. Owns the order of seeds, what is told of them all, and of one that fails; does not know
//! what a scenario is about.

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::choose::{Enumerated, Fuzzed, Source, Tape};
use super::family::Family;
use super::faults::Faults;
use super::shrink;
use super::world::{Kept, World};
use crate::inspector::RarePath;

/// What happened in the worlds of a sweep.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    seeds: u64,
    events: u64,
    struck: [u64; Family::COUNT],
    reached: [u64; RarePath::ALL.len()],
}

impl Sweep {
    /// How many worlds there were.
    pub fn seeds(&self) -> u64 {
        self.seeds
    }

    /// How many events there were in all of them: segments that arrived, readiness that was told of, callbacks, timers, posted calls.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How often a family of faults struck.
    pub fn struck(&self, family: Family) -> u64 {
        self.struck[family as usize]
    }

    /// The families that never struck: what they would have shown was not looked at.
    pub fn families_missed(&self) -> Vec<Family> {
        let all = Family::ALL.into_iter();
        all.filter(|&family| self.struck(family) == 0).collect()
    }

    /// The rare paths in the loop, by name, that were taken in no world.
    pub fn paths_missed(&self) -> Vec<&'static str> {
        let all = RarePath::ALL.into_iter().zip(self.reached);
        all.filter(|&(_, times)| times == 0)
            .map(|(path, _)| path.name())
            .collect()
    }

    /// Counts another world in.
    pub fn add(&mut self, world: &World) {
        self.seeds += 1;
        self.events += world.events();
        let fabric = world.fabric().borrow();
        for (sum, times) in self.struck.iter_mut().zip(fabric.choices.struck()) {
            *sum += times;
        }
        for (sum, times) in self.reached.iter_mut().zip(fabric.choices.reached()) {
            *sum += times;
        }
    }
}

/// Plays a scenario in a fresh world for each seed; in the first one twice, to see that it repeats itself. If one panics, its decisions are made fewer and smaller as long as it
/// fails in the same way; then it panics with what is left: the tape of the decisions as a test to be pasted, and the
/// story of the run.
///
/// ```no_run
/// use ropewalk::sim::{self, Faults};
///
/// sim::sweep(0..300, Faults::Unnoticeable, |world| {
///     world.set_window(4096);
/// });
/// ```
pub fn sweep(seeds: Range<u64>, faults: Faults, scenario: impl Fn(&World)) -> Sweep {
    let mut sweep = Sweep::default();
    for seed in seeds.clone() {
        let world = World::new(seed, faults);
        match play(&world, &scenario) {
            Ok(()) => sweep.add(&world),
            Err(failure) => shrink::report(seed, faults, &failure, &scenario),
        }
        if seed == seeds.start {
            play_again(&world, &scenario);
        }
    }
    sweep
}

/// A scenario that does not repeat itself could not be played again when it fails.
fn play_again(first: &World, scenario: &impl Fn(&World)) {
    let world = World::new(first.seed(), first.faults());
    scenario(&world);
    assert!(
        world.fingerprint() == first.fingerprint(),
        "the same seed twice is not the same run: something in the scenario depends on a clock, on random numbers, on \
         addresses in memory, on the order of a HashMap, or on what an earlier run left behind"
    );
}

/// Plays a scenario with the decisions of a tape, as a failed [`sweep`] prints it.
///
/// # Panics
/// If the text is no tape, or the scenario panics.
#[track_caller]
pub fn replay(tape: &str, scenario: impl Fn(&World)) {
    let tape: Tape = match tape.parse() {
        Ok(tape) => tape,
        Err(error) => panic!("{error}"),
    };
    scenario(&World::on_tape(&tape));
}

/// Plays a scenario with every course that its first `depth` decisions can take, of each the usual outcome, the least unusual
/// and the most; later ones are usual. For tiny worlds: the number of courses grows as 3 to the power of `depth`. Returns
/// how many there were.
///
/// # Panics
/// If the scenario panics in one of them: with that course as a tape.
pub fn enumerate(depth: usize, faults: Faults, scenario: impl Fn(&World)) -> u64 {
    let mut count = 0;
    let mut next = Some(Enumerated::new(depth));
    while let Some(course) = next {
        let world = World::from_source(0, faults, Source::Enumerated(course), Kept::Tape);
        if let Err(failure) = play(&world, &scenario) {
            let tape = world.take_tape();
            panic!("{failure}\nto play it alone: sim::replay(\"{tape}\", ..)");
        }
        count += 1;
        next = world.next_course();
    }
    count
}

/// Plays a scenario with the decisions that a fuzzer's bytes are: the bytes are the schedule.
pub fn fuzz(bytes: &[u8], faults: Faults, scenario: impl Fn(&World)) {
    let world = World::from_source(0, faults, Source::Fuzzed(Fuzzed::new(bytes)), Kept::Nothing);
    scenario(&world);
}

/// How a scenario failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    text: String,
}

impl Failure {
    /// What it is known by: its first line, without numbers.
    pub(super) fn kind(&self) -> String {
        let first = self.text.lines().next().unwrap_or_default();
        first.chars().filter(|c| !c.is_ascii_digit()).collect()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

pub(super) fn play(world: &World, scenario: &impl Fn(&World)) -> Result<(), Failure> {
    let Err(cause) = catch_unwind(AssertUnwindSafe(|| scenario(world))) else {
        return Ok(());
    };
    let text = match cause.downcast::<String>() {
        Ok(text) => *text,
        Err(cause) => match cause.downcast::<&str>() {
            Ok(text) => (*text).to_owned(),
            // Somebody's own object: it means something to who made it.
            Err(cause) => resume_unwind(cause),
        },
    };
    Err(Failure { text })
}
