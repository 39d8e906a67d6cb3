//! The bounded queue between threads and one loop. Owns the promise that nothing posted is lost, and that few posts wake;
//! makes no call and does not know what is posted.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

// The model below replaces what threads share by what it can reorder.
#[cfg(all(test, loom))]
use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};
#[cfg(not(all(test, loom)))]
use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

use crate::network::Wake;

/// What threads put in and the loop takes out, in order.
pub(crate) struct Mailbox<T> {
    state: Mutex<State<T>>,
    /// How many wait, as the last holder of the lock left it: a loop to which nobody posts takes no lock.
    waiting: AtomicUsize,
    most: usize,
    wake: Arc<dyn Wake>,
}

struct State<T> {
    mail: VecDeque<T>,
    refused: u64,
    closed: bool,
}

/// Why something was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotPut {
    Full,
    Closed,
}

impl<T> Mailbox<T> {
    /// Holds `most` at the same time.
    pub(crate) fn new(most: usize, wake: Arc<dyn Wake>) -> Self {
        Self {
            state: Mutex::new(State {
                mail: VecDeque::new(),
                refused: 0,
                closed: false,
            }),
            waiting: AtomicUsize::new(0),
            most,
            wake,
        }
    }

    /// From any thread. What is not taken is dropped here, after the lock is: its `Drop` may post too.
    pub(crate) fn put(&self, mail: T) -> Result<(), NotPut> {
        let mut state = self.lock();
        if state.closed {
            return Err(NotPut::Closed);
        }
        if state.mail.len() >= self.most {
            state.refused += 1;
            return Err(NotPut::Full);
        }
        state.mail.push_back(mail);
        let count = state.mail.len();
        self.waiting.store(count, Ordering::Release);
        drop(state);
        // Only the first one wakes, for the loop does not sleep while something waits. And it wakes last: a loop that was
        // woken before would find nothing, and sleep on it.
        if count == 1 {
            self.wake.wake();
        }
        Ok(())
    }

    /// Asked by the loop before it sleeps. What it overlooks, because it comes at this very moment, wakes it.
    pub(crate) fn has_mail(&self) -> bool {
        self.waiting() > 0
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// How many were refused because too many waited.
    pub(crate) fn refused(&self) -> u64 {
        self.lock().refused
    }

    /// Moves the first `most` to `taken`.
    pub(crate) fn take(&self, most: usize, taken: &mut VecDeque<T>) {
        if !self.has_mail() {
            return;
        }
        let mut state = self.lock();
        let count = state.mail.len().min(most);
        taken.extend(state.mail.drain(..count));
        if canary!(PostsDropped) {
            state.mail.clear();
        }
        self.waiting.store(state.mail.len(), Ordering::Release);
    }

    /// Takes nothing more, and returns what was left.
    pub(crate) fn close(&self) -> VecDeque<T> {
        let mut state = self.lock();
        state.closed = true;
        self.waiting.store(0, Ordering::Release);
        std::mem::take(&mut state.mail)
    }

    /// Nothing of a user's runs under the lock, so a poisoned one is as good as another.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, loom))]
mod model;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Mailbox;
    use crate::network::Wake;

    #[derive(Default)]
    struct Rings(AtomicUsize);

    impl Wake for Rings {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_what_finds_nothing_waiting_wakes() {
        let rings = Arc::new(Rings::default());
        let mailbox = Mailbox::new(1000, Arc::clone(&rings) as Arc<dyn Wake>);
        let mut taken = VecDeque::new();
        for round in 1..=3 {
            for mail in 0..100 {
                mailbox.put(mail).expect("there is room");
            }
            assert_eq!(rings.0.load(Ordering::Relaxed), round);
            // The loop does not sleep while something is left.
            mailbox.take(60, &mut taken);
            mailbox.put(100).expect("there is room");
            assert_eq!(rings.0.load(Ordering::Relaxed), round);
            mailbox.take(60, &mut taken);
        }
        assert_eq!(taken.len(), 303);
    }
}
