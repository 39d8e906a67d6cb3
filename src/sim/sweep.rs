//! Many worlds for one scenario. Owns the order of seeds, what is told of them all, and of one that fails; does not know
//! what a scenario is about.

use std::fmt;
use std::ops::Range;
use std::panic::resume_unwind;

use super::choose::{Enumerated, Fuzzed, Source, Tape};
use super::family::Family;
use super::faults::Faults;
use super::panics::{self, Hook, Panic};
use super::shrink;
use super::trace::Trace;
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

/// Plays a scenario in a fresh world for each seed; in the first one twice, to see that it repeats itself. If one panics, its
/// decisions are made fewer and smaller as long as it fails in the same way at the same place; then it panics with what is
/// left: the story of the smallest run as a ladder, and its decisions as a test to be pasted. How to read it is told in
/// [`guide::own_protocol`](crate::guide::own_protocol).
///
/// ```no_run
/// use ropewalk::sim::{self, Faults};
///
/// sim::sweep(0..300, Faults::Unnoticeable, |world| {
///     world.set_window(4096);
/// });
/// ```
///
/// # Panics
/// If the scenario panics for one of the seeds.
#[track_caller]
pub fn sweep(seeds: Range<u64>, faults: Faults, scenario: impl Fn(&World)) -> Sweep {
    let mut sweep = Sweep::default();
    for seed in seeds.clone() {
        let world = World::new(seed, faults);
        match play(&world, &scenario, Hook::Asked) {
            Ok(()) => sweep.add(&world),
            Err(failure) => {
                let again = Source::of_seed(seed, faults);
                shrink::report(Course::Seed(seed), &world, &failure, again, &scenario)
            }
        }
        if seed == seeds.start {
            play_again(&world, &scenario);
        }
    }
    sweep
}

/// A scenario that does not repeat itself could not be played again when it fails.
#[track_caller]
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
/// If the text is no tape. If the scenario panics, with what it says and the story of the run.
#[track_caller]
pub fn replay(tape: &str, scenario: impl Fn(&World)) {
    let tape: Tape = match tape.parse() {
        Ok(tape) => tape,
        Err(error) => panic!("{error}"),
    };
    let world = World::on_tape(&tape);
    if let Err(failure) = play(&world, &scenario, Hook::Asked) {
        let (now, ladder) = (world.now(), world.ladder());
        panic!("{failure}\nWhat happened until t={now}:\n\n{ladder}");
    }
}

/// Plays a scenario with every course that its first `depth` decisions can take, of each the usual outcome, the least unusual
/// and the most; later ones are usual. For tiny worlds: the number of courses grows as 3 to the power of `depth`. Returns
/// how many there were.
///
/// # Panics
/// If the scenario panics in one of them, with a report as of [`sweep`].
#[track_caller]
pub fn enumerate(depth: usize, faults: Faults, scenario: impl Fn(&World)) -> u64 {
    let mut count = 0;
    let mut next = Some(Enumerated::new(depth));
    while let Some(course) = next {
        let world = World::from_source(0, faults, Source::Enumerated(course), Kept::Tape);
        if let Err(failure) = play(&world, &scenario, Hook::Asked) {
            let again = Source::Tape(Box::new(world.take_tape().playback()));
            shrink::report(Course::Number(count), &world, &failure, again, &scenario)
        }
        count += 1;
        next = world.next_course();
    }
    count
}

/// Plays a scenario with the decisions that a fuzzer's bytes are: the bytes are the schedule. Behind the last byte nothing is
/// out of the ordinary any more, so every input comes to an end if the scenario does.
///
/// # Panics
/// If the scenario panics, with a report as of [`sweep`].
#[track_caller]
pub fn fuzz(bytes: &[u8], faults: Faults, scenario: impl Fn(&World)) {
    let source = || Source::Fuzzed(Fuzzed::new(bytes));
    let world = World::from_source(0, faults, source(), Kept::Nothing);
    // One input in a million is told of, and that is played again.
    world.set_trace(Trace::Off);
    // A fuzzer's own hook ends the process, and the report would never come.
    if let Err(failure) = play(&world, &scenario, Hook::Spared) {
        shrink::report(Course::Input, &world, &failure, source(), &scenario)
    }
}

/// Which of the runs of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Seed(u64),
    /// Of those that are enumerated.
    Number(u64),
    /// A fuzzer's.
    Input,
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(seed) => write!(f, "seed {seed}"),
            Self::Number(number) => write!(f, "course {number}"),
            Self::Input => f.write_str("this input"),
        }
    }
}

/// How a scenario failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    what: String,
    /// Where that was found.
    at: Option<String>,
    /// Panics that were caught before, as those of callbacks are.
    caught: Vec<Panic>,
}

impl Failure {
    /// What it is known by: its place, and its first line without numbers.
    pub(super) fn kind(&self) -> (Option<String>, String) {
        let first = self.what.lines().next().unwrap_or_default();
        let words = first.chars().filter(|c| !c.is_ascii_digit()).collect();
        (self.at.clone(), words)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(at) = &self.at {
            write!(f, "\n  at {at}")?;
        }
        self.caught
            .iter()
            .try_for_each(|panic| write!(f, "\n  before that, a panic {panic}"))
    }
}

/// Plays a scenario whose failure is going to be reported with its story.
pub(super) fn play(world: &World, scenario: &impl Fn(&World), hook: Hook) -> Result<(), Failure> {
    world.is_reported();
    let (outcome, mut caught) = panics::watch(hook, || scenario(world));
    let Err(cause) = outcome else {
        return Ok(());
    };
    let Some(text) = panics::text_of(&*cause) else {
        // Somebody's own object: it means something to who made it.
        resume_unwind(cause)
    };
    // The last panic is this one, unless it was handed on without asking the hook.
    let at = caught.pop_if(|panic| panic.text == text);
    Err(Failure {
        what: world.take_failure().unwrap_or(text),
        at: at.map(|panic| panic.at),
        caught,
    })
}
