//! One protocol without any network, for unit tests of protocols. Owns the far end of its connection and the clock; the
//! reactor and the protocol are those of production, unchanged.
//!
//! A [`Wire`] says what the peer does, in the order of the test, and what the peer must have got from us:
//!
//! ```
//! use ropewalk::{LineReceiver, Transport, testing};
//!
//! struct Greeter;
//!
//! impl LineReceiver for Greeter {
//!     fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
//!         transport.send([b"hello ", line].concat());
//!     }
//! }
//!
//! let mut wire = testing::connect(Greeter);
//! wire.receives("alice\r\nbob\r\n").sent("hello alice\r\nhello bob\r\n");
//! wire.ends();
//! assert!(wire.is_closed());
//! assert_eq!(
//!     wire.callbacks(),
//!     ["made", "frame \"alice\"", "frame \"bob\"", "eof", "lost done, ended by the peer"]
//! );
//! ```
//!
//! [`datagrams`] is the same for a protocol of datagrams.
//!
//! Everything happens at once and in order, on a clock that only [`advance`](Wire::advance) moves. For hosts, delays and
//! faults between several reactors there is the simulator.

mod datagrams;
mod network;
mod turning;
mod watched;
mod wiring;

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use crate::error::Lost;
use crate::protocol::Protocol;
use crate::reactor::{Reactor, Stepper};
use crate::table::ConnectionId;
use crate::transport::Transport;

use network::{Direction, Link, Plug};
use turning::{Outcome, advance, settle};
use watched::{Log, Watched};

pub use datagrams::{DatagramWire, datagrams, datagrams_with};
pub use wiring::Wiring;

/// Connects a protocol to a peer that is the test, as if it had been accepted by a listener.
#[track_caller]
pub fn connect<P: Protocol>(protocol: P) -> Wire<P> {
    wiring().connect(protocol)
}

/// Begins to describe a connection with limits or layers of its own, see [`Wiring`].
pub fn wiring() -> Wiring {
    Wiring::default()
}

/// A connection whose far end is the test.
///
/// Each method does one thing at the far end and lets the reactor turn until it has nothing left to do. A panic of the
/// protocol does to its connection what it does in production, and is seen as [`Lost::Panicked`]: an assertion that is to
/// fail the test belongs into the test, or into [`protocol`](Self::protocol).
pub struct Wire<P> {
    stepper: Stepper,
    link: Rc<RefCell<Link>>,
    log: Rc<RefCell<Log>>,
    protocol: PhantomData<fn(P)>,
}

impl<P> fmt::Debug for Wire<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("callbacks", &self.log.borrow().lines)
            .finish_non_exhaustive()
    }
}

impl<P: Protocol> Wire<P> {
    #[track_caller]
    fn new(
        protocol: P,
        blocked: bool,
        greeting: &[u8],
        setup: &mut dyn FnMut(&mut Reactor, Watched<P>),
    ) -> Self {
        let link = Rc::new(RefCell::new(Link::default()));
        let log: Rc<RefCell<Log>> = Rc::default();
        if blocked {
            link.borrow_mut().set_room(Some(0));
        }
        if !greeting.is_empty() {
            link.borrow_mut().send(greeting);
        }
        let mut reactor = Reactor::on(Box::new(Plug::new(Rc::clone(&link))));
        let successors = Rc::clone(&log);
        reactor.watch = Some(Box::new(move |protocol| {
            Box::new(Watched::new(protocol, Rc::clone(&successors)))
        }));
        setup(&mut reactor, Watched::new(protocol, Rc::clone(&log)));
        let mut wire = Self {
            stepper: Stepper::new(reactor),
            link,
            log,
            protocol: PhantomData,
        };
        wire.settle();
        wire
    }

    /// The peer sends bytes, which arrive in one piece.
    ///
    /// # Panics
    /// If the peer has ended, or the reactor does not come to rest.
    #[track_caller]
    pub fn receives(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        assert!(
            self.link.borrow().is_open(),
            "the peer has ended, and can't send \"{}\"",
            bytes.escape_ascii()
        );
        if !bytes.is_empty() {
            self.link.borrow_mut().send(bytes);
        }
        self.settle()
    }

    /// The peer sends bytes, which arrive in pieces of `size` bytes, one after the other.
    ///
    /// # Panics
    /// If `size` is zero; as [`receives`](Self::receives).
    #[track_caller]
    pub fn receives_in_pieces(&mut self, bytes: impl AsRef<[u8]>, size: usize) -> &mut Self {
        for piece in bytes.as_ref().chunks(size) {
            self.receives(piece);
        }
        self
    }

    /// The same; all of it has arrived before any of it is read.
    #[cfg(test)]
    #[track_caller]
    pub(crate) fn receives_pieces_at_once(&mut self, bytes: &[u8], size: usize) -> &mut Self {
        for piece in bytes.chunks(size) {
            self.link.borrow_mut().send(piece);
        }
        self.settle()
    }

    /// The peer has got exactly these bytes since the test asked last.
    ///
    /// # Panics
    /// If they are others.
    #[track_caller]
    pub fn sent(&mut self, expected: impl AsRef<[u8]>) -> &mut Self {
        let sent = self.take_sent();
        let expected = expected.as_ref();
        assert!(
            sent == expected,
            "\n    sent: \"{}\"\nexpected: \"{}\"\ncallbacks: {:?}",
            sent.escape_ascii(),
            expected.escape_ascii(),
            self.log.borrow().lines
        );
        self
    }

