//! A simulated world: hosts with reactors, peers, one clock. Owns whose turn it is and when time moves; what happens on
//! the wires is the fabric's.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::choose::Site;
use super::fabric::{Fabric, Shared};
use super::faults::Faults;
use super::host::HostId;
use super::network::SimNetwork;
use crate::network::{Network, Time};
use crate::reactor::{Reactor, Stepper};

/// After so many turns without the clock moving, a world is taken to be going in circles.
const MOST_TURNS_AT_ONCE: u64 = 1_000_000;
/// How long, in virtual time, a world is run for something to come true.
const PATIENCE: Duration = Duration::from_secs(600);

/// A world in memory that repeats itself exactly for a seed. Cloning gives another handle to the same world.
///
/// Nothing happens in it by itself: it is run by [`run_for`](Self::run_for), [`run_until`](Self::run_until),
/// [`settle`](Self::settle), and by whatever a [`Peer`](super::Peer) waits for. Time jumps from one event to the next, so
/// that an hour in which nothing happens costs nothing.
#[derive(Clone)]
pub struct World {
    state: Rc<State>,
}

struct State {
    seed: u64,
    faults: Faults,
    fabric: Shared,
    machines: RefCell<Vec<Machine>>,
    turns: Cell<u64>,
    /// Turns since the clock last moved.
    turns_at_once: Cell<u64>,
}

/// A host with a reactor.
struct Machine {
    name: String,
    host: HostId,
    /// Lent out while it turns, so that nothing is borrowed while user code runs.
    stepper: Option<Stepper>,
    pace: Pace,
}

/// When a reactor wants its next turn, if nothing becomes ready before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    At(Time),
    /// When something becomes ready.
    Waits,
    /// Not before then, whatever becomes ready.
    Frozen(Time),
    /// Never: it has stopped.
    Stopped,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Happened,
    /// Nothing more happens before the limit.
    Nothing,
}

