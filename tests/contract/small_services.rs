//! The standard small services, each over every network.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use ropewalk::{Limits, Reactor, wire};

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{SERVER, World, contract};

contract! { everywhere:
    echo_sends_back_all_it_gets_and_ends,
    discard_takes_all_and_says_nothing,
    time_tells_the_seconds_since_1900,
    qotd_sends_one_of_its_quotes,
}

// The toy layer has a byte at which it panics, and chargen sends all there are.
contract! { bare:
    chargen_goes_on_with_its_pattern_until_the_peer_ends,
    chargen_makes_nothing_while_its_output_waits,
    chargen_ends_at_a_stop,
}

contract! { simulated:
    daytime_tells_the_wall_clock_of_its_reactor,
}

const HIGH: usize = 64 * 1024;
const PERIOD: usize = 95 * 74;

/// What chargen sends, from the beginning.
fn pattern(size: usize) -> Vec<u8> {
    let line = |n: usize| {
        let characters = (n..n + 72).map(|at| b' ' + (at % 95) as u8);
        characters.chain(*b"\r\n").collect::<Vec<u8>>()
    };
    (0..).flat_map(line).take(size).collect()
}

fn echo_sends_back_all_it_gets_and_ends(world: &World) {
    let listener = world.serve(|_| wire::Echo);
    let peer = world.peer(&listener);
    peer.send_bytes(text(300_000)).half_closes();
    peer.expect_bytes(text(300_000)).expect_eof();
    world.run_until_all_are_gone();
}

fn discard_takes_all_and_says_nothing(world: &World) {
    let listener = world.serve(|_| wire::Discard);
    let peer = world.peer(&listener);
    peer.send_bytes(text(300_000)).half_closes();
    peer.expect_eof();
    world.run_until_all_are_gone();
}

fn chargen_goes_on_with_its_pattern_until_the_peer_ends(world: &World) {
    let listener = world.serve(|_| wire::Chargen::default());
    let peer = world.peer(&listener);
    peer.send("what is said to it does not matter");
    let first = 3 * PERIOD + 1;
    peer.expect_bytes(pattern(first)).half_closes();
    let rest = peer.read_until_eof();
    assert!(
        pattern(first + rest.len())[first..] == rest,
        "{} bytes",
        rest.len()
    );
    world.run_until_all_are_gone();
}

fn chargen_makes_nothing_while_its_output_waits(world: &World) {
    let known = Known::default();
    let id = known.clone();
    let limits = Limits::default().water_marks(HIGH / 4, HIGH);
    let listener = world.serve_with(limits, move |_| {
        let id = id.clone();
        Spy::new(&Log::default()).made(move |transport| {
            id.note(transport);
            transport.switch_protocol(wire::Chargen::default());
        })
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    world.run_until("it is paused", || {
        known.count() > 0 && known.unsent(world) > HIGH
    });
    world.settle();
    // A system may take a little more after a while.
    let made = || known.unsent(world) as u64 + world.on(|reactor| reactor.counters().bytes_out);
    let (waits, before) = (known.unsent(world), made());
    assert!(waits <= HIGH + PERIOD, "{waits}");
    world.run_for(Duration::from_millis(20));
    assert_eq!(made(), before);
    peer.reads_again().expect_bytes(pattern(4 * HIGH)).closes();
    world.run_until_all_are_gone();
}

fn chargen_ends_at_a_stop(world: &World) {
    let listener = world.serve(|_| wire::Chargen::default());
    let peer = world.peer(&listener);
    peer.expect_bytes(pattern(1000));
    world.on(Reactor::stop);
    peer.read_until_eof();
    peer.closes();
    world.run_to_the_end();
}

fn since_1900(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.expect("it is later").as_secs() + 2_208_988_800
}

fn time_tells_the_seconds_since_1900(world: &World) {
    let listener = world.serve(|_| wire::Time);
    let before = since_1900(world.on(Reactor::wall_clock));
    let told = world.peer(&listener).read_until_eof();
    let after = since_1900(world.on(Reactor::wall_clock));
    let told: [u8; 4] = told.try_into().expect("four bytes");
    // Both ends are cut off alike, whatever the century.
    let told = u32::from_be_bytes(told).wrapping_sub(before as u32);
    assert!(u64::from(told) <= after - before, "{told}");
    world.run_until_all_are_gone();
}

fn daytime_tells_the_wall_clock_of_its_reactor(world: &World) {
    let listener = world.serve(|_| wire::Daytime);
    let simulated = world
        .simulated()
        .expect("only a simulation's clock can be set");
    let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(784_123_200);
    simulated.set_wall_clock(SERVER, noon);
    let told = String::from_utf8(world.peer(&listener).read_until_eof()).expect("text");
    assert!(
        told.starts_with("Sun Nov  6 12:00:0") && told.ends_with(" 1994\r\n"),
        "{told}"
    );
    world.run_until_all_are_gone();
}

fn qotd_sends_one_of_its_quotes(world: &World) {
    let quotes: Rc<[String]> = ["One.", "Two\nlines.\n", "Three."]
        .map(str::to_owned)
        .into();
    let listener = world.serve(move |_| wire::Qotd::new(Rc::clone(&quotes)));
    let mut told = Vec::new();
    for _ in 0..30 {
        told.push(world.peer(&listener).read_until_eof());
    }
    for quote in ["One.\r\n", "Two\r\nlines.\r\n", "Three.\r\n"] {
        assert!(told.iter().any(|told| told == quote.as_bytes()), "{quote}");
    }
    told.retain(|told| {
        ![&b"One.\r\n"[..], b"Two\r\nlines.\r\n", b"Three.\r\n"].contains(&&told[..])
    });
    assert_eq!(told, [b""; 0]);
    let empty = world.serve(|_| wire::Qotd::new([]));
    world.peer(&empty).expect_eof();
    world.run_until_all_are_gone();
}
