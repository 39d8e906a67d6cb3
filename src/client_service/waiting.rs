//! Who waits for a connection, and who for the end. Owns the calls until they are made; makes none itself, for that is done
//! when no callback is under way.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::error::ConnectError;
use crate::limits::WAITING_FOR_CONNECTION;
use crate::reactor::Reactor;
use crate::table::ConnectionId;

use super::event::NotConnected;

pub(super) type Told = Box<dyn FnOnce(&mut Reactor, Result<ConnectionId, NotConnected>)>;
pub(super) type Stopped = Box<dyn FnOnce(&mut Reactor)>;

/// The calls that wait.
pub(super) struct Waiting {
    most: Cell<usize>,
    for_connection: RefCell<VecDeque<Waiter>>,
    for_end: RefCell<VecDeque<Stopped>>,
}

struct Waiter {
    told: Told,
    /// How many failures it still puts up with; the last of them is told.
    failures: Option<u32>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            most: Cell::new(WAITING_FOR_CONNECTION),
            for_connection: RefCell::default(),
            for_end: RefCell::default(),
        }
    }
}

impl Waiting {
    pub(super) fn set_most(&self, most: usize) {
        self.most.set(most);
    }

    /// Has somebody wait. One too many gets its call back, with the number of those that wait.
    pub(super) fn wait(&self, failures: Option<u32>, told: Told) -> Result<(), (Told, usize)> {
        let mut waiters = self.for_connection.borrow_mut();
        if waiters.len() >= self.most.get() {
            return Err((told, waiters.len()));
        }
        waiters.push_back(Waiter { told, failures });
        Ok(())
    }

    /// How many wait for a connection now, and how many for the end: those that come meanwhile are for the next time.
    pub(super) fn len(&self) -> (usize, usize) {
        (
            self.for_connection.borrow().len(),
            self.for_end.borrow().len(),
        )
    }

    /// The next one of those that wait for a connection.
    pub(super) fn next(&self) -> Option<Told> {
        let first = self.for_connection.borrow_mut().pop_front();
        first.map(|waiter| waiter.told)
    }

    /// An attempt has failed: those for whom that is once too often.
    pub(super) fn fail(&self, error: &ConnectError) -> Vec<(Told, NotConnected)> {
        let mut waiters = self.for_connection.borrow_mut();
        let mut failed = Vec::new();
        for mut waiter in std::mem::take(&mut *waiters) {
            waiter.failures = waiter.failures.map(|left| left.saturating_sub(1));
            if waiter.failures == Some(0) {
                failed.push((waiter.told, NotConnected::Failed(error.clone())));
            } else {
                waiters.push_back(waiter);
            }
        }
        failed
    }

    /// Has somebody wait for the end. One too many gets its call back.
    pub(super) fn wait_for_end(&self, stopped: Stopped) -> Result<(), Stopped> {
        let mut waiters = self.for_end.borrow_mut();
        if waiters.len() >= self.most.get() {
            return Err(stopped);
        }
        waiters.push_back(stopped);
        Ok(())
    }

    /// The next one of those that wait for the end.
    pub(super) fn next_of_end(&self) -> Option<Stopped> {
        self.for_end.borrow_mut().pop_front()
    }
}
