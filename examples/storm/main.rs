//! A storm over a simulated network: the chat example's own protocol, unchanged, with people who talk, while connections are
//! reset, hosts are cut off and crash, clocks leap and callbacks panic.
//!
//! ```text
//! $ cargo run --release --example storm
//! seeds=1000 events=… events_per_s=… failures=0 families=29/29
//! ```
//!
//! Each seed is a world of its own that repeats itself exactly: `storm --seed 17 --trace` tells its whole story, `--svg FILE`
//! draws it, `--pcap FILE` writes its packets for wireshark. What is judged in it: `worlds/chat.rs` says what people may hear,
//! and the world itself sees to what holds of every reactor.

#[path = "../chat.rs"]
#[expect(dead_code, reason = "its command line is not used here")]
mod chat;
mod options;
mod worlds;

use std::fs::File;
use std::io::{self, BufWriter};
use std::panic;
use std::process::ExitCode;
use std::time::Duration;

use options::{Job, Options, Replayed};
use ropewalk::sim::{Family, Faults, Sweep, Trace, World};

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("off")).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match options::read(&arguments) {
        Ok(Job::Help) => {
            println!("{}", options::HELP.trim());
            ExitCode::SUCCESS
        }
        Ok(Job::Storm(options)) => storm(&options),
        Ok(Job::Replay(replayed)) => tell(&replayed),
        Err(what) => {
            eprintln!("{what}");
            ExitCode::from(2)
        }
    }
}

/// A storm for each seed, and what came of them all.
fn storm(options: &Options) -> ExitCode {
    let begun = clock();
    let mut sweep = Sweep::default();
    let mut failures = 0;
    let most = options
        .minutes
        .map(|minutes| Duration::from_secs(minutes * 60));
    let mut seed = options.from;
    while most.map_or(seed - options.from < options.seeds, |most| {
        clock() - begun < most
    }) {
        let world = World::new(seed, Faults::All);
        world.set_trace(Trace::Off);
        if panic::catch_unwind(panic::AssertUnwindSafe(|| (options.scenario)(&world))).is_ok() {
            sweep.add(&world);
        } else {
            failures += 1;
            println!(
                "seed {seed} failed: storm --world {} --seed {seed} --trace",
                options.world
            );
        }
        seed += 1;
    }
    let seconds = (clock() - begun).as_secs_f64().max(1e-6);
    let fired = Family::ALL.len() - sweep.families_missed().len();
    for family in sweep.families_missed() {
        eprintln!("no seed had any {family}");
    }
    for path in sweep.paths_missed() {
        eprintln!("no seed took the path {path}");
    }
    println!(
        "seeds={} events={} events_per_s={} failures={failures} families={fired}/{}",
        seed - options.from,
        sweep.events(),
        (sweep.events() as f64 / seconds) as u64,
        Family::ALL.len()
    );
    ExitCode::from(u8::from(failures > 0))
}

/// One seed alone, and its story.
fn tell(replayed: &Replayed) -> ExitCode {
    let world = World::new(replayed.seed, Faults::All);
    world.set_trace(Trace::All);
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| (replayed.scenario)(&world)));
    if replayed.trace {
        for line in world.trace() {
            println!("{line}");
        }
    }
    if let Err(error) = draw(&world, replayed) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    ExitCode::from(u8::from(outcome.is_err()))
}

fn draw(world: &World, replayed: &Replayed) -> io::Result<()> {
    if let Some(file) = &replayed.svg {
        world.ladder().write_svg(file)?;
    }
    if let Some(file) = &replayed.pcap {
        world.write_pcap(BufWriter::new(File::create(file)?))?;
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "how fast the simulation is, is told in the machine's own time"
)]
fn clock() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed()
}
