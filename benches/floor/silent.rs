//! A room of 100 at full speed in which one member never reads: what the others notice, and what it costs in memory. Owns
//! the mode `silent`. It compares ropewalk with itself: a room with him, under either policy, beside one without.

use crate::load::chat::Chat;
use crate::load::{Load, Round};
use crate::machine;
use crate::options::Options;
use crate::peers::{MEASURED, Peer};
use crate::report::{quantile, quartiles};
use crate::service::Service;

struct Room {
    what: &'static str,
    peer: Peer,
    load: Chat,
    /// 99th percentile of each round, in microseconds.
    late: Vec<f64>,
    resident: Vec<u64>,
}

pub(crate) fn run(options: &Options, core: usize) {
    let mut rooms = [
        Room::new("nobody silent", "room", 0, core),
        Room::new("one is let go", "room", 1, core),
        Room::new("his oldest are dropped", "room-that-drops", 1, core),
    ];
    // A minute for each room.
    let turns = if options.smoke {
        1
    } else {
        60_000 / options.round.as_millis() as usize
    };
    for turn in 0..turns {
        for place in 0..rooms.len() {
            rooms[(turn + place) % 3].speak(options);
        }
    }
    let alone = rooms[0].late.clone();
    for room in rooms {
        room.tell(&alone);
    }
}

impl Room {
    fn new(what: &'static str, service: &str, silent: usize, core: usize) -> Self {
        let service = Service::named(service).expect("it is one of ours");
        let peer = Peer::start(MEASURED, service, core);
        let load = Chat::new(peer.port, 100 - silent, 8, silent);
        Self {
            what,
            peer,
            load,
            late: Vec::new(),
            resident: Vec::new(),
        }
    }

    fn speak(&mut self, options: &Options) {
        let Round { mut latencies, .. } = self.load.round(machine::now() + options.round);
        self.late.push(quantile(&mut latencies, 0.99));
        self.resident.push(self.peer.resident());
    }

    fn tell(self, alone: &[f64]) {
        let [_, late, _] = quartiles(self.late.clone());
        let ratios = self
            .late
            .iter()
            .zip(alone)
            .map(|(ours, theirs)| ours / theirs);
        let [low, ratio, high] = quartiles(ratios.collect());
        let kibibytes = |bytes: Option<&u64>| bytes.copied().unwrap_or_default() / 1024;
        println!(
            "silent     {:<22} p99 {late:>8.1} µs  ratio {ratio:.2} ({low:.2} to {high:.2})  goal 2.00; memory {} KiB at first, {} at most, {} at last",
            self.what,
            kibibytes(self.resident.first()),
            kibibytes(self.resident.iter().max()),
            kibibytes(self.resident.last()),
        );
        drop(self.load);
        self.peer.end();
    }
}
