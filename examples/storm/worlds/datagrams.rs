//! An echo of datagrams beside the others, and those who ask it. Owns what is asked and what may come back: what was asked, from
//! whom it was asked, and in the end an answer to everything.

use std::net::SocketAddr;
use std::time::Duration;

use ropewalk::sim::World;
use ropewalk::{DatagramProtocol, DatagramTransport, Lost, Reactor, TimerId};

use super::ledger::Ledger;

const PORT: u16 = 8007;
/// How long one waits before one asks again: much longer than an answer takes that nothing holds up.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long one waits before one tries again to open a socket.
const PAUSE: Duration = Duration::from_millis(50);

/// Sends back what it gets. If a callback of it panics its socket is closed, and another one opened.
struct Echo;

/// Opens the echo's socket on the server, each time its process begins.
pub(crate) fn serve(reactor: &mut Reactor) -> ropewalk::Result<()> {
    let bind = reactor.bind(format!("udp:{PORT}:interface=*"));
    bind.with(Echo).map(drop)
}

fn serve_again(reactor: &mut Reactor) {
    if !reactor.is_stopping() && serve(reactor).is_err() {
        reactor.call_later(PAUSE, serve_again);
    }
}

impl DatagramProtocol for Echo {
    fn datagram_received(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        data: &[u8],
        from: SocketAddr,
    ) {
        transport.send_to(data, from);
    }

    fn stopped(&mut self, transport: &mut DatagramTransport<'_>, reason: &Lost) {
        if *reason == Lost::Panicked {
            transport.reactor().call_later(Duration::ZERO, serve_again);
        }
    }
}

/// Asks one thing after the other, each until it is answered.
struct Asker {
    name: u64,
    ledger: Ledger,
    server: SocketAddr,
    /// What is asked now, counted from 0.
    asked: u64,
    most: u64,
    /// To ask again.
    timer: Option<TimerId>,
}

/// Has some ask the server from a host that is there.
pub(crate) fn ask(world: &World, host: &str, ledger: &Ledger) {
    let server = SocketAddr::new(world.address("server"), PORT);
    for name in 0..1 + world.choose(2) {
        let asker = Asker {
            name,
            ledger: ledger.clone(),
            server,
            asked: 0,
            most: 1 + world.choose(20),
            timer: None,
        };
        ledger.begin();
        world.on(host, |reactor| asker.begin(reactor));
    }
}

impl Asker {
    /// With a socket of its own, now or later.
    fn begin(self, reactor: &mut Reactor) {
        let again = Self {
            ledger: self.ledger.clone(),
            ..self
        };
        if reactor.bind("udp:0:interface=*").with(self).is_err() {
            reactor.call_later(PAUSE, move |reactor| again.begin(reactor));
        }
    }

    fn question(&self, number: u64) -> Vec<u8> {
        let filling = "x".repeat((number * 37 % 600) as usize);
        format!("{} asks {number} {filling}.", self.name).into_bytes()
    }

    fn ask(&mut self, transport: &mut DatagramTransport<'_>) {
        transport.send_to(self.question(self.asked), self.server);
        let again = transport.call_later(PATIENCE, |this: &mut Self, transport| {
            let number = this.asked;
            this.ledger
                .report_break(|| format!("a datagram is not answered: {number}"));
            this.ask(transport);
        });
        self.timer = Some(again);
    }

    fn is_answered(&mut self, transport: &mut DatagramTransport<'_>) {
        if let Some(timer) = self.timer.take() {
            transport.cancel(timer);
        }
        self.asked += 1;
        if self.asked < self.most {
            self.ask(transport);
        } else {
            transport.stop_listening();
        }
    }

    fn wrong(&self, data: &[u8], from: SocketAddr) {
        let heard = data.escape_ascii();
        self.ledger
            .report(|| format!("what one asked: from {from} comes \"{heard}\""));
    }
}

impl DatagramProtocol for Asker {
    fn started(&mut self, transport: &mut DatagramTransport<'_>) {
        self.ask(transport);
    }

    fn datagram_received(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        data: &[u8],
        from: SocketAddr,
    ) {
        let answered = (0..=self.asked).find(|&number| self.question(number) == data);
        match answered {
            _ if from != self.server => self.wrong(data, from),
            None => self.wrong(data, from),
            Some(number) if number == self.asked => self.is_answered(transport),
            Some(number) => self
                .ledger
                .report_break(|| format!("a datagram is answered twice: {number}")),
        }
    }

    fn datagram_truncated(&mut self, _: &mut DatagramTransport<'_>, data: &[u8], from: SocketAddr) {
        let mut asked = (0..=self.asked).map(|number| self.question(number));
        if from != self.server || !asked.any(|question| question.starts_with(data)) {
            self.wrong(data, from);
        }
        self.ledger
            .report_break(|| "a datagram is cut off".to_owned());
    }

    fn stopped(&mut self, transport: &mut DatagramTransport<'_>, reason: &Lost) {
        if self.asked == self.most {
            return self.ledger.end();
        }
        self.ledger
            .report_break(|| format!("a socket is closed: {reason}"));
        let again = Self {
            ledger: self.ledger.clone(),
            timer: None,
            ..*self
        };
        let reactor = transport.reactor();
        reactor.call_later(PAUSE, move |reactor| again.begin(reactor));
    }
}
