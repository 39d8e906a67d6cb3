//! What comes from peers: in portions of any size, when it is wanted, and not one byte more or less.

use std::cell::RefCell;
use std::io::Write;
use std::net::TcpStream;
use std::rc::Rc;

use ropewalk::sim::{Call, Faults};
use ropewalk::{Address, Lines, Listener};
use socket2::SockRef;

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { streams:
    what_was_left_in_the_socket_in_a_pause_comes_without_a_new_event,
    a_long_input_is_read_to_its_end,
    a_portion_is_never_more_than_the_loops_one_buffer,
    a_quiet_connection_hears_nothing,
    a_byte_at_a_time_is_the_same_as_all_at_once,
    an_end_in_a_pause_is_heard_after_what_came_before_it_when_reading_again,
    nothing_is_delivered_in_a_pause,
    frames_of_one_portion_wait_for_the_end_of_the_pause,
    pausing_and_resuming_in_a_callback_changes_nothing,
    resuming_often_delivers_nothing_twice,
    a_paused_connection_takes_no_more_than_one_buffer_from_its_peer,
}

// A Unix stream knows no reset but of unread input.
contract! { everywhere:
    a_reset_is_told_at_once_also_in_a_pause,
    a_reset_behind_unread_input_is_told_at_once_also_in_a_pause,
}

contract! { simulated:
    one_fast_sender_does_not_keep_the_others_from_being_heard,
    an_interrupted_read_is_repeated,
    a_failing_read_ends_the_connection_with_what_the_system_said,
}

contract! { real:
    urgent_data_is_left_out_and_what_follows_it_is_heard,
}

/// The loop's read buffer, and what one connection may deliver in a turn.
const BUFFER: usize = 256 * 1024;

type Data = Rc<RefCell<Vec<u8>>>;

/// A listener whose connection is known, noted and collected.
fn listen(world: &World, spy: impl Fn(Spy) -> Spy + 'static) -> (Listener, Log, Known, Data) {
    let (log, known, data) = (Log::default(), Known::default(), Data::default());
    if let Some(simulation) = world.simulated() {
        simulation.set_window(4 * BUFFER);
    }
    let (ours, id, bytes) = (log.clone(), known.clone(), Rc::clone(&data));
    let listener = world.serve(move |_| {
        let id = id.clone();
        spy(Spy::new(&ours)
            .collecting(&bytes)
            .made(move |transport| id.note(transport)))
    });
    (listener, log, known, data)
}

/// Like [`listen`], and paused from the begin.
fn listen_paused(world: &World) -> (Listener, Log, Known, Data) {
    let (log, known, data) = (Log::default(), Known::default(), Data::default());
    let (ours, id, bytes) = (log.clone(), known.clone(), Rc::clone(&data));
    let listener = world.serve(move |_| {
        let id = id.clone();
        Spy::new(&ours).collecting(&bytes).made(move |transport| {
            id.note(transport);
            transport.pause_reading();
        })
    });
    (listener, log, known, data)
}

fn resume(world: &World, known: &Known) {
    world.on(|reactor| reactor.resume_reading(known.id()));
}

fn what_was_left_in_the_socket_in_a_pause_comes_without_a_new_event(world: &World) {
    let (listener, _, _, data) = listen(world, |spy| {
        spy.data(|transport, _| {
            let id = transport.id();
            transport.pause_reading();
            transport
                .reactor()
                .call_soon(move |reactor| reactor.resume_reading(id));
        })
    });
    let sent = text(BUFFER + BUFFER / 2);
    let _peer = world.peer(&listener).send_bytes(&sent);
    world.run_until("all is heard", || data.borrow().len() >= sent.len());
    assert!(*data.borrow() == sent);
}

fn a_long_input_is_read_to_its_end(world: &World) {
    let (listener, log, _, data) = listen(world, |spy| spy);
    let sent = text(3 * BUFFER);
    world.peer(&listener).send_bytes(&sent).half_closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert!(*data.borrow() == sent);
}

fn a_portion_is_never_more_than_the_loops_one_buffer(world: &World) {
    let largest = Rc::new(RefCell::new(0));
    let seen = Rc::clone(&largest);
    let (listener, _, _, data) = listen(world, move |spy| {
        let seen = Rc::clone(&seen);
        spy.data(move |_, data| {
            let largest = data.len().max(*seen.borrow());
            *seen.borrow_mut() = largest;
        })
    });
    let sent = text(3 * BUFFER);
    let _peer = world.peer(&listener).send_bytes(&sent);
    world.run_until("all is heard", || data.borrow().len() == sent.len());
    assert!(*largest.borrow() <= BUFFER, "{largest:?}");
}

