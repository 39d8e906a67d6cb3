//! How a test has its reactor turn, and its clock move. Owns when all has been done; the far end is another's.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use crate::reactor::Stepper;

use super::network::Link;

/// Turns without rest after which a program is taken to be in a loop.
const TURNS: usize = 10_000;

/// What comes of a call that is made on the loop. A failed assertion in it is to fail the test, and not its connection.
pub(super) struct Outcome<R>(Rc<RefCell<Option<thread::Result<R>>>>);

impl<R> Default for Outcome<R> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<R> Clone for Outcome<R> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<R> Outcome<R> {
    pub(super) fn note(&self, call: impl FnOnce() -> R) {
        let result = panic::catch_unwind(AssertUnwindSafe(call));
        *self.0.borrow_mut() = Some(result);
    }

    /// What the call has returned; `otherwise`, if it was not made.
    #[track_caller]
    pub(super) fn take(&self, otherwise: &str) -> R {
        let outcome = self.0.take();
        match outcome {
            Some(Ok(result)) => result,
            Some(Err(cause)) => panic::resume_unwind(cause),
            None => panic!("{otherwise}"),
        }
    }
}

/// Lets time pass. Each timer fires at its own moment, in order.
#[track_caller]
pub(super) fn advance(stepper: &mut Stepper, link: &RefCell<Link>, by: Duration) {
    settle(stepper, link);
    let end = link.borrow().now() + by;
    loop {
        let next = stepper.timeout();
        let now = link.borrow().now();
        match next.map(|wait| now + wait).filter(|&next| next <= end) {
            // A reactor that has stopped for good moves on no more.
            Some(next) if now < next => link.borrow_mut().set_now(next),
            _ => break,
        }
        settle(stepper, link);
    }
    link.borrow_mut().set_now(end);
    settle(stepper, link);
}

/// Turns a reactor until it has nothing left to do, and its network nothing to tell.
#[track_caller]
pub(super) fn settle(stepper: &mut Stepper, link: &RefCell<Link>) {
    for _ in 0..TURNS {
        if !link.borrow().has_news() && stepper.timeout() != Some(Duration::ZERO) {
            return;
        }
        let goes_on = stepper
            .turn(Some(Duration::ZERO))
            .expect("a test's network does not fail");
        if !goes_on {
            return;
        }
    }
    panic!(
        "the reactor did not come to rest in {TURNS} turns: does something call itself without end?"
    );
}
