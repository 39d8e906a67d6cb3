//! Scenarios by the thousand. Owns how many of which kind; what differs is told by `outcome`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::panic::resume_unwind;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use crate::outcome::compare;
use crate::scenario::{Scenario, hasty, racing, settled};

/// `DIFFERENTIAL_CASES` asks for more or fewer than the thousand of each kind.
fn cases(usual: u32) -> u32 {
    let asked = std::env::var("DIFFERENTIAL_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

/// How many scenarios needed so many worlds.
type Needed = BTreeMap<usize, u64>;

fn agree(cases: u32, scenarios: &impl Strategy<Value = Scenario>) -> Needed {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let needed = RefCell::new(Needed::new());
    let outcome = TestRunner::new(config).run(scenarios, |scenario| {
        let worlds = compare(&scenario).map_err(TestCaseError::fail)?;
        *needed.borrow_mut().entry(worlds).or_default() += 1;
        Ok(())
    });
    match outcome {
        Ok(()) => needed.into_inner(),
        Err(TestError::Fail(why, scenario)) => panic!("{scenario}\n{}", why.message()),
        Err(error) => panic!("{error}"),
    }
}

/// Past the harness, that keeps what tests print if they pass.
fn report(kind: &str, needed: &Needed) {
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
    report("settled", &agree(cases(1500), &settled()));
}

#[test]
fn where_steps_race_the_kernel_does_what_the_simulation_can_do() {
    report("racing", &agree(cases(1000), &racing()));
}

/// Mostly they wait, so several wait at once.
#[test]
fn where_deadlines_pass_the_kernel_does_what_the_simulation_can_do() {
    const AT_ONCE: u32 = 8;
    let mut all = Needed::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE)
            .map(|_| scope.spawn(|| agree(cases(64).div_ceil(AT_ONCE), &hasty())))
            .collect();
        for thread in threads {
            let needed = thread.join().unwrap_or_else(|cause| resume_unwind(cause));
            for (worlds, count) in needed {
                *all.entry(worlds).or_default() += count;
            }
        }
    });
    report("hasty", &all);
}
