//! What the clients of a world have to report: how many are not done yet, and the first thing that was wrong. Owns both, and
//! what has to hold when all is over; a panic inside a callback would only end a connection, so it is told from outside.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::{Family, World};

/// How long, in virtual time, clients may take after everything is well again.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// Longer than any deadline of the loop's.
const DEADLINES: Duration = Duration::from_secs(180);

#[derive(Clone, Default)]
pub(crate) struct Ledger(Rc<Pages>);

#[derive(Default)]
struct Pages {
    busy: Cell<usize>,
    wrong: RefCell<Option<String>>,
    broken: RefCell<Option<String>>,
}

impl Ledger {
    /// Another client has something to do.
    pub(crate) fn begin(&self) {
        self.0.busy.set(self.0.busy.get() + 1);
    }

    /// A client is done.
    pub(crate) fn end(&self) {
        self.0.busy.set(self.0.busy.get() - 1);
    }

    /// Something is wrong. The first report stands.
    pub(crate) fn report(&self, what: impl FnOnce() -> String) {
        let mut wrong = self.0.wrong.borrow_mut();
        if wrong.is_none() {
            *wrong = Some(what());
        }
    }

    /// Something has come to nothing, as it may where connections break. The first report stands.
    pub(crate) fn report_break(&self, what: impl FnOnce() -> String) {
        self.0.broken.borrow_mut().get_or_insert_with(what);
    }

    /// Runs a world for so long, with all that goes wrong in it, then in a calm until all clients are done.
    pub(crate) fn settle(&self, world: &World, storm: Duration) {
        let end = world.now() + storm;
        while self.0.busy.get() > 0 && world.now() < end && world.step() {
            self.check();
        }
        world.calm();
        let end = world.now() + PATIENCE;
        while self.0.busy.get() > 0 {
            assert!(
                world.now() < end && world.step(),
                "liveness: {} clients are not done, though all is well",
                self.0.busy.get()
            );
            self.check();
        }
    }

    /// Everybody is done. Where nothing has struck that may end a connection, none has broken; when the last deadline has
    /// passed, no host has one left; and each can stop.
    pub(crate) fn conclude(&self, world: &World, hosts: &[String]) {
        self.check();
        if is_fair(world)
            && let Some(broken) = self.0.broken.borrow().as_ref()
        {
            panic!("nothing breaks in fair weather: {broken}");
        }
        world.run_for(DEADLINES);
        // Of a reset at one end the other may never learn.
        for host in hosts.iter().filter(|_| world.struck(Family::Resets) == 0) {
            let left = world.on(host, |reactor| reactor.counters().connections);
            assert!(
                left == 0,
                "conservation: everybody is gone, and {left} connections are left on {host}"
            );
        }
        for host in hosts {
            world.stop(host);
        }
        self.check();
    }

    pub(crate) fn check(&self) {
        if let Some(wrong) = self.0.wrong.borrow().as_ref() {
            panic!("{wrong}");
        }
    }
}

/// Whether nothing has struck so far that may end a connection, or keep one from being made.
fn is_fair(world: &World) -> bool {
    let harmless = [
        Family::RarePaths,
        Family::WallClocks,
        Family::CoarseTimers,
        Family::Posts,
    ];
    Family::ALL
        .into_iter()
        .filter(|family| !family.is_unnoticeable() && !harmless.contains(family))
        .all(|family| world.struck(family) == 0)
}
