//! Whole reactors: one after another, beside another, and one that is dropped as it is. Real sockets on loopback.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use ropewalk::{Address, Protocol, Reactor, RemoteError, Report, Stepper, Transport};

use crate::spy::{Log, Spy};

fn socket_address(address: &Address) -> SocketAddr {
    address.to_string().parse().expect("it is one of TCP")
}

/// Serves an echo at a port and has one message echoed by it, then stops.
fn echo_once(endpoint: &str, message: &[u8]) -> (SocketAddr, Report) {
    let mut reactor = Reactor::new().expect("the system has a selector");
    let listener = reactor
        .listen(endpoint)
        .serve(|_| {
            Spy::new(&Log::default())
                .echo()
                .lost(|transport, _| transport.reactor().stop())
        })
        .expect("the port is free");
    let address = socket_address(listener.address());
    let client = thread::spawn({
        let message = message.to_vec();
        move || {
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(&message)?;
            let mut reply = vec![0; message.len()];
            stream.read_exact(&mut reply)?;
            std::io::Result::Ok(reply)
        }
    });
    let report = reactor.run().expect("nothing fails");
    let reply = client.join().expect("it does not panic");
    assert_eq!(reply.expect("it is answered"), message);
    (address, report)
}

#[test]
fn a_reactor_can_be_run_after_another_even_on_its_port() {
    let (address, report) = echo_once("tcp:0:interface=127.0.0.1", b"one");
    assert_eq!(report.counters.accepted, 1);
    let again = format!("tcp:{}:interface=127.0.0.1", address.port());
    for _ in 0..3 {
        let (_, report) = echo_once(&again, b"another");
        assert_eq!(report.counters.accepted, 1);
    }
}

#[test]
fn reactors_on_several_threads_know_nothing_of_each_other() {
    let threads: Vec<_> = (1..=4)
        .map(|number| {
            thread::spawn(move || {
                let message = vec![b'.'; 1000 * number];
                echo_once("tcp:0:interface=127.0.0.1", &message).1
            })
        })
        .collect();
    for thread in threads {
        let report = thread.join().expect("it does not panic");
        assert_eq!((report.counters.accepted, report.counters.lost), (1, 1));
    }
}

/// Counts its drop; hears nothing after its reactor is gone.
struct Held {
    log: Log,
    dropped: Rc<Cell<u32>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.dropped.set(self.dropped.get() + 1);
    }
}

impl Protocol for Held {
    fn connection_made(&mut self, _: &mut Transport<'_>) {
        self.log.note("made");
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}

    fn connection_lost(&mut self, _: &mut Transport<'_>, _: &ropewalk::Lost) {
        self.log.note("lost");
    }
}

#[test]
fn a_reactor_dropped_as_it_is_closes_everything_and_calls_nobody() {
    let mut reactor = Reactor::new().expect("the system has a selector");
    let (log, dropped) = (Log::default(), Rc::new(Cell::new(0)));
    let held = move |log: &Log, dropped: &Rc<Cell<u32>>| Held {
        log: log.clone(),
        dropped: Rc::clone(dropped),
    };
    let (ours, count) = (log.clone(), Rc::clone(&dropped));
    let listener = reactor
        .listen("tcp:0:interface=127.0.0.1")
        .serve(move |_| held(&ours, &count))
        .expect("a port is free");
    let address = socket_address(listener.address());
    let target = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let endpoint = format!("tcp:{}", target.local_addr().expect("it is bound"));
    reactor.connect(&endpoint).with(held(&log, &dropped));
    let captured = held(&log, &dropped);
    reactor.call_later(Duration::ZERO, move |_| drop(captured));
    let captured = held(&log, &dropped);
    reactor.call_later(Duration::from_secs(3600), move |_| drop(captured));
    let remote = reactor.remote();
    let mut called = TcpStream::connect(address).expect("it listens");
    let mut stepper = Stepper::new(reactor);
    while log.count("made") < 2 {
        assert!(stepper.turn(None).expect("nothing fails"));
    }
    let (mut caller, _) = target.accept().expect("it called");
    assert_eq!(dropped.get(), 1);
    drop(stepper);
    assert_eq!(log.lines(), ["made", "made"]);
    assert_eq!(dropped.get(), 4);
    assert_eq!(called.read(&mut [0]).expect("it ends in order"), 0);
    assert_eq!(caller.read(&mut [0]).expect("it ends in order"), 0);
    let refused = TcpStream::connect(address).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(matches!(remote.post(|_| ()), Err(RemoteError::Stopped)));
}
