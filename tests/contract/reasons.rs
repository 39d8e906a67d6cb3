//! Why a connection was lost: each reason as it is told, the same in every world, and the first one stands.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::Call;
use ropewalk::{Fault, Limits, Lines, Lost, Transport};

use crate::spy::{Log, Spy};
use crate::strict::panics_are_meant;
use crate::world::{Peer, SERVER, World, contract};

contract! { everywhere:
    done_names_the_side_that_ended_first,
    a_reset_of_the_peers_is_told_after_what_it_sent_before,
    a_peer_that_closes_with_our_bytes_unread_has_reset,
    aborted_is_what_we_did,
    a_peer_that_takes_nothing_times_out,
    a_peer_that_lets_too_much_pile_up_is_too_slow,
    a_frame_that_breaks_the_rules_is_told_with_the_rule,
    a_panic_is_ours,
    a_stop_that_does_not_wait_is_told,
    the_first_reason_stands,
    an_abort_beats_the_reason_of_a_close_under_way,
}

contract! { simulated:
    an_error_of_the_system_is_told_as_it_is,
    a_broken_descriptor_costs_only_its_connection,
}

/// The one loss of a connection of this protocol, made to happen by `act`, and whose fault it was.
#[track_caller]
fn loss(world: &World, limits: Limits, spy: fn(Spy) -> Spy, act: impl Fn(&Peer)) -> (Lost, Log) {
    let log = Log::default();
    let lost = Rc::new(Cell::new(None));
    let (ours, here) = (log.clone(), Rc::clone(&lost));
    let listener = world.serve_with(limits, move |_| {
        let here = Rc::clone(&here);
        spy(Spy::new(&ours)).lost(move |_, reason| here.set(Some(reason.clone())))
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || log.has("made"));
    act(&peer);
    world.run_until("the loss is told", || log.count("lost") > 0);
    world.settle();
    assert_eq!(log.count("lost"), 1);
    (lost.take().expect("it was told"), log)
}

#[track_caller]
fn expect_loss(
    world: &World,
    spy: fn(Spy) -> Spy,
    act: impl Fn(&Peer),
    words: &str,
    fault: Fault,
) -> Log {
    let (lost, log) = loss(world, Limits::default(), spy, act);
    assert_eq!((lost.to_string().as_str(), lost.whose()), (words, fault));
    log
}

fn done_names_the_side_that_ended_first(world: &World) {
    let by_peer = |peer: &Peer| {
        peer.half_closes();
    };
    let words = "done, ended by the peer";
    expect_loss(world, |spy| spy, by_peer, words, Fault::Nobodys);
    let by_us = |peer: &Peer| {
        peer.send("lose");
    };
    let loses: fn(Spy) -> Spy = |spy| spy.data(|transport, _| transport.lose_connection());
    expect_loss(world, loses, by_us, "done, ended by us", Fault::Nobodys);
}

fn a_reset_of_the_peers_is_told_after_what_it_sent_before(world: &World) {
    let data = Rc::<RefCell<Vec<u8>>>::default();
    let log = Log::default();
    let (ours, all) = (log.clone(), Rc::clone(&data));
    let listener = world.serve(move |_| Spy::new(&ours).collecting(&all));
    let peer = world.peer(&listener);
    peer.send("last words");
    // So that it is there: a reset drops what its sender has not yet sent.
    world.settle();
    peer.resets();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(data.borrow().as_slice(), b"last words\r\n");
    assert_eq!(log.without_data(), ["made", "lost reset by the peer"]);
}

fn a_peer_that_closes_with_our_bytes_unread_has_reset(world: &World) {
    let writes: fn(Spy) -> Spy = |spy| spy.data(|transport, _| transport.write("not to be read"));
    let closes = |peer: &Peer| {
        peer.stops_reading().send("speak");
        world.settle();
        peer.closes();
    };
    expect_loss(world, writes, closes, "reset by the peer", Fault::Peers);
}

fn aborted_is_what_we_did(world: &World) {
    let aborts: fn(Spy) -> Spy = |spy| spy.data(|transport, _| transport.abort_connection());
    let act = |peer: &Peer| {
        peer.send("abort");
    };
    expect_loss(world, aborts, act, "aborted", Fault::Nobodys);
}

/// Writes more than all buffers take.
fn writes_much(transport: &mut Transport<'_>) {
    let id = transport.id();
    if let Some(socket) = transport.reactor().socket_options(id) {
        socket.set_send_buffer_size(8192).expect("a socket option");
    }
    transport.write(vec![b'.'; 900_000]);
}

fn a_peer_that_takes_nothing_times_out(world: &World) {
    let limits = Limits::default().write(world.short());
    let spy: fn(Spy) -> Spy = |spy| spy.data(|transport, _| writes_much(transport));
    let (lost, _) = loss(world, limits, spy, |peer| {
        peer.stops_reading().send("speak");
    });
    assert_eq!(lost.to_string(), "timed out: the peer takes nothing");
    assert_eq!(lost.whose(), Fault::Peers);
    assert_eq!(world.on(|reactor| reactor.counters().timed_out), 1);
}

fn a_peer_that_lets_too_much_pile_up_is_too_slow(world: &World) {
    let limits = Limits::default().unsent(100_000);
    let spy: fn(Spy) -> Spy = |spy| {
        spy.data(|transport, _| writes_much(transport))
            .pause(|_| ())
    };
    let (lost, log) = loss(world, limits, spy, |peer| {
        peer.stops_reading().send("speak");
        world.settle();
        peer.send("speak on");
    });
    assert_eq!(lost, Lost::TooSlow);
    assert_eq!(lost.to_string(), "too slow: the peer does not read");
    assert_eq!(lost.whose(), Fault::Peers);
    assert_eq!(log.count("pause"), 1);
    assert_eq!(world.on(|reactor| reactor.counters().too_slow), 1);
}

fn a_frame_that_breaks_the_rules_is_told_with_the_rule(world: &World) {
    let cuts: fn(Spy) -> Spy = |spy| {
        spy.made(|transport| transport.set_framing(Lines::default().max_length(5)))
            .echo()
    };
    let act = |peer: &Peer| {
        peer.send("first").send("second").expect_bytes("first");
    };
    let words = "bad frame: longer than 5 bytes";
    let log = expect_loss(world, cuts, act, words, Fault::Peers);
    assert_eq!(log.lines()[..2], ["made", "data 5"]);
}

fn a_panic_is_ours(world: &World) {
    let panics: fn(Spy) -> Spy = |spy| spy.data(|_, _| panic!("as it should in this test"));
    let act = |peer: &Peer| {
        peer.send("panic");
    };
    expect_loss(world, panics, act, "the protocol panicked", Fault::Ours);
    assert_eq!(world.on(|reactor| reactor.counters().panics), 1);
}

fn a_stop_that_does_not_wait_is_told(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).stopping(|_| ()));
    let peer = world.peer(&listener);
    world.run_until("it is made", || log.has("made"));
    world.on(|reactor| reactor.stop_now());
    world.run_to_the_end();
    peer.expect_closed();
    assert_eq!(
        log.lines(),
        ["made", "stopping", "lost the reactor stopped"]
    );
    assert_eq!(Lost::Stopped.whose(), Fault::Nobodys);
}

