//! Runs that are repeated: seeds, tapes, courses, a fuzzer's bytes, and what is left of a failing one.

use proptest::prelude::*;

use super::ticking::set_up;
use super::world::panic_of;
use super::*;
use crate::Protocol;
use crate::sim::choose::Source;
use crate::sim::world::Kept;
use crate::sim::{Family, Tape, World, enumerate, fuzz, replay, sweep};
use crate::transport::Transport;

/// A service and a client, some seconds of faults, and a calm.
fn storm(world: &World) {
    set_up(world, 1 + world.choose(100) as u32);
    world.run_for(Duration::from_secs(5));
    world.calm();
    world.peer("tcp:server:7").send("hello").expect("hello");
    world.stop("server");
}

/// The tape in a report.
fn tape_in(report: &str) -> Tape {
    let line = report.lines().find(|line| line.contains("\"seed="));
    let tape = line.and_then(|line| line.split('"').nth(1));
    tape.expect("a report has a tape").parse().unwrap()
}

#[test]
fn a_seed_is_the_same_run_each_time() {
    let play = |seed| {
        let world = World::new(seed, Faults::All);
        storm(&world);
        (world.fingerprint(), world.events(), world.now())
    };
    let runs: Vec<_> = (0..50).map(play).collect();
    assert_eq!(runs, (0..50).map(play).collect::<Vec<_>>());
    let mut different: Vec<_> = runs.iter().map(|run| run.0).collect();
    different.sort_unstable();
    different.dedup();
    assert!(different.len() > 45);
}

#[test]
fn a_tape_is_the_run_it_was_made_of() {
    for seed in 0..20 {
        let source = Source::of_seed(seed, Faults::All);
        let world = World::from_source(seed, Faults::All, source, Kept::Tape);
        storm(&world);
        let tape: Tape = world.take_tape().to_string().parse().unwrap();
        let again = World::on_tape(&tape);
        storm(&again);
        assert_eq!(again.fingerprint(), world.fingerprint(), "seed {seed}");
        let plain = World::new(seed, Faults::All);
        storm(&plain);
        assert_eq!(plain.fingerprint(), world.fingerprint(), "seed {seed}");
    }
}

/// Fails where two families have struck, whatever else has.
fn coincidence(world: &World) {
    set_up(world, 30);
    world.run_for(Duration::from_secs(5));
    let both = world.struck(Family::Clogs) > 0 && world.struck(Family::WallClocks) > 0;
    assert!(!both, "a clog and a clock that was set");
}

#[test]
fn what_two_faults_did_together_is_shrunk_to_these_two() {
    let report = panic_of(|| sweep(0..100, Faults::All, coincidence));
    let tape = tape_in(&report);
    assert_eq!(tape.families(), [Family::Clogs, Family::WallClocks]);
    assert_eq!(tape.len(), 2, "{tape}");
    assert!(
        report.contains(" decisions out of the ordinary to 2."),
        "{report}"
    );
    let again = panic_of(|| replay(&tape.to_string(), coincidence));
    assert!(
        again.starts_with("a clog and a clock that was set\n  at "),
        "{again}"
    );
    assert!(again.contains("=== clogs ==="), "{again}");
}

#[test]
fn outcomes_get_as_small_as_they_can() {
    let scenario = |world: &World| {
        let drawn = [world.choose(1_000), world.choose(1_000)];
        assert!(drawn[0] < 137 || drawn[1] < 2, "too much");
    };
    let report = panic_of(|| sweep(0..100, Faults::None, scenario));
    assert!(
        report.contains("faults=none scenario 0=137 1=2\""),
        "{report}"
    );
}

#[test]
fn a_report_names_the_place_and_ends_with_a_test() {
    let report = panic_of(|| sweep(7..8, Faults::Unnoticeable, failing));
    let begins = "seed 7 failed, Faults::Unnoticeable: peer1 expected the line \"hullo\"\n  but got the line \"hello\"\n";
    assert!(report.starts_with(begins), "{report}");
    assert!(
        report.contains("\n  at src/sim/tests/searching.rs:"),
        "{report}"
    );
    assert_eq!(report.matches("What happened").count(), 1, "{report}");
    assert_eq!(
        report.matches("- data 7B \"hello\\r\\n\"").count(),
        2,
        "{report}"
    );
    let ends = "\n#[test]\nfn seed_7() {\n    ropewalk::sim::replay(\n        \
                \"seed=7 faults=unnoticeable\",\n        scenario,\n    );\n}\n";
    assert!(report.ends_with(ends), "{report}");
}

