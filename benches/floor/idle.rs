//! What a connection costs a server's memory while nothing happens on it. Owns the mode `idle`.

use crate::load::Load;
use crate::load::exchange::Exchange;
use crate::load::text::Blocks;
use crate::machine;
use crate::options::Options;
use crate::peers::Peer;
use crate::service::Service;

/// Well below the 20,000 descriptors that a process often may have.
const CONNECTIONS: usize = 12_000;

pub(crate) fn run(options: &Options, core: usize) {
    let connections = if options.smoke { 200 } else { CONNECTIONS };
    for name in &options.peers {
        let peer = Peer::start(name, Service::Echo, core);
        // What the first ones need is not theirs alone.
        let mut first = Exchange::new(peer.port, 50, Blocks::lines(64, 64, 61), 1);
        first.round(machine::now());
        let before = peer.resident();
        // Each has said something once, so that what is left of that counts.
        let mut load = Exchange::new(peer.port, connections, Blocks::lines(64, 64, 61), 1);
        load.round(machine::now());
        peer.processor_time();
        let each = (peer.resident() - before) as f64 / connections as f64;
        println!("idle       {name:<9} {each:>10.1} bytes of memory for each of {connections}");
        drop((first, load));
        peer.end();
    }
}
