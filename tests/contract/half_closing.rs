//! The two halves of a connection: each side ends its own, in any order, and it is over when both have.

use std::cell::RefCell;
use std::rc::Rc;

use ropewalk::{ConnectionId, Limits};

use crate::spy::{Log, Spy};
use crate::world::{Peer, World, contract};

contract! { streams:
    a_peer_that_half_closed_can_still_be_written_to,
    after_our_half_close_the_peer_is_heard_until_it_ends_too,
    it_is_over_when_both_halves_are_whichever_ends_first,
    two_half_closes_that_cross_are_one_end,
    what_is_written_after_our_half_close_goes_nowhere_and_is_counted,
    a_half_close_waits_for_what_was_written_before_it,
    who_is_paused_by_its_own_output_is_resumed_after_a_half_close,
    an_end_is_heard_after_all_that_came_before_it_and_only_while_reading,
}

// A Unix stream knows no reset but of unread input.
contract! { everywhere:
    a_reset_after_the_peers_end_is_told,
}

/// A listener whose protocol leaves its own half open when the peer ends, and a peer of it.
fn half_open(world: &World, log: &Log) -> (ConnectionId, Peer) {
    let id = Rc::new(RefCell::new(None));
    let (ours, here) = (log.clone(), Rc::clone(&id));
    let listener = world.serve(move |_| {
        let here = Rc::clone(&here);
        Spy::new(&ours)
            .made(move |transport| *here.borrow_mut() = Some(transport.id()))
            .eof(|_| ())
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || id.borrow().is_some());
    let id = id.borrow().expect("it was made");
    (id, peer)
}

fn a_peer_that_half_closed_can_still_be_written_to(world: &World) {
    let log = Log::default();
    let (id, peer) = half_open(world, &log);
    peer.half_closes();
    world.run_until("the end is heard", || log.has("eof"));
    world.settle();
    world.on(|reactor| reactor.write(id, "one\r\n"));
    peer.expect("one");
    world.on(|reactor| {
        reactor.write(id, "two\r\n");
        reactor.lose_connection(id);
    });
    peer.expect("two").expect_eof();
    assert_eq!(log.lines(), ["made", "eof", "lost done, ended by the peer"]);
}

fn after_our_half_close_the_peer_is_heard_until_it_ends_too(world: &World) {
    let log = Log::default();
    let data = Rc::default();
    let (ours, all) = (log.clone(), Rc::clone(&data));
    let listener = world.serve(move |_| {
        Spy::new(&ours).collecting(&all).made(|transport| {
            transport.write("that is all\r\n");
            transport.lose_write_connection();
        })
    });
    let peer = world.peer(&listener);
    peer.expect("that is all").expect_eof();
    world.settle();
    peer.send("one").send("two");
    world.run_until("all is heard", || data.borrow().len() == 10);
    assert_eq!(log.without_data(), ["made"]);
    peer.half_closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(data.borrow().as_slice(), b"one\r\ntwo\r\n");
    assert_eq!(
        log.without_data(),
        ["made", "eof", "lost done, ended by us"]
    );
}

fn it_is_over_when_both_halves_are_whichever_ends_first(world: &World) {
    for (we_are_first, reason) in [
        (true, "lost done, ended by us"),
        (false, "lost done, ended by the peer"),
    ] {
        let log = Log::default();
        let (id, peer) = half_open(world, &log);
        if we_are_first {
            world.on(|reactor| reactor.lose_write_connection(id));
            peer.expect_eof();
        } else {
            peer.half_closes();
            world.run_until("the end is heard", || log.has("eof"));
        }
        world.settle();
        assert_eq!(log.count("lost"), 0);
        if we_are_first {
            peer.half_closes();
        } else {
            world.on(|reactor| reactor.lose_write_connection(id));
            peer.expect_eof();
        }
        world.run_until("the loss is told", || log.count("lost") == 1);
        assert_eq!(log.lines(), ["made", "eof", reason]);
        assert_eq!(world.on(|reactor| reactor.connections()), 0);
    }
}

fn two_half_closes_that_cross_are_one_end(world: &World) {
    let log = Log::default();
    let (id, peer) = half_open(world, &log);
    peer.half_closes();
    world.on(|reactor| reactor.lose_write_connection(id));
    peer.expect_eof();
    world.run_until("the loss is told", || log.count("lost") == 1);
    world.settle();
    assert_eq!(log.count("eof"), 1);
    assert_eq!(log.count("lost done"), 1);
}

fn what_is_written_after_our_half_close_goes_nowhere_and_is_counted(world: &World) {
    let log = Log::default();
    let (id, peer) = half_open(world, &log);
    world.on(|reactor| {
        reactor.write(id, "before\r\n");
        reactor.lose_write_connection(id);
        reactor.write(id, "after\r\n");
        reactor.send(id, "after");
        reactor.write_shared(id, "after\r\n".into());
        assert_eq!(reactor.counters().stale_writes, 3);
    });
    peer.expect("before").expect_eof();
    world.settle();
    world.on(|reactor| {
        reactor.write(id, "long after");
        assert_eq!(reactor.counters().stale_writes, 4);
    });
    peer.half_closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(peer.received(), 0);
}

/// More than the buffers of both kernels and the simulation take, and not more than may be unsent.
const MUCH: usize = 900_000;

/// A listener whose protocol writes much and then half-closes, its kernel's buffer being small.
fn writes_much_then_half_closes(world: &World, log: &Log) -> Peer {
    let ours = log.clone();
    let limits = Limits::default().unsent(2 * MUCH);
    let listener = world.serve_with(limits, move |_| {
        Spy::new(&ours)
            .made(|transport| {
                let id = transport.id();
                if let Some(socket) = transport.reactor().socket_options(id) {
                    socket.set_send_buffer_size(8192).expect("a socket option");
                }
                transport.write(vec![b'.'; MUCH]);
                transport.lose_write_connection();
            })
            .pause(|_| ())
            .resume(|_| ())
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    world.run_until("it is held up", || log.has("pause"));
    peer
}

fn a_half_close_waits_for_what_was_written_before_it(world: &World) {
    let log = Log::default();
    let peer = writes_much_then_half_closes(world, &log);
    peer.send("are you there?");
    world.run_until("the peer is heard", || log.count("data") > 0);
    peer.reads_again();
    assert_eq!(peer.read_until_eof().len(), MUCH);
    peer.half_closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert!(log.has("lost done, ended by us"));
}

fn who_is_paused_by_its_own_output_is_resumed_after_a_half_close(world: &World) {
    let log = Log::default();
    let peer = writes_much_then_half_closes(world, &log);
    peer.reads_again();
    assert_eq!(peer.read_until_eof().len(), MUCH);
    world.run_until("it is resumed", || log.has("resume"));
    peer.send("still here").half_closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    let end = "lost done, ended by us";
    assert_eq!(log.without_data(), ["made", "pause", "resume", "eof", end]);
}

fn an_end_is_heard_after_all_that_came_before_it_and_only_while_reading(world: &World) {
    let log = Log::default();
    let data = Rc::default();
    let (ours, all) = (log.clone(), Rc::clone(&data));
    let listener = world.serve(move |_| {
        Spy::new(&ours)
            .collecting(&all)
            .made(|transport| {
                let id = transport.id();
                if let Some(socket) = transport.reactor().socket_options(id) {
                    socket.set_send_buffer_size(8192).expect("a socket option");
                }
                transport.write(vec![b'.'; MUCH]);
            })
            .pause(|transport| transport.pause_reading())
            .resume(|transport| transport.resume_reading())
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    world.run_until("it is held up", || log.has("pause"));
    peer.send("more").half_closes();
    world.settle();
    assert_eq!(log.lines(), ["made", "pause"]);
    peer.reads_again();
    assert_eq!(peer.read_until_eof().len(), MUCH);
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(data.borrow().as_slice(), b"more\r\n");
    let end = "lost done, ended by the peer";
    assert_eq!(log.without_data(), ["made", "pause", "resume", "eof", end]);
    let first_data = log.lines().iter().position(|line| line.starts_with("data"));
    assert_eq!(first_data, Some(3));
}

fn a_reset_after_the_peers_end_is_told(world: &World) {
    let log = Log::default();
    let (_, peer) = half_open(world, &log);
    peer.half_closes();
    world.run_until("the end is heard", || log.has("eof"));
    world.settle();
    peer.resets();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.lines(), ["made", "eof", "lost reset by the peer"]);
}