impl World {
    /// An empty world. What `faults` allows to happen is drawn from `seed`.
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self {
            state: Rc::new(State {
                seed,
                faults,
                fabric: Rc::new(RefCell::new(Fabric::new(seed, faults))),
                machines: RefCell::new(Vec::new()),
                turns: Cell::new(0),
                turns_at_once: Cell::new(0),
            }),
        }
    }

    /// Puts a host into the world, with a reactor on its network, and sets that up. Its name resolves to its addresses:
    /// 10.0.0.1 and fd00::1 for the first host, and so on.
    ///
    /// # Panics
    /// If there is such a host already, or `setup` fails.
    #[track_caller]
    pub fn host<R>(&self, name: &str, setup: impl FnOnce(&mut Reactor) -> crate::Result<R>) -> R {
        assert!(self.find(name).is_none(), "there is a host {name} already");
        let host = self.fabric().borrow_mut().host_named(name);
        let mut network = SimNetwork::new(self.fabric().clone(), host);
        // A world stands in for `run`, which is the one to listen to signals.
        let watched = network.watch_signals();
        watched.expect("a simulated host has signals");
        let mut reactor = Reactor::on(Box::new(network));
        let outcome = setup(&mut reactor);
        let machine = Machine {
            name: name.to_owned(),
            host,
            stepper: Some(Stepper::new(reactor)),
            pace: Pace::At(self.now()),
        };
        self.state.machines.borrow_mut().push(machine);
        outcome.unwrap_or_else(|error| self.fail(&format!("setting up {name} failed: {error}")))
    }

    /// Runs code on a host's reactor from outside, as between two of its turns.
    ///
    /// # Panics
    /// If there is no such host, or it is just having a turn.
    #[track_caller]
    pub fn on<R>(&self, name: &str, act: impl FnOnce(&mut Reactor) -> R) -> R {
        let Some(index) = self.find(name) else {
            self.fail(&format!("there is no host {name} with a reactor"))
        };
        let mut stepper = self.lend(index);
        let outcome = act(stepper.reactor());
        // What it was told may change what it waits for; a mere question does not.
        let pace = self.pace_of(&mut stepper);
        let machine = &mut self.state.machines.borrow_mut()[index];
        machine.stepper = Some(stepper);
        if !matches!(machine.pace, Pace::Stopped | Pace::Frozen(_)) {
            machine.pace = pace;
        }
        outcome
    }

    /// Has a host stand still for so long, as a machine that is suspended or a process that is held up. Time goes on, for it
    /// too: what comes meanwhile, and what falls due, is all there when it goes on.
    ///
    /// # Panics
    /// If there is no such host, or it is just having a turn.
    #[track_caller]
    pub fn freeze(&self, name: &str, time: Duration) {
        self.on(name, |_| ());
        let index = self.find(name);
        let machines = &mut *self.state.machines.borrow_mut();
        if let Some(machine) = index.map(|index| &mut machines[index])
            && machine.pace != Pace::Stopped
        {
            machine.pace = Pace::Frozen(self.now() + time);
        }
    }

    /// Has a host's reactor stop, and runs the world until it has.
    ///
    /// # Panics
    /// If it does not stop within ten virtual minutes.
    #[track_caller]
    pub fn stop(&self, name: &str) {
        self.on(name, Reactor::stop);
        self.run_until(|world| world.has_stopped(name));
    }

    /// Whether a host's reactor has stopped, and all that it owed is done.
    #[track_caller]
    pub fn has_stopped(&self, name: &str) -> bool {
        let Some(index) = self.find(name) else {
            self.fail(&format!("there is no host {name} with a reactor"))
        };
        self.state.machines.borrow()[index].pace == Pace::Stopped
    }

    /// Whether there is a host of that name with a reactor.
    pub fn has_host(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The address of a host, of version 4.
    ///
    /// # Panics
    /// If there is no such host.
    #[track_caller]
    pub fn address(&self, name: &str) -> IpAddr {
        let fabric = self.fabric().borrow();
        match fabric.find_host(name) {
            Some(host) => fabric.host(host).v4.into(),
            None => panic!("there is no host {name}"),
        }
    }

    /// Lets the next thing happen: a turn of each reactor that has something to do, or else the clock moves to what comes
    /// next. `false` if nothing more will happen by itself.
    pub fn step(&self) -> bool {
        self.step_before(Time::NEVER) == Step::Happened
    }

    /// Virtual time now.
    pub fn now(&self) -> Time {
        self.fabric().borrow().now
    }

    /// How many turns all reactors have had together.
    pub fn turns(&self) -> u64 {
        self.state.turns.get()
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.state.seed
    }

    /// What may go wrong.
    pub fn faults(&self) -> Faults {
        self.state.faults
    }

    /// Runs for so long in virtual time.
    pub fn run_for(&self, delay: Duration) {
        let end = self.now() + delay;
        while self.step_before(end) == Step::Happened {}
        self.advance(end);
    }

    /// Runs until `done`.
    ///
    /// # Panics
    /// If it does not come true within ten virtual minutes, or nothing happens any more.
    #[track_caller]
    pub fn run_until(&self, done: impl Fn(&Self) -> bool) {
        if self.wait_for(|world| done(world).then_some(())).is_none() {
            self.fail("what was to come true did not");
        }
    }

    /// Runs until nothing is left to do but wait for timers.
    pub fn settle(&self) {
        while self.is_busy() && self.step_before(Time::NEVER) == Step::Happened {}
    }

    /// What happened, a line each, as far as it is kept: see [`Trace`](super::Trace).
    pub fn trace(&self) -> Vec<String> {
        self.fabric().borrow().story().lines()
    }

    /// Runs until `check` finds something; `None` if it does not.
    pub(super) fn wait_for<T>(&self, mut check: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let end = self.now() + PATIENCE;
        loop {
            let found = check(self);
            if found.is_some() || self.step_before(end) == Step::Nothing {
                return found;
            }
        }
    }

    pub(super) fn fabric(&self) -> &Shared {
        &self.state.fabric
    }

    /// Panics with the story so far.
    #[track_caller]
    pub(super) fn fail(&self, what: &str) -> ! {
        let ladder = self.ladder();
        panic!(
            "{what}\nseed {}, Faults::{:?}, t={}, after {} turns; what happened:\n\n{ladder}",
            self.state.seed,
            self.state.faults,
            self.now(),
            self.turns(),
        )
    }

    fn find(&self, name: &str) -> Option<usize> {
        let machines = self.state.machines.borrow();
        machines.iter().position(|machine| machine.name == name)
    }

    #[track_caller]
    fn lend(&self, index: usize) -> Stepper {
        let stepper = self.state.machines.borrow_mut()[index].stepper.take();
        stepper.unwrap_or_else(|| {
            self.fail("a world can't be run, nor its host used, from a callback")
        })
    }

    /// Gives each host with something to do a turn; if there is none, moves the clock to what happens next, unless that
    /// is after `end`.
    fn step_before(&self, end: Time) -> Step {
        let mut ready = self.ready();
        if !ready.is_empty() {
            let fabric = self.fabric();
            fabric.borrow_mut().reorder(Site::HostOrder, &mut ready);
            for index in ready {
                self.turn(index);
            }
            return Step::Happened;
        }
        match self.next() {
            Some(next) if next <= end => {
                self.advance(next);
                Step::Happened
            }
            _ => Step::Nothing,
        }
    }

    fn advance(&self, to: Time) {
        if to > self.now() {
            self.state.turns_at_once.set(0);
        }
        self.fabric().borrow_mut().advance(to);
    }

    /// The machines that have something to do now.
    fn ready(&self) -> Vec<usize> {
        let fabric = self.fabric().borrow();
        let now = fabric.now;
        let machines = self.state.machines.borrow();
        let is_ready = |machine: &Machine| match machine.pace {
            Pace::Stopped => false,
            Pace::At(time) if time <= now => true,
            Pace::Frozen(until) => until <= now,
            Pace::At(_) | Pace::Waits => fabric.host(machine.host).is_ready(),
        };
        let ready = (0..machines.len()).filter(|&index| is_ready(&machines[index]));
        ready.collect()
    }

    /// When something happens next: on a wire, or by a reactor's timer.
    fn next(&self) -> Option<Time> {
        let machines = self.state.machines.borrow();
        let timers = machines.iter().filter_map(|machine| match machine.pace {
            Pace::At(time) | Pace::Frozen(time) => Some(time),
            Pace::Waits | Pace::Stopped => None,
        });
        timers.chain(self.fabric().borrow().next_event()).min()
    }

    fn is_busy(&self) -> bool {
        !self.ready().is_empty() || !self.fabric().borrow().is_at_rest()
    }

    fn turn(&self, index: usize) {
        self.count_turn();
        let mut stepper = self.lend(index);
        let outcome = stepper.turn(Some(Duration::ZERO));
        let pace = match outcome {
            Ok(true) => self.pace_of(&mut stepper),
            Ok(false) => Pace::Stopped,
            Err(error) => self.fail(&format!("a reactor failed: {error}")),
        };
        let machine = &mut self.state.machines.borrow_mut()[index];
        machine.stepper = Some(stepper);
        machine.pace = pace;
    }

    fn pace_of(&self, stepper: &mut Stepper) -> Pace {
        stepper
            .timeout()
            .map_or(Pace::Waits, |delay| Pace::At(self.now() + delay))
    }

    fn count_turn(&self) {
        self.state.turns.set(self.state.turns.get() + 1);
        let at_once = self.state.turns_at_once.get() + 1;
        self.state.turns_at_once.set(at_once);
        if at_once > MOST_TURNS_AT_ONCE {
            self.fail("a reactor turns and turns, and time does not move");
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.state.seed)
            .field("faults", &self.state.faults)
            .field("now", &self.now())
            .field("turns", &self.turns())
            .finish_non_exhaustive()
    }
}
