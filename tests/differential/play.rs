//! Playing a scenario on either ground. Owns the order of the steps and the way every scenario ends; knows neither sockets
//! nor worlds.

use ropewalk::Reactor;

use crate::outcome::Outcome;
use crate::puppet::Record;
use crate::scenario::{End, Scenario, Step};

/// Two reactors and a connection between them.
pub(crate) trait Ground {
    fn record(&self, end: End) -> &Record;

    /// Uses an end's reactor between two of its turns.
    fn on(&self, end: End, act: &mut dyn FnMut(&mut Reactor));

    /// See [`Step::Turn`].
    fn turn(&self, end: End);

    /// See [`Step::Settle`].
    fn settle(&self);

    /// See [`Step::Pass`].
    fn pass(&self);
}

/// Plays a scenario, brings it to its end, and tells what both ends saw.
pub(crate) fn play(ground: &dyn Ground, scenario: &Scenario) -> Outcome {
    for &step in &scenario.steps {
        perform(ground, step);
    }
    // Whoever is left reads, closes, and breaks what can't be closed.
    for ending in [Step::Resume, Step::Lose, Step::Abort] {
        ground.settle();
        for end in End::BOTH {
            perform(ground, ending(end));
        }
    }
    ground.settle();
    Outcome::of(ground.record(End::Client), ground.record(End::Server))
}

fn perform(ground: &dyn Ground, step: Step) {
    match step {
        Step::Turn(end) => ground.turn(end),
        Step::Settle => ground.settle(),
        Step::Pass => ground.pass(),
        Step::Write(end, _)
        | Step::Pause(end)
        | Step::Resume(end)
        | Step::EndWriting(end)
        | Step::Lose(end)
        | Step::Abort(end) => {
            let record = ground.record(end);
            ground.on(end, &mut |reactor| record.perform(reactor, step));
        }
    }
}
