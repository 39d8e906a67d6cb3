//! When faults strike by themselves, and those that concern whole processes: crashes, stops, leaps of time, bursts of posts.
//! Owns the times of strikes and beginning again; what a strike does on the wires is the fabric's.

use std::time::Duration;

use super::choose::Site;
use super::fabric::LENGTHS;
use super::family::Family;
use super::host::HostId;
use super::machine::{Machine, Pace};
use super::trace::What;
use super::world::World;
use crate::network::Time;
use crate::reactor::{Reactor, Stepper};

/// Calls that are posted at once, at the most.
const MOST_POSTS: u64 = 1_500;
/// A leap of time is up to a few hours.
const LEAPS: u64 = LENGTHS + 44;

impl World {
    /// Has a host's process die at once; its kernel lives on, and ends its connections. If it is a
    /// [`service`](Self::service) it begins again after `pause`; any other host stays away.
    ///
    /// # Panics
    /// If there is no such host, it is just having a turn, or its process is gone.
    #[track_caller]
    pub fn crash(&self, name: &str, pause: Duration) {
        self.on(name, |_| ());
        self.crash_machine(self.index_of(name), false, pause);
    }

    /// Has a whole host lose its power: its peers hear nothing until it has power again and they send, or their kernels ask.
    /// If it is a [`service`](Self::service) it begins again after `pause`; any other host stays away.
    ///
    /// # Panics
    /// If there is no such host, it is just having a turn, or its process is gone.
    #[track_caller]
    pub fn lose_power(&self, name: &str, pause: Duration) {
        self.on(name, |_| ());
        self.crash_machine(self.index_of(name), true, pause);
    }

    /// Nothing passes between two hosts from now on, whether they are reactors' or peers'; what is under way arrives when
    /// they are [reachable again](Self::rejoin).
    ///
    /// # Panics
    /// If there is no such host.
    #[track_caller]
    pub fn partition(&self, one: &str, other: &str) {
        let (one, other) = (self.host_id(one), self.host_id(other));
        self.fabric().borrow_mut().cut(one, other, true);
    }

    /// Nothing passes from one host to another from now on; the other way is free.
    ///
    /// # Panics
    /// If there is no such host.
    #[track_caller]
    pub fn partition_one_way(&self, from: &str, to: &str) {
        let (from, to) = (self.host_id(from), self.host_id(to));
        self.fabric().borrow_mut().cut(from, to, false);
    }

    /// All hosts reach each other again.
    pub fn rejoin(&self) {
        self.fabric().borrow_mut().rejoin_all();
    }

    /// From now on nothing goes wrong any more: partitions end, hosts that stood still go on, and those that were down begin
    /// again; a peer that its script has stop reading, and limits that it has set, stay as they are. Runs the world until all
    /// services are up. What a test expects of its program in the end, it expects after this.
    ///
    /// # Panics
    /// If a service that was asked to stop does not stop within ten virtual minutes.
    #[track_caller]
    pub fn calm(&self) {
        self.state.strikes.borrow_mut().clear();
        self.fabric().borrow_mut().calm();
        let now = self.now();
        let mut down = Vec::new();
        for (index, machine) in self.state.machines.borrow_mut().iter_mut().enumerate() {
            match &mut machine.pace {
                Pace::Frozen(until) => *until = (*until).min(now),
                Pace::Down(_) => down.push(index),
                _ => {}
            }
        }
        for index in down {
            self.begin_again(index);
        }
        if self.is_any_service_down() {
            self.run_until(|world| !world.is_any_service_down());
        }
    }

    /// Whether one is down, or is going to be because a fault has asked it to stop.
    fn is_any_service_down(&self) -> bool {
        let machines = self.state.machines.borrow();
        let down = machines
            .iter()
            .any(|machine| matches!(machine.pace, Pace::Down(_)));
        down || !self.state.stopped_by_fault.borrow().is_empty()
    }

    fn note(&self, host: HostId, what: &'static str) {
        self.fabric().borrow_mut().note(host, What::Note(what));
    }

    #[track_caller]
    fn host_id(&self, name: &str) -> HostId {
        let found = self.fabric().borrow().find_host(name);
        found.unwrap_or_else(|| panic!("there is no host {name}"))
    }

    pub(super) fn schedule_strikes(&self) {
        let mut fabric = self.fabric().borrow_mut();
        let timed = Family::ALL.into_iter().filter(|family| family.is_timed());
        let mut strikes: Vec<_> = timed
            .map(|family| (fabric.next_strike(family), family))
            .filter(|&(at, _)| at != Time::NEVER)
            .collect();
        strikes.sort_unstable();
        *self.state.strikes.borrow_mut() = strikes;
    }

    pub(super) fn next_strike(&self) -> Option<Time> {
        self.state.strikes.borrow().first().map(|&(at, _)| at)
    }

    /// Lets the next family strike, and draws when it strikes again.
    pub(super) fn strike(&self) {
        let (_, family) = self.state.strikes.borrow_mut().remove(0);
        let struck = match family {
            Family::Crashes => self.strike_with_crash(),
            Family::Stops => self.strike_with_stop(),
            Family::Leaps => self.strike_with_leap(),
            Family::Stalls => self.strike_with_stall(),
            Family::Posts => self.strike_with_posts(),
            _ => self.fabric().borrow_mut().strike(family),
        };
        let mut fabric = self.fabric().borrow_mut();
        if struck {
            fabric.choices.note_strike(family);
            fabric.note_fault(family.name());
        }
        let next = (fabric.next_strike(family), family);
        if next.0 != Time::NEVER {
            let mut strikes = self.state.strikes.borrow_mut();
            let place = strikes.partition_point(|other| *other < next);
            strikes.insert(place, next);
        }
    }

