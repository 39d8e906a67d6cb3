//! What the benchmark asks of the machine: cores, descriptors, time, and what a process has cost so far. Owns no process.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process, set_parent_process_death_signal,
    setrlimit,
};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The core of the load and that of the servers; the same one if there is no other.
pub(crate) fn cores() -> (usize, usize) {
    let allowed = sched_getaffinity(None).expect("the system tells our cores");
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|&core| allowed.is_set(core))
        .collect();
    (cores[0], cores[cores.len() - 1])
}

pub(crate) fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).expect("the core is one of ours");
}

/// Whatever becomes of the parent, this process does not outlive it.
pub(crate) fn end_with_parent() {
    set_parent_process_death_signal(Some(Signal::TERM)).expect("Linux knows parents");
}

/// Asks a child to end.
pub(crate) fn terminate(child: u32) {
    let child = i32::try_from(child).ok().and_then(Pid::from_raw);
    let _ = child.map(|child| kill_process(child, Signal::TERM));
}

/// As many descriptors as we may have.
pub(crate) fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, most).expect("the soft limit may be the hard one");
}

/// Nanoseconds that a process' threads have run, read when it has come to rest.
pub(crate) fn processor_time(process: u32) -> u64 {
    let mut before = run_time(process);
    loop {
        pause(Duration::from_micros(500));
        let now = run_time(process);
        if now == before {
            return now;
        }
        before = now;
    }
}

fn run_time(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("the server runs");
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
        .filter_map(|figures| figures.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Bytes of memory a process holds.
pub(crate) fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .expect("the system tells resident memory")
        * 1024
}

pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
