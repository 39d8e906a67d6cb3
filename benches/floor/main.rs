//! What ropewalk costs beside a bare epoll loop: `cargo bench --bench floor -- [MODE…] [--seconds N] [--round MILLISECONDS]
//! [--peers A,B] [--smoke]`.
//!
//! The servers are this same program started again, on one core, the clients on another. Rounds are short and the servers
//! take turns in alternating order; a round's processor time for an operation is compared with the baseline's in the same
//! turn. `epoll` is the baseline, `control` is the baseline a second time: what its ratio differs from 1 is noise.
//! `recorded` is `ropewalk` with all that it meets written to a tape. With `--peers former`, ropewalk is measured as the
//! program has it that the environment's FLOOR_FORMER names: this one as it was built before a change.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark is about the machine's own time"
)]

#[path = "../../examples/bench_server.rs"]
#[expect(dead_code, reason = "its command line is not used here")]
mod bench_server;
#[path = "../../tests/contract/counted.rs"]
#[expect(dead_code, reason = "only sends are of interest here")]
mod counted;
#[expect(
    dead_code,
    reason = "how many connections live is asked where steps are taken"
)]
mod epoll;
mod idle;
mod load;
mod machine;
mod measure;
mod modes;
mod options;
mod peers;
mod report;
mod room;
mod server;
mod service;
mod silent;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    machine::raise_descriptor_limit();
    match arguments.split_first() {
        Some((first, rest)) if first == server::SERVE => server::main(rest),
        _ => match options::Options::read(&arguments) {
            Ok(options) => run(&options),
            Err(what) => {
                eprintln!("{what}");
                std::process::exit(2);
            }
        },
    }
}

fn run(options: &options::Options) {
    let (load, server) = machine::cores();
    machine::pin(load);
    let round = options.round;
    println!("clients on core {load}, servers on core {server}, rounds of {round:?}");
    for mode in &options.modes {
        mode.run(options, server);
    }
}
