//! An echo and its clients, who send and compare what comes back. Owns the bytes: what a client sends is known from its
//! position alone, so that each byte that comes back can be judged.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::World;
use ropewalk::{ConnectionId, Limits, Lost, Protocol, Reactor, Time, TimerId, Transport};

use super::datagrams;
use super::ledger::Ledger;

const SERVER: &str = "tcp:server:8007";
/// How long a client waits before it comes again, at the most.
const PAUSE: Duration = Duration::from_millis(20);
/// Connections that a client makes at the most.
const ATTEMPTS: u64 = 4;

/// Calls that a block is posted in.
const PARTS: u64 = 4;
/// How many of those who are gone are spoken to when somebody comes.
const STRAYS: usize = 4;

/// Sends back what it gets, as the example `echo` does.
#[derive(Clone)]
struct Echo {
    ledger: Ledger,
    /// The ids of those who are gone.
    gone: Rc<RefCell<Vec<ConnectionId>>>,
}

impl Protocol for Echo {
    /// Who is gone is spoken to: nobody hears it, least of all one who has come since.
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        for &id in self.gone.borrow().iter().rev().take(STRAYS) {
            transport.reactor().write(id, "to somebody else");
        }
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        if let Lost::TimedOut(_) = reason {
            self.ledger.report_break(|| format!("a client is {reason}"));
        }
        self.gone.borrow_mut().push(transport.id());
    }
}

/// What a client is going to do, drawn beforehand.
#[derive(Clone, Copy)]
struct Plan {
    /// Blocks it sends, each when the one before has come back.
    blocks: u64,
    size: u64,
    attempts: u64,
    /// How often it comes when all goes well.
    visits: u64,
    /// Whether each block is sent by calls that are posted, as from another thread.
    posts: bool,
    ending: Ending,
}

#[derive(Clone, Copy)]
enum Ending {
    /// Our FIN, and the echo's answer to it.
    HalfClose,
    /// The same without waiting: all that is sent and the FIN go out before anything comes back.
    EarlyHalfClose,
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
    /// A timer that another one of the same moment cancels.
    cancelled: Option<TimerId>,
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
            cancelled: None,
        };
        reactor
            .connect(SERVER)
            .failed(move |reactor, error| {
                again.report_break(|| format!("a connect fails: {error}"));
                Self::try_again(reactor, plan, again);
            })
            .with(client);
    }

    fn try_again(reactor: &mut Reactor, mut plan: Plan, ledger: Ledger) {
        if plan.attempts == 0 {
            return ledger.end();
        }
        plan.attempts -= 1;
        Self::come_again(reactor, plan, ledger);
    }

    /// At the next full pause by the clock, so that many come at once.
    fn come_again(reactor: &mut Reactor, plan: Plan, ledger: Ledger) {
        let now = reactor.now().since(Time::START).as_nanos();
        let over = Duration::from_nanos((now % PAUSE.as_nanos()) as u64);
        reactor.call_later(PAUSE - over, move |reactor| {
            Self::connect(reactor, plan, ledger);
        });
    }

    /// Where in the text the next bytes to be sent are.
    fn next_piece(&mut self, size: u64) -> Range<usize> {
        let begin = place(self.sent);
        self.sent += size;
        begin..begin + size as usize
    }

    fn send_block(&mut self, transport: &mut Transport<'_>) {
        self.blocks_left -= 1;
        let piece = self.next_piece(self.plan.size);
        TEXT.with(|text| transport.write(&text[piece]));
    }

    /// Sends a block in several parts, each by a call of its own.
    fn post_block(&mut self, transport: &mut Transport<'_>) {
        self.blocks_left -= 1;
        let remote = transport.remote::<Self>();
        let mut left = self.plan.size;
        while left > 0 {
            let size = left.min(self.plan.size / PARTS + 1);
            let piece = self.next_piece(size);
            left -= size;
            let posted = remote.tell(move |_: &mut Self, transport| {
                TEXT.with(|text| transport.write(&text[piece]));
            });
            if posted.is_err() {
                // Too many calls wait: it tries again some other time.
                return transport.abort_connection();
            }
        }
    }

    fn send_next(&mut self, transport: &mut Transport<'_>) {
        if self.plan.posts {
            self.post_block(transport);
        } else {
            self.send_block(transport);
        }
    }

    /// Two timers for the same moment, of which the first cancels the second.
    fn set_timers(&mut self, transport: &mut Transport<'_>) {
        transport.call_later(PAUSE, |this: &mut Self, transport| {
            if let Some(cancelled) = this.cancelled.take() {
                transport.cancel(cancelled);
            }
        });
        let cancelled = transport.call_later(PAUSE, |this: &mut Self, _| {
            this.ledger
                .report(|| "timers: one fires that was cancelled".to_owned());
        });
        self.cancelled = Some(cancelled);
    }

    /// All went well: it comes again, or is done.
    fn leave(&self, transport: &mut Transport<'_>) {
        let mut plan = self.plan;
        plan.visits -= 1;
        if plan.visits == 0 {
            return self.ledger.end();
        }
        Self::come_again(transport.reactor(), plan, self.ledger.clone());
    }

    fn finish(&mut self, transport: &mut Transport<'_>) {
        self.ended = true;
        match self.plan.ending {
            Ending::HalfClose | Ending::EarlyHalfClose => transport.lose_write_connection(),
            Ending::Close => transport.lose_connection(),
            Ending::Abort => transport.abort_connection(),
        }
    }
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.set_timers(transport);
        self.send_block(transport);
        if let Ending::EarlyHalfClose = self.plan.ending {
            while self.blocks_left > 0 {
                self.send_block(transport);
            }
            self.finish(transport);
        }
    }

    /// Who sends more than he reads would wait for the echo, which waits for him.
    fn pause_writing(&mut self, _transport: &mut Transport<'_>) {}

    fn resume_writing(&mut self, _transport: &mut Transport<'_>) {}

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
                self.send_next(transport);
            } else {
                self.finish(transport);
            }
        }
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        let aborted = matches!(self.plan.ending, Ending::Abort) && *reason == Lost::Aborted;
        let in_order = aborted || matches!(reason, Lost::Done(_));
        if !(self.ended && in_order && self.received == self.sent) {
            let (sent, received) = (self.sent, self.received);
            self.ledger.report_break(|| {
                format!("of {sent} bytes {received} came back, then the connection was {reason}")
            });
        }
        if self.ended && (matches!(reason, Lost::Done(_)) || self.received == self.sent) {
            return self.leave(transport);
        }
        let (plan, ledger) = (self.plan, self.ledger.clone());
        Self::try_again(transport.reactor(), plan, ledger);
    }
}

