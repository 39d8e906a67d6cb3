//! An echo and its clients, who send and compare what comes back. Owns the bytes: what a client sends is known from its
//! position alone, so that each byte that comes back can be judged.

use std::time::Duration;

use ropewalk::sim::World;
use ropewalk::{Limits, Lost, Protocol, Reactor, Transport};

use super::ledger::Ledger;

const SERVER: &str = "tcp:server:8007";
/// How long a client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(20);
/// Connections that a client makes at the most.
const ATTEMPTS: u64 = 4;

/// Sends back what it gets, as the example `echo` does.
struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

/// What a client is going to do, drawn beforehand.
#[derive(Clone, Copy)]
struct Plan {
    /// Blocks it sends, each when the one before has come back.
    blocks: u64,
    size: u64,
    attempts: u64,
    ending: Ending,
}

#[derive(Clone, Copy)]
enum Ending {
    /// Our FIN, and the echo's answer to it.
    HalfClose,
    Close,
    Abort,
}

struct Client {
    plan: Plan,
    ledger: Ledger,
    blocks_left: u64,
    sent: u64,
    received: u64,
    ended: bool,
}

/// The text that all clients send, over and over: a prime number of bytes, so that no other part of it is mistaken for the
/// right one. Twice in a row, so that what is sent at a time is a slice of it.
const PERIOD: usize = 32_749;

thread_local! {
    static TEXT: Vec<u8> = (0..2 * PERIOD)
        .map(|at| (at % PERIOD) as u32)
        .map(|at| (at.wrapping_mul(0x9e37_79b9) >> 24) as u8)
        .collect();
}

/// Where the text is at a position.
fn place(position: u64) -> usize {
    (position % PERIOD as u64) as usize
}

impl Client {
    fn connect(reactor: &mut Reactor, plan: Plan, ledger: Ledger) {
        let again = ledger.clone();
        let client = Self {
            plan,
            ledger,
            blocks_left: plan.blocks,
            sent: 0,
            received: 0,
            ended: false,
        };
        reactor
            .connect(SERVER)
            .failed(move |reactor, _| Self::try_again(reactor, plan, again))
            .with(client);
    }

    fn try_again(reactor: &mut Reactor, mut plan: Plan, ledger: Ledger) {
        if plan.attempts == 0 {
            return ledger.end();
        }
        plan.attempts -= 1;
        reactor.call_later(PAUSE, move |reactor| Self::connect(reactor, plan, ledger));
    }

    fn send_block(&mut self, transport: &mut Transport<'_>) {
        self.blocks_left -= 1;
        let begin = place(self.sent);
        self.sent += self.plan.size;
        TEXT.with(|text| transport.write(&text[begin..begin + self.plan.size as usize]));
    }

    fn finish(&mut self, transport: &mut Transport<'_>) {
        self.ended = true;
        match self.plan.ending {
            Ending::HalfClose => transport.lose_write_connection(),
            Ending::Close => transport.lose_connection(),
            Ending::Abort => transport.abort_connection(),
        }
    }
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.send_block(transport);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        let from = self.received;
        self.received += data.len() as u64;
        let mut at = from;
        let right = data.chunks(PERIOD).all(|part| {
            let begin = place(at);
            at += part.len() as u64;
            TEXT.with(|text| text[begin..begin + part.len()] == *part)
        });
        if !right || self.received > self.sent {
            let (sent, received) = (self.sent, self.received);
            self.ledger.report(|| {
                format!(
                    "received is sent: of {sent} bytes, {received} came back, from {from} on others"
                )
            });
        }
        if self.received == self.sent && !self.ended {
            if self.blocks_left > 0 {
                self.send_block(transport);
            } else {
                self.finish(transport);
            }
        }
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        if self.ended && (matches!(reason, Lost::Done(_)) || self.received == self.sent) {
            return self.ledger.end();
        }
        let (plan, ledger) = (self.plan, self.ledger.clone());
        Self::try_again(transport.reactor(), plan, ledger);
    }
}

/// Some hosts of clients, and the echo they all call.
pub(crate) fn play(world: &World) {
    world.service("server", |reactor| {
        let listen = reactor.listen("tcp:8007:interface=*");
        let limits = Limits::default().water_marks(1_024, 16 * 1_024);
        listen.limits(limits).serve(|_peer| Echo).map(drop)
    });
    let ledger = Ledger::default();
    for host in 0..1 + world.choose(3) {
        let plans: Vec<Plan> = (0..1 + world.choose(16)).map(|_| plan(world)).collect();
        world.host(&format!("client{host}"), |reactor| {
            for plan in plans {
                ledger.begin();
                Client::connect(reactor, plan, ledger.clone());
            }
            Ok(())
        });
    }
    ledger.settle(world, Duration::from_secs(20));
    world.stop("server");
    ledger.check();
}

fn plan(world: &World) -> Plan {
    let sizes = [64, 1, 17, 300, 2_000, 12_000];
    Plan {
        blocks: 1 + world.choose(300),
        size: sizes[world.choose(6) as usize],
        attempts: world.choose(ATTEMPTS),
        ending: match world.choose(4) {
            0 | 1 => Ending::HalfClose,
            2 => Ending::Close,
            _ => Ending::Abort,
        },
    }
}
