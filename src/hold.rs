//! What keeps something from going on until it is dropped. Owns the count of those that live; who waits for them looks at it.

use std::cell::Cell;
use std::rc::Rc;

/// Keeps something from going on, until it is dropped: a [`LoopingCall`](crate::LoopingCall) from being called again, or a
/// stop from beginning ([`Reactor::before_shutdown`](crate::Reactor::before_shutdown)).
#[must_use = "it holds for as long as this lives"]
#[derive(Debug)]
pub struct Hold {
    holds: Rc<Cell<usize>>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.holds.set(self.holds.get() - 1);
    }
}

/// How many hold the same thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holds(Rc<Cell<usize>>);

impl Holds {
    pub(crate) fn hold(&self) -> Hold {
        self.0.set(self.0.get() + 1);
        Hold {
            holds: Rc::clone(&self.0),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.get()
    }
}
