//! The one place where users' code is called. Owns the guard against its panics; decides nothing about when to call.

use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use crate::connection::{Connection, Cutting, NONE, Phase};
use crate::error::Lost;
use crate::network::{Farewell, Posted, SocketId, let_go, panic_message};
use crate::protocol::{Protocol, downcast};
use crate::table::{ConnectionId, DatagramId};
use crate::transport::Transport;

use super::datagrams::DatagramCall;
use super::{Caller, Reactor};

/// A call that was posted to be made when no callback is under way.
pub(super) enum Call {
    Reactor(Box<dyn FnOnce(&mut Reactor)>),
    Protocol(ProtocolCall),
    Datagrams(DatagramCall),
    /// A socket for datagrams is over.
    Stopped(DatagramId),
}

/// What every protocol hears at most once.
pub(super) enum Notice<'a> {
    Made,
    Eof,
    Lost(&'a Lost),
}

/// A call that another thread posted.
pub(crate) enum Mail {
    Reactor(Box<dyn FnOnce(&mut Reactor) + Send>),
    Protocol {
        id: ConnectionId,
        /// `None`: whichever protocol the connection has by then.
        serial: Option<u32>,
        call: SentToProtocol,
    },
}

pub(crate) type SentToProtocol = Box<dyn FnOnce(&mut dyn Protocol, &mut Transport<'_>) + Send>;

/// A call for one protocol of one connection, and for no other that comes after it.
pub(super) struct ProtocolCall {
    pub(super) id: ConnectionId,
    pub(super) serial: u32,
    pub(super) call: OnProtocol,
}

pub(crate) type OnProtocol = Box<dyn FnOnce(&mut dyn Protocol, &mut Transport<'_>)>;

/// A call with a protocol of one type, as a call with any: another type's is dropped and counted.
pub(crate) fn on_protocol<P: Protocol>(
    call: impl FnOnce(&mut P, &mut Transport<'_>),
) -> impl FnOnce(&mut dyn Protocol, &mut Transport<'_>) {
    move |protocol, transport| match downcast::<P>(protocol) {
        Some(this) => call(this, transport),
        None => {
            let id = transport.id();
            transport.reactor().misdirected::<P>(id);
        }
    }
}

impl Reactor {
    /// Calls a connection's protocol: takes it out of its entry, calls it under guard, puts it back. So callbacks never
    /// nest, and a panic leaves the tables sound. `None` if there is no protocol, or it panicked.
    pub(super) fn dispatch<R>(
        &mut self,
        id: ConnectionId,
        call: impl FnOnce(&mut dyn Protocol, &mut Transport<'_>) -> R,
    ) -> Option<R> {
        self.dispatch_with(id, None, call)
    }

    /// Calls a connection's protocol with one of these. In one place, so that there is little code to a connection that comes
    /// and goes.
    #[inline(never)]
    pub(super) fn notify(&mut self, id: ConnectionId, notice: &Notice<'_>) {
        self.dispatch(id, |protocol, transport| match notice {
            Notice::Made => protocol.connection_made(transport),
            Notice::Eof => protocol.eof_received(transport),
            Notice::Lost(reason) => protocol.connection_lost(transport, reason),
        });
    }

    /// The same for a call that is given what was received: its first write may be sent as soon as it returns.
    #[inline]
    pub(super) fn dispatch_with<R>(
        &mut self,
        id: ConnectionId,
        chunk: Option<&[u8]>,
        call: impl FnOnce(&mut dyn Protocol, &mut Transport<'_>) -> R,
    ) -> Option<R> {
        let result = self.dispatch_once(id, chunk, call);
        if self.handed_over {
            self.make_successors(id);
        }
        result
    }

    /// The same for a connection that was just looked at; with its socket, if what is written to it may be sent at once.
    #[inline]
    pub(super) fn dispatch_to<R>(
        &mut self,
        id: ConnectionId,
        protocol: Box<dyn Protocol>,
        socket: Option<SocketId>,
        chunk: &[u8],
        call: impl FnOnce(&mut dyn Protocol, &mut Transport<'_>) -> R,
    ) {
        if socket.is_none() {
            // Its transport has nothing to settle, so it would not queue them.
            self.send_replies();
        }
        self.call(id, protocol, socket, socket.map(|_| chunk), call);
        if self.handed_over {
            self.make_successors(id);
        }
    }

    /// Tells a protocol that has just taken over that its connection is made; and the one that takes over from that.
    #[cold]
    fn make_successors(&mut self, id: ConnectionId) {
        while std::mem::take(&mut self.handed_over) {
            self.dispatch_once(id, None, |protocol, transport| {
                protocol.connection_made(transport)
            });
        }
    }

    #[inline]
    fn dispatch_once<R>(
        &mut self,
        id: ConnectionId,
        chunk: Option<&[u8]>,
        call: impl FnOnce(&mut dyn Protocol, &mut Transport<'_>) -> R,
    ) -> Option<R> {
        if chunk.is_none() || !self.replies.is_open() {
            self.send_replies();
        }
        let connection = self.connections.get_mut(id)?;
        let protocol = connection.protocol.take()?;
        // Whatever could change that settles what was written before it.
        let chunk = chunk.filter(|_| connection.sends_at_once());
        let socket = connection.socket();
        self.call(id, protocol, socket, chunk, call)
    }

    /// Calls a protocol that was taken out of its entry, and puts it back.
    #[inline]
    fn call<R>(
        &mut self,
        id: ConnectionId,
        mut protocol: Box<dyn Protocol>,
        socket: Option<SocketId>,
        chunk: Option<&[u8]>,
        call: impl FnOnce(&mut dyn Protocol, &mut Transport<'_>) -> R,
    ) -> Option<R> {
        self.current = Some(id);
        let begun = self.begin_call(Caller::Connection(id));
        let mut transport = Transport::new(self, id, chunk);
        let result = panic::catch_unwind(AssertUnwindSafe(|| call(&mut *protocol, &mut transport)));
        let written = transport.finish();
        self.current = None;
        self.put_back(id, protocol);
        self.end_call(Caller::Connection(id), begun);
        let chunk = chunk.unwrap_or_default();
        match result {
            Ok(value) => {
                self.send_written(id, socket, written, chunk);
                Some(value)
            }
            Err(cause) => {
                self.queue_written(id, written, chunk);
                self.panicked(id, cause);
                None
            }
        }
    }

    #[inline(always)]
    fn put_back(&mut self, id: ConnectionId, protocol: Box<dyn Protocol>) {
        match self.connections.get_mut(id) {
            Some(Connection {
                rare: None,
                protocol: vacancy @ None,
                ..
            }) => *vacancy = Some(protocol),
            _ => self.put_back_or_hand_over(id, protocol),
        }
    }

    fn put_back_or_hand_over(&mut self, id: ConnectionId, protocol: Box<dyn Protocol>) {
        let Some(connection) = self.connections.get_mut(id) else {
            // Only if the callback put another reactor in this one's place.
            self.drop_guarded(protocol);
            return;
        };
        let successor = connection
            .rare
            .as_mut()
            .and_then(|rare| rare.successor.take());
        let Some(successor) = successor else {
            connection.protocol = Some(protocol);
            return;
        };
        if connection.phase != Phase::Open {
            // It would hear of a loss without having been made; whoever ended the connection hears of that.
            connection.protocol = Some(protocol);
            return self.drop_guarded(successor);
        }
        self.hand_over(id, successor);
        self.handed_over = true;
        self.drop_guarded(protocol);
        self.serve_held_soon(id);
    }

    /// Puts another protocol on a connection: at once if its own is not being called, else when that returns.
    pub(super) fn take_over(&mut self, id: ConnectionId, protocol: Box<dyn Protocol>) {
        self.succeed(id, protocol);
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if let Some(former) = connection.protocol.take() {
            if let Some(successor) = connection.rare().successor.take() {
                self.hand_over(id, successor);
            }
            self.discard(former);
            self.serve_held_soon(id);
        }
    }

    /// What belonged to the connection's former protocol ends, and another one takes its place.
    fn hand_over(&mut self, id: ConnectionId, successor: Box<dyn Protocol>) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if let Some(inspector) = &self.inspector {
            inspector.hands_over(id);
        }
        connection.protocol = Some(successor);
        connection.cutting = Cutting::Raw;
        let framing = std::mem::replace(&mut connection.framing, NONE);
        let rare = connection.rare();
        rare.raw_left = 0;
        rare.protocol_serial = rare.protocol_serial.wrapping_add(1);
        self.release_framing(framing);
        self.cancel_timers_of(id);
        self.drop_requests(id);
        self.pin_latest(id);
    }

    /// A panic in a connection's callback ends that connection alone.
    pub(super) fn panicked(&mut self, id: ConnectionId, cause: Box<dyn Any + Send>) {
        self.counters.panics += 1;
        self.warn(
            id,
            format_args!("the protocol panicked: {}", panic_message(&*cause)),
        );
        let_go(cause);
        if self.live(id).is_some() {
            if let Some(rare) = self.rare(id) {
                // A drain may have latched its own reason: the panic is what the protocol has to hear of.
                rare.reason = None;
            }
            self.retire(id, Lost::Panicked, Farewell::Reset.into());
        }
    }

    /// Calls users' code that belongs to no protocol. `None` if it panicked: logged, counted, and the loop goes on.
    pub(super) fn guarded<R>(
        &mut self,
        what: &'static str,
        call: impl FnOnce(&mut Self) -> R,
    ) -> Option<R> {
        self.send_replies();
        match self.under_guard(Caller::Other(what), call) {
            Ok(value) => Some(value),
            Err(cause) => {
                self.note_panic(format_args!("{what}"), cause);
                None
            }
        }
    }

    /// Calls users' code, whatever it belongs to: what a panic of it means is the caller's to say.
    pub(super) fn under_guard<R>(
        &mut self,
        caller: Caller,
        call: impl FnOnce(&mut Self) -> R,
    ) -> thread::Result<R> {
        let begun = self.begin_call(caller);
        let result = panic::catch_unwind(AssertUnwindSafe(|| call(self)));
        self.end_call(caller, begun);
        result
    }

    /// Tells of a panic, whoever's it is.
    pub(super) fn note_panic(&mut self, whose: fmt::Arguments<'_>, cause: Box<dyn Any + Send>) {
        self.counters.panics += 1;
        self.warn_of(format_args!("{whose} panicked: {}", panic_message(&*cause)));
        let_go(cause);
    }

    /// Calls users' code that belongs to a connection, besides its protocol: its panic is the connection's.
    pub(super) fn guarded_for<R>(
        &mut self,
        id: ConnectionId,
        call: impl FnOnce() -> R,
    ) -> Option<R> {
        match self.under_guard(Caller::Connection(id), |_| call()) {
            Ok(value) => Some(value),
            Err(cause) => {
                self.panicked(id, cause);
                None
            }
        }
    }

    /// Drops a user's object: its `Drop` is the user's code.
    pub(super) fn drop_guarded<T>(&mut self, object: T) {
        self.guarded("a drop", |_| drop(object));
    }

    /// Drops what was put aside while callbacks were under way.
    pub(super) fn drop_discarded(&mut self) {
        while let Some(object) = self.discarded.pop() {
            self.drop_guarded(object);
        }
    }

    /// Makes a call that was posted, if its protocol is still there.
    pub(super) fn make(&mut self, call: Call) {
        match call {
            Call::Reactor(call) => {
                self.guarded("a posted call", call);
            }
            Call::Protocol(call) => {
                if self.hears(call.id, call.serial) {
                    self.dispatch(call.id, call.call);
                } else {
                    self.postpone_or_drop(call);
                }
            }
            Call::Datagrams(call) => self.make_datagram_call(call),
            Call::Stopped(id) => self.close_datagrams(id),
        }
    }

    /// A call for a connection that is being made by us waits until that stands; any other comes too late.
    fn postpone_or_drop(&mut self, call: ProtocolCall) {
        let connecting = self
            .connections
            .get_mut(call.id)
            .filter(|connection| connection.phase < Phase::Open)
            .and_then(|connection| connection.rare.as_mut()?.connecting.as_mut());
        match connecting {
            Some(connecting) => connecting.calls.push(call),
            None => {
                self.counters.stale_calls += 1;
                self.drop_guarded(call.call);
            }
        }
    }

    /// Makes a call that another thread posted.
    pub(super) fn make_posted(&mut self, mail: Mail) {
        self.network.posted(match &mail {
            Mail::Reactor(_) => Posted::ToReactor,
            Mail::Protocol { id, .. } => Posted::ToProtocol(id.token()),
        });
        match mail {
            Mail::Reactor(call) => self.make(Call::Reactor(call)),
            Mail::Protocol { id, serial, call } => {
                let connection = self.connections.get(id);
                let now = connection.map_or(0, |connection| connection.protocol_serial());
                let serial = serial.unwrap_or(now);
                self.make(Call::Protocol(ProtocolCall { id, serial, call }));
            }
        }
    }

    /// Whether a connection's protocol with this serial is there, has been made and not been lost.
    pub(super) fn hears(&self, id: ConnectionId, serial: u32) -> bool {
        self.live(id).is_some_and(|connection| {
            connection.phase >= Phase::Open && connection.protocol_serial() == serial
        })
    }
}
