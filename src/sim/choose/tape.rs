//! A run's decisions as a value that can be kept, made smaller and played again. Owns its text form; decides nothing by
//! itself.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::Site;
use crate::sim::family::Family;
use crate::sim::faults::Faults;

/// What was decided in one run of a simulated world: enough to play it again.
///
/// Only what is out of the ordinary stands on it, by its place and number; all that a tape does not mention is tame. As
/// text it is one line, `seed=7 faults=all chunk 0=3 14=1 latency 2=310`, which a test can hold.
///
/// ```
/// use ropewalk::sim::Tape;
///
/// let tape: Tape = "seed=7 faults=unnoticeable chunk 0=3 14=1".parse()?;
/// assert_eq!(tape.to_string(), "seed=7 faults=unnoticeable chunk 0=3 14=1");
/// # Ok::<(), ropewalk::sim::TapeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tape {
    pub(in crate::sim) seed: u64,
    pub(in crate::sim) faults: Faults,
    tracks: BTreeMap<Site, Track>,
}

/// One site's decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Track {
    /// How many there were.
    length: u64,
    /// Those that are not 0, by number.
    marks: BTreeMap<u64, u64>,
}

/// Why a text is no tape.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TapeError {
    /// A word that is neither `seed=N`, `faults=WORD`, a place, nor `NUMBER=OUTCOME` behind one.
    Word(String),
    /// It says nothing of the seed.
    NoSeed,
}

impl fmt::Display for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "{word:?} is nothing that stands on a tape"),
            Self::NoSeed => f.write_str("a tape begins with seed=NUMBER"),
        }
    }
}

impl std::error::Error for TapeError {}

impl Tape {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        Self {
            seed,
            faults,
            tracks: BTreeMap::new(),
        }
    }

    pub(super) fn note(&mut self, site: Site, outcome: u64) {
        let track = self.tracks.entry(site).or_default();
        if outcome != 0 {
            track.marks.insert(track.length, outcome);
        }
        track.length += 1;
    }

    /// How many decisions are out of the ordinary.
    pub fn len(&self) -> usize {
        self.tracks.values().map(|track| track.marks.len()).sum()
    }

    /// Whether nothing on it is out of the ordinary.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a smaller one has less of: marks, then their outcomes taken together.
    pub(in crate::sim) fn size(&self) -> (usize, u128) {
        let outcomes = self.tracks.values().flat_map(|track| track.marks.values());
        (
            self.len(),
            outcomes.map(|&outcome| u128::from(outcome)).sum(),
        )
    }

    pub(in crate::sim) fn playback(&self) -> Playback {
        let empty = || Head {
            next: 0,
            marks: Vec::new().into_iter().peekable(),
        };
        let mut heads: Vec<Head> = (0..Site::COUNT).map(|_| empty()).collect();
        for (site, track) in &self.tracks {
            let marks: Vec<(u64, u64)> =
                track.marks.iter().map(|(&at, &what)| (at, what)).collect();
            heads[site.index()].marks = marks.into_iter().peekable();
        }
        Playback { heads }
    }

    /// The families with a mark, of which each can be left out as a whole.
    pub(in crate::sim) fn families(&self) -> Vec<Family> {
        let marked = self
            .tracks
            .iter()
            .filter(|(site, track)| !track.marks.is_empty() && **site != Site::Scenario);
        let mut families: Vec<Family> = marked.map(|(site, _)| site.family()).collect();
        families.sort_unstable();
        families.dedup();
        families
    }

    pub(in crate::sim) fn without_family(&self, family: Family) -> Self {
        let mut tape = self.clone();
        tape.tracks
            .retain(|site, _| *site == Site::Scenario || site.family() != family);
        tape
    }

    /// All marks, to be left out or made smaller one by one.
    pub(in crate::sim) fn marks(&self) -> Vec<Mark> {
        let of = |(&site, track): (&Site, &Track)| {
            let marks = track.marks.iter();
            marks
                .map(move |(&number, &outcome)| Mark {
                    site,
                    number,
                    outcome,
                })
                .collect::<Vec<_>>()
        };
        self.tracks.iter().flat_map(of).collect()
    }

    /// The same with other outcomes at some places; 0 leaves a mark out.
    pub(in crate::sim) fn with(&self, changes: impl IntoIterator<Item = Mark>) -> Self {
        let mut tape = self.clone();
        for mark in changes {
            tape.put(mark);
        }
        tape
    }

    fn put(&mut self, mark: Mark) {
        let track = self.tracks.entry(mark.site).or_default();
        track.length = track.length.max(mark.number.saturating_add(1));
        if mark.outcome == 0 {
            track.marks.remove(&mark.number);
        } else {
            track.marks.insert(mark.number, mark.outcome);
        }
    }
}

