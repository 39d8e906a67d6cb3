//! The servers as something that takes steps. Owns them; decides nothing.

use ropewalk::{Address, Reactor, Stepper};

use crate::bench_server::Mode;
use crate::epoll;
use crate::service::Service;

/// A server that does nothing but when it is told to turn.
pub(crate) trait Stepped {
    fn port(&self) -> u16;

    /// Waits for something to happen, and does all that follows.
    fn turn(&mut self);

    /// So far.
    fn bytes_sent(&mut self) -> u64;

    /// Living ones.
    fn connections(&mut self) -> usize;
}

pub(crate) const NAMES: [&str; 2] = ["epoll", "ropewalk"];

pub(crate) fn named(name: &str, service: Service) -> Box<dyn Stepped> {
    if name == "epoll" {
        Box::new(epoll::Server::new(service).expect("the system has sockets and epoll"))
    } else {
        Box::new(Ropewalk::new(service).expect("the system has sockets and epoll"))
    }
}

impl Stepped for epoll::Server {
    fn port(&self) -> u16 {
        self.port().expect("a listener has an address")
    }

    fn turn(&mut self) {
        self.turn(None).expect("epoll works");
    }

    fn bytes_sent(&mut self) -> u64 {
        self.sent.bytes
    }

    fn connections(&mut self) -> usize {
        Self::connections(self)
    }
}

struct Ropewalk {
    stepper: Stepper,
    port: u16,
}

impl Ropewalk {
    fn new(service: Service) -> ropewalk::Result<Self> {
        let mut reactor = Reactor::new()?;
        // Under callgrind every turn is slow, and callbacks would be timed.
        reactor.set_slow_callback(None);
        let listen = reactor.listen("tcp:0");
        let listener = match service {
            Service::Echo => Mode::Echo.serve(listen)?,
            Service::Lines => Mode::Lines.serve(listen)?,
            Service::Chat | Service::Room(_) => Mode::Chat.serve(listen)?,
        };
        let Address::Tcp(address) = listener.address() else {
            panic!("a TCP listener has a TCP address");
        };
        Ok(Self {
            stepper: Stepper::new(reactor),
            port: address.port(),
        })
    }
}

impl Stepped for Ropewalk {
    fn port(&self) -> u16 {
        self.port
    }

    /// As `Reactor::run` does it.
    fn turn(&mut self) {
        let timeout = self.stepper.timeout();
        let goes_on = self.stepper.turn(timeout).expect("the selector works");
        assert!(goes_on, "nobody stops the reactor");
    }

    fn bytes_sent(&mut self) -> u64 {
        self.stepper.reactor().counters().bytes_out
    }

    fn connections(&mut self) -> usize {
        let counters = self.stepper.reactor().counters();
        (counters.accepted - counters.lost) as usize
    }
}
