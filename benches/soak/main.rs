//! A million connections made and lost in a row, on real sockets and in every way there is to lose one: at the end the
//! server has as many descriptors, as much memory and the same figures as in the beginning, or this program fails.
//!
//! `cargo bench --bench soak -- [--connections N] [--smoke]`. The server is this same program started again, on one core,
//! the clients on another. It is at rest, no client being connected, whenever its figures are read.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "connections are made and lost in the machine's own time"
)]

mod client;
mod clients;
mod figures;
#[path = "../floor/machine.rs"]
#[expect(dead_code, reason = "no processor time is measured here")]
mod machine;
mod report;
mod server;
mod serving;
mod text;
mod ways;

use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use clients::Clients;
use serving::Serving;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const MILLION: usize = 1_000_000;
/// Some thousands show that all of it works, and what is lost by the connection.
const SMOKE: usize = 15_000;
/// Times that the server is looked at on the way.
const LOOKS: usize = 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    machine::raise_descriptor_limit();
    if let [word, core] = &arguments[..]
        && word == server::SERVE
    {
        server::main(core);
        return ExitCode::SUCCESS;
    }
    match connections(&arguments) {
        Ok(connections) => run(connections),
        Err(what) => {
            eprintln!("{what}");
            ExitCode::from(2)
        }
    }
}

/// What the command line says.
fn connections(arguments: &[String]) -> Result<usize, String> {
    let mut connections = MILLION;
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            // What cargo says to every benchmark.
            "--bench" => {}
            "--smoke" => connections = SMOKE,
            "--connections" => {
                let number = words.next().and_then(|word| word.parse().ok());
                connections = number.ok_or("expected a number after --connections")?;
            }
            word => {
                return Err(format!(
                    "expected --connections N or --smoke in place of {word:?}"
                ));
            }
        }
    }
    Ok(connections)
}

fn run(connections: usize) -> ExitCode {
    let (clients_core, server_core) = machine::cores();
    machine::pin(clients_core);
    println!("clients on core {clients_core}, the server on core {server_core}");
    let begin = machine::now();
    let mut server = Serving::start(server_core);
    let mut clients = Clients::new(server.ports());
    // What the first ones need is there for the others: pages, spare buffers, lists that have grown.
    clients.play((connections / LOOKS).max(SMOKE / 3));
    clients.use_spare_buffers_up();
    let first = server.figures_at_rest();
    report::heading();
    report::line(0, &first);
    let mut last = first.clone();
    for look in 1..=LOOKS {
        let number = connections * look / LOOKS - connections * (look - 1) / LOOKS;
        clients.play(number);
        clients.use_spare_buffers_up();
        last = server.figures_at_rest();
        report::line(connections * look / LOOKS, &last);
    }
    println!("in {:.1?}", begin.elapsed());
    report::ways(clients.tally());
    println!(
        "{:>11} had been reset when the server made them",
        last.of("gone")
    );
    let faults = report::faults(&first, &last, clients.tally());
    if faults.is_empty() {
        server.end();
        println!("all returned to where it began");
        return ExitCode::SUCCESS;
    }
    println!("{}", server.dump());
    for fault in faults {
        println!("NOT RETURNED: {fault}");
    }
    ExitCode::FAILURE
}
