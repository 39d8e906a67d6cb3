//! What happened in a world, as it is remembered. Owns how much of it is kept; neither words it nor judges it.

mod entry;
mod wire;
mod words;

use std::collections::VecDeque;

pub(super) use entry::{Callback, Cargo, Entry, Excerpt, Flight, What, Who};
pub(super) use wire::{Party, Wire};

/// How a story begins is kept, and how it goes on last: what was set up, and what went wrong.
const FIRST: usize = 100;
const LAST: usize = 400;

/// How much a world keeps of what happens in it: see [`World::set_trace`](super::World::set_trace).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trace {
    /// Nothing: for runs that only count.
    Off,
    /// The first 100 events and the last 400.
    #[default]
    Bounded,
    /// All events, with their bytes, as long as the world lives.
    All,
}

/// A bounded log, of values only: words are made of them when somebody asks.
#[derive(Debug, Default)]
pub(super) struct Story {
    mode: Trace,
    first: Vec<Entry>,
    last: VecDeque<Entry>,
    left_out: u64,
}

impl Story {
    pub(super) fn is_off(&self) -> bool {
        self.mode == Trace::Off
    }

    /// From now on so much is kept. What is kept already stays, unless nothing is to be.
    pub(super) fn set_mode(&mut self, mode: Trace) {
        self.mode = mode;
        if mode == Trace::Off {
            *self = Self {
                mode,
                ..Self::default()
            };
        }
    }

    pub(super) fn note(&mut self, entry: Entry) {
        match self.mode {
            Trace::Off => {}
            Trace::Bounded if self.first.len() < FIRST => self.first.push(entry),
            Trace::Bounded => {
                while self.last.len() >= LAST {
                    self.last.pop_front();
                    self.left_out += 1;
                }
                self.last.push_back(entry);
            }
            Trace::All => self.last.push_back(entry),
        }
    }

    /// The entries from the beginning, those after the gap, and how many are left out between the two.
    pub(super) fn halves(&self) -> (&[Entry], &VecDeque<Entry>, u64) {
        (&self.first, &self.last, self.left_out)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.first.iter().chain(&self.last)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.first.iter().map(Entry::to_string).collect();
        if self.left_out > 0 {
            lines.push(left_out(self.left_out));
        }
        lines.extend(self.last.iter().map(Entry::to_string));
        lines
    }
}

/// What stands where entries are missing.
pub(super) fn left_out(count: u64) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("… {count} event{plural} left out")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Time;

    fn entry(number: usize) -> Entry {
        Entry {
            at: Time::from_nanos(number as u64 * 1_000),
            who: Who::World,
            what: What::Note("ticks"),
        }
    }

    fn told(mode: Trace, count: usize) -> Vec<String> {
        let mut story = Story::default();
        story.set_mode(mode);
        (0..count).for_each(|number| story.note(entry(number)));
        story.lines()
    }

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        let lines = told(Trace::Bounded, 712);
        assert_eq!(lines.len(), FIRST + 1 + LAST);
        assert_eq!(lines[0], "t=0.000ms world ticks");
        assert_eq!(lines[FIRST], "… 212 events left out");
        assert_eq!(lines[FIRST + LAST], "t=0.711ms world ticks");
    }

    #[test]
    fn all_is_kept_or_nothing_if_asked() {
        assert_eq!(told(Trace::All, 5_000).len(), 5_000);
        assert_eq!(told(Trace::Off, 5).len(), 0);
        assert_eq!(told(Trace::Bounded, FIRST + LAST).len(), FIRST + LAST);
    }
}
