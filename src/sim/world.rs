//! A simulated world: hosts with reactors, peers, one clock. Owns what a test may ask of it and its hosts; whose turn it
//! is, is not decided here, and what happens on the wires is the fabric's.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::choose::{Enumerated, Source, Tape};
use super::fabric::{Fabric, Shared};
use super::family::Family;
use super::faults::Faults;
use super::judge::Verdict;
use super::machine::{Machine, Pace};
use super::turning::Step;
use crate::network::Time;
use crate::reactor::{Reactor, Stepper};

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
    pub(super) faults: Faults,
    fabric: Shared,
    pub(super) machines: RefCell<Vec<Machine>>,
    /// When each family with times of its own strikes next.
    pub(super) strikes: RefCell<Vec<(Time, Family)>>,
    /// Machines that a fault has asked to stop.
    pub(super) stopped_by_fault: RefCell<BTreeSet<usize>>,
    /// What an oracle found to be wrong.
    pub(super) verdict: Rc<Verdict>,
    /// What it has last panicked with, without the story.
    failure: RefCell<Option<String>>,
    /// Who plays it tells the story, if it fails.
    reported: Cell<bool>,
    pub(super) turns: Cell<u64>,
    /// Turns since the clock last moved.
    pub(super) turns_at_once: Cell<u64>,
}

/// What is kept of the decisions in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Nothing,
    /// All that is out of the ordinary, to be played again.
    Tape,
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
        let verdict = fabric.verdict.clone();
        let world = Self {
            state: Rc::new(State {
                seed,
                faults,
                fabric: Rc::new(RefCell::new(fabric)),
                machines: RefCell::new(Vec::new()),
                strikes: RefCell::new(Vec::new()),
                stopped_by_fault: RefCell::new(BTreeSet::new()),
                verdict,
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

    /// Runs code on a host's reactor from outside, as between two of its turns.
    ///
    /// # Panics
    /// If there is no such host, it is just having a turn, or its process is gone: see [`is_up`](Self::is_up).
    #[track_caller]
    pub fn on<R>(&self, name: &str, act: impl FnOnce(&mut Reactor) -> R) -> R {
        let index = self.index_of(name);
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
    /// too: what comes meanwhile, and what falls due, is all there when it goes on. If it stands still already, it is for so
    /// long from now; no time at all has it go on.
    ///
    /// # Panics
    /// If there is no such host, it is just having a turn, or its process is gone.
    #[track_caller]
    pub fn freeze(&self, name: &str, time: Duration) {
        self.on(name, |_| ());
        let until = self.now() + time;
        if let Some(index) = self.find(name) {
            let machine = &mut self.state.machines.borrow_mut()[index];
            if machine.is_up() {
                machine.pace = Pace::Frozen(until);
            }
        }
    }

    /// A fault has it stand still: at least for as long as it would have in any case.
    pub(super) fn freeze_machine(&self, index: usize, time: Duration) {
        let machine = &mut self.state.machines.borrow_mut()[index];
        let until = self.now() + time;
        match &mut machine.pace {
            Pace::Stopped | Pace::Down(_) => {}
            Pace::Frozen(before) => *before = until.max(*before),
            pace => *pace = Pace::Frozen(until),
        }
    }

    /// Has a host's reactor stop, and runs the world until it has. From then on it stays away, a
    /// [`service`](Self::service) too: no fault holds it up or has it begin again. One whose process is gone stays away at
    /// once.
    ///
    /// # Panics
    /// If there is no such host, it is just having a turn, or it does not stop within ten virtual minutes.
    #[track_caller]
    pub fn stop(&self, name: &str) {
        let index = self.index_of(name);
        {
            let machine = &mut self.state.machines.borrow_mut()[index];
            machine.setup = None;
            machine.is_to_stop = true;
            match machine.pace {
                Pace::Down(_) => machine.pace = Pace::Stopped,
                Pace::Frozen(_) => machine.pace = Pace::At(self.now()),
                _ => {}
            }
        }
        self.state.stopped_by_fault.borrow_mut().remove(&index);
        if self.is_up(name) {
            self.on(name, Reactor::stop);
            self.run_until(|world| world.has_stopped(name));
        }
    }

    /// Whether a host's process is there, and has not stopped. A [`service`](Self::service) is down for a while after its
    /// process has died or stopped; what it is asked to do then fails.
    ///
    /// # Panics
    /// If there is no such host with a reactor.
    #[track_caller]
    pub fn is_up(&self, name: &str) -> bool {
        let index = self.index_of(name);
        self.state.machines.borrow()[index].is_up()
    }

    /// Whether a host's reactor has stopped, and all that it owed is done.
    #[track_caller]
    pub fn has_stopped(&self, name: &str) -> bool {
        let index = self.index_of(name);
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
    pub(super) fn index_of(&self, name: &str) -> usize {
        let Some(index) = self.find(name) else {
            self.fail(&format!("there is no host {name} with a reactor"))
        };
        index
    }

    #[track_caller]
    pub(super) fn lend(&self, index: usize) -> Stepper {
        let (stepper, down) = {
            let machine = &mut self.state.machines.borrow_mut()[index];
            let down = (!machine.is_up()).then(|| machine.name.clone());
            (machine.stepper.take(), down)
        };
        match (stepper, down) {
            (Some(stepper), _) => stepper,
            (None, Some(name)) => self.fail(&format!("{name} is down")),
            (None, None) => self.fail("a world can't be run, nor its host used, from a callback"),
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
