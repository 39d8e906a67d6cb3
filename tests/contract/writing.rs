//! What is written: all of it, in order, once, and then the end. What comes too late is in `writing_in_vain`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use ropewalk::sim::{Call, Faults};
use ropewalk::{Limits, Transport};

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { streams:
    all_arrives_in_order_however_little_is_taken_at_a_time,
    closing_sends_all_that_was_written_and_then_the_end,
    what_was_written_before_a_stop_is_sent,
    writing_to_a_peer_that_is_gone_ends_the_connection,
    what_another_connection_writes_keeps_its_order_and_calls_nobody_in_between,
    writing_nothing_is_nothing,
}

// A Unix stream knows no reset but of unread input.
contract! { everywhere:
    closing_has_a_deadline_for_a_peer_that_does_not_read,
}

contract! { bare:
    a_million_tiny_writes_are_one_text,
    more_pieces_than_the_system_takes_at_a_time_arrive,
}

contract! { simulated:
    a_blocked_connection_costs_no_turns,
    an_interrupted_write_is_repeated,
    small_writes_of_a_turn_leave_together,
}

contract! { simulated_bare:
    what_the_peer_sent_before_a_write_failed_is_heard_before_the_loss,
}

contract! { real:
    small_writes_are_not_delayed,
}

/// Writes by every door there is, one after the other, in pieces of all sizes.
fn write_all(transport: &mut Transport<'_>, mut data: &[u8]) {
    let id = transport.id();
    for n in 0.. {
        let (piece, rest) = data.split_at(data.len().min(1 + n * 397 % 9000));
        data = rest;
        match n % 6 {
            0 => transport.write(piece),
            1 => transport.write_shared(Bytes::copy_from_slice(piece)),
            2 => transport.send(piece),
            3 => transport.reactor().write(id, piece),
            4 => transport
                .reactor()
                .write_shared(id, Bytes::copy_from_slice(piece)),
            _ => transport.reactor().send(id, piece),
        }
        if data.is_empty() {
            return;
        }
    }
}

fn stale_writes(world: &World) -> u64 {
    world.on(|reactor| reactor.counters().stale_writes)
}

fn all_arrives_in_order_however_little_is_taken_at_a_time(world: &World) {
    let listener = world.serve(|_| {
        Spy::new(&Log::default()).made(|transport| {
            Known::default().note(transport);
            write_all(transport, &text(300_000));
        })
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    world.settle();
    peer.reads_again().expect_bytes(text(300_000));
    world.settle();
    assert_eq!(peer.received(), 0);
}

fn a_blocked_connection_costs_no_turns(world: &World) {
    let listener = world.serve_with(Limits::default().write(None), |_| {
        Spy::new(&Log::default()).made(|transport| transport.write(text(300_000)))
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    let simulation = world.simulated().expect("only a simulation counts turns");
    world.settle();
    let before = simulation.turns();
    world.run_for(Duration::from_secs(100));
    assert_eq!(simulation.turns(), before);
    peer.reads_again().expect_bytes(text(300_000));
}

const EINTR: i32 = 4;
const EPIPE: i32 = 32;

fn an_interrupted_write_is_repeated(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).echo());
    let peer = world.peer(&listener);
    let simulation = world
        .simulated()
        .expect("only a simulation is told to fail");
    simulation.fail_next("server", Call::Write, &[EINTR; 3]);
    peer.send("hello").expect("hello");
    assert_eq!(log.without_data(), ["made"]);
}

fn small_writes_of_a_turn_leave_together(world: &World) {
    let simulation = world.simulated().expect("only a simulation shows segments");
    let listener = world.serve(|_| {
        Spy::new(&Log::default()).data(|transport, _| {
            let id = transport.id();
            for _ in 0..5 {
                transport.write("word ");
                transport.reactor().write(id, "word ");
            }
        })
    });
    let peer = world.peer(&listener);
    peer.send("speak");
    world.run_until("something comes", || peer.received() > 0);
    // Faults may cut what was written in one piece.
    if simulation.faults() == Faults::None {
        assert_eq!(peer.received(), "word ".len() * 10);
    }
    peer.expect_bytes("word ".repeat(10));
}

fn closing_sends_all_that_was_written_and_then_the_end(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours).made(|transport| {
            Known::default().note(transport);
            write_all(transport, &text(300_000));
            transport.lose_connection();
        })
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    world.settle();
    peer.reads_again();
    assert!(peer.read_until_eof() == text(300_000));
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.lines(), ["made", "lost done, ended by us"]);
}

fn closing_has_a_deadline_for_a_peer_that_does_not_read(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let limits = Limits::default().close(world.short()).write(None);
    let listener = world.serve_with(limits, move |_| {
        Spy::new(&ours).data(|transport, _| {
            Known::default().note(transport);
            transport.write(text(800_000));
            transport.lose_connection();
        })
    });
    let peer = world.peer(&listener);
    peer.stops_reading().send("speak");
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.without_data(), ["made", "lost timed out: closing"]);
    peer.reads_again().expect_reset();
}

