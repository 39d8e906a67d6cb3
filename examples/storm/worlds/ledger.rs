//! What the clients of a world have to report: how many are not done yet, and the first thing that was wrong. Owns both; a
//! panic inside a callback would only end a connection, so it is told from outside.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::World;

/// How long, in virtual time, clients may take after everything is well again.
const PATIENCE: Duration = Duration::from_secs(3_600);

#[derive(Clone, Default)]
pub(crate) struct Ledger(Rc<Pages>);

#[derive(Default)]
struct Pages {
    busy: Cell<usize>,
    wrong: RefCell<Option<String>>,
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

    pub(crate) fn check(&self) {
        if let Some(wrong) = self.0.wrong.borrow().as_ref() {
            panic!("{wrong}");
        }
    }
}
