//! What the system is not asked for: writes by the byte, writes in vain, waits in circles, wake-ups of the awake. On real
//! sockets, counted at the seam.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use ropewalk::{Listener, Reactor, Stepper};

use crate::counted::Calls;
use crate::known::Known;
use crate::spy::{Log, Spy};
use crate::world::PATIENCE;

fn socket_address(listener: &Listener) -> SocketAddr {
    let address = listener.address().to_string();
    address.parse().expect("it is one of TCP")
}

/// Turns the loop until something is so.
fn turn_until(stepper: &mut Stepper, done: impl Fn() -> bool) {
    let begin = stepper.reactor().now();
    while !done() {
        let timeout = stepper
            .timeout()
            .map_or(PATIENCE, |timeout| timeout.min(PATIENCE));
        assert!(stepper.turn(Some(timeout)).expect("the selector works"));
        assert!(stepper.reactor().now() - begin < PATIENCE);
    }
}

#[test]
fn a_million_tiny_writes_are_few_calls() {
    const COUNT: usize = 1_000_000;
    let calls = Calls::default();
    let mut reactor = calls.reactor();
    let listener = reactor.listen("tcp:0").serve(|_| {
        Spy::new(&Log::default())
            .made(|transport| {
                for n in 0..COUNT {
                    transport.write([b'0' + (n % 10) as u8]);
                }
                transport.lose_connection();
            })
            .lost(|transport, _| transport.reactor().stop())
    });
    let address = socket_address(&listener.expect("a free port"));
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.read_to_end(&mut all).expect("it ends in order");
        all
    });
    reactor.run().expect("the selector works");
    let all = reader.join().expect("it does not panic");
    assert!(all == b"0123456789".repeat(COUNT / 10));
    let writes = calls.writes.get();
    assert!((1..=250).contains(&writes), "{writes} writes");
}

#[test]
fn a_peer_that_does_not_read_is_not_written_to_again_and_again() {
    const TURNS: usize = 50;
    let (calls, known) = (Calls::default(), Known::default());
    let (mut reactor, id) = (calls.reactor(), known.clone());
    let listener = reactor.listen("tcp:0").serve(move |_| {
        let id = id.clone();
        Spy::new(&Log::default()).made(move |transport| {
            id.note(transport);
            transport.write(vec![b'.'; 8 << 20]);
        })
    });
    let stream = TcpStream::connect(socket_address(&listener.expect("a free port")));
    let mut stepper = Stepper::new(reactor);
    turn_until(&mut stepper, || known.count() == 1);
    let beats: Rc<Cell<usize>> = Rc::default();
    let beat = Rc::clone(&beats);
    let often = Duration::from_millis(1);
    let count = move |_: &mut Reactor| beat.set(beat.get() + 1);
    stepper.reactor().call_every(often, count);
    turn_until(&mut stepper, || beats.get() == TURNS);
    let unsent = stepper.reactor().unsent(known.id());
    assert!(unsent > Some(0), "the system takes all: {unsent:?}");
    // The kernel takes a little more while it makes its buffers larger.
    let writes = calls.writes.get();
    assert!(writes < TURNS / 2, "{writes} writes");
    drop(stream);
}

#[test]
fn to_send_nothing_is_no_call() {
    let (calls, known) = (Calls::default(), Known::default());
    let (mut reactor, id) = (calls.reactor(), known.clone());
    let listener = reactor.listen("tcp:0").serve(move |_| {
        let id = id.clone();
        Spy::new(&Log::default()).made(move |transport| id.note(transport))
    });
    let stream = TcpStream::connect(socket_address(&listener.expect("a free port")));
    let mut stepper = Stepper::new(reactor);
    turn_until(&mut stepper, || known.count() == 1);
    let reactor = stepper.reactor();
    reactor.send(known.id(), "");
    reactor.write(known.id(), "");
    assert!(
        stepper
            .turn(Some(Duration::ZERO))
            .expect("the selector works")
    );
    assert_eq!(calls.writes.get(), 0);
    assert_eq!(stepper.reactor().unsent(known.id()), Some(0));
    drop(stream);
}

#[test]
fn a_short_delay_is_not_waited_for_in_circles() {
    const BEATS: usize = 50;
    let calls = Calls::default();
    let mut reactor = calls.reactor();
    let beats: Rc<Cell<usize>> = Rc::default();
    let beat = Rc::clone(&beats);
    reactor.call_every(Duration::from_micros(300), move |reactor| {
        beat.set(beat.get() + 1);
        if beat.get() == BEATS {
            reactor.stop();
        }
    });
    reactor.run().expect("the selector works");
    let polls = calls.polls.get();
    assert!((1..=2 * BEATS).contains(&polls), "{polls} waits");
}

#[test]
fn many_posts_are_one_wake_up() {
    const POSTS: usize = 10_000;
    let calls = Calls::default();
    let mut reactor = calls.reactor();
    let remote = reactor.remote();
    let mut stepper = Stepper::new(reactor);
    for round in 1..=3 {
        let made = std::sync::Arc::new(());
        for _ in 0..POSTS {
            let made = std::sync::Arc::clone(&made);
            remote.post(move |_| drop(made)).expect("there is room");
        }
        turn_until(&mut stepper, || std::sync::Arc::strong_count(&made) == 1);
        assert_eq!(calls.wakes(), round);
    }
}

#[test]
fn a_message_is_one_read_and_one_write() {
    const MESSAGES: usize = 200;
    let calls = Calls::default();
    let mut reactor = calls.reactor();
    let listener = reactor.listen("tcp:0").serve(|_| {
        Spy::new(&Log::default())
            .echo()
            .lost(|transport, _| transport.reactor().stop())
    });
    let address = socket_address(&listener.expect("a free port"));
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("it listens");
        for _ in 0..MESSAGES {
            stream.write_all(b"ping").expect("it stands");
            stream.read_exact(&mut [0; 4]).expect("it is answered");
        }
    });
    reactor.run().expect("the selector works");
    client.join().expect("it was answered");
    assert_eq!(calls.writes.get(), MESSAGES);
    // Those of the begin and the end are told by events of their own.
    let reads = calls.reads.get();
    assert!((MESSAGES..=MESSAGES + 4).contains(&reads), "{reads} reads");
}
