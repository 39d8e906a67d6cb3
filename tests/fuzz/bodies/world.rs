//! The chat's room and a few guests, where a fuzzer's bytes decide: what each of them does and says, and all that goes wrong.
//! Owns a scenario so short that a fuzzer plays it hundreds of times a second; what is wrong is found by the world's judges, and
//! by a last guest, who is served as if nothing had been.

use std::time::Duration;

use ropewalk::Group;
use ropewalk::sim::{self, Faults, Peer, World};

use crate::chat::Member;

const SERVER: &str = "tcp:server:8007";
/// What guests do at the most, all together.
const MOST: u64 = 24;
/// Longer than any deadline of the loop's.
const DEADLINES: Duration = Duration::from_secs(180);

/// What is said: names, commands, and what is no line, or not yet.
const SAYINGS: [&[u8]; 10] = [
    b"alice\r\n",
    b"bob\n",
    b"/who\r\n",
    b"hello\r\nworld\r\n",
    b"hel",
    b"lo\r",
    b"\n",
    b"\xff\x00\r\n",
    b"/quit\r\n",
    &[b'x'; 17_000],
];

pub(crate) fn play(input: &[u8]) {
    sim::fuzz(input, Faults::All, visit);
}

fn visit(world: &World) {
    world.service("server", |reactor| {
        let room = Group::new();
        let listen = reactor.listen("tcp:8007:interface=*");
        listen.serve(move |_| Member::new(&room)).map(drop)
    });
    let guests = 2 + world.choose(2);
    let mut guests: Vec<Option<Peer>> = (0..guests).map(|_| world.try_peer(SERVER)).collect();
    for _ in 0..world.choose(MOST) {
        let number = world.choose(guests.len() as u64) as usize;
        let guest = &mut guests[number];
        match guest {
            None => *guest = world.try_peer(SERVER),
            Some(peer) => {
                if act(world, peer) {
                    *guest = None;
                }
            }
        }
    }
    world.calm();
    for guest in guests.iter().flatten() {
        guest.closes();
    }
    conclude(world);
}

/// Whether the guest is gone.
fn act(world: &World, guest: &Peer) -> bool {
    match world.choose(8) {
        0..=2 => {
            let saying = SAYINGS[world.choose(SAYINGS.len() as u64) as usize];
            guest.send_bytes(saying);
        }
        3 => world.run_for(Duration::from_micros(
            [100, 5_000, 300_000][world.choose(3) as usize],
        )),
        4 => {
            guest.stops_reading();
        }
        5 => {
            guest.reads_again();
        }
        6 => {
            guest.half_closes();
        }
        _ => {
            match world.choose(2) {
                0 => guest.closes(),
                _ => guest.resets(),
            };
            return true;
        }
    }
    false
}

fn conclude(world: &World) {
    world.run_until(|world| world.is_up("server"));
    let last = world.peer(SERVER);
    last.expect("What is your name?").send("last").send("/quit");
    let heard = last.read_until_eof();
    assert!(
        heard.starts_with(b"* here: "),
        "the last one hears \"{}\"",
        heard.escape_ascii()
    );
    last.closes();
    world.run_for(DEADLINES);
    world.stop("server");
}
