//! With the bugs in the library: plants one after the other, and counts the seeds until it is caught. Owns the verdict.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ropewalk::canary::{Bug, plant};

use crate::hunt;

/// Seeds that are played for a bug, from each beginning.
const MOST: u64 = 200;
/// Where a hunt begins: of as many hunts the middle one counts.
const BEGINNINGS: [u64; 3] = [0, 1_000_000, 2_000_000];

/// What came of the hunts for one bug.
struct Caught {
    /// How many seeds each hunt took; `None` if they were not enough.
    seeds: Vec<Option<u64>>,
    by: Option<String>,
}

impl Caught {
    fn median(&self) -> Option<u64> {
        let mut seeds: Vec<u64> = self.seeds.iter().map(|s| s.unwrap_or(u64::MAX)).collect();
        seeds.sort_unstable();
        Some(seeds[seeds.len() / 2]).filter(|&median| median <= MOST)
    }
}

pub(crate) fn run(words: &[String]) -> ExitCode {
    // Panics are what is looked for, and are told in a line each.
    if std::env::var_os("CANARIES_LOUD").is_none() {
        std::panic::set_hook(Box::new(|_| ()));
    }
    let named = |bug: &Bug| words.is_empty() || words.iter().any(|word| is_meant(word, *bug));
    let bugs: Vec<Bug> = Bug::ALL.iter().copied().filter(named).collect();
    let sound = words.iter().any(|word| word == "canaries") || words.is_empty();
    let sound = !sound || is_sound();
    let hunts = in_parallel(&bugs, |&bug| hunt(bug));
    let mut all = true;
    for (bug, caught) in bugs.iter().zip(&hunts) {
        all &= caught.median().is_some();
        println!("{}", line(*bug, caught));
    }
    ExitCode::from(u8::from(!(sound && all)))
}

/// `canaries` are all of them, as for a harness that is given a part of a test's name.
fn is_meant(word: &str, bug: Bug) -> bool {
    "canaries".contains(word) || format!("{bug:?}").contains(word)
}

fn line(bug: Bug, caught: &Caught) -> String {
    let each: Vec<String> = caught
        .seeds
        .iter()
        .map(|seeds| seeds.map_or_else(|| format!("over {MOST}"), |seeds| seeds.to_string()))
        .collect();
    let each = each.join(", ");
    match (caught.median(), &caught.by) {
        (Some(median), Some(by)) => {
            format!("{bug:?} caught after {median} seeds ({each}), by {by}")
        }
        _ => format!("{bug:?} NOT caught in {MOST} seeds ({each})"),
    }
}

/// Without a bug none of the seeds fails.
fn is_sound() -> bool {
    let seeds: Vec<u64> = BEGINNINGS
        .iter()
        .flat_map(|&begin| begin..begin + MOST)
        .collect();
    let failures: Vec<String> = in_parallel(&seeds, |&seed| {
        plant(None);
        hunt::play(seed)
            .err()
            .map(|failure| format!("seed {seed}: {}", first_line(&failure)))
    })
    .into_iter()
    .flatten()
    .collect();
    for failure in &failures {
        println!("FALSE ALARM, {failure}");
    }
    println!(
        "without a bug: {} seeds, {} failures",
        seeds.len(),
        failures.len()
    );
    failures.is_empty()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn hunt(bug: Bug) -> Caught {
    let mut caught = Caught {
        seeds: Vec::new(),
        by: None,
    };
    for begin in BEGINNINGS {
        let failure = (0..MOST).find_map(|played| {
            plant(Some(bug));
            let failure = hunt::play(begin + played).err()?;
            Some((played + 1, failure))
        });
        plant(None);
        if let Some((_, failure)) = &failure {
            caught.by.get_or_insert_with(|| hunt::name_of(failure));
        }
        caught.seeds.push(failure.map(|(seeds, _)| seeds));
    }
    caught
}

/// Does one thing after the other on as many threads as there are processors.
fn in_parallel<T: Sync, R: Send>(things: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(thing) = things.get(place) else {
                        break;
                    };
                    let outcome = act(thing);
                    done.lock()
                        .expect("nobody panics under it")
                        .push((place, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("nobody panics under it");
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}
