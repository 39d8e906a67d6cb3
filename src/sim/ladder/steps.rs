//! From a story to the rows of its picture. Owns which departure belongs to which arrival, and whether the two are one
//! row; does not know where anything is drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::network::Time;
use crate::sim::link::Side;
use crate::sim::trace::{Cargo, Entry, Flight, Party, Story, What, Who, Wire};

/// Of a story longer than this, only the beginning and the end are looked at.
const LOOKED_AT: usize = 600;
/// A segment that sees more than this happen on its way departs and arrives in rows of their own.
const FAR: usize = 40;

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) at: Time,
    pub(super) act: Act,
    pub(super) label: String,
}

#[derive(Clone, Debug)]
pub(super) enum Act {
    Arrow(Arrow),
    /// Something that happens at one place.
    Mark {
        lane: Rc<str>,
        tone: Tone,
    },
    /// Something that happens to all.
    Across,
    /// So many events are left out.
    Gap(u64),
}

#[derive(Clone, Debug)]
pub(super) struct Arrow {
    pub(super) from: Rc<str>,
    /// `None` if there was nobody where it went.
    pub(super) to: Option<Rc<str>>,
    pub(super) part: Part,
    pub(super) end: End,
    pub(super) tone: Tone,
    /// The same for the two parts of one arrow.
    pub(super) segment: Key,
}

/// How much of an arrow a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Departure,
    Arrival,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Arrives,
    /// It gets there and is thrown away.
    Refused,
    /// It does not get there.
    Lost,
}

/// What kind of thing it is, for whoever has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Data,
    Control,
    Reset,
    Callback,
    Note,
    Fault,
}

/// The connection, whether its caller sends, the serial, and how often it was sent before.
pub(super) type Key = (u64, bool, u64, usize);

pub(super) fn of(story: &Story) -> Vec<Step> {
    let (first, last, left_out) = story.halves();
    let first: Vec<_> = first.iter().collect();
    let skipped = last.len().saturating_sub(LOOKED_AT);
    let last: Vec<_> = last.iter().skip(skipped).collect();
    let mut pairing = Pairing::default();
    first
        .iter()
        .chain(&last)
        .for_each(|entry| pairing.see(entry));
    let rows = |from: usize, entries: &[&Entry]| -> Vec<Step> {
        let numbered = (from..).zip(entries);
        numbered
            .filter_map(|(i, entry)| pairing.step(i, entry))
            .collect()
    };
    let mut steps = rows(0, &first);
    if left_out + skipped as u64 > 0 {
        steps.push(Step::gap(left_out + skipped as u64));
    }
    steps.extend(rows(first.len(), &last));
    steps
}

impl Step {
    /// Stands where so many events are missing.
    pub(super) fn gap(count: u64) -> Self {
        Self {
            at: Time::START,
            label: crate::sim::trace::left_out(count),
            act: Act::Gap(count),
        }
    }
}

/// What the whole story says about each segment and each host.
#[derive(Default)]
struct Pairing<'a> {
    seen: Vec<&'a Entry>,
    under_way: BTreeMap<(u64, bool, u64), usize>,
    sent: BTreeMap<(u64, bool, u64), usize>,
    /// By the entry of a departure, that of its arrival; and the other way round.
    arrivals: BTreeMap<usize, usize>,
    departures: BTreeMap<usize, usize>,
    /// Those drawn in the row of their departure.
    level: BTreeSet<usize>,
    keys: BTreeMap<usize, Key>,
    connections: BTreeMap<Rc<str>, BTreeSet<u64>>,
}

impl<'a> Pairing<'a> {
    fn see(&mut self, entry: &'a Entry) {
        let index = self.seen.len();
        self.seen.push(entry);
        let Who::End(wire, _) = &entry.who else {
            return;
        };
        for side in [Side::Caller, Side::Callee] {
            let party = wire.party(side);
            if let (Some(owner), Some(number)) = (party.owner(), party.number()) {
                self.connections
                    .entry(owner.clone())
                    .or_default()
                    .insert(number);
            }
        }
        match &entry.what {
            What::Departs(flight) => self.depart(index, wire, flight),
            What::Arrives(flight) | What::Dropped(flight, _) => self.arrive(index, wire, flight),
            _ => {}
        }
    }

    fn depart(&mut self, index: usize, wire: &Wire, flight: &Flight) {
        let key = (wire.id.0, flight.from == Side::Caller, flight.serial);
        self.under_way.insert(key, index);
        let times = self.sent.entry(key).or_default();
        self.keys.insert(index, (key.0, key.1, key.2, *times));
        *times += 1;
    }

    fn arrive(&mut self, index: usize, wire: &Wire, flight: &Flight) {
        let key = (wire.id.0, flight.from == Side::Caller, flight.serial);
        let times = self
            .sent
            .get(&key)
            .map_or(0, |times| times.saturating_sub(1));
        self.keys.insert(index, (key.0, key.1, key.2, times));
        if let Some(departure) = self.under_way.remove(&key) {
            self.arrivals.insert(departure, index);
            self.departures.insert(index, departure);
            if self.is_level(departure, index, wire, flight.from) {
                self.level.insert(departure);
            }
        }
    }