fn one_fast_sender_does_not_keep_the_others_from_being_heard(world: &World) {
    let (listener, _, greedy, heard) = listen(world, |spy| spy);
    let fast = world.peer(&listener);
    world.run_until("it is made", || greedy.count() == 1);
    let before = Rc::new(RefCell::new(None));
    let (noted, so_far) = (Rc::clone(&before), Rc::clone(&heard));
    let modest = Known::default();
    let known = modest.clone();
    let listener = world.serve(move |_| {
        let (known, noted, so_far) = (known.clone(), Rc::clone(&noted), Rc::clone(&so_far));
        Spy::new(&Log::default())
            .made(move |transport| known.note(transport))
            .data(move |_, _| {
                noted.borrow_mut().get_or_insert(so_far.borrow().len());
            })
    });
    let slow = world.peer(&listener);
    world.run_until("it is made", || modest.count() == 1);
    world.on(|reactor| {
        reactor.pause_reading(greedy.id());
        reactor.pause_reading(modest.id());
    });
    let sent = text(4 * BUFFER);
    fast.send_bytes(&sent);
    slow.send("one word");
    world.settle();
    world.on(|reactor| {
        reactor.resume_reading(greedy.id());
        reactor.resume_reading(modest.id());
    });
    world.run_until("all is heard", || heard.borrow().len() == sent.len());
    let before = before.borrow().expect("the modest one is heard too");
    // With faults the one read of the modest one may find nothing yet, and its next edge comes when time moves on.
    if world
        .simulated()
        .is_none_or(|world| world.faults() == Faults::None)
    {
        assert!(before < 2 * BUFFER, "after {before} bytes of the other");
    }
}

fn a_quiet_connection_hears_nothing(world: &World) {
    let (listener, log, known, _) = listen(world, |spy| spy);
    let _quiet = world.peer(&listener);
    world.run_until("it is made", || known.count() == 1);
    let listener = world.serve(|_| Spy::new(&Log::default()).echo());
    let chatty = world.peer(&listener);
    for n in 0..50 {
        chatty.send(format!("{n}")).expect(format!("{n}"));
    }
    assert_eq!(log.lines(), ["made"]);
}

fn a_byte_at_a_time_is_the_same_as_all_at_once(world: &World) {
    let stream = b"one\r\n\r\ntwo\nthree \r four\r\nunfinished";
    let mut heard = Vec::new();
    for size in [1, 2, stream.len()] {
        let (listener, log, _, data) = listen(world, |spy| {
            spy.made(|transport| transport.set_framing(Lines::default()))
        });
        let peer = world.peer(&listener);
        for piece in stream.chunks(size) {
            peer.send_bytes(piece);
            world.run_for(world.short() / 60);
        }
        peer.half_closes();
        world.run_until("the loss is told", || log.count("lost") == 1);
        heard.push((log.lines(), data.borrow().clone()));
    }
    assert_eq!(
        heard[0].0,
        [
            "made",
            "data 3",
            "data 0",
            "data 3",
            "data 12",
            "data 10",
            "eof",
            "lost done, ended by the peer"
        ]
    );
    assert_eq!(heard[0].1, b"onetwothree \r fourunfinished");
    assert_eq!(heard[0], heard[1]);
    assert_eq!(heard[0], heard[2]);
}

fn an_interrupted_read_is_repeated(world: &World) {
    let (listener, log, _, data) = listen(world, |spy| spy);
    let peer = world.peer(&listener);
    let simulation = world
        .simulated()
        .expect("only a simulation is told to fail");
    simulation.fail_next("server", Call::Read, &[EINTR; 3]);
    peer.send("hello");
    world.run_until("it is heard", || *data.borrow() == b"hello\r\n");
    assert_eq!(log.without_data(), ["made"]);
}

const EINTR: i32 = 4;
const ENETDOWN: i32 = 100;
const ECONNABORTED: i32 = 103;
const ECONNRESET: i32 = 104;
const ETIMEDOUT: i32 = 110;

fn a_failing_read_ends_the_connection_with_what_the_system_said(world: &World) {
    for (number, reason) in [
        (ECONNRESET, "lost reset by the peer"),
        (ECONNABORTED, "lost reset by the peer"),
        (ETIMEDOUT, "lost failed: "),
        (ENETDOWN, "lost failed: "),
    ] {
        let (listener, log, known, _) = listen(world, |spy| spy);
        let peer = world.peer(&listener);
        world.run_until("it is made", || known.count() == 1);
        let simulation = world
            .simulated()
            .expect("only a simulation is told to fail");
        simulation.fail_next("server", Call::Read, &[number]);
        peer.send("not heard, though the next read would find it");
        world.run_until("the loss is told", || log.count("lost") == 1);
        world.settle();
        let lines = log.lines();
        assert!(
            lines[0] == "made" && lines[1].starts_with(reason),
            "{lines:?}"
        );
        assert_eq!(lines.len(), 2, "{lines:?}");
    }
}

fn a_reset_is_told_at_once_also_in_a_pause(world: &World) {
    let (listener, log, known, _) = listen_paused(world);
    let peer = world.peer(&listener);
    world.run_until("it is made", || known.count() == 1);
    peer.resets();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.lines(), ["made", "lost reset by the peer"]);
}

