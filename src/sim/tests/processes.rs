//! Processes that die, stop and begin again, and what of theirs outlives them; faults that meet what a script has laid down.

use std::cell::Cell;

use super::ticking::{PAUSE, serve, set_up};
use super::world::{Log, panic_of};
use super::*;
use crate::sim::{Family, World};

const SECOND: Duration = Duration::from_secs(1);

fn world() -> World {
    World::new(0, Faults::None)
}

#[test]
fn a_process_hears_nothing_of_what_its_predecessor_asked_for() {
    let (world, log) = (world(), Log::default());
    let (noted, begun) = (log.clone(), Cell::new(0));
    world.service("server", move |reactor| {
        begun.set(begun.get() + 1);
        let (number, noted) = (begun.get(), noted.clone());
        reactor.defer_to_thread(
            move || number,
            move |_, outcome| noted.note(format!("{outcome:?}")),
        );
        Ok(())
    });
    world.crash("server", Duration::ZERO);
    world.run_for(SECOND);
    assert_eq!(log.lines(), ["Ok(2)"]);
}

#[test]
fn who_is_stopped_stays_away_whatever_strikes_meanwhile() {
    for seed in 0..40 {
        let world = World::new(seed, Faults::All);
        set_up(&world, 100);
        world.run_for(SECOND / 4);
        world.stop("server");
        world.run_for(10 * SECOND);
        assert!(world.has_stopped("server"), "seed {seed}");
    }
}

#[test]
fn who_is_down_is_said_to_be_down() {
    let world = world();
    set_up(&world, 0);
    world.crash("server", SECOND);
    assert!(!world.is_up("server"));
    for said in [
        panic_of(|| world.on("server", |_| ())),
        panic_of(|| world.crash("server", SECOND)),
        panic_of(|| world.freeze("server", SECOND)),
    ] {
        assert!(said.starts_with("server is down"), "{said}");
    }
    world.run_for(2 * SECOND);
    assert!(world.is_up("server"));
    world.crash("server", SECOND);
    world.stop("server");
    world.run_for(2 * SECOND);
    assert!(world.has_stopped("server"));
}

#[test]
fn a_listener_of_the_script_is_none_of_the_process() {
    let world = world();
    let listener = world.peer_listener("server", 9);
    set_up(&world, 0);
    assert_eq!(world.descriptors("server"), 1);
    world.crash("server", SECOND);
    world.on("client", |reactor| {
        reactor.connect("tcp:server:9").with(Silent);
    });
    listener.accept().closes();
    world.run_for(2 * SECOND);
    world.stop("server");
}

struct Silent;

