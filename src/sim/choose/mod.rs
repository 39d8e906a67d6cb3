//! The one door through which a simulated world decides anything. Owns where outcomes come from, and what of them is
//! remembered; does not know what a decision is for.
//!
//! Outcome 0 is the tame one at every site: nothing is delayed, split, reordered or feigned. So a world without faults
//! is a source that says 0 always, and a failing run gets simpler by turning outcomes into 0.

mod enumerated;
mod fuzzed;
mod seeded;
mod site;
mod tape;

use super::family::Family;
use super::faults::Faults;
use super::random::Random;
use crate::inspector::RarePath;

pub(super) use enumerated::Enumerated;
pub(super) use fuzzed::Fuzzed;
pub(super) use seeded::Seeded;
pub(super) use site::Site;
pub(super) use tape::{Mark, Playback};
pub use tape::{Tape, TapeError};

/// Where outcomes come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Nothing unusual, ever.
    Tame,
    Seeded(Box<Seeded>),
    Tape(Box<Playback>),
    Fuzzed(Fuzzed),
    Enumerated(Enumerated),
}

impl Source {
    /// The source for a seed.
    pub(super) fn of_seed(seed: u64, faults: Faults) -> Self {
        match faults {
            Faults::None => Self::Tame,
            _ => Self::Seeded(Box::new(Seeded::new(seed, faults))),
        }
    }
}

/// Decides, and remembers what has to be told of it.
#[derive(Debug)]
pub(super) struct Choices {
    source: Source,
    /// A scenario draws its own numbers also in a world without faults.
    scenario: Random,
    faults: Faults,
    /// Where nothing unusual is going to be decided, so that nobody need be asked.
    tame: [bool; Site::COUNT],
    struck: [u64; Family::COUNT],
    reached: [u64; RarePath::ALL.len()],
    recorded: Option<Tape>,
}

impl Choices {
    /// What `source` decides, as far as `faults` has it: a tape, or a fuzzer's bytes, know of no bounds.
    pub(super) fn new(seed: u64, faults: Faults, source: Source) -> Self {
        let mut tame = [false; Site::COUNT];
        for site in Site::all() {
            tame[site.index()] = match &source {
                Source::Tame => true,
                Source::Seeded(seeded) => seeded.is_off(site),
                Source::Tape(_) | Source::Fuzzed(_) | Source::Enumerated(_) => {
                    !faults.has(site.family())
                }
            };
        }
        Self {
            source,
            faults,
            scenario: Random::new(seed, u64::MAX - 1),
            tame,
            struck: [0; Family::COUNT],
            reached: [0; RarePath::ALL.len()],
            recorded: None,
        }
    }

    /// From now on, and all of it, on a tape.
    pub(super) fn record(&mut self, seed: u64) {
        // A tape counts every decision that there could be.
        for site in Site::all() {
            self.tame[site.index()] = !self.faults.has(site.family());
        }
        self.recorded = Some(Tape::new(seed, self.faults));
    }

    pub(super) fn take_recorded(&mut self) -> Option<Tape> {
        self.recorded.take()
    }

    /// An outcome below `n` (which is at least 1); 0 is the tame one.
    #[inline]
    pub(super) fn choose(&mut self, site: Site, n: u64) -> u64 {
        if self.tame[site.index()] {
            return 0;
        }
        self.draw(site, n)
    }

    fn draw(&mut self, site: Site, n: u64) -> u64 {
        let outcome = match &mut self.source {
            Source::Tame => 0,
            Source::Seeded(seeded) => seeded.choose(site, n),
            Source::Tape(playback) => playback.choose(site, n),
            Source::Fuzzed(fuzzed) => fuzzed.choose(site, n),
            Source::Enumerated(enumerated) => enumerated.choose(n),
        };
        if let Some(tape) = &mut self.recorded {
            tape.note(site, outcome);
        }
        if outcome != 0 {
            self.note(site);
        }
        outcome
    }

