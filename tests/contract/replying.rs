//! What a callback writes of the very bytes it was given: it is sent from where it lies, and nobody can tell.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use ropewalk::sim::Call;
use ropewalk::{ConnectionId, Listener, Transport};

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { streams:
    parts_of_the_input_keep_their_order_among_other_writes,
    what_is_written_of_the_input_and_given_back_comes_again,
    a_reply_that_is_taken_in_small_pieces_arrives_whole,
    replies_to_those_who_speak_at_once_reach_each_its_own,
}

contract! { bare:
    a_reply_goes_before_the_end_of_its_connection,
    a_reply_does_not_outlive_its_connection,
    a_part_of_the_input_is_unsent_until_the_callback_returns,
}

contract! { simulated_bare:
    a_reply_that_can_not_be_written_tells_why,
}

type Written = Rc<RefCell<Vec<u8>>>;

/// Four pieces, some of them of the input, by doors that differ with `n`.
fn reply(transport: &mut Transport<'_>, data: &[u8], n: usize, written: &Written) {
    let id = transport.id();
    let half = &data[data.len() / 2..];
    for (k, piece) in [data, half, b"+", &data[..1]].into_iter().enumerate() {
        match (n / (k + 1)) % 5 {
            0 => transport.write(piece),
            1 => transport.reactor().write(id, piece),
            2 => transport.write_shared(Bytes::copy_from_slice(piece)),
            3 => transport.send(piece),
            _ => {
                transport.set_raw();
                transport.write(piece);
            }
        }
        written.borrow_mut().extend_from_slice(piece);
    }
}

fn parts_of_the_input_keep_their_order_among_other_writes(world: &World) {
    let written = Written::default();
    let replied = Rc::clone(&written);
    let listener = world.serve(move |_| {
        let written = Rc::clone(&replied);
        let mut n = 0;
        Spy::new(&Log::default()).data(move |transport, data| {
            n += 1;
            reply(transport, data, n, &written);
        })
    });
    let peer = world.peer(&listener);
    for _ in 0..60 {
        peer.send_bytes("0123456789");
        world.settle();
    }
    let written = written.borrow().clone();
    peer.expect_bytes(written);
}

