//! What goes wrong on a large scale, one thing at a time.

use super::ticking::{PAUSE, serve, set_up};
use super::*;
use crate::sim::{Family, World};

const SECOND: Duration = Duration::from_secs(1);

fn world() -> World {
    World::new(0, Faults::None)
}

/// A world in which only these decisions are out of the ordinary.
fn world_on(tape: &str) -> World {
    World::on_tape(&tape.parse().unwrap())
}

fn is_answered(world: &World) {
    world.peer("tcp:server:7").send("hello").expect("hello");
}

#[test]
fn a_partition_holds_up_both_ways_and_loses_nothing() {
    let world = world();
    let heard = set_up(&world, 100);
    world.run_for(5 * PAUSE);
    let before = heard.both();
    assert!(before.1 > 0);
    world.partition("client", "server");
    world.run_for(SECOND / 2);
    assert_eq!(heard.both(), before);
    world.rejoin();
    world.run_for(SECOND);
    assert_eq!(heard.both(), (100, 100));
}

#[test]
fn a_partition_of_one_way_leaves_the_other_free() {
    let world = world();
    let heard = set_up(&world, 50);
    world.run_for(5 * PAUSE);
    let before = heard.both();
    world.partition_one_way("server", "client");
    world.run_for(SECOND);
    assert_eq!(heard.both(), (50, before.1));
    world.rejoin();
    world.run_for(SECOND);
    assert_eq!(heard.both(), (50, 50));
}

#[test]
fn a_process_that_dies_is_noticed_at_once_and_begins_again() {
    let world = world();
    let heard = set_up(&world, 1);
    world.run_for(5 * PAUSE);
    world.crash("server", SECOND);
    world.run_for(PAUSE);
    assert_eq!(heard.log.lines().len(), 1, "its kernel says so");
    assert!(panic_of_peer(&world).contains("refused"));
    world.run_for(SECOND);
    is_answered(&world);
}

fn panic_of_peer(world: &World) -> String {
    super::world::panic_of(|| world.peer("tcp:server:7")).to_lowercase()
}

#[test]
fn a_host_without_power_says_nothing_and_is_missed_after_minutes() {
    let world = world();
    let heard = set_up(&world, 1);
    world.run_for(5 * PAUSE);
    world.lose_power("server", SECOND);
    world.run_for(200 * SECOND);
    assert!(heard.log.lines().is_empty());
    is_answered(&world);
    world.run_for(200 * SECOND);
    assert_eq!(heard.log.lines().len(), 1);
}

#[test]
fn who_is_no_service_stays_away_once_it_has_died() {
    let world = world();
    set_up(&world, 1);
    world.crash("client", SECOND);
    world.run_for(10 * SECOND);
    assert!(world.has_stopped("client"));
}

#[test]
fn in_a_calm_all_is_well_at_once() {
    let world = world();
    let heard = set_up(&world, 1);
    world.run_for(5 * PAUSE);
    world.partition("client", "server");
    world.freeze("client", 1_000 * SECOND);
    world.crash("server", 1_000 * SECOND);
    let before = world.now();
    world.calm();
    is_answered(&world);
    assert!(world.now() < before + SECOND);
    assert_eq!(heard.log.lines().len(), 1);
}

#[test]
fn a_service_that_a_fault_stops_begins_again() {
    let mut stopped = 0;
    for seed in 0..40 {
        let world = World::new(seed, Faults::All);
        set_up(&world, 100);
        world.run_for(10 * SECOND);
        world.calm();
        is_answered(&world);
        stopped += world.struck(Family::Stops);
    }
    assert!(stopped > 0);
}

#[test]
fn a_listener_may_be_told_late() {
    for (tape, least) in [("", 0), ("late-accept 0=63", 5)] {
        let world = world_on(&format!("seed=1 faults=all {tape}"));
        let heard = set_up(&world, 1);
        world.run_until(|_| heard.both().1 == 1);
        let took = world.now().since(Time::START).as_secs();
        assert!((least..least + 2).contains(&took), "{took} s");
    }
}

#[test]
fn a_backlog_that_is_full_makes_a_caller_call_again() {
    let world = world_on("seed=1 faults=all full-backlog 0=1 1=1");
    let heard = set_up(&world, 1);
    world.run_until(|_| heard.both().1 == 1);
    // A kernel repeats a call after one second, then after two.
    let took = world.now().since(Time::START).as_secs();
    assert_eq!(took, 3);
}

#[test]
fn who_has_no_descriptor_left_turns_callers_away_until_one_is_free() {
    let world = world();
    set_up(&world, 0);
    world.run_for(PAUSE);
    let open = world.descriptors("server");
    world.limit_descriptors("server", open + 1);
    let (one, other) = (world.peer("tcp:server:7"), world.peer("tcp:server:7"));
    one.send("hello").expect("hello");
    other.expect_closed();
    one.closes();
    world.settle();
    is_answered(&world);
}

#[test]
fn who_begins_while_descriptors_are_wanting_has_enough_later() {
    let world = world_on(
        "seed=1 faults=all when:descriptors 0=1 when:crashes 0=1 span:descriptors 0=1 span:crashes 0=1",
    );
    set_up(&world, 0);
    world.run_for(SECOND);
    assert_eq!(
        (
            world.struck(Family::Descriptors),
            world.struck(Family::Crashes)
        ),
        (1, 1)
    );
    let peers: Vec<_> = (0..5).map(|_| world.peer("tcp:server:7")).collect();
    for peer in &peers {
        peer.send("hello").expect("hello");
    }
}

#[test]
fn a_wall_clock_that_is_set_back_moves_no_timer() {
    let (world, log) = (world(), super::world::Log::default());
    let noted = log.clone();
    world.host("server", move |reactor| {
        reactor.call_later(SECOND, move |reactor| noted.note(reactor.now().to_string()));
        Ok(())
    });
    world.run_for(SECOND / 2);
    world.set_wall_clock("server", std::time::SystemTime::UNIX_EPOCH);
    world.run_for(SECOND);
    let wall = world.on("server", |reactor| reactor.wall_clock());
    let since = wall.duration_since(std::time::SystemTime::UNIX_EPOCH);
    assert!(since.unwrap() <= 2 * SECOND);
    assert_eq!(log.lines(), ["1000.000ms"]);
}

#[test]
fn who_stood_still_for_an_hour_finds_all_that_waited() {
    let world = world();
    let heard = set_up(&world, 10);
    world.run_for(2 * PAUSE);
    world.freeze("server", 3_600 * SECOND);
    let before = heard.both();
    world.run_for(3_599 * SECOND);
    assert_eq!(heard.both(), before);
    world.run_for(2 * SECOND);
    assert_eq!(heard.both(), (10, 10));
}

#[test]
fn a_process_begins_again_with_nothing_of_what_it_knew() {
    let world = world();
    let heard = super::ticking::Heard::default();
    let begun = std::rc::Rc::new(std::cell::Cell::new(0));
    let (count, setup) = (begun.clone(), serve(&heard));
    world.service("server", move |reactor| {
        count.set(count.get() + 1);
        setup(reactor)
    });
    is_answered(&world);
    world.crash("server", Duration::ZERO);
    world.run_for(PAUSE);
    is_answered(&world);
    assert_eq!(begun.get(), 2);
    assert_eq!(world.descriptors("server"), 2);
}
