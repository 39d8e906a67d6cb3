//! Work given to threads. Owns how much of it there may be; the threads are the pool's, and what the work is nobody knows.

use std::sync::Arc;

use super::Wake;
use super::pool::{NotTaken, Plan, Pool};
use super::work::{DeferError, Work, WorkId, WorkOutcome, run_work};
use crate::limits::{WORK_THREADS, WORK_WAITING};

/// Work under way.
#[derive(Debug)]
pub(super) struct Workers(Pool<WorkId, Work, WorkOutcome>);

impl Workers {
    /// What is done is announced by `wake`, then to be had from [`take_done`](Self::take_done).
    pub(super) fn new(wake: Arc<dyn Wake>) -> Self {
        let plan = Plan {
            name: "ropewalk-work",
            most_threads: WORK_THREADS,
            most_waiting: WORK_WAITING,
            run: run_work,
        };
        Self(Pool::new(wake, plan))
    }

    pub(super) fn put(&mut self, id: WorkId, work: Work) -> Result<(), DeferError> {
        self.0.put(id, work).map_err(|reason| match reason {
            NotTaken::Busy => DeferError::Busy,
            NotTaken::NoThread(error) => {
                log::debug!("no thread for work: {error}");
                DeferError::NoThread
            }
        })
    }

    pub(super) fn take_done(&mut self, into: &mut Vec<(WorkId, WorkOutcome)>) {
        self.0.take_done(into);
    }
}