fn what_was_written_before_a_stop_is_sent(world: &World) {
    let known = Known::default();
    let id = known.clone();
    let listener = world.serve(move |_| {
        let id = id.clone();
        Spy::new(&Log::default())
            .made(move |transport| id.note(transport))
            .stopping(|transport| {
                transport.write(" and goodbye");
                transport.lose_connection();
            })
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || known.count() == 1);
    world.on(|reactor| {
        reactor.write(known.id(), text(200_000));
        reactor.stop();
    });
    let expected = [text(200_000), b" and goodbye".to_vec()].concat();
    assert!(peer.read_until_eof() == expected);
    peer.half_closes();
    world.run_to_the_end();
}

fn writing_to_a_peer_that_is_gone_ends_the_connection(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours).eof(|transport| {
            transport.call_every(Duration::from_millis(1), |_: &mut Spy, transport| {
                transport.write("still there?");
            });
        })
    });
    let peer = world.peer(&listener);
    peer.send("the end").half_closes().closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(
        log.without_data(),
        ["made", "eof", "lost reset by the peer"]
    );
}

fn what_the_peer_sent_before_a_write_failed_is_heard_before_the_loss(world: &World) {
    let simulation = world
        .simulated()
        .expect("only a simulation is told to fail");
    simulation.set_window(1 << 20);
    let (log, known, data) = (Log::default(), Known::default(), Rc::default());
    let (ours, id, bytes) = (log.clone(), known.clone(), Rc::clone(&data));
    let listener = world.serve(move |_| {
        let id = id.clone();
        Spy::new(&ours)
            .collecting(&bytes)
            .made(move |transport| {
                id.note(transport);
                transport.pause_reading();
            })
            .data(|transport, _| transport.write("a reply"))
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || known.count() == 1);
    // More than a turn reads: the first reply is tried while the rest still waits.
    peer.send_bytes(text(800_000));
    world.settle();
    simulation.fail_next("server", Call::Write, &[EPIPE]);
    world.on(|reactor| reactor.resume_reading(known.id()));
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.without_data(), ["made", "lost reset by the peer"]);
    let data: &RefCell<Vec<u8>> = &data;
    assert!(text(800_000).starts_with(&data.borrow()));
    // With faults the window may be smaller: then not all has been sent.
    if simulation.faults() == Faults::None {
        assert_eq!(data.borrow().len(), 800_000);
    }
}

fn what_another_connection_writes_keeps_its_order_and_calls_nobody_in_between(world: &World) {
    let (log, known) = (Log::default(), Known::default());
    let (ours, id) = (log.clone(), known.clone());
    let listener = world.serve(move |_| {
        let (log, id, others) = (ours.clone(), id.clone(), id.clone());
        Spy::new(&Log::default())
            .made(move |transport| id.note(transport))
            .data(move |transport, _| {
                let first = others.ids()[0];
                log.note("begins");
                transport.reactor().write(first, text(200_000));
                transport.reactor().tell(first, |_: &mut Spy, transport| {
                    transport.write("and what it was told to");
                });
                transport.reactor().write(first, "second");
                log.note("ends");
            })
            .pause({
                let log = ours.clone();
                move |_| log.note("is paused")
            })
    });
    let first = world.peer(&listener);
    world.run_until("it is made", || known.count() == 1);
    let second = world.peer(&listener);
    first.stops_reading();
    second.send_bytes("!");
    world.run_until("the first one is paused", || log.has("is paused"));
    assert_eq!(log.lines(), ["begins", "ends", "is paused"]);
    first
        .reads_again()
        .expect_bytes(text(200_000))
        .expect_bytes("second")
        .expect_bytes("and what it was told to");
    assert_eq!(second.received(), 0);
}

fn a_million_tiny_writes_are_one_text(world: &World) {
    const COUNT: usize = 1_000_000;
    let listener = world.serve(|_| {
        Spy::new(&Log::default()).made(|transport| {
            for byte in text(COUNT) {
                transport.write([byte]);
            }
            transport.lose_connection();
        })
    });
    assert!(world.peer(&listener).read_until_eof() == text(COUNT));
}

fn more_pieces_than_the_system_takes_at_a_time_arrive(world: &World) {
    const PIECE: usize = 4096;
    const COUNT: usize = 1100;
    let listener = world.serve(|_| {
        Spy::new(&Log::default()).made(|transport| {
            let all = Bytes::from(text(COUNT * PIECE));
            for n in 0..COUNT {
                transport.write_shared(all.slice(n * PIECE..(n + 1) * PIECE));
            }
            transport.lose_connection();
        })
    });
    assert!(world.peer(&listener).read_until_eof() == text(COUNT * PIECE));
}

fn small_writes_are_not_delayed(world: &World) {
    let known = Known::default();
    let ids = known.clone();
    let made = move |id: Known| Spy::new(&Log::default()).made(move |transport| id.note(transport));
    let listener = world.serve(move |_| made(ids.clone()));
    let ids = known.clone();
    world.on(|reactor| {
        let _ = world.connect(reactor, listener.address()).with(made(ids));
    });
    world.run_until("both ends are made", || known.count() == 2);
    for id in known.ids() {
        let no_delay = world.on(|reactor| {
            let socket = reactor.socket_options(id).expect("it has a socket");
            socket.tcp_nodelay().expect("a socket option")
        });
        assert!(no_delay);
    }
}

fn writing_nothing_is_nothing(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours).data(|transport, _| {
            let id = transport.id();
            transport.write("");
            transport.write_shared(Bytes::new());
            transport.send("");
            transport.reactor().write(id, "");
            transport.reactor().write_shared(id, Bytes::new());
            transport.reactor().send(id, "");
            assert_eq!(transport.unsent(), 0);
            transport.write("something");
            transport.write("");
        })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("!").expect_bytes("something");
    world.settle();
    assert_eq!(peer.received(), 0);
    assert_eq!(log.without_data(), ["made"]);
    assert_eq!(stale_writes(world), 0);
}
