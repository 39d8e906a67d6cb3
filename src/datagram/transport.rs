//! What a callback may do to its datagram socket. Owns nothing: the reactor knows.

use std::net::SocketAddr;
use std::time::Duration;

use super::{DatagramProtocol, DatagramRemote};
use crate::error::{OsError, SendError};
use crate::network::{DeferError, Multicast, Time};
use crate::reactor::Reactor;
use crate::table::DatagramId;
use crate::timer::TimerId;

/// A socket for datagrams, as its own protocol sees it in a callback.
///
/// Nothing here calls user code. A datagram is handed to the system at once. If that has no room for it now, it waits behind
/// those that wait already, up to [`Bind::unsent`](crate::Bind::unsent); what is refused otherwise is refused at once.
pub struct DatagramTransport<'a> {
    reactor: &'a mut Reactor,
    id: DatagramId,
}

impl std::fmt::Debug for DatagramTransport<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatagramTransport")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<'a> DatagramTransport<'a> {
    pub(crate) fn new(reactor: &'a mut Reactor, id: DatagramId) -> Self {
        Self { reactor, id }
    }

    /// The socket's id, with which everybody else can send on it and close it.
    pub fn id(&self) -> DatagramId {
        self.id
    }

    /// The reactor: to bind, listen, connect, call later, or reach connections.
    pub fn reactor(&mut self) -> &mut Reactor {
        self.reactor
    }

    /// Our own address, valid also in `stopped`. Where a socket is bound to any address of the machine, it is that.
    pub fn local(&self) -> Option<SocketAddr> {
        self.reactor.datagram_address(self.id)
    }

    /// Whom the socket is connected to.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.reactor.datagram_peer(self.id)
    }

    /// Sends a datagram. One that can't be sent is logged and counted.
    pub fn send_to(&mut self, data: impl AsRef<[u8]>, to: SocketAddr) {
        self.reactor.send_to(self.id, data, to);
    }

    /// Like [`send_to`](Self::send_to), and tells of one that can't be sent.
    ///
    /// # Errors
    /// Why it can't be sent. It costs this one datagram: the next may be sent.
    pub fn try_send_to(&mut self, data: impl AsRef<[u8]>, to: SocketAddr) -> Result<(), SendError> {
        self.reactor.try_send_to(self.id, data, to)
    }

    /// Sends a datagram to the peer that the socket is connected to. One that can't be sent is logged and counted.
    pub fn send(&mut self, data: impl AsRef<[u8]>) {
        let data = data.as_ref();
        if let Err(error) = self.try_send(data) {
            self.reactor
                .datagram_not_sent(self.id, data.len(), None, &error);
        }
    }

    /// Like [`send`](Self::send), and tells of one that can't be sent.
    ///
    /// # Errors
    /// Why it can't be sent; [`SendError::NoPeer`] on a socket that is not connected.
    pub fn try_send(&mut self, data: impl AsRef<[u8]>) -> Result<(), SendError> {
        self.reactor.offer_datagram(self.id, data.as_ref(), None)
    }

    /// How many bytes of datagrams wait for the system to have room.
    pub fn unsent(&self) -> usize {
        self.reactor.datagrams_unsent(self.id).unwrap_or(0)
    }

    /// Closes the socket, when the system has taken what was sent, but within a second. Nothing is received any more, and what is sent from now on goes nowhere.
    pub fn stop_listening(&mut self) {
        self.reactor.stop_datagrams(self.id);
    }

    /// From now on hears a multicast group, given by its address or with the interface to hear it on.
    ///
    /// # Errors
    /// What the system says.
    pub fn join_multicast(&mut self, group: impl Into<Multicast>) -> Result<(), OsError> {
        self.reactor.set_membership(self.id, &group.into(), true)
    }

    /// Hears a multicast group no longer. It was joined on the same interface.
    ///
    /// # Errors
    /// What the system says.
    pub fn leave_multicast(&mut self, group: impl Into<Multicast>) -> Result<(), OsError> {
        self.reactor.set_membership(self.id, &group.into(), false)
    }

    /// The reactor's time, read once a turn.
    pub fn now(&self) -> Time {
        self.reactor.now()
    }

    /// Calls `call` with this protocol, `delay` after [`now`](Self::now) or later, unless the socket is closed by then.
    pub fn call_later<P: DatagramProtocol>(
        &mut self,
        delay: Duration,
        call: impl FnOnce(&mut P, &mut DatagramTransport<'_>) + 'static,
    ) -> TimerId {
        self.reactor.call_datagrams_later(self.id, delay, call)
    }

    /// Calls `call` with this protocol every `interval`. Times that were missed are skipped, not made up for.
    pub fn call_every<P: DatagramProtocol>(
        &mut self,
        interval: Duration,
        mut call: impl FnMut(&mut P, &mut DatagramTransport<'_>) + 'static,
    ) -> TimerId {
        self.call_every_with_count(interval, move |this, transport, _| call(this, transport))
    }

    /// Like [`call_every`](Self::call_every), and tells the call how many intervals have passed since the one before, see
    /// [`Reactor::call_every_with_count`].
    pub fn call_every_with_count<P: DatagramProtocol>(
        &mut self,
        interval: Duration,
        call: impl FnMut(&mut P, &mut DatagramTransport<'_>, u64) + 'static,
    ) -> TimerId {
        self.reactor.call_datagrams_every(self.id, interval, call)
    }

    /// Cancels a timer; `false` if it is over.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        self.reactor.cancel(timer)
    }

    /// A handle with which other threads can call this protocol.
    pub fn remote<P: DatagramProtocol>(&mut self) -> DatagramRemote<P> {
        DatagramRemote::new(self.reactor.remote(), self.id)
    }

    /// Has `work` done on a thread, then calls `then` with this protocol and the result, unless the socket is closed by then.
    /// Otherwise as [`Reactor::defer_to_thread`].
    pub fn defer_to_thread<P: DatagramProtocol, T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        then: impl FnOnce(&mut P, &mut DatagramTransport<'_>, Result<T, DeferError>) + 'static,
    ) {
        let id = self.id;
        self.reactor.defer_to_thread(work, move |reactor, result| {
            reactor.call_datagrams(id, |this: &mut P, transport| then(this, transport, result));
        });
    }
}

impl AsMut<Reactor> for DatagramTransport<'_> {
    fn as_mut(&mut self) -> &mut Reactor {
        self.reactor
    }
}