    /// What the peer has got since the test asked last.
    #[track_caller]
    pub fn take_sent(&mut self) -> Vec<u8> {
        self.settle();
        std::mem::take(&mut self.link.borrow_mut().received)
    }

    /// The peer ends its direction, in order: FIN.
    ///
    /// # Panics
    /// If it has ended before.
    #[track_caller]
    pub fn ends(&mut self) -> &mut Self {
        let ends = self.link.borrow_mut().end(Direction::Ended);
        assert!(ends, "the peer has ended before");
        self.settle()
    }

    /// The peer breaks the connection: RST.
    #[track_caller]
    pub fn resets(&mut self) -> &mut Self {
        self.link.borrow_mut().end(Direction::Reset);
        self.settle()
    }

    /// The peer takes nothing more: what we write waits.
    #[track_caller]
    pub fn blocks(&mut self) -> &mut Self {
        self.link.borrow_mut().set_room(Some(0));
        self.settle()
    }

    /// The peer takes `bytes` more, if it takes nothing at the moment.
    #[track_caller]
    pub fn takes(&mut self, bytes: usize) -> &mut Self {
        self.link.borrow_mut().add_room(bytes);
        self.settle()
    }

    /// The peer takes all there is, and goes on to.
    #[track_caller]
    pub fn unblocks(&mut self) -> &mut Self {
        self.link.borrow_mut().set_room(None);
        self.settle()
    }

    /// Time passes. Each timer fires at its own moment, in order.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ropewalk::{Protocol, Transport, testing};
    /// struct Beacon;
    ///
    /// impl Protocol for Beacon {
    ///     fn connection_made(&mut self, transport: &mut Transport<'_>) {
    ///         transport.call_every(Duration::from_secs(60), |_: &mut Self, transport| transport.write("*"));
    ///     }
    ///     fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    /// }
    ///
    /// let mut wire = testing::connect(Beacon);
    /// wire.advance(Duration::from_secs(59)).sent("");
    /// wire.advance(Duration::from_secs(1)).sent("*");
    /// wire.advance(Duration::from_secs(3600)).sent("*".repeat(60));
    /// ```
    #[track_caller]
    pub fn advance(&mut self, by: Duration) -> &mut Self {
        advance(&mut self.stepper, &self.link, by);
        self
    }

    /// What the protocol was told, one line a callback: `made`, `data "..."`, `frame "..."`, `refused ...`, `eof`, `pause`
    /// and `resume` (of writing), `idle reading`, `idle writing`, `stopping`, `lost ...`. Bytes are escaped, and shortened beyond sixty. It goes on with the
    /// protocols that take over by [`switch_protocol`](Transport::switch_protocol).
    #[track_caller]
    pub fn callbacks(&mut self) -> Vec<String> {
        self.settle();
        self.log.borrow().lines.clone()
    }

    /// Why the connection was lost; `None` while it is not.
    #[track_caller]
    pub fn lost(&mut self) -> Option<Lost> {
        self.settle();
        self.log.borrow().lost.clone()
    }

    /// Whether we have ended: the peer has got our FIN, or was aborted. We may still listen to it.
    #[track_caller]
    pub fn is_closed(&mut self) -> bool {
        self.settle();
        self.link.borrow().to_peer() != Direction::Open
    }

    /// Whether the peer has got our RST.
    #[track_caller]
    pub fn was_aborted(&mut self) -> bool {
        self.settle();
        self.link.borrow().to_peer() == Direction::Reset
    }

    /// Calls `call` with the protocol, as [`Reactor::tell`] does, and returns what it returns. A failed assertion in it
    /// fails the test.
    ///
    /// ```
    /// # use ropewalk::{Protocol, Transport, testing};
    /// #[derive(Default)]
    /// struct Count(usize);
    ///
    /// impl Protocol for Count {
    ///     fn data_received(&mut self, _: &mut Transport<'_>, data: &[u8]) {
    ///         self.0 += data.len();
    ///     }
    /// }
    ///
    /// let mut wire = testing::connect(Count::default());
    /// wire.receives("abc").receives("de");
    /// assert_eq!(wire.protocol(|count, _| count.0), 5);
    /// wire.protocol(|_, transport| transport.write("bye"));
    /// wire.sent("bye");
    /// ```
    ///
    /// # Panics
    /// If the connection has ended, or its protocol is not a `P` any more.
    #[track_caller]
    pub fn protocol<R: 'static>(
        &mut self,
        call: impl FnOnce(&mut P, &mut Transport<'_>) -> R + 'static,
    ) -> R {
        let outcome = Outcome::default();
        let told = outcome.clone();
        let id = self.id();
        self.reactor().tell::<P>(id, move |protocol, transport| {
            told.note(|| call(protocol, transport));
        });
        self.settle();
        outcome.take("the connection's protocol is no longer the one that was connected")
    }

    /// The connection's id.
    ///
    /// # Panics
    /// If the connection is over.
    #[track_caller]
    pub fn id(&mut self) -> ConnectionId {
        self.settle();
        self.link.borrow().id().expect("the connection is over")
    }

    /// The reactor. What is asked of it is done when the wire is used next.
    pub fn reactor(&mut self) -> &mut Reactor {
        self.stepper.reactor()
    }

    /// Turns the reactor until it has nothing left to do.
    #[track_caller]
    fn settle(&mut self) -> &mut Self {
        settle(&mut self.stepper, &self.link);
        self
    }
}
