//! A scenario on the kernel: two reactors on the machine's network, turned alternately. Owns the knowledge of when nothing
//! is under way; does not compare.

use std::cell::RefCell;
use std::time::Duration;

use ropewalk::{Reactor, Stepper, Time};

use crate::outcome::Outcome;
use crate::play::{Ground, play};
use crate::puppet::{HASTE, Puppet, Record, limits};
use crate::scenario::{End, Scenario};

/// How long [`Step::Pass`](crate::scenario::Step::Pass) takes: longer than a lingering that begins at another's deadline.
pub(crate) const PASSES: Duration = Duration::from_millis(250);
/// Turns in a row in which nothing happens, before it is quiet: loopback delivers at once.
const QUIET: u32 = 3;
/// How long to wait for bytes that are on their way: longer than a kernel's timers for acknowledgements and probes.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a scenario is repeated that was held up so that its deadlines may have passed.
const ATTEMPTS: u32 = 20;

/// Plays a scenario on loopback.
pub(crate) fn play_on_kernel(scenario: &Scenario) -> Outcome {
    for _ in 0..ATTEMPTS {
        let ground = Kernel::new(scenario);
        let outcome = play(&ground, scenario);
        if !scenario.hasty || *ground.longest.borrow() < HASTE / 2 {
            return outcome;
        }
    }
    panic!("this machine is too busy to keep deadlines of {HASTE:?}");
}

struct Kernel {
    client: Side,
    server: Side,
    /// The longest time that anything took that should take none.
    longest: RefCell<Duration>,
}

struct Side {
    stepper: RefCell<Stepper>,
    record: Record,
}

impl Side {
    fn new() -> Self {
        let reactor = Reactor::new().expect("the system has a selector");
        Self {
            stepper: RefCell::new(Stepper::new(reactor)),
            record: Record::default(),
        }
    }

    fn turn(&self, most: Duration) {
        let turned = self.stepper.borrow_mut().turn(Some(most));
        turned.expect("the selector works");
    }

    fn has_work(&self) -> bool {
        self.stepper.borrow_mut().timeout() == Some(Duration::ZERO)
    }

    /// What went in and out, and what is left to send if it is still there.
    fn flow(&self) -> (u64, u64, Option<usize>) {
        let mut stepper = self.stepper.borrow_mut();
        let reactor = stepper.reactor();
        let counters = reactor.counters();
        let unsent = self.record.id().and_then(|id| reactor.unsent(id));
        (counters.bytes_in, counters.bytes_out, unsent)
    }

    /// A number that changes whenever something happens.
    fn progress(&self) -> u64 {
        let (in_, out, unsent) = self.flow();
        self.record.progress() as u64 + in_ + out + u64::from(unsent.is_some())
    }
}

impl Kernel {
    fn new(scenario: &Scenario) -> Self {
        let ground = Self {
            client: Side::new(),
            server: Side::new(),
            longest: RefCell::default(),
        };
        ground.connect(scenario);
        ground
    }

    fn connect(&self, scenario: &Scenario) {
        let limits = limits(scenario.hasty);
        let (record, manner) = (self.server.record.clone(), scenario.server);
        let mut stepper = self.server.stepper.borrow_mut();
        let listener = stepper
            .reactor()
            .listen("tcp:0")
            .limits(limits.clone())
            .serve(move |_| Puppet::new(&record, manner))
            .expect("a free port can be listened on");
        let record = self.client.record.clone();
        let failed = record.clone();
        let mut stepper = self.client.stepper.borrow_mut();
        let id = stepper
            .reactor()
            .connect(format!("tcp:{}", listener.address()))
            .limits(limits)
            .failed(move |_, _| failed.note("failed"))
            .with(Puppet::new(&record, scenario.client));
        record.knows(id);
    }

    fn side(&self, end: End) -> &Side {
        match end {
            End::Client => &self.client,
            End::Server => &self.server,
        }
    }

    fn progress(&self) -> u64 {
        self.client.progress() + self.server.progress()
    }

    /// Whether bytes are on their way from `end` to somebody who will take them.
    fn flows_from(&self, end: End) -> bool {
        let (from, to) = (self.side(end), self.side(end.other()));
        let ((_, out, unsent), (in_, _, reader)) = (from.flow(), to.flow());
        let is_there = unsent.is_some() && reader.is_some();
        is_there && to.record.reads() && (out > in_ || unsent > Some(0))
    }

    fn turn_both(&self, most: Duration) {
        self.server.turn(most);
        self.client.turn(Duration::ZERO);
    }

    fn now(&self) -> Time {
        self.server.stepper.borrow_mut().reactor().now()
    }

    fn clocked(&self, act: impl FnOnce()) {
        let begin = self.now();
        act();
        let took = self.now() - begin;
        let longest = &mut *self.longest.borrow_mut();
        *longest = (*longest).max(took);
    }
}

impl Ground for Kernel {
    fn record(&self, end: End) -> &Record {
        &self.side(end).record
    }

    fn on(&self, end: End, act: &mut dyn FnMut(&mut Reactor)) {
        act(self.side(end).stepper.borrow_mut().reactor());
    }

    fn turn(&self, end: End) {
        self.clocked(|| {
            let side = self.side(end);
            let mut quiet = 0;
            while quiet < QUIET {
                let before = side.progress();
                side.turn(Duration::ZERO);
                let idle = side.progress() == before && !side.has_work();
                quiet = if idle { quiet + 1 } else { 0 };
            }
        });
    }

    fn settle(&self) {
        self.clocked(|| {
            let mut quiet = 0;
            let mut last = self.now();
            while quiet < QUIET {
                let before = self.progress();
                self.turn_both(Duration::ZERO);
                let idle = self.progress() == before
                    && !End::BOTH.iter().any(|&end| self.side(end).has_work());
                if !idle {
                    (quiet, last) = (0, self.now());
                } else if End::BOTH.iter().any(|&end| self.flows_from(end))
                    && self.now() - last < PATIENCE
                {
                    quiet = 0;
                    self.turn_both(Duration::from_millis(1));
                } else {
                    quiet += 1;
                }
            }
        });
    }

    fn pass(&self) {
        let begin = self.now();
        while self.now() - begin < PASSES {
            self.turn_both(Duration::from_millis(1));
        }
    }
}
