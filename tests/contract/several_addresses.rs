//! Calls to names with several addresses, after RFC 8305: both families by turns, a little later the next one beside those that do
//! not answer, at once after one that failed; and what is told if none of them answers.

use std::net::IpAddr;
use std::time::Duration;

use ropewalk::sim::Answer;

use crate::calling::Story;
use crate::world::{World, contract};

contract! { simulated_bare:
    silent_addresses_are_passed_by_after_a_delay_each,
}

fn silent_addresses_are_passed_by_after_a_delay_each(world: &World) {
    world.on(|_| ());
    let sim = world.simulated().expect("this is played in simulation");
    let listener = sim.peer_listener("target", 7);
    let holes = ["fd00::9:1", "fd00::9:2"].map(|text| text.parse::<IpAddr>().expect("an address"));
    for hole in holes {
        sim.black_hole(hole);
    }
    sim.name(
        "several",
        Answer::Addresses(vec![holes[0], holes[1], sim.address("target")]),
    );
    let story = Story::default();
    world.on(|reactor| {
        story.begin(reactor.connect("tcp:several:7"));
    });
    listener.accept().closes();
    world.run_until("it is over", || story.is_over());
    for line in sim.trace() {
        println!("{line}");
    }
    panic!("{:?}", story.log.lines());
}
