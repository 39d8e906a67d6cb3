//! What an operation costs exactly, whatever the machine's mood: system calls (strace), instructions outside the system
//! (callgrind) and allocations, of ropewalk and of the bare epoll loop: `cargo bench --bench exact -- [--check | --update]`.
//!
//! Server and clients take steps in one thread: the clients send, the server turns until it has answered, the clients
//! compare. So what is ready in a turn is always the same, and so are the figures; only the server's turns are counted.
//! `benches/exact.txt` holds the figures that `--check` compares with and `--update` writes.

#[path = "../../examples/bench_server.rs"]
#[expect(dead_code, reason = "its command line is not used here")]
mod bench_server;
mod clients;
#[path = "../floor/epoll.rs"]
#[expect(dead_code, reason = "it is turned here and never runs by itself")]
mod epoll;
mod modes;
mod servers;
#[path = "../floor/service.rs"]
#[expect(dead_code, reason = "nothing is told by name here")]
mod service;
mod steps;
mod table;
#[path = "../floor/load/text.rs"]
#[expect(dead_code, reason = "a block tells its size itself")]
mod text;
mod tools;

use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [steps::STEP, mode, server] => steps::main(mode, server),
        [] => table::print(&tools::measure()),
        ["--update"] => table::update(&tools::measure()),
        ["--check"] => return table::check(&tools::measure()),
        _ => {
            eprintln!("expected --check, --update or nothing in place of {words:?}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