/// Some hosts of clients, and the echo they all call.
pub(crate) fn play(world: &World) {
    let (low, high) = [(1_024, 16 * 1_024), (0, 64), (64, 700)][world.choose(3) as usize];
    let ledger = Ledger::default();
    let judged = ledger.clone();
    world.service("server", move |reactor| {
        datagrams::serve(reactor)?;
        let echo = Echo {
            ledger: judged.clone(),
            gone: Rc::default(),
        };
        let listen = reactor.listen("tcp:8007:interface=*");
        let limits = Limits::default().water_marks(low, high);
        listen
            .limits(limits)
            .serve(move |_peer| echo.clone())
            .map(drop)
    });
    let mut hosts = vec!["server".to_owned()];
    for host in 0..1 + world.choose(3) {
        let plans: Vec<Plan> = (0..1 + world.choose(16)).map(|_| plan(world)).collect();
        let name = format!("client{host}");
        world.host(&name, |reactor| {
            for plan in plans {
                ledger.begin();
                Client::connect(reactor, plan, ledger.clone());
            }
            Ok(())
        });
        hosts.push(name);
    }
    datagrams::ask(world, "client0", &ledger);
    ledger.settle(world, Duration::from_secs(20));
    ledger.conclude(world, &hosts);
}

fn plan(world: &World) -> Plan {
    let sizes = [64, 1, 17, 300, 2_000, 12_000];
    let visits = 1 + world.choose(4);
    Plan {
        blocks: 1 + world.choose(300) / visits,
        visits,
        size: sizes[world.choose(6) as usize],
        attempts: world.choose(ATTEMPTS),
        posts: world.choose(3) == 2,
        ending: match world.choose(5) {
            0 => Ending::HalfClose,
            1 => Ending::EarlyHalfClose,
            2 => Ending::Close,
            3 => Ending::HalfClose,
            _ => Ending::Abort,
        },
    }
}