    /// Whether an arrow can be drawn in one row, that of its departure: nothing has happened at its target meanwhile
    /// but arrivals that are drawn higher up too.
    fn is_level(&self, departure: usize, arrival: usize, wire: &Wire, from: Side) -> bool {
        if arrival - departure > FAR {
            return false;
        }
        let target = wire.party(from.other()).owner().cloned();
        let between = departure + 1..arrival;
        between.into_iter().all(|index| {
            let entry = self.seen[index];
            let place = match &entry.who {
                Who::World => return false,
                Who::Host(name) => Some(name.clone()),
                Who::End(wire, side) => wire.party(*side).owner().cloned(),
            };
            let drawn_higher = || {
                let departure = self.departures.get(&index);
                departure.is_some_and(|departure| self.level.contains(departure))
            };
            place.is_none() || place != target || drawn_higher()
        })
    }

    /// The row of an entry, unless another entry's row shows it.
    fn step(&self, index: usize, entry: &Entry) -> Option<Step> {
        let (at, what) = (entry.at, &entry.what);
        let act = match (&entry.who, what) {
            (Who::World, _) => Act::Across,
            (Who::Host(name), _) => mark(name, what),
            (Who::End(wire, side), What::Departs(flight)) => {
                let last = self.arrivals.get(&index);
                let shown = last.filter(|_| self.level.contains(&index));
                let (part, outcome) = match shown {
                    Some(&last) => (Part::Whole, self.seen[last]),
                    None => (Part::Departure, entry),
                };
                return Some(self.flight(index, at, wire, *side, flight, part, outcome));
            }
            (Who::End(wire, _), What::Arrives(flight) | What::Dropped(flight, _)) => {
                let departure = self.departures.get(&index);
                if departure.is_some_and(|departure| self.level.contains(departure)) {
                    return None;
                }
                let part = Part::Arrival;
                return Some(self.flight(index, at, wire, flight.from, flight, part, entry));
            }
            (Who::End(wire, side), _) => mark(&lane(wire, *side), what),
        };
        let tag = match &entry.who {
            Who::End(wire, side) => self.tag(&wire.party(*side)),
            _ => None,
        };
        let label = tag.map_or(what.to_string(), |tag| format!("{tag} {what}"));
        Some(Step { at, act, label })
    }

    #[expect(clippy::too_many_arguments, reason = "all of it makes one row")]
    fn flight(
        &self,
        index: usize,
        at: Time,
        wire: &Wire,
        side: Side,
        flight: &Flight,
        part: Part,
        outcome: &Entry,
    ) -> Step {
        let (from, to) = (wire.party(side), wire.party(side.other()));
        let tags: Vec<_> = [&from, &to].iter().filter_map(|p| self.tag(p)).collect();
        let mut label = tags.join(">");
        if !label.is_empty() {
            label.push(' ');
        }
        let (words, end) = match (&outcome.what, &outcome.who) {
            (what @ What::Dropped(..), Who::End(_, at)) if *at == side => (what, End::Lost),
            (what @ What::Dropped(..), _) => (what, End::Refused),
            (what, _) => (what, End::Arrives),
        };
        match words {
            What::Dropped(flight, why) if to.owner().is_none() => {
                let address = wire.shown(side.other());
                label.push_str(&format!("{} to {address}: {why}", flight.cargo));
            }
            _ => label.push_str(&words.to_string()),
        }
        let to = to.owner().cloned();
        let from = lane(wire, side);
        if to.as_ref() == Some(&from) {
            label.push_str(" to itself");
        }
        let arrow = Arrow {
            from,
            to,
            part,
            end,
            tone: tone_of(&flight.cargo),
            segment: self.keys[&index],
        };
        Step {
            at,
            act: Act::Arrow(arrow),
            label,
        }
    }

    /// The number of a host's connection, if there are others to take it for.
    fn tag(&self, party: &Party) -> Option<String> {
        let others = self.connections.get(party.owner()?)?;
        let number = party.number().filter(|_| others.len() > 1)?;
        Some(format!("#{number}"))
    }
}

fn mark(lane: &Rc<str>, what: &What) -> Act {
    Act::Mark {
        lane: lane.clone(),
        tone: match what {
            What::Callback(_) => Tone::Callback,
            What::Fault(_) | What::Failed(_) => Tone::Fault,
            _ => Tone::Note,
        },
    }
}

/// The column of an end; one that nobody has is its address.
fn lane(wire: &Wire, side: Side) -> Rc<str> {
    let party = wire.party(side);
    let owner = party.owner().cloned();
    owner.unwrap_or_else(|| wire.shown(side).to_string().into())
}

fn tone_of(cargo: &Cargo) -> Tone {
    match cargo {
        Cargo::Data(_) | Cargo::Datagram(_) => Tone::Data,
        Cargo::Syn | Cargo::Welcome | Cargo::Fin => Tone::Control,
        Cargo::Rst => Tone::Reset,
    }
}
