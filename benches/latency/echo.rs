//! A request and its reply over loopback, one at a time, with a gap in which a server that sleeps falls asleep. Owns the
//! server's thread; the client never sleeps, so that only the server's sleep is measured.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use ropewalk::{Address, Protocol, Reactor, Remote, StampedBy, Transport};

use crate::machine;
use crate::samples::Samples;

const REQUEST: usize = 64;
const GAP: Duration = Duration::from_micros(200);

pub(crate) struct Told {
    pub(crate) round_trips: Samples,
    /// Between the stamp of the bytes and the protocol.
    pub(crate) waits: Samples,
    pub(crate) by_the_kernel: usize,
    pub(crate) cost: Duration,
}

pub(crate) fn run(spin: Duration, stamped: bool, count: usize, core: usize) -> Told {
    let (sender, receiver) = channel();
    let server = thread::spawn(move || {
        machine::pin(core);
        serve(spin, stamped, &sender)
    });
    let (address, remote) = receiver.recv().expect("the server listens");
    let round_trips = ask(address, count);
    remote.stop().expect("it runs until it is told");
    let (waits, by_the_kernel, cost) = server.join().expect("the server does not panic");
    Told {
        round_trips,
        waits,
        by_the_kernel,
        cost: cost / count as u32,
    }
}

fn ask(address: SocketAddr, count: usize) -> Samples {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("a socket option");
    stream.set_nonblocking(true).expect("a socket option");
    let mut samples = Samples::default();
    let mut reply = [0; REQUEST];
    for number in 0..count {
        let request = [number as u8; REQUEST];
        let gap = Instant::now();
        while gap.elapsed() < GAP {}
        let begin = Instant::now();
        stream.write_all(&request).expect("there is room for one");
        let mut size = 0;
        while size < REQUEST {
            match stream.read(&mut reply[size..]) {
                Ok(0) => panic!("the server ended"),
                Ok(more) => size += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
        samples.add(begin.elapsed());
        assert_eq!(request, reply);
    }
    samples
}

struct Echo {
    stamped: bool,
    waits: Rc<RefCell<Samples>>,
    by_the_kernel: Rc<Cell<usize>>,
}

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.set_time_stamps(self.stamped);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        if let Some(arrival) = transport.received_at() {
            let now = transport.reactor().wall_clock();
            let wait = now.duration_since(arrival.wall_clock);
            self.waits.borrow_mut().add(wait.unwrap_or_default());
            let by_the_kernel = usize::from(arrival.stamped_by == StampedBy::Kernel);
            self.by_the_kernel
                .set(self.by_the_kernel.get() + by_the_kernel);
        }
        transport.write(data);
    }
}

fn serve(
    spin: Duration,
    stamped: bool,
    ready: &Sender<(SocketAddr, Remote)>,
) -> (Samples, usize, Duration) {
    let waits: Rc<RefCell<Samples>> = Rc::default();
    let by_the_kernel: Rc<Cell<usize>> = Rc::default();
    let mut reactor = Reactor::new().expect("the system has a selector");
    reactor.set_spin(spin);
    let echo = {
        let (waits, by_the_kernel) = (Rc::clone(&waits), Rc::clone(&by_the_kernel));
        move |_: &Address| Echo {
            stamped,
            waits: Rc::clone(&waits),
            by_the_kernel: Rc::clone(&by_the_kernel),
        }
    };
    let listener = reactor.listen("tcp:0").serve(echo);
    let listener = listener.expect("loopback has a free port");
    let Address::Tcp(address) = *listener.address() else {
        panic!("a TCP listener has a TCP address")
    };
    let told = ready.send((address, reactor.remote()));
    told.expect("somebody waits for it");
    let before = machine::processor_time();
    reactor.run().expect("the selector works");
    let cost = Duration::from_nanos(machine::processor_time() - before);
    (waits.take(), by_the_kernel.get(), cost)
}