fn what_is_written_of_the_input_and_given_back_comes_again(world: &World) {
    let heard = Written::default();
    let data = Rc::clone(&heard);
    let listener = world.serve(move |_| {
        let mut first = true;
        Spy::new(&Log::default())
            .collecting(&data)
            .data(move |transport, data| {
                transport.write(data);
                if std::mem::take(&mut first) {
                    transport.unread(1);
                    transport.set_raw();
                }
            })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("ab");
    world.settle();
    let heard = heard.borrow().clone();
    assert!(heard == b"abb" || heard == b"aab", "{heard:?}");
    peer.expect_bytes(heard);
}

fn a_reply_that_is_taken_in_small_pieces_arrives_whole(world: &World) {
    let listener = world.serve(|_| Spy::new(&Log::default()).echo());
    let peer = world.peer(&listener);
    peer.stops_reading().send_bytes(text(200_000));
    world.settle();
    peer.reads_again().expect_bytes(text(200_000));
}

fn a_part_of_the_input_is_unsent_until_the_callback_returns(world: &World) {
    let log = Log::default();
    let noted = log.clone();
    let listener = world.serve(move |_| {
        let log = noted.clone();
        Spy::new(&noted).data(move |transport, data| {
            transport.write(data);
            let counted = transport.unsent() >= data.len();
            log.note(if counted { "counted" } else { "missed" });
        })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("abcdef").expect_bytes("abcdef");
    assert!(log.has("counted") && !log.has("missed"), "{log:?}");
}

/// The system tells an error once: whoever meets it has to keep it.
fn a_reply_that_can_not_be_written_tells_why(world: &World) {
    const EHOSTUNREACH: i32 = 113;
    let simulation = world
        .simulated()
        .expect("only a simulation is told to fail");
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).echo());
    let peer = world.peer(&listener);
    world.run_until("it is made", || log.has("made"));
    simulation.fail_next("server", Call::Write, &[EHOSTUNREACH]);
    peer.send_bytes("hello");
    world.run_until("the loss is told", || log.count("lost") == 1);
    let last = log.lines().pop().unwrap_or_default();
    assert!(
        last.contains("unreachable") || last.contains("113"),
        "{last}"
    );
}

/// A server that does what is asked for, with all of its connections known, then answers with what it gets.
fn answering(
    world: &World,
    known: &Known,
    then: impl Fn(&mut Transport<'_>, &[u8], &[ConnectionId]) + Clone + 'static,
) -> Listener {
    let known = known.clone();
    world.serve(move |_| {
        let (made, known, then) = (known.clone(), known.clone(), then.clone());
        Spy::new(&Log::default())
            .made(move |transport| made.note(transport))
            .pause(|_| ())
            .resume(|_| ())
            .data(move |transport, data| {
                then(transport, data, &known.ids());
                transport.write(data);
            })
    })
}

/// Each is answered; now and then one first says `!` to all, which is not to overtake what others have been answered already.
fn replies_to_those_who_speak_at_once_reach_each_its_own(world: &World) {
    const ROUNDS: usize = 30;
    let known = Known::default();
    let listener = answering(world, &known, |transport, data, ids| {
        if data.contains(&b'c') {
            for id in ids {
                transport.reactor().write(*id, "!");
            }
        }
    });
    let peers = ["a", "b", "c", "d", "e", "f"].map(|name| (name, world.peer(&listener)));
    world.run_until("all are made", || known.count() == peers.len());
    for round in 0..ROUNDS {
        for (name, peer) in &peers {
            peer.send_bytes(format!("{name}{round} "));
        }
        world.settle();
    }
    world.on(|reactor| {
        for id in known.ids() {
            reactor.lose_connection(id);
        }
    });
    for (name, peer) in &peers {
        let heard = String::from_utf8(peer.read_until_eof()).expect("what was sent is text");
        let said: Vec<String> = (0..ROUNDS).map(|round| format!("{name}{round} ")).collect();
        assert_eq!(heard.replace('!', ""), said.concat());
        assert_eq!(heard.matches('!').count(), ROUNDS, "{heard}");
    }
}

/// One is answered; another, of the same moment, ends that connection: what was answered goes before the end. The other one
/// may have output that waits, for which it is not read as most are.
fn a_reply_goes_before_the_end_of_its_connection(world: &World) {
    for busy in [false, true] {
        let (known, answered) = (Known::default(), Written::default());
        let noted = Rc::clone(&answered);
        let listener = answering(world, &known, move |transport, data, ids| {
            if transport.id() == ids[0] {
                noted.borrow_mut().extend_from_slice(data);
            } else if data.contains(&b'd') {
                transport.reactor().lose_connection(ids[0]);
            }
        });
        let first = world.peer(&listener);
        world.run_until("the first is made", || known.count() == 1);
        let other = world.peer(&listener);
        world.run_until("both are made", || known.count() == 2);
        let waiting = if busy { 900_000 } else { 0 };
        if busy {
            other.stops_reading();
            let id = known.ids()[1];
            world.on(|reactor| reactor.write(id, text(waiting)));
            world.settle();
            assert!(world.on(|reactor| reactor.unsent(id)) > Some(0));
        }
        first.send_bytes("reply");
        other.send_bytes("end");
        world.settle();
        assert_eq!(first.read_until_eof(), *answered.borrow());
        other
            .reads_again()
            .expect_bytes([text(waiting).as_slice(), b"end"].concat());
    }
}

fn a_reply_does_not_outlive_its_connection(world: &World) {
    let known = Known::default();
    let listener = answering(world, &known, |transport, data, ids| {
        if data.contains(&b'd') {
            transport.reactor().abort_connection(ids[0]);
        }
    });
    let first = world.peer(&listener);
    world.run_until("the first is made", || known.count() == 1);
    let other = world.peer(&listener);
    world.run_until("both are made", || known.count() == 2);
    first.send_bytes("reply");
    other.send_bytes("end").expect_bytes("end");
    other.send_bytes("more").expect_bytes("more");
    world.on(|reactor| assert_eq!(reactor.connections(), 1));
}
