//! A simulated world: hosts with reactors, peers, one clock. Owns whose turn it is and when time moves; what happens on
//! the wires is the fabric's.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::choose::{Enumerated, Site, Source, Tape};
use super::fabric::{Fabric, Shared};
use super::family::Family;
use super::faults::Faults;
use super::host::HostId;
use super::judge::{Inspection, Judge, Verdict};
use super::machine::{Machine, Pace, Setup};
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
    pub(super) state: Rc<State>,
}

pub(super) struct State {
    seed: u64,
    faults: Faults,
    fabric: Shared,
    pub(super) machines: RefCell<Vec<Machine>>,
    /// When each family with times of its own strikes next.
    pub(super) strikes: RefCell<Vec<(Time, Family)>>,
    /// Machines that a fault has asked to stop.
    pub(super) stopped_by_fault: RefCell<BTreeSet<usize>>,
    /// What an oracle found to be wrong.
    verdict: Rc<Verdict>,
    /// What it has last panicked with, without the story.
    failure: RefCell<Option<String>>,
    /// Who plays it tells the story, if it fails.
    reported: Cell<bool>,
    turns: Cell<u64>,
    /// Turns since the clock last moved.
    turns_at_once: Cell<u64>,
}

/// What is kept of the decisions in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Nothing,
    /// All that is out of the ordinary, to be played again.
    Tape,
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
        Self::from_source(seed, faults, Source::of_seed(seed, faults), Kept::Nothing)
    }

    pub(super) fn from_source(seed: u64, faults: Faults, source: Source, kept: Kept) -> Self {
        let mut fabric = Fabric::new(seed, faults, source);
        if kept == Kept::Tape {
            fabric.choices.record(seed);
        }
        let world = Self {
            state: Rc::new(State {
                seed,
                faults,
                fabric: Rc::new(RefCell::new(fabric)),
                machines: RefCell::new(Vec::new()),
                strikes: RefCell::new(Vec::new()),
                stopped_by_fault: RefCell::new(BTreeSet::new()),
                verdict: Rc::default(),
                failure: RefCell::default(),
                reported: Cell::new(false),
                turns: Cell::new(0),
                turns_at_once: Cell::new(0),
            }),
        };
        if faults == Faults::All {
            world.schedule_strikes();
        }
        world
    }

    /// An empty world in which what a tape says happens, and nothing else that is out of the ordinary.
    pub fn on_tape(tape: &Tape) -> Self {
        Self::played(tape, Kept::Nothing)
    }

    pub(super) fn played(tape: &Tape, kept: Kept) -> Self {
        let source = Source::Tape(Box::new(tape.playback()));
        Self::from_source(tape.seed, tape.faults, source, kept)
    }

    pub(super) fn take_tape(&self) -> Tape {
        let recorded = self.fabric().borrow_mut().choices.take_recorded();
        recorded.expect("a world that was asked to has recorded")
    }

    pub(super) fn next_course(&self) -> Option<Enumerated> {
        self.fabric().borrow_mut().choices.next_course()
    }

    /// A number below `n` for the scenario's own use: how many clients there are, what they say. A failing run is made
    /// smaller towards 0. It differs from seed to seed also where nothing goes wrong.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn choose(&self, n: u64) -> u64 {
        assert!(n > 0, "there is no number below 0");
        self.fabric().borrow_mut().choices.draw_for_scenario(n)
    }

    /// How much has happened: segments that arrived, readiness that was told of, callbacks, timers, posted calls.
    pub fn events(&self) -> u64 {
        self.fabric().borrow().events
    }

    /// A number that two runs have in common if the same has happened in both, in the same order and at the same times.
    pub fn fingerprint(&self) -> u64 {
        self.fabric().borrow().fingerprint
    }

    /// How often a family of faults has struck so far.
    pub fn struck(&self, family: Family) -> u64 {
        self.fabric().borrow().choices.struck()[family as usize]
    }

    /// The families of faults that are on in this world, with how often they strike.
    pub fn describe_faults(&self) -> String {
        let families = self.fabric().borrow().choices.families();
        let words = families
            .iter()
            .map(|(family, often)| format!("{family} {often}"));
        match words.collect::<Vec<_>>() {
            words if words.is_empty() => "none".to_owned(),
            words => words.join(", "),
        }
    }

    /// Puts a host into the world, with a reactor on its network, and sets that up. Its name resolves to its addresses:
    /// 10.0.0.1 and fd00::1 for the first host, and so on.
    ///
    /// # Panics
    /// If there is such a host already, or `setup` fails.
    #[track_caller]
    pub fn host<R>(&self, name: &str, setup: impl FnOnce(&mut Reactor) -> crate::Result<R>) -> R {
        self.add_machine(name, None, setup)
    }

    /// Puts a host into the world whose process can be begun again: `setup` is called at once, and with a new reactor
    /// whenever the process has died or stopped, which is among [`Faults::All`]; see also [`crash`](Self::crash).
    ///
    /// # Panics
    /// If there is such a host already, or `setup` fails.
    #[track_caller]
    pub fn service(&self, name: &str, setup: impl Fn(&mut Reactor) -> crate::Result<()> + 'static) {
        let setup: Setup = Rc::new(setup);
        self.add_machine(name, Some(setup.clone()), |reactor| setup(reactor));
    }

    #[track_caller]
    fn add_machine<R>(
        &self,
        name: &str,
        again: Option<Setup>,
        setup: impl FnOnce(&mut Reactor) -> crate::Result<R>,
    ) -> R {
        assert!(self.find(name).is_none(), "there is a host {name} already");
        let host = self.fabric().borrow_mut().host_named(name);
        let (mut reactor, judge) = self.make_reactor(host);
        let outcome = setup(&mut reactor);
        let machine = Machine {
            judge,
            name: name.to_owned(),
            host,
            stepper: Some(Stepper::new(reactor)),
            pace: Pace::At(self.now()),
            setup: again,
        };
        self.state.machines.borrow_mut().push(machine);
        outcome.unwrap_or_else(|error| self.fail(&format!("setting up {name} failed: {error}")))
    }

    /// Puts a host into the world with something around its network, and nothing inside its reactor: what is forced there is
    /// not seen from around.
    #[cfg(all(test, feature = "record"))]
    pub(crate) fn host_over(
        &self,
        name: &str,
        around: impl FnOnce(SimNetwork) -> Box<dyn Network>,
        setup: impl FnOnce(&mut Reactor) -> crate::Result<()>,
    ) {
        let host = self.fabric().borrow_mut().host_named(name);
        let mut network = around(SimNetwork::new(self.fabric().clone(), host));
        network
            .watch_signals()
            .expect("a simulated host has signals");
        let mut reactor = Reactor::on(network);
        setup(&mut reactor).expect("it is set up");
        let machine = Machine {
            judge: Judge::new(self.fabric().clone(), host, self.state.verdict.clone()),
            name: name.to_owned(),
            host,
            stepper: Some(Stepper::new(reactor)),
            pace: Pace::At(self.now()),
            setup: None,
        };
        self.state.machines.borrow_mut().push(machine);
    }

    pub(super) fn make_reactor(&self, host: HostId) -> (Reactor, Rc<Judge>) {
        let mut network = SimNetwork::new(self.fabric().clone(), host);
        // A world stands in for `run`, which is the one to listen to signals.
        let watched = network.watch_signals();
        watched.expect("a simulated host has signals");
        let mut reactor = Reactor::on(Box::new(network));
        let judge = Judge::new(self.fabric().clone(), host, self.state.verdict.clone());
        reactor.inspect(Box::new(Inspection(judge.clone())));
        (reactor, judge)
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
        if !matches!(
            machine.pace,
            Pace::Stopped | Pace::Frozen(_) | Pace::Down(_)
        ) {
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
        if let Some(index) = self.find(name) {
            self.freeze_machine(index, time);
        }
    }

    pub(super) fn freeze_machine(&self, index: usize, time: Duration) {
        let machine = &mut self.state.machines.borrow_mut()[index];
        if machine.is_up() {
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

    /// From now on the story is left aside when something fails: it is told by who plays the scenario.
    pub(super) fn is_reported(&self) {
        self.state.reported.set(true);
    }

    /// What it has panicked with, if it has, and the story left aside.
    pub(super) fn take_failure(&self) -> Option<String> {
        self.state.failure.borrow_mut().take()
    }

    /// Panics with the story so far.
    #[track_caller]
    pub(super) fn fail(&self, what: &str) -> ! {
        *self.state.failure.borrow_mut() = Some(what.to_owned());
        let (seed, faults, now) = (self.state.seed, self.state.faults, self.now());
        let turns = self.turns();
        let when = format!("seed {seed}, Faults::{faults:?}, t={now}, after {turns} turns");
        if self.state.reported.get() {
            panic!("{what}\n{when}")
        }
        panic!("{what}\n{when}; what happened:\n\n{}", self.ladder())
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let machines = self.state.machines.borrow();
        machines.iter().position(|machine| machine.name == name)
    }

    #[track_caller]
    pub(super) fn lend(&self, index: usize) -> Stepper {
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
                match self.next_strike() {
                    // Nothing strikes where nothing else happens: a world at rest stays so.
                    Some(strike) if strike <= next => {
                        self.advance(strike);
                        self.strike();
                    }
                    _ => self.advance(next),
                }
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
            Pace::Frozen(until) | Pace::Down(until) => until <= now,
            Pace::At(_) | Pace::Waits => fabric.host(machine.host).is_ready(),
        };
        let ready = (0..machines.len()).filter(|&index| is_ready(&machines[index]));
        ready.collect()
    }

    /// When something happens next: on a wire, or by a reactor's timer.
    fn next(&self) -> Option<Time> {
        let machines = self.state.machines.borrow();
        let timers = machines.iter().filter_map(|machine| match machine.pace {
            Pace::At(time) | Pace::Frozen(time) | Pace::Down(time) => Some(time),
            Pace::Waits | Pace::Stopped => None,
        });
        timers.chain(self.fabric().borrow().next_event()).min()
    }

    fn is_busy(&self) -> bool {
        !self.ready().is_empty() || !self.fabric().borrow().is_at_rest()
    }

    fn turn(&self, index: usize) {
        self.count_turn();
        if matches!(self.state.machines.borrow()[index].pace, Pace::Down(_)) {
            return self.begin_again(index);
        }
        let mut stepper = self.lend(index);
        let outcome = stepper.turn(Some(Duration::ZERO));
        let judge = self.state.machines.borrow()[index].judge.clone();
        let pace = match outcome {
            Ok(true) => {
                judge.after_turn(stepper.glance());
                if self.state.faults == Faults::All {
                    judge.check_panics(stepper.glance());
                }
                self.pace_of(&mut stepper)
            }
            Ok(false) => {
                judge.after_stop(stepper.glance());
                self.pace_after_stop(index)
            }
            Err(error) => self.fail(&format!("a reactor failed: {error}")),
        };
        if let Some(what) = self.state.verdict.take() {
            self.fail(&what);
        }
        let machine = &mut self.state.machines.borrow_mut()[index];
        machine.stepper = Some(stepper);
        machine.pace = pace;
    }

    fn pace_of(&self, stepper: &mut Stepper) -> Pace {
        let Some(delay) = stepper.timeout() else {
            return Pace::Waits;
        };
        let later = if delay.is_zero() {
            delay
        } else {
            self.fabric().borrow_mut().timer_is_late()
        };
        Pace::At(self.now() + delay + later)
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
