//! Names to addresses and back, off the loop. Owns how many lookups there may be; what is found is the resolver's, and nothing is
//! cached.

use std::sync::Arc;

use super::asking::{Found, Question};
use super::pool::{NotTaken, Plan, Pool};
use super::resolver::{self, Resolver, SystemResolver};
use super::{LookupId, Wake};
use crate::error::NameError;

/// Resolvers wait, they don't compute: a few threads are enough, and a resolver that hangs takes no more.
const THREADS: usize = 4;

/// Lookups that no thread has taken yet. A caller told "busy" can do something; one in a longer queue only waits.
const WAITING: usize = 256;

/// What a lookup came to.
type Outcome = (LookupId, Result<Found, NameError>);

/// What is asked, and whom.
type Job = (Arc<dyn Resolver>, Question);

/// Lookups under way.
#[derive(Debug)]
pub(super) struct Names {
    pool: Pool<LookupId, Job, Result<Found, NameError>>,
    resolver: Arc<dyn Resolver>,
}

impl Names {
    /// Outcomes are announced by `wake`, then to be had from [`take_done`](Self::take_done).
    pub(super) fn new(wake: Arc<dyn Wake>) -> Self {
        let plan = Plan {
            name: "ropewalk-names",
            most_threads: THREADS,
            most_waiting: WAITING,
            run: |(resolver, question): Job| resolver::ask(resolver, &question),
        };
        Self {
            pool: Pool::new(wake, plan),
            resolver: Arc::new(SystemResolver),
        }
    }

    /// Who is asked from now on.
    pub(super) fn set_resolver(&mut self, resolver: Arc<dyn Resolver>) {
        self.resolver = resolver;
    }

    pub(super) fn look_up(
        &mut self,
        lookup: LookupId,
        question: &Question,
    ) -> Result<(), NameError> {
        let job = (Arc::clone(&self.resolver), question.clone());
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
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

    fn names(resolver: impl Resolver + 'static) -> (Names, Receiver<()>) {
        let (sender, receiver) = channel();
        let wake = Arc::new(Told(Mutex::new(sender)));
        let mut names = Names::new(wake);
        names.set_resolver(Arc::new(resolver));
        (names, receiver)
    }

    fn done(names: &mut Names) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        names.take_done(&mut outcomes);
        outcomes
    }

    fn question(host: &str) -> Question {
        Question::Addresses(host.to_owned())
    }

    /// Nothing but addresses: the network is not asked.
    struct Literals;

    impl Resolver for Literals {
        fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, NameError> {
            match host {
                "panic" => panic!("as asked"),
                host => SystemResolver.addresses(host),
            }
        }
    }

    #[test]
    fn an_outcome_is_announced() {
        let (mut names, told) = names(Literals);
        names.look_up(LookupId(1), &question("127.0.0.1")).unwrap();
        told.recv().unwrap();
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let found = Found::Addresses(vec![loopback]);
        assert_eq!(done(&mut names), [(LookupId(1), Ok(found))]);
        assert_eq!(done(&mut names), []);
        let reverse = Question::Name(loopback.ip());
        names.look_up(LookupId(2), &reverse).unwrap();
        told.recv().unwrap();
        assert_eq!(done(&mut names), [(LookupId(2), Err(NameError::Unknown))]);
    }

    #[test]
    fn a_panicking_resolver_fails_its_lookup_and_serves_the_next() {
        let (mut names, told) = names(Literals);
        for lookup in 0..2 * THREADS as u64 {
            names.look_up(LookupId(lookup), &question("panic")).unwrap();
        }
        for _ in 0..2 * THREADS {
            told.recv().unwrap();
        }
        let failed = Err(NameError::Failed("the resolver panicked".to_owned()));
        assert!(done(&mut names).iter().all(|(_, end)| *end == failed));
        names.look_up(LookupId(99), &question("::1")).unwrap();
        told.recv().unwrap();
        assert!(done(&mut names)[0].1.is_ok());
    }

    /// Holds every lookup until it is let go.
    struct Gated(Arc<Mutex<()>>);

    impl Resolver for Gated {
        fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, NameError> {
            drop(self.0.lock());
            SystemResolver.addresses(host)
        }
    }

    #[test]
    fn a_full_queue_is_busy_and_the_cancelled_are_not_told() {
        let gate = Arc::new(Mutex::new(()));
        let (mut names, told) = names(Gated(Arc::clone(&gate)));
        let held = gate.lock().unwrap();
        // Each thread takes one sooner or later; the rest wait in the queue.
        let capacity = (WAITING + THREADS) as u64;
        let mut taken = 0;
        while taken < capacity {
            match names.look_up(LookupId(taken), &question("127.0.0.1")) {
                Ok(()) => taken += 1,
                Err(_busy) => thread::yield_now(),
            }
        }
        assert_eq!(names.pool.threads(), THREADS);
        assert_eq!(
            names.look_up(LookupId(taken), &question("127.0.0.1")),
            Err(NameError::Busy)
        );
        for lookup in 0..taken - 1 {
            names.cancel(LookupId(lookup));
        }
        drop(held);
        told.recv().unwrap();
        let told_of: Vec<_> = done(&mut names).into_iter().map(|(id, _)| id).collect();
        assert_eq!(told_of, [LookupId(taken - 1)]);
    }

    #[test]
    fn dropping_ends_the_threads() {
        let (mut names, told) = names(Literals);
        names.look_up(LookupId(1), &question("127.0.0.1")).unwrap();
        told.recv().unwrap();
        drop(names);
        // The last thread drops the waker, and with it the other end of this channel.
        assert!(told.recv().is_err());
    }
}
