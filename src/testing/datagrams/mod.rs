//! One protocol of datagrams without any network, for unit tests. Owns what goes to its socket and comes from it, and the clock; the
//! reactor and the protocol are those of production, unchanged.

mod network;
mod watched;

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::network::{Link, Plug};
use super::turning::{Outcome, advance, settle};
use crate::datagram::{DatagramProtocol, DatagramTransport};
use crate::endpoint::UdpEndpoint;
use crate::error::Lost;
use crate::reactor::{DatagramSocket, Reactor, Stepper};

pub(super) use network::Post;
use network::Sent;
use watched::{Log, Watched};

/// Puts a protocol of datagrams on a socket whose other side is the test: bound to `127.0.0.1:8007`, and connected to nobody.
///
/// ```
/// use std::net::SocketAddr;
/// use ropewalk::{DatagramProtocol, DatagramTransport, testing};
///
/// struct Echo;
///
/// impl DatagramProtocol for Echo {
///     fn datagram_received(&mut self, transport: &mut DatagramTransport<'_>, data: &[u8], from: SocketAddr) {
///         transport.send_to(data, from);
///     }
/// }
///
/// let alice = "192.0.2.7:5000".parse().unwrap();
/// let mut wire = testing::datagrams(Echo);
/// wire.receives("hello", alice).sent("hello", alice).sent_no_more();
/// assert_eq!(wire.callbacks(), ["started", "datagram \"hello\" from 192.0.2.7:5000"]);
/// ```
#[track_caller]
pub fn datagrams<P: DatagramProtocol>(protocol: P) -> DatagramWire<P> {
    DatagramWire::new(UdpEndpoint::new(8007), protocol)
}

/// The same on a socket that is connected to `peer`.
#[track_caller]
pub fn datagrams_with<P: DatagramProtocol>(peer: SocketAddr, protocol: P) -> DatagramWire<P> {
    DatagramWire::new(UdpEndpoint::to(peer), protocol)
}

/// A socket for datagrams whose other side is the test.
///
/// Each method does one thing and lets the reactor turn until it has nothing left to do. A panic of the protocol does to its
/// socket what it does in production: an assertion that is to fail the test belongs into the test, or into
/// [`protocol`](Self::protocol).
pub struct DatagramWire<P> {
    stepper: Stepper,
    link: Rc<RefCell<Link>>,
    log: Rc<RefCell<Log>>,
    socket: DatagramSocket,
    protocol: PhantomData<fn(P)>,
}

impl<P> fmt::Debug for DatagramWire<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramWire")
            .field("callbacks", &self.log.borrow().lines)
            .finish_non_exhaustive()
    }
}

impl<P: DatagramProtocol> DatagramWire<P> {
    #[track_caller]
    fn new(endpoint: UdpEndpoint, protocol: P) -> Self {
        let link: Rc<RefCell<Link>> = Rc::default();
        link.borrow_mut().post = Some(Post::default());
        let log: Rc<RefCell<Log>> = Rc::default();
        let mut reactor = Reactor::on(Box::new(Plug::new(Rc::clone(&link))));
        let watched = Watched::new(protocol, Rc::clone(&log));
        let bound = reactor.bind(endpoint).with(watched);
        let mut wire = Self {
            stepper: Stepper::new(reactor),
            link,
            log,
            socket: bound.expect("a test's network has datagrams"),
            protocol: PhantomData,
        };
        wire.settle();
        wire
    }

    /// A datagram comes.
    ///
    /// # Panics
    /// If the socket is closed, or the reactor does not come to rest.
    #[track_caller]
    pub fn receives(&mut self, data: impl AsRef<[u8]>, from: SocketAddr) -> &mut Self {
        self.post(|post| post.deliver(data.as_ref(), from, false));
        self.settle()
    }

    /// The beginning of a datagram comes, for which there was no more room.
    ///
    /// # Panics
    /// See [`receives`](Self::receives).
    #[track_caller]
    pub fn receives_truncated(&mut self, data: impl AsRef<[u8]>, from: SocketAddr) -> &mut Self {
        self.post(|post| post.deliver(data.as_ref(), from, true));
        self.settle()
    }

