//! What the benchmark asks of the machine: cores, and what a thread has cost so far. Owns nothing.

use std::fs;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The core of the client and that of the reactor; the same one if there is no other.
pub(crate) fn cores() -> (usize, usize) {
    let allowed = sched_getaffinity(None).expect("the system tells our cores");
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|&core| allowed.is_set(core))
        .collect();
    (cores[0], cores[cores.len() - 1])
}

/// Keeps the calling thread on a core.
pub(crate) fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).expect("the core is one of ours");
}

/// Nanoseconds that the calling thread has run.
pub(crate) fn processor_time() -> u64 {
    let figures = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    let time = figures.split(' ').next();
    time.and_then(|time| time.parse().ok())
        .expect("the first figure is a number")
}