/// What happens after the cause is a consequence.
fn the_first_reason_stands(world: &World) {
    panics_are_meant();
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours)
            .data(|transport, _| {
                transport.abort_connection();
                transport.lose_connection();
                panic!("as it should in this test");
            })
            .lost(|transport, _| {
                transport.abort_connection();
                transport.lose_connection();
                transport.lose_write_connection();
            })
    });
    let peer = world.peer(&listener);
    peer.send("abort");
    world.run_until("the loss is told", || log.count("lost") > 0);
    peer.resets();
    world.settle();
    assert_eq!(log.without_data(), ["made", "lost aborted"]);
}

fn an_abort_beats_the_reason_of_a_close_under_way(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours)
            .made(|transport| {
                transport.set_framing(Lines::default().max_length(5));
                writes_much(transport);
                transport.call_later(Duration::from_millis(300), |_: &mut Spy, t| {
                    t.abort_connection();
                });
            })
            .pause(|_| ())
    });
    let peer = world.peer(&listener);
    peer.stops_reading().send("much too long");
    world.run_until("the loss is told", || log.count("lost") > 0);
    assert_eq!(log.lines(), ["made", "pause", "lost aborted"]);
}

fn an_error_of_the_system_is_told_as_it_is(world: &World) {
    const ETIMEDOUT: i32 = 110;
    let fails = |peer: &Peer| {
        let simulated = world.simulated().expect("only there can it be injected");
        simulated.fail_next(SERVER, Call::Read, &[ETIMEDOUT]);
        peer.send("not to be read");
    };
    let (lost, _) = loss(world, Limits::default(), |spy| spy, fails);
    assert_eq!(lost.whose(), Fault::Systems);
    let Lost::Failed(error) = lost else {
        panic!("it was told as {lost}")
    };
    assert_eq!(error.code, Some(ETIMEDOUT));
}

fn a_broken_descriptor_costs_only_its_connection(world: &World) {
    const EBADF: i32 = 9;
    let simulated = world.simulated().expect("only there can it be injected");
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).echo());
    let (victim, other) = (world.peer(&listener), world.peer(&listener));
    world.run_until("both are made", || log.count("made") == 2);
    simulated.fail_next(SERVER, Call::Read, &[EBADF]);
    victim.send("not to be read");
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.count("lost failed: Bad file descriptor"), 1);
    let turns = simulated.turns();
    world.settle();
    assert!(simulated.turns() - turns < 100, "it spins");
    other.send("still here").expect("still here");
}