    /// One of the machines that `suits`.
    fn any_machine(&self, family: Family, suits: impl Fn(&Machine) -> bool) -> Option<usize> {
        let machines = self.state.machines.borrow();
        let suited = (0..machines.len()).filter(|&index| suits(&machines[index]));
        let suited: Vec<usize> = suited.collect();
        let nth = self.fabric().borrow_mut().whom(family, suited.len())?;
        Some(suited[nth])
    }

    fn strike_with_crash(&self) -> bool {
        let Some(index) = self.any_machine(Family::Crashes, Machine::may_begin_again) else {
            return false;
        };
        let (power, pause) = {
            let mut fabric = self.fabric().borrow_mut();
            let power = fabric.choose(Site::How(Family::Crashes), 2) == 1;
            (power, fabric.span(Family::Crashes, LENGTHS + 8))
        };
        self.crash_machine(index, power, pause);
        true
    }

    fn crash_machine(&self, index: usize, power: bool, pause: Duration) {
        let (host, stepper) = {
            let machine = &mut self.state.machines.borrow_mut()[index];
            machine.pace = match machine.setup {
                Some(_) => Pace::Down(self.now() + pause),
                None => Pace::Stopped,
            };
            (machine.host, machine.stepper.take())
        };
        if power {
            self.fabric().borrow_mut().lose_power(host);
        }
        self.note(host, "dies");
        // Users' objects are dropped with it, and nothing is borrowed meanwhile.
        drop(stepper);
    }

    /// A process begins again on its host, with nothing of what it knew.
    pub(super) fn begin_again(&self, index: usize) {
        let (host, setup, former) = {
            let machine = &mut self.state.machines.borrow_mut()[index];
            let setup = machine.setup.clone();
            (machine.host, setup, machine.stepper.take())
        };
        drop(former);
        let Some(setup) = setup else { return };
        self.state.stopped_by_fault.borrow_mut().remove(&index);
        self.fabric().borrow_mut().has_power(host);
        self.note(host, "begins again");
        let (mut reactor, judge) = self.make_reactor(host);
        if let Err(error) = setup(&mut reactor) {
            self.fail(&format!("setting up a host again failed: {error}"));
        }
        let machine = &mut self.state.machines.borrow_mut()[index];
        machine.stepper = Some(Stepper::new(reactor));
        machine.judge = judge;
        machine.pace = Pace::At(self.now());
    }

    /// A reactor has stopped: a service begins again where stops are among the faults.
    pub(super) fn pace_after_stop(&self, index: usize) -> Pace {
        let again = self.state.machines.borrow()[index].setup.is_some();
        let stopped = self.state.stopped_by_fault.borrow_mut().remove(&index);
        if !(again && stopped) {
            return Pace::Stopped;
        }
        let pause = self.fabric().borrow_mut().span(Family::Stops, LENGTHS);
        Pace::Down(self.now() + pause)
    }

    fn strike_with_stop(&self) -> bool {
        let Some(index) = self.any_machine(Family::Stops, Machine::may_begin_again) else {
            return false;
        };
        self.state.stopped_by_fault.borrow_mut().insert(index);
        self.act_on(index, Reactor::stop);
        true
    }

    /// Runs code on a machine's reactor between two of its turns.
    fn act_on(&self, index: usize, act: impl FnOnce(&mut Reactor)) {
        let mut stepper = self.lend(index);
        act(stepper.reactor());
        let machine = &mut self.state.machines.borrow_mut()[index];
        machine.stepper = Some(stepper);
        if !matches!(machine.pace, Pace::Frozen(_)) {
            machine.pace = Pace::At(self.now());
        }
    }

    fn strike_with_leap(&self) -> bool {
        let Some(index) = self.any_machine(Family::Leaps, Machine::may_stand_still) else {
            return false;
        };
        let time = self.fabric().borrow_mut().span(Family::Leaps, LEAPS);
        self.freeze_machine(index, time);
        true
    }

    /// A scripted peer that does not read for a while, or a machine that stands still: then what it is sent waits.
    fn strike_with_stall(&self) -> bool {
        let peer = self.fabric().borrow_mut().strike_with_stalled_peer();
        if peer {
            return true;
        }
        let Some(index) = self.any_machine(Family::Stalls, Machine::may_stand_still) else {
            return false;
        };
        let time = self.fabric().borrow_mut().span(Family::Stalls, LENGTHS);
        self.freeze_machine(index, time);
        true
    }

    fn strike_with_posts(&self) -> bool {
        let Some(index) = self.any_machine(Family::Posts, Machine::is_up) else {
            return false;
        };
        let count = {
            let mut fabric = self.fabric().borrow_mut();
            let count = 1 + fabric.choose(Site::How(Family::Posts), MOST_POSTS);
            fabric.events += count;
            count
        };
        self.act_on(index, |reactor| {
            let remote = reactor.remote();
            for _ in 0..count {
                // One that is refused, since too many wait or the reactor has stopped, is what the strike is about.
                let _ = remote.post(|_| ());
            }
        });
        true
    }
}
