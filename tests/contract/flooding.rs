//! Much at a time, and what it may cost: short requests with long replies in one read, a peer that reads slowly after our
//! close, posts beside calls that never end.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ropewalk::sim::{self, Faults};
use ropewalk::{Limits, Lines, Protocol, Reactor, Stepper, Transport};

use crate::known::Known;
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { streams:
    one_read_of_short_requests_does_not_make_more_output_than_the_mark,
    who_asks_much_at_once_and_then_ends_is_told_all_then_the_end,
    a_protocol_that_writes_again_when_it_may_is_read_again,
}

// On real sockets it would depend on how promptly this machine lets the peer read.
contract! { simulated:
    a_close_goes_on_for_as_long_as_the_peer_takes_some,
}

const REPLY: usize = 1000;
const HIGH: usize = 64 * 1024;

/// Answers each line with many bytes; says how much ever waited.
fn amplifies(world: &World, log: &Log) -> (ropewalk::Listener, Rc<Cell<usize>>) {
    let (most, known, ours) = (Rc::new(Cell::new(0)), Known::default(), log.clone());
    let highest = Rc::clone(&most);
    let listener = world.serve(move |_| {
        let (known, highest) = (known.clone(), Rc::clone(&highest));
        Spy::new(&ours)
            .made(move |transport| {
                known.note(transport);
                transport.set_framing(Lines::lf());
            })
            .data(move |transport, _| {
                transport.send([b'.'; REPLY]);
                highest.set(highest.get().max(transport.unsent()));
            })
    });
    (listener, most)
}

fn one_read_of_short_requests_does_not_make_more_output_than_the_mark(world: &World) {
    const REQUESTS: usize = 2000;
    let log = Log::default();
    let (listener, most) = amplifies(world, &log);
    let peer = world.peer(&listener);
    peer.stops_reading().send_bytes("\n".repeat(REQUESTS));
    world.run_until("it is held back", || log.has("pause"));
    world.settle();
    assert!(log.count("data") < REQUESTS / 2, "{}", log.count("data"));
    peer.reads_again();
    let replies = format!("{}\n", ".".repeat(REPLY)).repeat(REQUESTS);
    peer.expect_bytes(replies);
    assert!(most.get() <= 2 * HIGH + REPLY + 1, "{}", most.get());
}

fn who_asks_much_at_once_and_then_ends_is_told_all_then_the_end(world: &World) {
    const REQUESTS: usize = 500;
    let log = Log::default();
    let (listener, _) = amplifies(world, &log);
    let peer = world.peer(&listener);
    peer.send_bytes("\n".repeat(REQUESTS)).half_closes();
    assert_eq!(peer.read_until_eof().len(), REQUESTS * (REPLY + 1));
    world.run_until("the loss is told", || log.count("lost") == 1);
    let lines = log.lines();
    assert_eq!(log.count("data"), REQUESTS);
    assert_eq!(
        lines[lines.len() - 2..],
        ["eof", "lost done, ended by the peer"]
    );
}

fn a_close_goes_on_for_as_long_as_the_peer_takes_some(world: &World) {
    const OWED: usize = 1 << 20;
    let (log, known) = (Log::default(), Known::default());
    let (ours, noted) = (log.clone(), known.clone());
    let limits = Limits::default().close(world.short());
    let listener = world.serve_with(limits, move |_| {
        let noted = noted.clone();
        Spy::new(&ours).data(move |transport, _| {
            noted.note(transport);
            transport.write(vec![b'.'; OWED]);
            transport.lose_connection();
        })
    });
    let peer = world.peer(&listener);
    peer.stops_reading().send_bytes("x");
    world.run_until("it is asked for", || log.count("data") == 1);
    for _ in 0..3 {
        world.run_for(world.short() * 2 / 3);
        // What the peer takes is known only when its system, and then ours, have room again.
        let before = known.unsent(world);
        peer.reads_again();
        world.run_until("some is taken", || known.unsent(world) < before);
        peer.stops_reading();
        assert_eq!(log.count("lost"), 0, "{:?}", log.lines());
    }
    peer.reads_again();
    assert_eq!(peer.read_until_eof().len(), OWED);
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert!(log.has("lost done, ended by us"));
}

/// It says nothing of `pause_writing`, so the loop has stopped reading for it, and reads again without its help.
fn a_protocol_that_writes_again_when_it_may_is_read_again(world: &World) {
    let (log, known) = (Log::default(), Known::default());
    let ours = log.clone();
    let listener = world.serve(move |_| {
        let known = known.clone();
        Spy::new(&ours)
            .made(move |transport| {
                known.note(transport);
                transport.write(vec![b'.'; 8 << 20]);
            })
            .resume(|transport| transport.write("more"))
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    world.run_until("it is held back", || log.has("pause"));
    peer.send_bytes("hello").reads_again();
    peer.expect_bytes([vec![b'.'; 8 << 20], b"more".to_vec()].concat());
    world.run_until("it is read", || log.count("data") > 0);
    peer.closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
}

#[test]
fn posts_are_bounded_and_made_beside_calls_that_never_end() {
    fn again(reactor: &mut Reactor) {
        reactor.call_soon(again);
    }
    let mut reactor = Reactor::new().expect("the system has a selector");
    let remote = reactor.remote();
    for _ in 0..2000 {
        reactor.call_soon(again);
    }
    let mut stepper = Stepper::new(reactor);
    let (made, mut posted) = (Arc::new(AtomicUsize::new(0)), 0);
    for _ in 0..300 {
        loop {
            let made = Arc::clone(&made);
            let post = remote.post(move |_| {
                made.fetch_add(1, Ordering::Relaxed);
            });
            if post.is_err() {
                break;
            }
            posted += 1;
        }
        assert!(stepper.turn(Some(Duration::ZERO)).expect("nothing fails"));
    }
    let made = made.load(Ordering::Relaxed);
    assert!(made > 0);
    assert!(posted - made <= 70_000, "{} wait", posted - made);
}

/// Once it is asked, writes more in every turn than a flush hands over in one.
struct Floods(Rc<Cell<usize>>);

impl Protocol for Floods {
    fn data_received(&mut self, transport: &mut Transport<'_>, _: &[u8]) {
        transport.call_every(Duration::ZERO, |this: &mut Self, transport| {
            transport.write(vec![b'.'; 4 << 20]);
            this.0.set(this.0.get().max(transport.unsent()));
        });
    }

    fn pause_writing(&mut self, _: &mut Transport<'_>) {}
}

/// Its socket takes all that it is offered, a share in each turn: what stays over is too much all the same.
#[test]
fn who_takes_much_and_is_sent_more_is_too_slow() {
    let world = sim::World::new(0, Faults::None);
    world.set_window(64 << 20);
    let most = Rc::new(Cell::new(0));
    world.host("server", |reactor| {
        let most = Rc::clone(&most);
        let listen = reactor.listen("tcp:8007");
        listen.serve(move |_| Floods(Rc::clone(&most)))
    });
    let peer = world.peer("tcp:server:8007");
    peer.send("more").expect_reset();
    assert!(most.get() <= 8 << 20, "{}", most.get());
    assert_eq!(world.on("server", |reactor| reactor.counters().too_slow), 1);
}
