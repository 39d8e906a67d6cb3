//! How long things take, not what they cost: `cargo bench --bench latency [--features precise] [-- --smoke]`.
//!
//! How late timers fire, how long a request and its reply take, and how long bytes wait between the kernel and the protocol;
//! each with a loop that sleeps and with one that spins. The reactor and the client have a core each. Whether timers are
//! finer than a millisecond, and whether the kernel stamps what it receives, is a matter of the feature: run it with and
//! without.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark is about the machine's own time"
)]

mod echo;
mod machine;
mod samples;
mod timers;

use std::time::Duration;

const ASLEEP: Duration = Duration::ZERO;

/// For so long before a timer, and more than the gaps between the requests.
const SPINS: Duration = Duration::from_micros(1500);

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--smoke");
    let (timers, requests) = if smoke { (20, 20) } else { (5_000, 20_000) };
    let (client, server) = machine::cores();
    println!(
        "{}",
        if cfg!(feature = "precise") {
            "with the feature precise"
        } else {
            "without the feature precise"
        }
    );
    machine::pin(server);
    for delay in [100, 300, 2_300].map(Duration::from_micros) {
        for spin in [ASLEEP, SPINS] {
            let (lateness, cost) = timers::fire(delay, spin, timers);
            let what = format!("timer of {} µs, late", delay.as_micros());
            lateness.print(&what, spin, cost);
        }
    }
    machine::pin(client);
    for spin in [ASLEEP, SPINS] {
        let told = echo::run(spin, false, requests, server);
        told.round_trips
            .print("echo, there and back", spin, told.cost);
        let told = echo::run(spin, true, requests, server);
        told.round_trips
            .print("echo stamped, there and back", spin, told.cost);
        let what = format!(
            "from stamp to protocol, {} by the kernel",
            told.by_the_kernel
        );
        told.waits.print(&what, spin, told.cost);
    }
}
