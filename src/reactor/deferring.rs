//! Work on threads: what is to happen with its result. Owns who waits for which piece of work; the threads are the
//! network's.

use std::any::Any;
use std::collections::BTreeMap;

use crate::network::{DeferError, WorkId, WorkOutcome};
use crate::protocol::{Protocol, downcast};
use crate::table::ConnectionId;
use crate::transport::Transport;

use super::dispatch::{Call, ProtocolCall};
use super::{Connection, Reactor};

/// The work that threads have, and who waits for it.
#[derive(Default)]
pub(super) struct Works {
    waiting: BTreeMap<WorkId, Waiting>,
    next: u64,
    panicked: u64,
}

impl Works {
    /// How much work has panicked.
    pub(super) fn panicked(&self) -> u64 {
        self.panicked
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// Who hears what came of a piece of work.
enum Waiting {
    Reactor(ThenReactor),
    Protocol {
        id: ConnectionId,
        serial: u32,
        then: ThenProtocol,
    },
}

type ThenReactor = Box<dyn FnOnce(&mut Reactor, WorkOutcome)>;
type ThenProtocol = Box<dyn FnOnce(&mut dyn Protocol, &mut Transport<'_>, WorkOutcome)>;

impl Waiting {
    fn with(self, outcome: WorkOutcome) -> Call {
        match self {
            Self::Reactor(then) => Call::Reactor(Box::new(move |reactor| then(reactor, outcome))),
            Self::Protocol { id, serial, then } => Call::Protocol(ProtocolCall {
                id,
                serial,
                call: Box::new(move |protocol, transport| then(protocol, transport, outcome)),
            }),
        }
    }
}

impl Reactor {
    /// Has `work` done on a thread, then calls `then` with its result, on the loop again: for what takes long, computing
    /// or waiting, while others want to be served. What `work` needs is moved into it, and what it returns comes back.
    ///
    /// There are up to ten threads, started when they are needed, and up to 1,024 pieces of work wait for one. `then` is
    /// called in any case, once and later, unless the reactor stops before: with [`DeferError::Busy`] if too many wait,
    /// with [`DeferError::Panicked`] if `work` panicked, which is logged and counted. Stopping does not wait for it.
    ///
    /// ```
    /// # fn main() -> ropewalk::Result<()> {
    /// let mut reactor = ropewalk::Reactor::new()?;
    /// reactor.defer_to_thread(
    ///     || (1..=1_000_000_u64).sum::<u64>(),
    ///     |reactor, sum| {
    ///         assert_eq!(sum, Ok(500_000_500_000));
    ///         reactor.stop();
    ///     },
    /// );
    /// reactor.run()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn defer_to_thread<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        then: impl FnOnce(&mut Self, Result<T, DeferError>) + 'static,
    ) {
        let waiting = Waiting::Reactor(Box::new(move |reactor, outcome| {
            then(reactor, typed(outcome))
        }));
        self.defer(work, waiting);
    }

    fn defer<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        waiting: Waiting,
    ) {
        let id = WorkId(self.works.next);
        self.works.next += 1;
        let work = Box::new(move || Box::new(work()) as Box<dyn Any + Send>);
        match self.network.defer(id, work) {
            Ok(()) => {
                self.works.waiting.insert(id, waiting);
            }
            Err(error) => {
                self.counters.works_refused += 1;
                self.calls.push_back(waiting.with(Err(error)));
            }
        }
    }

    /// Nobody hears any more what comes of the work under way.
    pub(super) fn forget_works(&mut self) {
        for (_, waiting) in std::mem::take(&mut self.works.waiting) {
            self.drop_guarded(waiting);
        }
    }

    /// A thread has done its work.
    pub(super) fn worked(&mut self, work: WorkId, outcome: WorkOutcome) {
        let Some(waiting) = self.works.waiting.remove(&work) else {
            return;
        };
        if let Err(error @ DeferError::Panicked(_)) = &outcome {
            self.counters.panics += 1;
            self.works.panicked += 1;
            match &waiting {
                Waiting::Reactor(_) => self.warn_of(format_args!("on a thread: {error}")),
                Waiting::Protocol { id, .. } => {
                    self.warn(*id, format_args!("on a thread: {error}"));
                }
            }
        }
        self.make(waiting.with(outcome));
    }
}

impl Transport<'_> {
    /// Has `work` done on a thread, then calls `then` with this protocol and the result. If the connection has ended or
    /// changed its protocol by then, the result is dropped, and counted as a
    /// [stale call](crate::Counters::stale_calls). Otherwise as [`Reactor::defer_to_thread`].
    ///
    /// A panic of `work` is not the connection's end: `then` hears of it, and decides.
    ///
    /// ```
    /// use ropewalk::{LineReceiver, Transport};
    ///
    /// struct Files;
    ///
    /// impl LineReceiver for Files {
    ///     fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
    ///         let name = String::from_utf8_lossy(line).into_owned();
    ///         transport.defer_to_thread(
    ///             move || std::fs::metadata(name).map(|file| file.len()),
    ///             |_this: &mut Self, transport, size| match size {
    ///                 Ok(Ok(size)) => transport.send(size.to_string()),
    ///                 Ok(Err(_)) => transport.send("no such file"),
    ///                 Err(_busy) => transport.send("try again later"),
    ///             },
    ///         );
    ///     }
    /// }
    /// # let mut wire = ropewalk::testing::connect(Files);
    /// # wire.receives("no/such/file\r\n");
    /// # wire.sent("no such file\r\n");
    /// ```
    pub fn defer_to_thread<P: Protocol, T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        then: impl FnOnce(&mut P, &mut Transport<'_>, Result<T, DeferError>) + 'static,
    ) {
        let id = self.id();
        let then: ThenProtocol =
            Box::new(
                move |protocol, transport, outcome| match downcast::<P>(protocol) {
                    Some(this) => then(this, transport, typed(outcome)),
                    None => transport.reactor().misdirected::<P>(id),
                },
            );
        let connection = self.glance().connections.get(id);
        let serial = connection.map_or(0, Connection::protocol_serial);
        self.reactor()
            .defer(work, Waiting::Protocol { id, serial, then });
    }
}

fn typed<T: 'static>(outcome: WorkOutcome) -> Result<T, DeferError> {
    outcome.map(|result| match result.downcast::<T>() {
        Ok(result) => *result,
        Err(_) => panic!("a network gave back something else than the work had returned"),
    })
}