fn a_reset_behind_unread_input_is_told_at_once_also_in_a_pause(world: &World) {
    let (listener, log, known, _) = listen_paused(world);
    let peer = world.peer(&listener);
    world.run_until("it is made", || known.count() == 1);
    peer.send("unread");
    world.settle();
    peer.resets();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.lines(), ["made", "lost reset by the peer"]);
}

fn an_end_in_a_pause_is_heard_after_what_came_before_it_when_reading_again(world: &World) {
    let (listener, log, known, data) = listen_paused(world);
    let peer = world.peer(&listener);
    world.run_until("it is made", || known.count() == 1);
    peer.send("last words").half_closes();
    world.settle();
    assert_eq!(log.lines(), ["made"]);
    resume(world, &known);
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(
        log.without_data(),
        ["made", "eof", "lost done, ended by the peer"]
    );
    assert_eq!(*data.borrow(), b"last words\r\n");
    assert_eq!(peer.read_until_eof(), b"");
}

fn nothing_is_delivered_in_a_pause(world: &World) {
    let (listener, log, known, data) = listen(world, |spy| {
        spy.data(|transport, _| transport.pause_reading())
    });
    let sent = text(2 * BUFFER);
    let _peer = world.peer(&listener).send_bytes(&sent);
    let mut calls = 0;
    while data.borrow().len() < sent.len() && calls < 20 {
        calls += 1;
        world.run_until("a portion is heard", || log.count("data ") == calls);
        world.run_for(world.short() / 20);
        assert_eq!(log.count("data "), calls, "it was delivered in a pause");
        resume(world, &known);
    }
    assert!(sent.starts_with(&data.borrow()));
}

fn frames_of_one_portion_wait_for_the_end_of_the_pause(world: &World) {
    let (listener, log, known, data) = listen(world, |spy| {
        spy.data(|transport, _| transport.pause_reading())
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || known.count() == 1);
    world.on(|reactor| {
        reactor.tell(known.id(), |_: &mut Spy, transport| {
            transport.set_framing(Lines::default());
        });
    });
    world.settle();
    peer.send_bytes("a\nbb\nccc\n");
    for (n, expected) in ["a", "abb", "abbccc"].into_iter().enumerate() {
        world.run_until("the next line is heard", || log.count("data ") > n);
        world.settle();
        assert_eq!(*data.borrow(), expected.as_bytes());
        resume(world, &known);
    }
    world.settle();
    assert_eq!(log.lines(), ["made", "data 1", "data 2", "data 3"]);
}

fn pausing_and_resuming_in_a_callback_changes_nothing(world: &World) {
    let (listener, _, _, data) = listen(world, |spy| {
        spy.data(|transport, _| {
            for _ in 0..1000 {
                transport.pause_reading();
                transport.resume_reading();
            }
        })
    });
    let sent = text(50_000);
    let _peer = world.peer(&listener).send_bytes(&sent);
    world.run_until("all is heard", || data.borrow().len() >= sent.len());
    world.settle();
    assert!(*data.borrow() == sent);
}

fn resuming_often_delivers_nothing_twice(world: &World) {
    let (listener, _, known, data) = listen_paused(world);
    let peer = world.peer(&listener);
    world.run_until("it is made", || known.count() == 1);
    let sent = text(50_000);
    peer.send_bytes(&sent);
    world.settle();
    for _ in 0..20 {
        for _ in 0..100 {
            resume(world, &known);
            resume(world, &known);
            world.on(|reactor| reactor.pause_reading(known.id()));
        }
        resume(world, &known);
    }
    world.settle();
    assert!(*data.borrow() == sent);
}

fn a_paused_connection_takes_no_more_than_one_buffer_from_its_peer(world: &World) {
    let (listener, log, _, data) = listen(world, |spy| {
        spy.data(|transport, _| transport.pause_reading())
    });
    let _peer = world.peer(&listener).send_bytes(text(4 * BUFFER));
    world.run_until("a portion is heard", || log.count("data ") == 1);
    world.settle();
    let taken = world.on(|reactor| reactor.counters().bytes_in);
    // The layer's handshake is on the wire too.
    assert!(taken <= BUFFER as u64 + 64, "{taken} bytes");
    assert!(data.borrow().len() <= BUFFER);
}

fn urgent_data_is_left_out_and_what_follows_it_is_heard(world: &World) {
    let (listener, _, _, data) = listen(world, |spy| spy);
    let Address::Tcp(address) = listener.address() else {
        panic!("it listens on TCP")
    };
    let mut stream = TcpStream::connect(address).expect("it is listened on");
    stream.set_nodelay(true).expect("a socket option");
    for n in 1..=3 {
        stream.write_all(b"before ").expect("there is room");
        SockRef::from(&stream)
            .send_out_of_band(b"!")
            .expect("there is room");
        stream.write_all(b"after ").expect("there is room");
        world.run_until("what is around the urgent byte is heard", || {
            *data.borrow() == b"before after ".repeat(n)
        });
    }
}
