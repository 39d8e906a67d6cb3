//! Threads for work that must not hold up the loop. Owns the threads, which are started when first needed, and what waits
//! for them; does not know what the work is.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Wake;
use super::work::{DeferError, Work, WorkId, WorkOutcome, run_work};
use crate::limits::{WORK_THREADS, WORK_WAITING};

/// Work under way.
pub(super) struct Workers {
    shared: Arc<Shared>,
    threads: usize,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    wake: Arc<dyn Wake>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(WorkId, Work)>,
    done: Vec<(WorkId, WorkOutcome)>,
    /// Threads that wait for work.
    idle: usize,
    closing: bool,
}

impl Workers {
    /// What is done is announced by `wake`, then to be had from [`take_done`](Self::take_done).
    pub(super) fn new(wake: Arc<dyn Wake>) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                work: Condvar::new(),
                wake,
            }),
            threads: 0,
        }
    }

    pub(super) fn put(&mut self, id: WorkId, work: Work) -> Result<(), DeferError> {
        let mut state = self.shared.state();
        if state.waiting.len() >= WORK_WAITING {
            return Err(DeferError::Busy);
        }
        if state.idle <= state.waiting.len() && self.threads < WORK_THREADS {
            match self.start_thread() {
                Ok(()) => self.threads += 1,
                Err(error) => log::debug!("one thread fewer for work: {error}"),
            }
        }
        if self.threads == 0 {
            return Err(DeferError::NoThread);
        }
        state.waiting.push_back((id, work));
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }

    pub(super) fn take_done(&mut self, into: &mut Vec<(WorkId, WorkOutcome)>) {
        if self.threads > 0 {
            into.append(&mut self.shared.state().done);
        }
    }

    /// It waits for the lock that the caller holds.
    fn start_thread(&self) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        thread::Builder::new()
            .name("ropewalk-work".to_owned())
            .spawn(move || {
                while let Some((id, work)) = shared.next() {
                    shared.finish(id, run_work(work));
                }
            })
            .map(drop)
    }
}

/// Threads end by themselves, when what they are at is done: nobody waits for that.
impl Drop for Workers {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.closing = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.shared.work.notify_all();
        // Users' objects, dropped without the lock.
        drop(waiting);
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece of work, waited for; `None` when the pool is closing.
    fn next(&self) -> Option<(WorkId, Work)> {
        let mut state = self.state();
        loop {
            if state.closing {
                return None;
            }
            if let Some(next) = state.waiting.pop_front() {
                return Some(next);
            }
            state.idle += 1;
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    fn finish(&self, id: WorkId, outcome: WorkOutcome) {
        let mut state = self.state();
        if state.closing {
            drop(state);
            return;
        }
        state.done.push((id, outcome));
        drop(state);
        self.wake.wake();
    }
}
