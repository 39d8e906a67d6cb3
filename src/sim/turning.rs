//! Whose turn it is in a simulated world, and when its clock moves. Owns the order of turns; what strikes meanwhile is not its
//! business, nor who waits for what.

use std::time::Duration;

use super::choose::Site;
use super::faults::Faults;
use super::machine::{Machine, Pace};
use super::world::World;
use crate::network::Time;
use crate::reactor::Stepper;

/// After so many turns without the clock moving, a world is taken to be going in circles.
const MOST_TURNS_AT_ONCE: u64 = 1_000_000;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Happened,
    /// Nothing more happens before the limit.
    Nothing,
}

impl World {
    /// Gives each host with something to do a turn; if there is none, moves the clock to what happens next, unless that
    /// is after `end`.
    pub(super) fn step_before(&self, end: Time) -> Step {
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

    pub(super) fn advance(&self, to: Time) {
        if to > self.now() {
            self.state.turns_at_once.set(0);
        }
        self.fabric().borrow_mut().advance(to);
        self.pronounce();
    }

    /// Fails if an oracle has found something wrong.
    fn pronounce(&self) {
        if let Some(what) = self.state.verdict.take() {
            self.fail(&what);
        }
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

    pub(super) fn is_busy(&self) -> bool {
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
        self.pronounce();
        let machine = &mut self.state.machines.borrow_mut()[index];
        machine.stepper = Some(stepper);
        machine.pace = pace;
    }

    pub(super) fn pace_of(&self, stepper: &mut Stepper) -> Pace {
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