impl crate::Protocol for Silent {
    fn data_received(&mut self, _: &mut crate::Transport<'_>, _: &[u8]) {}
}

#[test]
fn a_peer_whose_call_fails_at_once_says_so() {
    let world = world();
    set_up(&world, 0);
    world.cut_off(world.address("server"));
    assert!(world.try_peer("tcp:server:7").is_none());
    let said = panic_of(|| drop(world.peer("tcp:server:7")));
    assert!(
        said.starts_with("a peer can't connect to tcp:server:7: "),
        "{said}"
    );
    world.heal(world.address("server"));
    assert!(world.try_peer("tcp:server:7").is_some());
    assert!(world.try_peer("tcp:server:8").is_none(), "nobody listens");
}

#[test]
fn what_a_script_says_of_reading_outlives_faults_and_calm() {
    let world = world();
    set_up(&world, 0);
    let peer = world.peer("tcp:server:7");
    assert!(world.fabric().borrow_mut().strike_with_stalled_peer());
    peer.stops_reading().send("hello");
    world.run_for(SECOND);
    assert!(peer.received().is_empty());
    world.limit_descriptors("server", 2);
    world.calm();
    world.run_for(SECOND);
    assert!(peer.received().is_empty());
    peer.reads_again().expect("hello");
    world.peer("tcp:server:7").expect_closed();
}

#[test]
fn a_stall_ends_by_itself_and_in_a_calm() {
    for calm in [true, false] {
        let world = world();
        set_up(&world, 0);
        let peer = world.peer("tcp:server:7");
        assert!(world.fabric().borrow_mut().strike_with_stalled_peer());
        if calm {
            world.calm();
        }
        peer.send("hello").expect("hello");
    }
}

#[test]
fn the_end_of_a_fault_does_not_undo_a_partition_made_after_it_was_over() {
    let tape = "seed=1 faults=all whom:partitions 0=1 1=2";
    let world = World::on_tape(&tape.parse().unwrap());
    let heard = set_up(&world, 100);
    world.run_for(5 * PAUSE);
    assert!(world.fabric().borrow_mut().strike(Family::Partitions));
    world.rejoin();
    world.partition("server", "client");
    let before = heard.both();
    world.run_for(SECOND);
    assert_eq!(heard.both(), before);
}

#[test]
fn two_clogs_of_one_end_last_as_long_as_the_longer_one() {
    let tape = "seed=1 faults=all span:clogs 0=63";
    let world = World::on_tape(&tape.parse().unwrap());
    let heard = set_up(&world, 100);
    world.run_for(5 * PAUSE);
    for _ in 0..2 {
        assert!(world.fabric().borrow_mut().strike(Family::Clogs));
    }
    let (asked, answered) = heard.both();
    world.run_for(SECOND);
    assert!(heard.both().0 > asked);
    assert_eq!(heard.both().1, answered);
    world.run_for(10 * SECOND);
    assert_eq!(heard.both().1, 100);
}

#[test]
fn a_fault_does_not_end_a_freeze_that_lasts_longer() {
    let world = world();
    let heard = set_up(&world, 100);
    world.freeze("server", 10 * SECOND);
    let server = world.find("server").expect("it is there");
    world.freeze_machine(server, SECOND);
    world.run_for(5 * SECOND);
    assert_eq!(heard.both(), (0, 0));
}

#[test]
fn a_host_without_power_neither_sends_nor_answers() {
    let world = world();
    set_up(&world, 0);
    let (one, two) = (world.peer("tcp:server:7"), world.peer("tcp:server:7"));
    two.stops_reading().send_bytes(vec![b'x'; 1_000_000]);
    world.settle();
    world.lose_power("server", 10 * SECOND);
    one.send("hello");
    two.reads_again();
    world.run_for(5 * SECOND);
    assert!(!one.is_reset());
    assert_eq!(two.received().len(), 64 * 1024, "what its window held");
    world.run_for(10 * SECOND);
    one.send("hello").expect_reset();
}

#[test]
fn who_begins_again_finds_descriptors_enough() {
    let world = world();
    let (begun, heard) = (Cell::new(0), super::ticking::Heard::default());
    let setup = serve(&heard);
    world.service("server", move |reactor| {
        begun.set(begun.get() + 1);
        if begun.get() > 1 {
            let silent = |_: &Address| Silent;
            reactor.listen("tcp:8").serve(silent)?;
        }
        setup(reactor)
    });
    assert!(world.fabric().borrow_mut().strike(Family::Descriptors));
    world.crash("server", Duration::ZERO);
    world.run_for(PAUSE);
    assert_eq!(world.descriptors("server"), 2);
}

#[test]
fn work_that_panics_on_a_thread_is_no_callback_that_panics() {
    let world = World::on_tape(&"seed=1 faults=all".parse().unwrap());
    let log = Log::default();
    let noted = log.clone();
    world.host("server", move |reactor| {
        reactor.defer_to_thread(
            || std::panic::resume_unwind(Box::new("a test")),
            move |_, outcome: Result<(), _>| noted.note(outcome.is_err().to_string()),
        );
        Ok(())
    });
    world.run_for(SECOND);
    assert_eq!(log.lines(), ["true"]);
}
