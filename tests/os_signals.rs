//! Signals as the machine's network tells them. They are the whole process's, so every test runs in a child.
#![cfg(unix)]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use ropewalk::network::{Batch, Network, OsNetwork, Signal};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::raise;

const CHILD: &str = "ROPEWALK_SIGNALS_CHILD";

/// Runs the test named `name` once more, alone in a process of its own; `None` there.
fn in_a_child(name: &str) -> Option<ExitStatus> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let this = std::env::current_exe().expect("this test's program");
    let child = Command::new(this)
        .args([name, "--exact", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .expect("a child");
    print!("{}", String::from_utf8_lossy(&child.stdout));
    Some(child.status)
}

fn watching() -> OsNetwork {
    let mut network = OsNetwork::new().expect("a network");
    network.watch_signals().expect("signals");
    network
}

fn poll(network: &mut OsNetwork) -> Vec<Signal> {
    let mut batch = Batch::default();
    network
        .poll(Some(Duration::ZERO), &mut batch)
        .expect("a poll");
    assert!(batch.ready.is_empty());
    batch.signals
}

#[test]
fn signals_are_told_one_by_one() {
    if let Some(status) = in_a_child("signals_are_told_one_by_one") {
        assert!(status.success());
        return;
    }
    let network = &mut watching();
    network.watch_signals().unwrap();
    raise(SIGTERM).unwrap();
    assert_eq!(poll(network), [Signal::Terminate]);
    assert_eq!(poll(network), []);
    for _ in 0..40 {
        raise(SIGINT).unwrap();
    }
    assert_eq!(poll(network), [Signal::Interrupt; 40]);
    raise(SIGINT).unwrap();
    assert_eq!(poll(network), [Signal::Interrupt]);
}

#[test]
fn a_dropped_network_gives_the_default_action_back() {
    if let Some(status) = in_a_child("a_dropped_network_gives_the_default_action_back") {
        assert_eq!(status.signal(), Some(SIGTERM));
        return;
    }
    drop(watching());
    raise(SIGTERM).unwrap();
}

#[test]
fn another_network_may_watch_during_and_after() {
    if let Some(status) = in_a_child("another_network_may_watch_during_and_after") {
        assert_eq!(status.signal(), Some(SIGINT));
        return;
    }
    let first = watching();
    let second = &mut watching();
    drop(first);
    raise(SIGTERM).unwrap();
    assert_eq!(poll(second), [Signal::Terminate]);
    let third = &mut watching();
    raise(SIGINT).unwrap();
    assert_eq!(poll(second), [Signal::Interrupt]);
    assert_eq!(poll(third), [Signal::Interrupt]);
    drop(std::mem::replace(second, OsNetwork::new().unwrap()));
    drop(std::mem::replace(third, OsNetwork::new().unwrap()));
    let again = &mut watching();
    raise(SIGINT).unwrap();
    assert_eq!(poll(again), [Signal::Interrupt]);
    drop(std::mem::replace(again, OsNetwork::new().unwrap()));
    raise(SIGINT).unwrap();
}