fn failing(world: &World) {
    set_up(world, 0);
    let peer = world.peer("tcp:server:7");
    peer.send("hello").expect("hullo");
}

#[test]
fn an_assertion_of_the_scenario_gets_the_story_too() {
    let report = panic_of(|| {
        sweep(0..1, Faults::None, |world| {
            set_up(world, 1);
            world.run_for(Duration::from_secs(1));
            assert_eq!(1 + 1, 3, "sums");
        });
    });
    assert!(
        report.contains("sums\n  left: 2\n right: 3\n  at src/sim/tests/"),
        "{report}"
    );
    assert!(report.contains("data 1B \"x\""), "{report}");
}

#[test]
fn what_is_not_repeatable_is_said_to_be_so() {
    let played = std::cell::Cell::new(0);
    let report = panic_of(|| {
        sweep(0..1, Faults::None, |_| {
            played.set(played.get() + 1);
            assert!(played.get() > 1, "the first time only");
        });
    });
    assert!(report.contains("is not repeatable"), "{report}");
}

#[test]
fn what_other_threads_panic_with_is_still_theirs() {
    let report = panic_of(|| {
        sweep(0..1, Faults::None, |_| {
            let other = std::thread::spawn(|| panic!("of another thread"));
            other.join().unwrap_err();
            panic!("of this one");
        });
    });
    assert!(!report.contains("another"), "{report}");
}

struct Panicky;

impl Protocol for Panicky {
    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {
        panic!("it can't be");
    }
}

#[test]
fn a_callback_that_panics_by_itself_is_judged() {
    let report = panic_of(|| {
        sweep(0..20, Faults::All, |world| {
            world.service("server", |reactor| {
                let listen = reactor.listen("tcp:7:interface=*");
                listen.serve(|_: &Address| Panicky).map(drop)
            });
            world.calm();
            world.peer("tcp:server:7").send("hello");
            world.settle();
        });
    });
    let begins = "seed 0 failed, Faults::All: no panic: a callback panics, and no fault has it, at src/sim/tests/";
    assert!(report.starts_with(begins), "{report}");
    assert!(report.contains(": it can't be\n"), "{report}");
}

#[test]
fn callbacks_that_faults_have_panic_are_nobodys_fault() {
    let sweep = sweep(0..30, Faults::All, storm);
    assert!(sweep.struck(Family::Panics) > 0);
}

#[test]
fn every_course_of_a_tiny_world_is_taken() {
    let seen = RefCell::new(Vec::new());
    let count = enumerate(2, Faults::None, |world| {
        seen.borrow_mut().push((world.choose(2), world.choose(100)));
    });
    assert_eq!(count, 6);
    assert_eq!(
        seen.take(),
        [(0, 0), (0, 1), (0, 99), (1, 0), (1, 1), (1, 99)]
    );

    // What one connection and one segment may meet, of the things that a right program may not notice.
    let times = RefCell::new(std::collections::BTreeSet::new());
    let count = enumerate(8, Faults::Unnoticeable, |world| {
        let listener = world.peer_listener("far", 7);
        let near = world.peer("tcp:far:7");
        let far = listener.accept();
        near.send_bytes(*b"ab");
        far.expect_bytes("ab");
        times.borrow_mut().insert(world.now());
    });
    assert!(count > 50, "{count}");
    assert!(times.borrow().len() > 5, "{times:?}");
}

#[test]
fn a_course_that_fails_is_reported_as_a_test() {
    let report = panic_of(|| {
        enumerate(2, Faults::None, |world| {
            assert!(world.choose(2) + world.choose(2) < 2, "both");
        });
    });
    assert!(
        report.starts_with("course 3 failed, Faults::None: both\n"),
        "{report}"
    );
    assert!(report.contains("fn course_3() {"), "{report}");
    assert!(
        report.contains("\"seed=0 faults=none scenario 0=1 1=1\""),
        "{report}"
    );
}

#[test]
fn an_input_that_fails_is_reported_as_a_test() {
    let report = panic_of(|| {
        fuzz(&[5, 255, 255, 255], Faults::None, |world| {
            assert!(world.choose(200) < 3, "too much");
        });
    });
    assert!(
        report.starts_with("this input failed, Faults::None: too much\n"),
        "{report}"
    );
    assert!(
        report.contains("\"seed=0 faults=none scenario 0=3\""),
        "{report}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_keep_a_world_from_coming_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..800)) {
        fuzz(&bytes, Faults::All, storm);
    }
}