    /// A number below `n` for the scenario's own use.
    pub(super) fn draw_for_scenario(&mut self, n: u64) -> u64 {
        let outcome = match &mut self.source {
            Source::Tape(playback) => playback.choose(Site::Scenario, n),
            Source::Fuzzed(fuzzed) => fuzzed.choose(Site::Scenario, n),
            Source::Enumerated(enumerated) => enumerated.choose(n),
            Source::Tame | Source::Seeded(_) => self.scenario.below(n),
        };
        if let Some(tape) = &mut self.recorded {
            tape.note(Site::Scenario, outcome);
        }
        outcome
    }

    /// What is drawn beforehand is no strike, nor is what a strike is about.
    fn note(&mut self, site: Site) {
        match site {
            Site::When(_) | Site::Whom(_) | Site::How(_) | Site::Span(_) | Site::ResetLoses => {}
            Site::Path(path) => {
                self.reached[path as usize] += 1;
                self.struck[Family::RarePaths as usize] += 1;
            }
            site => self.struck[site.family() as usize] += 1,
        }
    }

    /// A family with times of its own has struck.
    pub(super) fn note_strike(&mut self, family: Family) {
        self.struck[family as usize] += 1;
    }

    /// The course of the next run, where every course is taken.
    pub(super) fn next_course(&mut self) -> Option<Enumerated> {
        match std::mem::replace(&mut self.source, Source::Tame) {
            Source::Enumerated(course) => course.next(),
            _ => None,
        }
    }

    /// From now on nothing unusual is decided any more.
    pub(super) fn cease(&mut self) {
        self.tame = [true; Site::COUNT];
    }

    /// How often each family has struck.
    pub(super) fn struck(&self) -> &[u64; Family::COUNT] {
        &self.struck
    }

    /// How often each rare path was taken.
    pub(super) fn reached(&self) -> &[u64; RarePath::ALL.len()] {
        &self.reached
    }

    /// Which families are on in this run, if that was decided beforehand.
    pub(super) fn families(&self) -> Vec<(Family, String)> {
        match &self.source {
            Source::Seeded(seeded) => seeded.families(),
            _ => Vec::new(),
        }
    }

    /// How much of `most` (not 0) to take at once: all of it if tame; else as often a handful as about half.
    #[inline]
    pub(super) fn portion(&mut self, site: Site, most: usize) -> usize {
        let bound = match self.choose(site, 5) {
            0 => return most,
            scale => most >> (4 * (scale - 1)),
        };
        let extra = self.choose(site, bound.max(1) as u64);
        1 + usize::try_from(extra).expect("less than a size")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portion_is_never_nothing_and_never_too_much() {
        let seeded = Source::Seeded(Box::new(Seeded::all_on(5)));
        let mut seeded = Choices::new(5, Faults::All, seeded);
        let mut tame = Choices::new(0, Faults::None, Source::Tame);
        for most in 1..500 {
            let size = seeded.portion(Site::Chunk, most);
            assert!((1..=most).contains(&size));
            assert_eq!(tame.portion(Site::Chunk, most), most);
        }
    }

    #[test]
    fn a_tape_repeats_what_was_recorded_on_it() {
        let decide = |choices: &mut Choices| -> Vec<u64> {
            (0..200)
                .map(|n| match n % 3 {
                    0 => choices.choose(Site::Latency, 1_000),
                    1 => choices.choose(Site::Chunk, 5),
                    _ => choices.draw_for_scenario(10),
                })
                .collect()
        };
        let mut seeded = Choices::new(9, Faults::All, Source::Seeded(Box::new(Seeded::all_on(9))));
        seeded.record(9);
        let first = decide(&mut seeded);
        let tape = seeded.take_recorded().expect("it was recorded");
        let text = tape.to_string();
        let tape: Tape = text.parse().expect("it was written by us");
        let mut played = Choices::new(9, Faults::All, Source::Tape(Box::new(tape.playback())));
        assert_eq!(decide(&mut played), first);
    }

    #[test]
    fn in_a_calm_nothing_unusual_is_decided() {
        let mut seeded = Choices::new(5, Faults::All, Source::Seeded(Box::new(Seeded::all_on(5))));
        seeded.cease();
        assert!((0..100).all(|_| seeded.choose(Site::Latency, 1_000) == 0));
        assert!((0..100).any(|_| seeded.draw_for_scenario(10) != 0));
    }
}
