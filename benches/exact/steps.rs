//! One mode of one server, in steps: what strace and callgrind look at. Owns the marks by which they know what to count.

use rustix::process::{geteuid, getuid};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

use crate::clients::Clients;
use crate::modes::Mode;
use crate::servers::{self, Stepped};

/// The word by which the program knows that it is to do this.
pub(crate) const STEP: &str = "--step";
/// Rounds before the counting, in which buffers and pools grow.
const WARM: usize = 3;
/// System calls that nobody else makes; what stands between the two is the server's.
pub(crate) const MARKS: [&str; 2] = ["getuid", "geteuid"];
/// The function that is counted, as callgrind spells it.
pub(crate) const COUNTED: &str = "exact::steps::counted_turn";

pub(crate) fn main(mode: &str, server: &str) {
    let mode = Mode::named(mode).expect("the parent knows the modes");
    let mut server = servers::named(server, mode.service);
    let mut clients = Clients::new(server.port(), mode);
    while server.connections() < clients.connected() {
        server.turn();
    }
    for _ in 0..WARM {
        play(server.as_mut(), &mut clients, mode, |server| {
            server.turn();
            0
        });
    }
    let mut allocations = 0;
    for _ in 0..mode.rounds {
        allocations += play(server.as_mut(), &mut clients, mode, |server| {
            let region = Region::new(&INSTRUMENTED_SYSTEM);
            let _ = getuid();
            counted_turn(server);
            let _ = geteuid();
            let change = region.change();
            change.allocations + change.reallocations
        });
    }
    println!("{allocations}");
}

/// One round; the sum of what its turns returned.
fn play(
    server: &mut dyn Stepped,
    clients: &mut Clients,
    mode: &Mode,
    mut turn: impl FnMut(&mut dyn Stepped) -> usize,
) -> usize {
    let mut sum = 0;
    let owed = server.bytes_sent() + mode.bytes() as u64;
    clients.go_on();
    while server.bytes_sent() < owed {
        sum += turn(server);
        clients.go_on();
    }
    clients.compare();
    while server.connections() > clients.connected() {
        sum += turn(server);
    }
    sum
}

#[inline(never)]
fn counted_turn(server: &mut dyn Stepped) {
    server.turn();
}
