//! Measuring: rounds by turns. Owns the order of rounds, and which process serves them.

use crate::load::{Load, Round};
use crate::machine;
use crate::modes::Work;
use crate::options::Options;
use crate::peers::{MEASURED, Peer, RECORDED};
use crate::report::{Figures, quantile};

/// New processes so many times in a mode: how one happens to lie in memory is worth a per cent.
const GENERATIONS: usize = 4;

/// A server and its clients.
struct Pair {
    peer: Peer,
    load: Box<dyn Load>,
}

pub(crate) fn run(name: &str, work: &Work, options: &Options, core: usize) {
    let mut figures: Vec<Figures> = options.peers.iter().map(|_| Figures::default()).collect();
    let rounds = options.time.as_nanos() / options.round.as_nanos();
    let (generations, turns) = if options.smoke {
        (1, 1)
    } else {
        let turns = rounds as usize / (options.peers.len() * GENERATIONS);
        (GENERATIONS, turns.max(1))
    };
    for _ in 0..generations {
        live(work, options, core, turns, &mut figures);
    }
    let measured = options.peers.iter().position(|peer| *peer == MEASURED);
    for (peer, of_peer) in options.peers.iter().zip(&figures) {
        let beside = measured.filter(|_| *peer == RECORDED);
        let beside = beside.map(|place| &figures[place]);
        of_peer.print(name, peer, work, &figures[0], beside);
    }
}

/// The life of one process for each peer.
fn live(work: &Work, options: &Options, core: usize, turns: usize, figures: &mut [Figures]) {
    let pairs = options.peers.iter().map(|name| {
        let peer = Peer::start(name, work.service, core);
        let load = (work.load)(peer.port);
        Pair { peer, load }
    });
    let mut pairs: Vec<Pair> = pairs.collect();
    for (pair, figures) in pairs.iter_mut().zip(&mut *figures) {
        figures.operations += pair
            .load
            .round(machine::now() + options.round / 2)
            .operations;
    }
    let count = pairs.len();
    for turn in 0..turns {
        for place in 0..count {
            let place = if turn % 2 == 0 {
                place
            } else {
                count - 1 - place
            };
            pairs[place].measure(options, &mut figures[place]);
        }
    }
    for (pair, figures) in pairs.into_iter().zip(&mut *figures) {
        // The server sees its clients go before it is told to.
        drop(pair.load);
        figures.sends += pair.peer.end();
    }
}

impl Pair {
    fn measure(&mut self, options: &Options, figures: &mut Figures) {
        let before = self.peer.processor_time();
        let round = self.load.round(machine::now() + options.round);
        let cost = self.peer.processor_time() - before;
        let Round {
            operations,
            mut latencies,
        } = round;
        figures.costs.push(cost as f64 / operations as f64);
        figures.operations += operations;
        if !latencies.is_empty() {
            figures.usual.push(quantile(&mut latencies, 0.5));
            figures.late.push(quantile(&mut latencies, 0.99));
        }
    }
}
