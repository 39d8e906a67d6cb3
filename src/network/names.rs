//! Names to addresses, off the loop. Owns how many lookups there may be; what is asked is the resolver's, and nothing is cached.

use std::net::{IpAddr, SocketAddr};
use std::panic;
use std::sync::Arc;

use super::pool::{NotTaken, Plan, Pool};
use super::resolver::{self, Family};
use super::{LookupId, Wake};
use crate::error::NameError;

/// Resolvers wait, they don't compute: a few threads are enough, and a resolver that hangs takes no more.
const THREADS: usize = 4;

/// Lookups that no thread has taken yet. A caller told "busy" can do something; one in a longer queue only waits.
const WAITING: usize = 256;

/// How a name is turned into addresses; it may block.
pub(super) type Resolve = fn(&str) -> Result<Vec<IpAddr>, NameError>;

/// What a lookup came to.
type Outcome = (LookupId, Result<Vec<IpAddr>, NameError>);

/// Lookups under way.
#[derive(Debug)]
pub(super) struct Names {
    pool: Pool<LookupId, (Resolve, String), Result<Vec<IpAddr>, NameError>>,
    resolve: Resolve,
}

impl Names {
    /// Outcomes are announced by `wake`, then to be had from [`take_done`](Self::take_done).
    pub(super) fn new(wake: Arc<dyn Wake>, resolve: Resolve) -> Self {
        let plan = Plan {
            name: "ropewalk-names",
            most_threads: THREADS,
            most_waiting: WAITING,
            run: resolve_surely,
        };
        let pool = Pool::new(wake, plan);
        Self { pool, resolve }
    }

    pub(super) fn look_up(&mut self, lookup: LookupId, host: &str) -> Result<(), NameError> {
        let job = (self.resolve, host.to_owned());
        self.pool.put(lookup, job).map_err(|reason| match reason {
            NotTaken::Busy => NameError::Busy,
            NotTaken::NoThread(error) => NameError::Failed(error.to_string()),
        })
    }

    /// Forgets a lookup in whatever state. A thread at it can't be stopped, but its outcome is dropped.
    pub(super) fn cancel(&mut self, lookup: LookupId) {
        self.pool.cancel(lookup);
    }

    pub(super) fn take_done(&mut self, into: &mut Vec<Outcome>) {
        self.pool.take_done(into);
    }
}

/// A panic is an outcome too: whoever waits must hear of it, and the thread goes on.
fn resolve_surely((resolve, host): (Resolve, String)) -> Result<Vec<IpAddr>, NameError> {
    panic::catch_unwind(|| resolve(&host))
        .unwrap_or_else(|_| Err(NameError::Failed("the resolver panicked".to_owned())))
}

/// Asks the system's resolver, which blocks. Addresses come in its order, each once.
pub(super) fn resolve(host: &str) -> Result<Vec<IpAddr>, NameError> {
    let found = resolver::addresses(host, None, Family::Any)?;
    Ok(found.iter().map(SocketAddr::ip).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    use super::*;

    struct Told(Mutex<Sender<()>>);

    impl Wake for Told {
        fn wake(&self) {
            let told = self.0.lock().expect("no panic under it");
            told.send(()).ok();
        }
    }

    fn names(resolve: Resolve) -> (Names, Receiver<()>) {
        let (sender, receiver) = channel();
        let wake = Arc::new(Told(Mutex::new(sender)));
        (Names::new(wake, resolve), receiver)
    }

    fn done(names: &mut Names) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        names.take_done(&mut outcomes);
        outcomes
    }

    /// Nothing but addresses: the network is not asked.
    fn literal(host: &str) -> Result<Vec<IpAddr>, NameError> {
        match host {
            "panic" => panic!("as asked"),
            host => resolve(host),
        }
    }

    #[test]
    fn an_outcome_is_announced() {
        let (mut names, told) = names(literal);
        names.look_up(LookupId(1), "127.0.0.1").unwrap();
        told.recv().unwrap();
        let loopback = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(done(&mut names), [(LookupId(1), Ok(vec![loopback]))]);
        assert_eq!(done(&mut names), []);
    }

    #[test]
    fn a_panicking_resolver_fails_its_lookup_and_serves_the_next() {
        let (mut names, told) = names(literal);
        for lookup in 0..2 * THREADS as u64 {
            names.look_up(LookupId(lookup), "panic").unwrap();
        }
        for _ in 0..2 * THREADS {
            told.recv().unwrap();
        }
        let failed = Err(NameError::Failed("the resolver panicked".to_owned()));
        assert!(done(&mut names).iter().all(|(_, end)| *end == failed));
        names.look_up(LookupId(99), "::1").unwrap();
        told.recv().unwrap();
        assert!(done(&mut names)[0].1.is_ok());
    }

    /// Holds every lookup of one test until it is let go.
    static GATE: Mutex<()> = Mutex::new(());

    fn gated(host: &str) -> Result<Vec<IpAddr>, NameError> {
        drop(GATE.lock());
        resolve(host)
    }

    #[test]
    fn a_full_queue_is_busy_and_the_cancelled_are_not_told() {
        let (mut names, told) = names(gated);
        let gate = GATE.lock().unwrap();
        // Each thread takes one sooner or later; the rest wait in the queue.
        let capacity = (WAITING + THREADS) as u64;
        let mut taken = 0;
        while taken < capacity {
            match names.look_up(LookupId(taken), "127.0.0.1") {
                Ok(()) => taken += 1,
                Err(_busy) => thread::yield_now(),
            }
        }
        assert_eq!(names.pool.threads(), THREADS);
        assert_eq!(
            names.look_up(LookupId(taken), "127.0.0.1"),
            Err(NameError::Busy)
        );
        for lookup in 0..taken - 1 {
            names.cancel(LookupId(lookup));
        }
        drop(gate);
        told.recv().unwrap();
        let told_of: Vec<_> = done(&mut names).into_iter().map(|(id, _)| id).collect();
        assert_eq!(told_of, [LookupId(taken - 1)]);
    }

    #[test]
    fn dropping_ends_the_threads() {
        let (mut names, told) = names(literal);
        names.look_up(LookupId(1), "127.0.0.1").unwrap();
        told.recv().unwrap();
        drop(names);
        // The last thread drops the waker, and with it the other end of this channel.
        assert!(told.recv().is_err());
    }
}
