//! What is printed, and what has to be so. Owns the tolerances, each with its reason.

use crate::figures::Figures;
use crate::ways::{TOLD, Told, WAYS};

/// Bytes that may be allocated besides: a list, or what is spare for the next connections, that a busier moment than all
/// before has made longer. Who loses the smallest piece that there is, sixteen bytes, with each connection of one way
/// alone loses 700,000 in a million.
const ALLOCATED_MORE: u64 = 128 * 1024;
/// An allocator does not give back what lies between pieces that are in use: how much that is depends on the order of what
/// came and went, and does not grow with it. What is lost beside the allocator is lost by the page, and a page for each
/// connection of one way is 190 MB in a million.
const RESIDENT_MORE: u64 = 8 * 1024 * 1024;

/// What is the same at the end as in the beginning.
const SAME: [&str; 6] = [
    "descriptors",
    "connections",
    "connections_unsent",
    "listeners",
    "timers",
    "calls_waiting",
];

pub(crate) fn heading() {
    println!(
        "{:>11} {:>11} {:>12} {:>12} {:>6} {:>6} {:>13} {:>11} {:>11} {:>11}",
        "connections",
        "descriptors",
        "resident KiB",
        "allocated B",
        "timers",
        "unsent",
        "spare buffers",
        "spare boxes",
        "accepted",
        "lost"
    );
}

/// The server as it was when so many had gone since the first look.
pub(crate) fn line(gone: usize, figures: &Figures) {
    println!(
        "{gone:>11} {:>11} {:>12} {:>12} {:>6} {:>6} {:>13} {:>11} {:>11} {:>11}",
        figures.of("descriptors"),
        figures.of("resident") / 1024,
        figures.of("allocated"),
        figures.of("timers"),
        figures.of("connections_unsent"),
        figures.of("buffers_spare"),
        figures.of("boxes_spare"),
        figures.of("accepted"),
        figures.of("lost"),
    );
}

/// How many went each way, those before the first look included.
pub(crate) fn ways(tally: &[u64; WAYS.len()]) {
    for (way, count) in WAYS.iter().zip(tally) {
        println!("{count:>11} {:<40} {}", way.name, name(way.told));
    }
}

fn name(told: Told) -> &'static str {
    let found = TOLD.iter().find(|(of, _)| *of == told);
    found.map_or("", |(_, name)| name)
}

/// All that is not as it was, or as the clients have it.
pub(crate) fn faults(first: &Figures, last: &Figures, tally: &[u64; WAYS.len()]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut expect = |what: &str, is: u64, right: u64| {
        if is != right {
            faults.push(format!("{what}: {is} and not {right}"));
        }
    };
    for name in SAME {
        expect(name, last.of(name), first.of(name));
    }
    for name in ["connections", "connections_unsent", "timers"] {
        expect(name, last.of(name), 0);
    }
    for (told, name) in TOLD {
        let went = WAYS.iter().zip(tally).filter(|(way, _)| way.told == told);
        let went = went.map(|(_, count)| count).sum();
        let is = match told {
            Told::Unwanted | Told::Overflowed => last.of(name),
            _ => last.of(&format!("told_{name}")),
        };
        expect(name, is, went);
    }
    let (accepted, unwanted) = (last.of("accepted"), last.of("unwanted"));
    let all = tally.iter().sum();
    expect("lost", last.of("lost"), accepted - unwanted);
    expect("accepted or refused", accepted + last.of("overflowed"), all);
    for (name, more) in [("allocated", ALLOCATED_MORE), ("resident", RESIDENT_MORE)] {
        if last.of(name) > first.of(name) + more {
            let (from, to) = (first.of(name), last.of(name));
            faults.push(format!("{name}: from {from} to {to} bytes"));
        }
    }
    faults
}
