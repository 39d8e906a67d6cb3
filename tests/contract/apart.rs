//! What only a network of one's own can show: no route, no local port left, a peer that vanishes. Each test has a process in
//! a network namespace; where the system gives none, it says so on the terminal.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use ropewalk::{ConnectError, Limits};

use crate::alone::{alone, is_alone};
use crate::calling::{Story, failure};
use crate::known::Known;
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { real:
    without_a_route_a_call_fails_at_once_with_what_the_system_said,
    when_local_ports_run_out_a_call_is_told_so_and_one_that_ends_makes_room,
    a_port_that_answers_itself_is_no_peer,
    a_peer_that_vanishes_is_lost_after_the_stall,
}

/// Runs a test once more in a process that has a network of its own, with few local ports; `true` in there.
fn apart(test: &str, ports: &str) -> bool {
    if is_alone() {
        return true;
    }
    let set_up =
        format!("ip link set lo up && echo \"{ports}\" >/proc/sys/net/ipv4/ip_local_port_range");
    let there_is = Command::new("unshare")
        .args(["-rn", "sh", "-c", &set_up])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if there_is {
        let inside = format!("{set_up} && exec \"$0\" --exact \"$1\"");
        return alone(
            test,
            &format!("exec unshare -rn sh -c '{inside}' \"$0\" \"$1\""),
        );
    }
    // Past the harness, which keeps back what a test that passes has to say.
    let told = writeln!(
        std::io::stderr(),
        "\nNOT TESTED, for there is no network namespace to be had (`unshare -rn`, `ip`): {test}"
    );
    told.expect("there is a terminal, or nothing");
    false
}

fn without_a_route_a_call_fails_at_once_with_what_the_system_said(world: &World) {
    let name =
        "apart::without_a_route_a_call_fails_at_once_with_what_the_system_said::on_real_sockets";
    if !apart(name, "40000 40007") {
        return;
    }
    // Ranges for documentation.
    for target in ["192.0.2.1:7", "[2001:db8::1]:7"] {
        match failure(world, &format!("tcp:{target}"), |connect| connect) {
            ConnectError::Unreachable { address, error } => {
                let right = ErrorKind::NetworkUnreachable;
                assert_eq!((address.to_string().as_str(), error.kind), (target, right));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn when_local_ports_run_out_a_call_is_told_so_and_one_that_ends_makes_room(world: &World) {
    const PORTS: usize = 8;
    let name = "apart::when_local_ports_run_out_a_call_is_told_so_and_one_that_ends_makes_room::on_real_sockets";
    if !apart(name, "40000 40007") {
        return;
    }
    let listener = world
        .on(|reactor| {
            world.listen(reactor, "tcp:50000", Limits::default(), |_| {
                Spy::new(&Log::default())
            })
        })
        .expect("nobody else is here");
    let call = || {
        let story = Story::default();
        let id = world.on(|reactor| story.begin(world.connect(reactor, listener.address())));
        world.run_until("it is made or not", || {
            story.has_failed() || story.log.has("made")
        });
        (story, id)
    };
    let calls: Vec<_> = (0..PORTS).map(|_| call()).collect();
    assert!(calls.iter().all(|(story, _)| story.log.has("made")));
    let (refused, _) = call();
    match refused.failure(world) {
        ConnectError::Bind { error, .. } => assert_eq!(error.kind, ErrorKind::AddrNotAvailable),
        other => panic!("{other:?}"),
    }
    world.on(|reactor| reactor.abort_connection(calls[0].1));
    world.run_until("a port is free", || calls[0].0.is_over());
    assert!(call().0.log.has("made"));
}

/// With two ports to choose from the kernel soon joins a socket to itself.
fn a_port_that_answers_itself_is_no_peer(world: &World) {
    let name = "apart::a_port_that_answers_itself_is_no_peer::on_real_sockets";
    if !apart(name, "40000 40001") {
        return;
    }
    for _ in 0..1000 {
        match failure(world, "tcp:127.0.0.1:40000", |connect| connect) {
            ConnectError::Refused { .. } => {}
            ConnectError::SelfConnected { address } => {
                return assert_eq!(address.to_string(), "127.0.0.1:40000");
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("the kernel never did it");
}

fn a_peer_that_vanishes_is_lost_after_the_stall(world: &World) {
    let name = "apart::a_peer_that_vanishes_is_lost_after_the_stall::on_real_sockets";
    if !apart(name, "40000 40007") {
        return;
    }
    let (log, known) = (Log::default(), Known::default());
    let (ours, id) = (log.clone(), known.clone());
    let limits = Limits::default().write(world.short());
    let listener = world.serve_with(limits, move |_| {
        let id = id.clone();
        Spy::new(&ours)
            .echo()
            .made(move |transport| id.note(transport))
    });
    let peer = world.peer(&listener);
    peer.send("hello").expect("hello");
    let down = Command::new("ip")
        .args(["link", "set", "lo", "down"])
        .status();
    assert!(down.expect("there is ip").success());
    world.on(|reactor| reactor.write(known.id(), vec![b'.'; 8 << 20]));
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert!(
        log.has("lost timed out: the peer takes nothing"),
        "{:?}",
        log.lines()
    );
}
