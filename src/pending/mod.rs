//! Requests that wait for their replies. Owns what was asked and who is to be told what became of it; sends nothing, and
//! can read no reply, which is the protocol's part.

mod outcome;
mod table;

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::error::Lost;
use crate::limits::REQUESTS;
use crate::network::Time;
use crate::protocol::{Protocol, downcast};
use crate::reactor::{OnProtocol, Outstanding};
use crate::table::ConnectionId;
use crate::timer::TimerId;
use crate::transport::Transport;

use outcome::Told;
pub use outcome::{Match, RequestError, Settled, Unanswered};
use table::Table;

/// Requests of one connection, matched to their replies by a key.
///
/// A protocol has it as a field, next to whatever else it knows. What is given with a request is called once: with the
/// reply, or with the reason why there is none. That is told
/// - when the protocol has found a reply in what it received, by [`reply`](Self::reply) and [`Settled::tell`], at once;
/// - when the request's time is over. What has arrived by then is heard first;
/// - when the connection is lost: all that are unanswered hear it, in the order of asking, before
///   [`connection_lost`](Protocol::connection_lost). Nobody has to see to that;
/// - when it is cancelled.
///
/// What is called may ask again. It is dropped uncalled only with the protocol, when another one takes the connection
/// over; that is counted as [`stale_calls`](crate::Counters::stale_calls).
///
/// The key of a request that was given up, because it timed out or was cancelled, is not free before its reply has come:
/// a late reply is counted, and never taken for that of another request. [`next_key`](Pending::next_key) leaves such keys
/// out.
///
/// ```
/// use std::time::Duration;
/// use ropewalk::{LineReceiver, Pending, RequestError, Transport, Unanswered, testing};
///
/// /// Asks `1 the time`, and is answered `1 noon`, in whatever order.
/// #[derive(Default)]
/// struct Client {
///     questions: Pending<u32>,
///     answers: Vec<String>,
/// }
///
/// impl Client {
///     fn ask(&mut self, transport: &mut Transport<'_>, question: &str) -> Result<(), RequestError> {
///         let key = self.questions.next_key();
///         self.questions.request(transport, key, Duration::from_secs(5), Self::answered)?;
///         transport.send(format!("{key} {question}"));
///         Ok(())
///     }
///
///     fn answered(&mut self, _: &mut Transport<'_>, answer: Result<Vec<u8>, Unanswered>) {
///         self.answers.push(match answer {
///             Ok(answer) => String::from_utf8_lossy(&answer).into_owned(),
///             Err(why) => format!("no answer: {why}"),
///         });
///     }
/// }
///
/// impl LineReceiver for Client {
///     fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
///         let line = String::from_utf8_lossy(line);
///         let Some((Ok(key), answer)) = line.split_once(' ').map(|(key, rest)| (key.parse(), rest)) else {
///             return transport.lose_connection();
///         };
///         self.questions.reply(&key, answer.into()).tell(self, transport);
///     }
/// }
///
/// let mut wire = testing::connect(Client::default());
/// for question in ["the time", "the place", "the reason"] {
///     wire.protocol(move |client, transport| client.ask(transport, question)).expect("room for three");
/// }
/// wire.sent("1 the time\r\n2 the place\r\n3 the reason\r\n");
/// wire.receives("2 here\r\n").receives("1 noon\r\n").advance(Duration::from_secs(5));
/// assert_eq!(
///     wire.protocol(|client, _| client.answers.clone()),
///     ["here", "noon", "no answer: no reply in time"]
/// );
/// ```
///
/// Where replies carry no key and come in the order of the requests, count both: the n-th reply has the key n.
pub struct Pending<K, R = Vec<u8>> {
    shared: Rc<Shared<K, R>>,
    last_key: u64,
}

