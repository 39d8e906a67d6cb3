//! What is done with one input of a fuzzer, a function for each target. Owns what has to hold for all of them: no panic, and
//! memory in proportion to the input.

pub(crate) mod endpoints;
pub(crate) mod framings;
pub(crate) mod lines;
pub(crate) mod lying;
pub(crate) mod prefixed;
mod recorder;
mod stream;
pub(crate) mod world;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Does `work`, which may allocate so many bytes in all, those given back included.
#[track_caller]
fn within<R>(most: usize, work: impl FnOnce() -> R) -> R {
    let before = ALLOCATOR.stats().bytes_allocated;
    let result = work();
    let bytes = ALLOCATOR.stats().bytes_allocated - before;
    assert!(
        bytes <= most,
        "{bytes} bytes were allocated, and not {most}"
    );
    result
}
