//! The server: this same program, started again. Owns the protocols, their limits and the figures that they can tell; what
//! is asked of it comes by standard input.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::time::Duration;

use ropewalk::{
    Address, ConnectionId, Deadline, Factory, Idle, Limits, LineReceiver, Lines, Lost, Overflow,
    Protocol, Reactor, Side, Transport,
};

use crate::ways::{SERVICES, Service, TOLD, Told};
use crate::{ALLOCATOR, machine};

/// The word by which the program knows that it is to serve.
pub(crate) const SERVE: &str = "--serve";

/// How long a client may be slow, in each of the ways that it can be.
const SHORT: Duration = Duration::from_millis(50);
/// Unsent bytes of a client that is too slow.
const UNSENT: usize = 32 * 1024;
/// Of the socket below: small, so that what is not read is unsent soon. The system makes more of it.
const SEND_BUFFER: usize = 4096;

thread_local! {
    /// Losses by what was told.
    static LOSSES: RefCell<BTreeMap<Told, u64>> = RefCell::default();
    /// Connections that had been reset by the time they were made.
    static GONE: Cell<u64> = const { Cell::new(0) };
}

/// Serves on `core` until standard input ends.
pub(crate) fn main(core: &str) {
    machine::pin(core.parse().expect("a core is a number"));
    // To panic is a way to end here, and is counted.
    std::panic::set_hook(Box::new(|_| ()));
    let mut reactor = Reactor::new().expect("the system has sockets");
    let mut ports = Vec::new();
    for service in SERVICES {
        let address = serve(&mut reactor, service).expect("a port is free");
        ports.push(address.rsplit(':').next().unwrap_or_default().to_owned());
    }
    say(&ports.join(" "));
    let remote = reactor.remote();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let _ = remote.post(move |reactor| match line.as_str() {
                "dump" => say(&reactor.dump().to_string()),
                _ => say(&figures(reactor)),
            });
        }
        let _ = remote.stop();
    });
    reactor.run().expect("the selector works");
}

fn serve(reactor: &mut Reactor, service: Service) -> ropewalk::Result<String> {
    let listen = reactor.listen("tcp:0:backlog=4096");
    let limits = Limits::default();
    let listener = match service {
        Service::Echo => listen.serve(|_peer| Echo { narrow: false }),
        Service::Narrow => listen
            .limits(limits.write(SHORT))
            .serve(|_peer| Echo { narrow: true }),
        Service::Lines => listen
            .limits(limits.unsent(UNSENT).close(SHORT).linger(SHORT))
            .serve(|_peer| Orders::default()),
        Service::Quiet => listen
            .limits(limits.idle(Idle::Reading, SHORT))
            .serve(|_peer| Echo { narrow: false }),
        Service::Full => listen
            .limits(limits.connections(0).overflow(Overflow::Refuse))
            .serve(|_peer| Echo { narrow: false }),
        Service::Closed => listen.with(Nobody),
    };
    Ok(listener?.address().to_string())
}

/// Every number that the server has, as `name=value`, in one line.
fn figures(reactor: &Reactor) -> String {
    let stats = ALLOCATOR.stats();
    let allocated = (stats.bytes_allocated - stats.bytes_deallocated) as u64;
    let mut line = format!("allocated={allocated} gone={}", GONE.get());
    for (name, value) in reactor.counters().iter() {
        line.push_str(&format!(" {name}={value}"));
    }
    LOSSES.with_borrow(|losses| {
        for (told, name) in TOLD {
            let count = losses.get(&told).unwrap_or(&0);
            line.push_str(&format!(" told_{name}={count}"));
        }
    });
    line
}

fn count(reason: &Lost) {
    let told = match reason {
        Lost::Done(Side::Us) => Told::DoneByUs,
        Lost::Done(Side::Peer) => Told::DoneByPeer,
        Lost::Reset => Told::Reset,
        Lost::Aborted => Told::Aborted,
        Lost::TooSlow => Told::TooSlow,
        Lost::TimedOut(Deadline::Write) => Told::TimedOutWriting,
        Lost::TimedOut(Deadline::Close) => Told::TimedOutClosing,
        Lost::TimedOut(Deadline::Idle) => Told::TimedOutIdle,
        Lost::BadFrame(_) => Told::BadFrame,
        Lost::Panicked => Told::Panicked,
        _ => Told::Otherwise,
    };
    LOSSES.with_borrow_mut(|losses| *losses.entry(told).or_default() += 1);
}

/// Makes the buffer of a connection's socket small.
fn narrow(reactor: &Reactor, id: ConnectionId) {
    if let Some(options) = reactor.socket_options(id) {
        options
            .set_send_buffer_size(SEND_BUFFER)
            .expect("TCP has this option");
    }
}

struct Echo {
    narrow: bool,
}

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let id = transport.id();
        let reactor = transport.reactor();
        if self.narrow {
            narrow(reactor, id);
        }
        let options = reactor.socket_options(id);
        if options.is_some_and(|options| options.peer_addr().is_err()) {
            GONE.set(GONE.get() + 1);
        }
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }

    fn connection_lost(&mut self, _: &mut Transport<'_>, reason: &Lost) {
        count(reason);
    }
}

/// Lines that say how their connection is to end.
#[derive(Default)]
struct Orders {
    /// Replies that are due.
    late: u32,
    ended: bool,
    pouring: bool,
}

impl LineReceiver for Orders {
    fn lines(&self) -> Lines {
        Lines::default().max_length(512)
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        let id = transport.id();
        match line {
            b"later" => {
                self.late += 1;
                transport.call_later(SHORT / 10, Self::reply_late);
            }
            b"bye" => {
                transport.send(line);
                transport.lose_connection();
            }
            b"abort" => transport.abort_connection(),
            b"pour" => {
                narrow(transport.reactor(), id);
                self.pouring = true;
                self.pour(transport);
            }
            b"owe" => {
                narrow(transport.reactor(), id);
                transport.write(vec![b'.'; 8 * UNSENT]);
                transport.lose_connection();
            }
            b"panic" => panic!("as it was told to"),
            _ => transport.send(line),
        }
    }

    /// The end of the client's direction is not the end of what it is owed.
    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        self.ended = true;
        self.lose_if_done(transport);
    }

    fn pause_writing(&mut self, _: &mut Transport<'_>) {
        assert!(self.pouring, "only who pours writes so much");
    }

    fn connection_lost(&mut self, _: &mut Transport<'_>, reason: &Lost) {
        count(reason);
    }
}

impl Orders {
    fn reply_late(&mut self, transport: &mut Transport<'_>) {
        transport.send("late");
        self.late -= 1;
        self.lose_if_done(transport);
    }

    fn lose_if_done(&self, transport: &mut Transport<'_>) {
        if self.ended && self.late == 0 {
            transport.lose_connection();
        }
    }

    /// Writes on and on, and looks at no water mark.
    fn pour(&mut self, transport: &mut Transport<'_>) {
        transport.write([b'.'; 8192]);
        transport.call_later(Duration::ZERO, Self::pour);
    }
}

struct Nobody;

impl Factory for Nobody {
    type Protocol = Echo;

    fn build_protocol(&mut self, _peer: &Address) -> Option<Echo> {
        None
    }
}

fn say(lines: &str) {
    let mut stdout = io::stdout().lock();
    // The empty line tells the parent that this was all.
    writeln!(stdout, "{lines}\n")
        .and_then(|()| stdout.flush())
        .expect("the parent listens");
}