/// What the reactor has a share in: it tells of a loss though the protocol has forgotten these.
struct Shared<K, R> {
    table: RefCell<Table<K, Told<R>>>,
    /// Those that are being told of the loss.
    failing: RefCell<VecDeque<Told<R>>>,
    /// The connection, and which protocol of it.
    owner: Cell<Option<(ConnectionId, u32)>>,
    /// The one timer, and for when it is armed: no later than the earliest deadline, if there is one.
    timer: Cell<Option<(TimerId, Time)>>,
    late: Cell<u64>,
}

impl<K, R> fmt::Debug for Pending<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("owner", &self.shared.owner)
            .field("late", &self.shared.late)
            .finish_non_exhaustive()
    }
}

impl<K: Ord + Clone + 'static, R: 'static> Default for Pending<K, R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord + Clone + 'static, R: 'static> Pending<K, R> {
    /// None yet, and at most 1,024 at a time.
    pub fn new() -> Self {
        Self::at_most(REQUESTS)
    }

    /// None yet, and at most so many at a time; of those that were given up the last so many keys are remembered.
    pub fn at_most(most: usize) -> Self {
        Self {
            shared: Rc::new(Shared {
                table: RefCell::new(Table::new(most)),
                failing: RefCell::default(),
                owner: Cell::default(),
                timer: Cell::default(),
                late: Cell::default(),
            }),
            last_key: 0,
        }
    }

    /// Notes that `key` was asked, or will be in this callback, and calls `told` once with what becomes of it.
    /// Without a reply `within` that time it is given up; `None` waits for as long as the connection lives.
    ///
    /// # Errors
    /// If it can't be taken; `told` is then dropped, and nothing should be sent.
    pub fn request<P: Protocol>(
        &mut self,
        transport: &mut Transport<'_>,
        key: K,
        within: impl Into<Option<Duration>>,
        told: impl FnOnce(&mut P, &mut Transport<'_>, Result<R, Unanswered>) + 'static,
    ) -> Result<(), RequestError> {
        self.belong_to(transport)?;
        if let Some(refusal) = self.shared.table.borrow().refusal(&key) {
            return Err(refusal);
        }
        let told: Told<R> = Box::new(move |protocol, transport, outcome| {
            let id = transport.id();
            match downcast::<P>(protocol) {
                Some(this) => told(this, transport, outcome),
                None => transport.reactor().misdirected::<P>(id),
            }
        });
        let deadline = within.into().map(|within| transport.now() + within);
        self.shared.table.borrow_mut().ask(key, deadline, told);
        self.shared.arm(transport);
        Ok(())
    }

    /// A reply was received: `pending.reply(&key, reply).tell(self, transport)` tells the request under this key, which is
    /// no longer pending then. If there is none, nobody is told.
    pub fn reply<Q: Ord + ?Sized>(&mut self, key: &Q, reply: R) -> Settled<R>
    where
        K: Borrow<Q>,
    {
        let (found, told) = self.shared.table.borrow_mut().answer(key);
        let late = found == Match::GivenUp;
        if late {
            self.shared.late.set(self.shared.late.get() + 1);
        }
        Settled {
            found,
            told: told.map(|told| (told, Ok(reply))),
            late,
        }
    }

    /// Gives a request up, which [`Settled::tell`] tells it as [`Unanswered::Cancelled`]. Without that it hears nothing
    /// more.
    pub fn cancel<Q: Ord + ?Sized>(&mut self, key: &Q) -> Settled<R>
    where
        K: Borrow<Q>,
    {
        let (found, told) = self.shared.table.borrow_mut().give_up(key);
        Settled {
            found,
            told: told.map(|told| (told, Err(Unanswered::Cancelled))),
            late: false,
        }
    }

    /// Makes the key of a request that was given up free: its reply will not come, or is as good as the next. `false` if
    /// there is no such key.
    pub fn forget<Q: Ord + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.shared.table.borrow_mut().forget(key)
    }

