//! Clocks that leap: the wall clock set, a machine that stood still. Only a simulation has such clocks.

use std::time::{Duration, SystemTime};

use ropewalk::Reactor;

use crate::spy::Log;
use crate::world::{SERVER, World, contract};

contract! { simulated:
    a_wall_clock_that_is_set_moves_no_timer,
    a_repeated_call_does_not_make_up_for_an_hour_of_standing_still,
    timers_that_fell_due_while_standing_still_keep_their_order,
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn note_seconds(reactor: &mut Reactor, log: &Log) {
    let log = log.clone();
    reactor.call_every(SECOND, move |reactor| {
        log.note(reactor.now().as_nanos().div_euclid(1_000_000).to_string());
    });
}

fn a_wall_clock_that_is_set_moves_no_timer(world: &World) {
    let simulated = world
        .simulated()
        .expect("only a simulation has such a clock");
    let (log, start) = (Log::default(), world.on(Reactor::wall_clock));
    world.on(|reactor| note_seconds(reactor, &log));
    for wall_clock in [start + 24 * HOUR, SystemTime::UNIX_EPOCH, start] {
        simulated.set_wall_clock(SERVER, wall_clock);
        assert_eq!(world.on(Reactor::wall_clock), wall_clock);
        world.run_for(SECOND);
    }
    assert_eq!(log.lines(), ["1000", "2000", "3000"]);
}

fn a_repeated_call_does_not_make_up_for_an_hour_of_standing_still(world: &World) {
    let log = Log::default();
    world.on(|reactor| note_seconds(reactor, &log));
    world.run_for(SECOND * 3 / 2);
    world
        .simulated()
        .expect("only a simulation stands still")
        .freeze(SERVER, HOUR);
    world.run_for(HOUR + SECOND * 3 / 2);
    assert_eq!(log.lines(), ["1000", "3601500", "3602000", "3603000"]);
}

fn timers_that_fell_due_while_standing_still_keep_their_order(world: &World) {
    let log = Log::default();
    world.on(|reactor| {
        for delay in [3, 1, 2, 1] {
            let log = log.clone();
            reactor.call_later(SECOND * delay, move |_| log.note(delay.to_string()));
        }
    });
    world
        .simulated()
        .expect("only a simulation stands still")
        .freeze(SERVER, HOUR);
    world.run_for(HOUR);
    assert_eq!(log.lines(), ["1", "1", "2", "3"]);
}
