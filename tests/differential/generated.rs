//! Scenarios by the thousand. Owns how many of which kind; what differs is told by `outcome`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use crate::outcome::compare;
use crate::scenario::{Scenario, hasty, racing, settled};

/// `DIFFERENTIAL_CASES` asks for more or fewer than the thousand of each kind.
fn cases(usual: u32) -> u32 {
    let asked = std::env::var("DIFFERENTIAL_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

fn agree(kind: &str, cases: u32, scenarios: &impl Strategy<Value = Scenario>) {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let needed = RefCell::new(BTreeMap::<usize, u64>::new());
    let outcome = TestRunner::new(config).run(scenarios, |scenario| {
        let worlds = compare(&scenario).map_err(TestCaseError::fail)?;
        *needed.borrow_mut().entry(worlds).or_default() += 1;
        Ok(())
    });
    match outcome {
        Ok(()) => report(kind, &needed.into_inner()),
        Err(TestError::Fail(why, scenario)) => panic!("{scenario}\n{}", why.message()),
        Err(error) => panic!("{error}"),
    }
}

/// Past the harness, that keeps what tests print if they pass.
fn report(kind: &str, needed: &BTreeMap<usize, u64>) {
    let all: u64 = needed.values().sum();
    let first = needed.get(&1).copied().unwrap_or(0);
    let most = needed.keys().last().copied().unwrap_or(0);
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(
        stdout,
        "differential: {all} {kind} scenarios agree; {} needed more than one simulated world, {most} at the most",
        all - first,
    );
}

#[test]
fn where_each_step_settles_the_kernel_does_what_the_simulation_can_do() {
    agree("settled", cases(1500), &settled());
}

#[test]
fn where_steps_race_the_kernel_does_what_the_simulation_can_do() {
    agree("racing", cases(1000), &racing());
}

/// Mostly it waits, so several wait at once.
#[test]
fn where_deadlines_pass_the_kernel_does_what_the_simulation_can_do() {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| agree("hasty", cases(64) / 8, &hasty()));
        }
    });
}