    /// Whether a request with this key is unanswered.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.shared.table.borrow().is_asked(key)
    }

    /// How many are unanswered; those that were given up are not counted.
    pub fn len(&self) -> usize {
        self.shared.table.borrow().len()
    }

    /// Whether none is unanswered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many replies came after their request was given up.
    pub fn late(&self) -> u64 {
        self.shared.late.get()
    }

    /// Makes it the transport's protocol's. What is left of another's, from which it was taken over, has nobody to hear
    /// it any more.
    fn belong_to(&mut self, transport: &mut Transport<'_>) -> Result<(), RequestError> {
        let id = transport.id();
        let reactor = transport.reactor();
        let Some(serial) = reactor.asks(id) else {
            return Err(RequestError::Ended);
        };
        let owner = Some((id, serial));
        if self.shared.owner.replace(owner) != owner {
            let left = self.shared.table.borrow_mut().clear();
            reactor.counters.stale_calls += left.len() as u64;
            self.shared.timer.set(None);
            reactor.tell_of_the_loss(id, Rc::clone(&self.shared) as _);
        }
        Ok(())
    }
}

/// Keys that are numbers can be had from here.
macro_rules! next_key {
    ($($number:ty),*) => { $(
        impl<R: 'static> Pending<$number, R> {
            /// A key that stands for no request: 1, 2, 3 and so on, and after the last one from 1 again. Keys that are in use
            /// or given up are left out.
            pub fn next_key(&mut self) -> $number {
                let table = self.shared.table.borrow();
                let mut key = self.last_key as $number;
                // One more than there can be in the way; if all there are are in use, `request` says so.
                for _ in 0..=table.in_the_way() {
                    key = key.checked_add(1).unwrap_or(1);
                    if table.is_free(&key) {
                        break;
                    }
                }
                self.last_key = u64::from(key);
                key
            }
        }
    )* };
}

next_key!(u16, u32, u64);

impl<K: Ord + Clone + 'static, R: 'static> Shared<K, R> {
    /// Sees to it that the timer is armed for the earliest deadline or before that: it is not moved when a request is
    /// answered, but finds out when it fires.
    fn arm(self: &Rc<Self>, transport: &mut Transport<'_>) {
        let Some(earliest) = self.table.borrow().earliest() else {
            return;
        };
        let delay = earliest.since(transport.now());
        let timer = match self.timer.get() {
            Some((_, due)) if due <= earliest => return,
            Some((timer, _)) if transport.reactor().reset(timer, delay) => timer,
            _ => {
                let shared = Rc::clone(self);
                let id = transport.id();
                let fired: OnProtocol = Box::new(move |_, transport| shared.expire_soon(transport));
                transport
                    .reactor()
                    .call_any_protocol_later(id, delay, fired)
            }
        };
        self.timer.set(Some((timer, earliest)));
    }

    /// What has arrived in this turn is heard first.
    fn expire_soon(self: Rc<Self>, transport: &mut Transport<'_>) {
        self.timer.set(None);
        let id = transport.id();
        let expire: OnProtocol =
            Box::new(move |protocol, transport| self.expire(protocol, transport));
        transport.reactor().tell_any_protocol(id, expire);
    }

    fn expire(self: Rc<Self>, protocol: &mut dyn Protocol, transport: &mut Transport<'_>) {
        let now = transport.now();
        // Those that are asked meanwhile are for the next turn, even if they have no time at all.
        let before = self.table.borrow().serial();
        while !transport.has_changed() {
            let overdue = self.table.borrow_mut().expire(now, before);
            let Some(told) = overdue else { break };
            transport.reactor().counters.requests_timed_out += 1;
            told(protocol, transport, Err(Unanswered::TimedOut));
        }
        self.arm(transport);
    }
}

impl<K: Ord + Clone + 'static, R: 'static> Outstanding for Shared<K, R> {
    fn len(&self) -> usize {
        self.table.borrow().len()
    }

    fn fail_next(&self, reason: &Lost) -> Option<OnProtocol> {
        let mut failing = self.failing.borrow_mut();
        if failing.is_empty() {
            failing.extend(self.table.borrow_mut().clear());
        }
        let told = failing.pop_front()?;
        let reason = reason.clone();
        Some(Box::new(move |protocol, transport| {
            told(protocol, transport, Err(Unanswered::Lost(reason)));
        }))
    }
}