/// One decision that is out of the ordinary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct Mark {
    pub(in crate::sim) site: Site,
    pub(in crate::sim) number: u64,
    pub(in crate::sim) outcome: u64,
}

impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed={} faults={}", self.seed, self.faults.name())?;
        for (site, track) in &self.tracks {
            if !track.marks.is_empty() {
                write!(f, " {}", site.name())?;
            }
            for (number, outcome) in &track.marks {
                write!(f, " {number}={outcome}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Tape {
    type Err = TapeError;

    fn from_str(text: &str) -> Result<Self, TapeError> {
        let mut seed = None;
        let mut tape = Self::new(0, Faults::All);
        let mut site = None;
        for word in text.split_whitespace() {
            let wrong = || TapeError::Word(word.to_owned());
            match word.split_once('=') {
                Some(("seed", number)) => seed = Some(number.parse().map_err(|_| wrong())?),
                Some(("faults", name)) => tape.faults = Faults::named(name).ok_or_else(wrong)?,
                Some((number, outcome)) => {
                    tape.put(Mark {
                        site: site.ok_or_else(wrong)?,
                        number: number.parse().map_err(|_| wrong())?,
                        outcome: outcome.parse().map_err(|_| wrong())?,
                    });
                }
                None => site = Some(Site::named(word).ok_or_else(wrong)?),
            }
        }
        tape.seed = seed.ok_or(TapeError::NoSeed)?;
        Ok(tape)
    }
}

/// A tape that is being played.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Playback {
    heads: Vec<Head>,
}

#[derive(Clone, Debug)]
struct Head {
    next: u64,
    marks: std::iter::Peekable<std::vec::IntoIter<(u64, u64)>>,
}

impl Playback {
    /// What the tape says of this decision. An outcome that is out of bounds here, because the run took another course, is
    /// the nearest that is not.
    pub(in crate::sim) fn choose(&mut self, site: Site, n: u64) -> u64 {
        let head = &mut self.heads[site.index()];
        let number = head.next;
        head.next += 1;
        match head.marks.next_if(|&(at, _)| at == number) {
            Some((_, outcome)) => outcome.min(n - 1),
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_tape_says_why() {
        let fails = |text: &str| text.parse::<Tape>().expect_err("it is no tape");
        assert_eq!(fails("chunk 1=1"), TapeError::NoSeed);
        let last = format!("seed=1 faults=all chunk {}=1", u64::MAX);
        assert_eq!(last.parse::<Tape>().unwrap().to_string(), last);
        for word in ["sead=1", "1=1", "seed=x", "nowhere", "chunk=1"] {
            let text = format!("{word} seed=1");
            assert_eq!(fails(&text), TapeError::Word(word.to_owned()));
        }
    }

    #[test]
    fn what_is_left_out_is_tame_and_moves_nothing() {
        let tape: Tape = "seed=1 faults=all chunk 0=3 2=4 latency 1=9"
            .parse()
            .unwrap();
        let chunks = |tape: &Tape| {
            let mut playback = tape.playback();
            [0; 4].map(|_| playback.choose(Site::Chunk, 100))
        };
        assert_eq!(chunks(&tape), [3, 0, 4, 0]);
        let first = tape.marks()[1];
        assert_eq!((first.site, first.outcome), (Site::Chunk, 3));
        let less = tape.with([Mark {
            outcome: 0,
            ..first
        }]);
        assert_eq!(chunks(&less), [0, 0, 4, 0]);
        assert_eq!(less.len(), 2);
        assert_eq!(tape.families(), [Family::Latency, Family::Chunking]);
        let less = tape.without_family(Family::Chunking);
        assert_eq!(less.to_string(), "seed=1 faults=all latency 1=9");
    }
}
