//! The hunt for one bug: worlds by the seed, until one fails. Owns which world a seed is, and what its failure is called.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ropewalk::sim::{Faults, Trace, World};

use crate::worlds::{chat, echo};

/// A world by its seed: the chat or the echo, with what nobody may notice or with all that can go wrong.
pub(crate) fn play(seed: u64) -> Result<(), String> {
    let faults = [Faults::All, Faults::Unnoticeable][(seed % 2) as usize];
    let scenario = [chat::play, echo::play][(seed / 2 % 2) as usize];
    let world = World::new(seed, faults);
    world.set_trace(Trace::Off);
    match catch_unwind(AssertUnwindSafe(|| scenario(&world))) {
        Ok(()) => Ok(()),
        Err(cause) => {
            let text = match cause.downcast::<String>() {
                Ok(text) => *text,
                Err(cause) => cause
                    .downcast::<&str>()
                    .map_or_else(|_| "a panic".to_owned(), |text| (*text).to_owned()),
            };
            Err(text)
        }
    }
}

/// How a failure is called: what comes before the first colon, or else its first line.
#[cfg(ropewalk_canaries)]
pub(crate) fn name_of(failure: &str) -> String {
    let first = failure.lines().next().unwrap_or_default();
    let name = first.split(": ").next().unwrap_or_default();
    name.chars().take(60).collect()
}
