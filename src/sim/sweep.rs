//! Many worlds for one scenario. Owns the telling which seed failed; does not know what a scenario is about.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::faults::Faults;
use super::world::World;

/// Plays a scenario in a fresh world for each seed. If one panics, tells which, so that it can be played alone, and
/// panics.
///
/// ```no_run
/// use ropewalk::sim::{self, Faults};
///
/// sim::sweep(0..300, Faults::Unnoticeable, |world| {
///     world.set_window(4096);
/// });
/// ```
pub fn sweep(seeds: Range<u64>, faults: Faults, scenario: impl Fn(&World)) {
    for seed in seeds {
        let world = World::new(seed, faults);
        if let Err(cause) = catch_unwind(AssertUnwindSafe(|| scenario(&world))) {
            let text = cause.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
            let after = seed.saturating_add(1);
            panic!(
                "seed {seed} failed; to play it alone: sim::sweep({seed}..{after}, Faults::{faults:?}, ..)\n{}",
                text.unwrap_or("no message"),
            );
        }
    }
}