    /// The peer's system says that nobody listens there. Only who is connected hears of it.
    #[track_caller]
    pub fn refuses(&mut self) -> &mut Self {
        self.post(|post| post.refuse());
        self.settle()
    }

    /// The system has no room for what we send: it waits.
    #[track_caller]
    pub fn blocks(&mut self) -> &mut Self {
        self.post(|post| post.set_blocked(true));
        self.settle()
    }

    /// The system takes all there is, and goes on to.
    #[track_caller]
    pub fn unblocks(&mut self) -> &mut Self {
        self.post(|post| post.set_blocked(false));
        self.settle()
    }

    /// The next datagram that we have sent, and the test has not asked for, is this one.
    ///
    /// # Panics
    /// If it is another, or there is none.
    #[track_caller]
    pub fn sent(&mut self, data: impl AsRef<[u8]>, to: SocketAddr) -> &mut Self {
        let expected = data.as_ref();
        let sent = self.take_sent();
        let callbacks = || self.log.borrow().lines.clone();
        match sent {
            Some((data, at)) => assert!(
                data == expected && at == to,
                "\n    sent: \"{}\" to {at}\nexpected: \"{}\" to {to}\ncallbacks: {:?}",
                data.escape_ascii(),
                expected.escape_ascii(),
                callbacks()
            ),
            None => panic!(
                "nothing more was sent; expected: \"{}\" to {to}; callbacks: {:?}",
                expected.escape_ascii(),
                callbacks()
            ),
        }
        self
    }

    /// All that we have sent was asked for.
    ///
    /// # Panics
    /// If there is more.
    #[track_caller]
    pub fn sent_no_more(&mut self) -> &mut Self {
        if let Some((data, to)) = self.take_sent() {
            panic!("more was sent: \"{}\" to {to}", data.escape_ascii());
        }
        self
    }

    /// The next datagram that we have sent, and whom to; `None` if there is no more.
    #[track_caller]
    pub fn take_sent(&mut self) -> Option<Sent> {
        self.settle();
        self.post(Post::take_sent)
    }

    /// Time passes. Each timer fires at its own moment, in order.
    #[track_caller]
    pub fn advance(&mut self, by: Duration) -> &mut Self {
        advance(&mut self.stepper, &self.link, by);
        self
    }

    /// What the protocol was told, one line a callback: `started`, `datagram "..." from ...`, `truncated "..." from ...`, `refused`,
    /// `stopping`, `stopped ...`. Bytes are escaped, and shortened beyond sixty.
    #[track_caller]
    pub fn callbacks(&mut self) -> Vec<String> {
        self.settle();
        self.log.borrow().lines.clone()
    }

    /// Why the socket was closed; `None` while it is not.
    #[track_caller]
    pub fn stopped(&mut self) -> Option<Lost> {
        self.settle();
        self.log.borrow().stopped.clone()
    }

    /// The socket, as [`Bind::with`](crate::Bind::with) returned it.
    pub fn socket(&self) -> DatagramSocket {
        self.socket
    }

    /// Calls `call` with the protocol, as [`Reactor::tell_datagrams`] does, and returns what it returns. A failed assertion in it
    /// fails the test.
    ///
    /// # Panics
    /// If the socket is closed.
    #[track_caller]
    pub fn protocol<R: 'static>(
        &mut self,
        call: impl FnOnce(&mut P, &mut DatagramTransport<'_>) -> R + 'static,
    ) -> R {
        let outcome = Outcome::default();
        let told = outcome.clone();
        let id = self.socket.id();
        self.reactor()
            .tell_datagrams::<P>(id, move |protocol, transport| {
                told.note(|| call(protocol, transport));
            });
        self.settle();
        outcome.take("the socket is closed")
    }

    /// The reactor. What is asked of it is done when the wire is used next.
    pub fn reactor(&mut self) -> &mut Reactor {
        self.stepper.reactor()
    }

    #[track_caller]
    fn post<R>(&self, act: impl FnOnce(&mut Post) -> R) -> R {
        act(self.link.borrow_mut().post.get_or_insert_default())
    }

    /// Turns the reactor until it has nothing left to do.
    #[track_caller]
    fn settle(&mut self) -> &mut Self {
        settle(&mut self.stepper, &self.link);
        self
    }
}
