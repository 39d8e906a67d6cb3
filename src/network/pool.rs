//! Threads for what must not hold up the loop. Owns the threads, which are started when first needed, and what waits for
//! them; does not know what they do.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Wake;

/// Jobs under way, each with a key, and what came of them.
pub(super) struct Pool<K, J, O> {
    shared: Arc<Shared<K, J, O>>,
    plan: Plan<J, O>,
    threads: usize,
}

/// What a pool does, and its bounds.
pub(super) struct Plan<J, O> {
    /// Of its threads.
    pub(super) name: &'static str,
    pub(super) most_threads: usize,
    /// Jobs that no thread has taken yet.
    pub(super) most_waiting: usize,
    /// It may block, and must not panic.
    pub(super) run: fn(J) -> O,
}

/// Why a job was not taken.
pub(super) enum NotTaken {
    Busy,
    NoThread(io::Error),
}

struct Shared<K, J, O> {
    state: Mutex<State<K, J, O>>,
    work: Condvar,
    wake: Arc<dyn Wake>,
}

struct State<K, J, O> {
    waiting: VecDeque<(K, J)>,
    /// Those that a thread is at, and whose outcome is still wanted.
    running: BTreeSet<K>,
    done: Vec<(K, O)>,
    /// Threads that wait for work.
    idle: usize,
    closing: bool,
}

impl<K, J, O> Pool<K, J, O>
where
    K: Copy + Ord + Send + 'static,
    J: Send + 'static,
    O: Send + 'static,
{
    /// Outcomes are announced by `wake`, then to be had from [`take_done`](Self::take_done).
    pub(super) fn new(wake: Arc<dyn Wake>, plan: Plan<J, O>) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            running: BTreeSet::new(),
            done: Vec::new(),
            idle: 0,
            closing: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            wake,
        });
        Self {
            shared,
            plan,
            threads: 0,
        }
    }

    pub(super) fn put(&mut self, key: K, job: J) -> Result<(), NotTaken> {
        let mut state = self.shared.state();
        if state.waiting.len() >= self.plan.most_waiting {
            return Err(NotTaken::Busy);
        }
        if state.idle <= state.waiting.len() && self.threads < self.plan.most_threads {
            match self.start_thread() {
                Ok(()) => self.threads += 1,
                Err(error) if self.threads == 0 => return Err(NotTaken::NoThread(error)),
                Err(error) => log::debug!("one thread fewer for {}: {error}", self.plan.name),
            }
        }
        state.waiting.push_back((key, job));
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }

    /// Forgets a job in whatever state. A thread at it can't be stopped, but its outcome is dropped.
    pub(super) fn cancel(&mut self, key: K) {
        let mut state = self.shared.state();
        let place = state
            .waiting
            .iter()
            .position(|(waiting, _)| *waiting == key);
        let waiting = place.and_then(|place| state.waiting.remove(place));
        state.running.remove(&key);
        let place = state.done.iter().position(|(done, _)| *done == key);
        let done = place.map(|place| state.done.remove(place));
        drop(state);
        // Users' objects, dropped without the lock.
        drop((waiting, done));
    }

    pub(super) fn take_done(&mut self, into: &mut Vec<(K, O)>) {
        if self.threads > 0 {
            into.append(&mut self.shared.state().done);
        }
    }

    #[cfg(test)]
    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// It waits for the lock that the caller holds.
    fn start_thread(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let run = self.plan.run;
        thread::Builder::new()
            .name(self.plan.name.to_owned())
            .spawn(move || {
                while let Some((key, job)) = shared.next() {
                    shared.finish(key, run(job));
                }
            })
            .map(drop)
    }
}

/// Threads end by themselves: what they are at may take minutes, and nobody waits for that.
impl<K, J, O> Drop for Pool<K, J, O> {
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

impl<K, J, O> fmt::Debug for Pool<K, J, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.plan.name)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl<K, J, O> Shared<K, J, O> {
    fn state(&self) -> MutexGuard<'_, State<K, J, O>> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Ord, J, O> Shared<K, J, O> {
    /// The next job, waited for; `None` when the pool is closing.
    fn next(&self) -> Option<(K, J)> {
        let mut state = self.state();
        loop {
            if state.closing {
                return None;
            }
            if let Some((key, job)) = state.waiting.pop_front() {
                state.running.insert(key);
                return Some((key, job));
            }
            state.idle += 1;
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// An outcome that nobody wants any more is dropped without the lock: it may be a user's object.
    fn finish(&self, key: K, outcome: O) {
        let mut state = self.state();
        if !state.running.remove(&key) || state.closing {
            drop(state);
            return;
        }
        state.done.push((key, outcome));
        drop(state);
        self.wake.wake();
    }
}
