//! Limits beyond a protocol's own writes: those that change while bytes wait, and what a layer answers by itself. Owns no
//! world; plain writes are `pressure`'s.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Layer, Limits, Lost, Up};

use crate::known::{Known, text};
use crate::pressure::stalled;
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { streams:
    water_marks_that_change_are_looked_at_at_once,
}

contract! { bare:
    what_a_layer_answers_by_itself_is_held_to_the_limit_too,
    a_large_reply_may_wait_while_a_layer_has_nothing_to_say,
}

const PIECE: usize = 4096;

fn marks(low: usize, high: usize) -> Limits {
    Limits::default().water_marks(low * 1024, high * 1024)
}

fn water_marks_that_change_are_looked_at_at_once(world: &World) {
    let (log, known, _peer) = stalled(world, marks(64, 128));
    while known.unsent(world) < 40 * 1024 {
        world.on(|reactor| reactor.write(known.id(), vec![b'x'; PIECE]));
        world.settle();
    }
    assert_eq!(log.lines(), ["made"]);
    let change = |limits: Limits| known.set_limits(world, limits);
    change(marks(4, 16));
    assert_eq!(log.lines(), ["made", "pause"]);
    change(marks(64, 128));
    assert_eq!(log.lines(), ["made", "pause", "resume"]);
}

/// Answers all that comes with as much, and gives nothing up.
struct Ponging;

impl Layer for Ponging {
    fn receive(&mut self, wire: &[u8], _: &mut Up, down: &mut Vec<u8>) -> Result<(), Lost> {
        down.extend_from_slice(wire);
        Ok(())
    }

    fn send(&mut self, plain: &[u8], down: &mut Vec<u8>) {
        down.extend_from_slice(plain);
    }
}

const LIMIT: usize = 128 * 1024;

fn what_a_layer_answers_by_itself_is_held_to_the_limit_too(world: &World) {
    let (log, known, most) = (Log::default(), Known::default(), Rc::new(Cell::new(0)));
    let (ours, id) = (log.clone(), known.clone());
    let listener = world.on(|reactor| {
        reactor
            .listen("tcp:0")
            .limits(Limits::default().unsent(LIMIT))
            .through(|| Ponging)
            .serve(move |_| {
                let id = id.clone();
                Spy::new(&ours)
                    .made(move |transport| id.note(transport))
                    .pause(|_| ())
                    .resume(|_| ())
            })
    });
    let peer = world.peer(&listener.expect("a free port can be listened on"));
    world.run_until("it is made", || known.count() > 0);
    let (id, seen) = (known.id(), Rc::clone(&most));
    world.on(|reactor| {
        reactor.call_every(Duration::from_millis(1), move |reactor| {
            seen.set(reactor.unsent(id).unwrap_or(0).max(seen.get()));
        })
    });
    peer.stops_reading();
    let begin = world.now();
    while log.count("lost") == 0 && world.now() - begin < Duration::from_secs(10) {
        peer.send_bytes(text(PIECE));
        world.run_for(Duration::from_millis(1));
    }
    assert_eq!(
        log.lines(),
        ["made", "pause", "lost too slow: the peer does not read"],
        "{most:?} bytes waited"
    );
    assert_eq!(world.on(|reactor| reactor.counters().too_slow), 1);
    // What a turn may read comes on top.
    assert!(most.get() < LIMIT + 300 * 1024, "{most:?}");
}

/// Hears, and says nothing by itself.
struct Silent;

impl Layer for Silent {
    fn receive(&mut self, wire: &[u8], up: &mut Up, _: &mut Vec<u8>) -> Result<(), Lost> {
        up.bytes(wire);
        Ok(())
    }

    fn send(&mut self, plain: &[u8], down: &mut Vec<u8>) {
        down.extend_from_slice(plain);
    }

    fn finish(&mut self, down: &mut Vec<u8>) {
        down.push(b'.');
    }
}

fn a_large_reply_may_wait_while_a_layer_has_nothing_to_say(world: &World) {
    let (log, known) = (Log::default(), Known::default());
    let (ours, id) = (log.clone(), known.clone());
    let listener = world.on(|reactor| {
        reactor
            .listen("tcp:0")
            .limits(Limits::default().unsent(LIMIT))
            .through(|| Silent)
            .serve(move |_| {
                let id = id.clone();
                Spy::new(&ours)
                    .made(move |transport| {
                        id.note(transport);
                        transport.write(text(4 * LIMIT));
                    })
                    .data(|transport, data| {
                        if data.contains(&b'!') {
                            transport.lose_connection();
                        }
                    })
                    .pause(|_| ())
                    .resume(|_| ())
            })
    });
    let peer = world.peer(&listener.expect("a free port can be listened on"));
    world.run_until("it is made", || known.count() > 0);
    peer.stops_reading();
    for question in ["one", "two", "!"] {
        world.settle();
        peer.send_bytes(question);
    }
    world.settle();
    peer.reads_again();
    assert!(peer.read_until_eof() == [text(4 * LIMIT), b".".to_vec()].concat());
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.count("lost done, ended by us"), 1, "{log:?}");
}
