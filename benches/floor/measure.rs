//! Measuring: rounds by turns, and what they come to. Owns the order of rounds and the arithmetic.

use crate::load::{Load, Round};
use crate::machine;
use crate::modes::Mode;
use crate::options::Options;
use crate::peers::Peer;

/// New processes so many times in a mode: how one happens to lie in memory is worth a per cent.
const GENERATIONS: usize = 4;

/// What a peer's rounds came to, in the order they were run.
#[derive(Default)]
struct Figures {
    /// Nanoseconds of processor time an operation.
    costs: Vec<f64>,
    operations: u64,
    sends: u64,
}

pub(crate) fn run(options: &Options) {
    let (load, server) = machine::cores();
    machine::pin(load);
    println!(
        "clients on core {load}, servers on core {server}, rounds of {:?}",
        options.round
    );
    for mode in &options.modes {
        let figures = measure(mode, options, server);
        print(mode, options, &figures);
    }
}

fn measure(mode: &Mode, options: &Options, core: usize) -> Vec<Figures> {
    let peers = options.peers.len();
    let mut figures: Vec<Figures> = options.peers.iter().map(|_| Figures::default()).collect();
    let turns = options.time.as_nanos() / options.round.as_nanos() / (peers * GENERATIONS) as u128;
    let generations = if turns == 0 { 1 } else { GENERATIONS };
    for _ in 0..generations {
        let mut running: Vec<(Peer, Box<dyn Load>)> = options
            .peers
            .iter()
            .map(|name| {
                let peer = Peer::start(name, mode.service, core);
                let load = (mode.load)(peer.port);
                (peer, load)
            })
            .collect();
        for ((_, load), figures) in running.iter_mut().zip(&mut figures) {
            let warm = load.round(machine::now() + options.round / 2);
            figures.operations += warm.operations;
        }
        for turn in 0..turns.max(1) {
            for place in 0..peers {
                let place = if turn % 2 == 0 {
                    place
                } else {
                    peers - 1 - place
                };
                let (peer, load) = &mut running[place];
                figures[place].add(peer, load.as_mut(), options);
            }
        }
        for ((peer, load), figures) in running.into_iter().zip(&mut figures) {
            drop(load);
            figures.sends += peer.end();
        }
    }
    figures
}

impl Figures {
    fn add(&mut self, peer: &Peer, load: &mut dyn Load, options: &Options) {
        let before = peer.processor_time();
        let Round { operations, .. } = load.round(machine::now() + options.round);
        let cost = peer.processor_time() - before;
        self.costs.push(cost as f64 / operations as f64);
        self.operations += operations;
    }

    /// The median and the quartiles of this peer's rounds, each beside the baseline's.
    fn ratios(&self, baseline: &Self) -> [f64; 3] {
        let ratios = self.costs.iter().zip(&baseline.costs);
        quartiles(ratios.map(|(ours, theirs)| ours / theirs).collect())
    }
}

fn quartiles(mut numbers: Vec<f64>) -> [f64; 3] {
    numbers.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| numbers[(numbers.len() - 1) * quarter / 4])
}

fn print(mode: &Mode, options: &Options, figures: &[Figures]) {
    for (name, figures_of) in options.peers.iter().zip(figures) {
        let [_, cost, _] = quartiles(figures_of.costs.clone());
        let [low, ratio, high] = figures_of.ratios(&figures[0]);
        let goal = if *name == "ropewalk" {
            format!("  goal {:.2}", mode.goal)
        } else {
            String::new()
        };
        println!(
            "{:<10} {name:<9} {cost:>10.1} ns of {:<9} ratio {ratio:.3} ({low:.3} to {high:.3}){goal}",
            mode.name, mode.unit
        );
    }
}
