//! The place where protocols of datagrams are called, and the calls that are timed or posted for them. Owns what a panic of
//! theirs means; the guard is `dispatch`'s, and when to call is others'.

use std::time::Duration;

use super::Phase;
use crate::datagram::{DatagramProtocol, DatagramTransport, downcast};
use crate::error::Lost;
use crate::reactor::dispatch::Call;
use crate::reactor::timed::Timed;
use crate::reactor::{Caller, Reactor};
use crate::table::DatagramId;
use crate::timer::TimerId;

/// A call for the protocol of one socket.
pub(in crate::reactor) struct DatagramCall {
    pub(in crate::reactor) id: DatagramId,
    call: OnDatagrams,
}

type OnDatagrams = Box<dyn FnOnce(&mut dyn DatagramProtocol, &mut DatagramTransport<'_>)>;
pub(in crate::reactor) type RepeatedDatagramCall =
    Box<dyn FnMut(&mut dyn DatagramProtocol, &mut DatagramTransport<'_>, u64)>;

/// A call with a protocol of one type, as a call with any: another type's is dropped and counted.
fn on_datagrams<P: DatagramProtocol>(
    call: impl FnOnce(&mut P, &mut DatagramTransport<'_>) + 'static,
) -> OnDatagrams {
    Box::new(move |protocol, transport| match downcast::<P>(protocol) {
        Some(this) => call(this, transport),
        None => misdirected::<P>(transport),
    })
}

fn misdirected<P>(transport: &mut DatagramTransport<'_>) {
    let (id, wanted) = (transport.id(), std::any::type_name::<P>());
    let reactor = transport.reactor();
    reactor.counters.stale_calls += 1;
    reactor.warn_of(format_args!(
        "{id}: a call for a {wanted} was dropped: the socket's protocol is another type"
    ));
}

impl Reactor {
    /// Calls a socket's protocol: takes it out of its entry, calls it under guard, puts it back, as for connections. `None` if
    /// there is no protocol, or it panicked.
    pub(super) fn dispatch_datagrams<R>(
        &mut self,
        id: DatagramId,
        call: impl FnOnce(&mut dyn DatagramProtocol, &mut DatagramTransport<'_>) -> R,
    ) -> Option<R> {
        self.send_replies();
        let mut protocol = self.datagrams.get_mut(id)?.protocol.take()?;
        let caller = Caller::Other(protocol.type_name());
        let result = self.under_guard(caller, |reactor| {
            call(&mut *protocol, &mut DatagramTransport::new(reactor, id))
        });
        match self.datagrams.get_mut(id) {
            Some(state) => state.protocol = Some(protocol),
            // Only if the callback put another reactor in this one's place.
            None => self.drop_guarded(protocol),
        }
        match result {
            Ok(value) => Some(value),
            Err(cause) => {
                self.note_panic(format_args!("{id}: the protocol"), cause);
                self.end_datagrams(id, Lost::Panicked);
                None
            }
        }
    }

    /// Calls `call` with a socket's protocol, as soon as no callback is under way. If the socket is closed by then, or its protocol
    /// is not a `P`, the call is dropped and counted.
    pub fn tell_datagrams<P: DatagramProtocol>(
        &mut self,
        id: DatagramId,
        call: impl FnOnce(&mut P, &mut DatagramTransport<'_>) + 'static,
    ) {
        let call = on_datagrams(call);
        self.calls
            .push_back(Call::Datagrams(DatagramCall { id, call }));
    }

    /// The same at once, outside of any callback of a protocol.
    pub(crate) fn call_datagrams<P: DatagramProtocol>(
        &mut self,
        id: DatagramId,
        call: impl FnOnce(&mut P, &mut DatagramTransport<'_>) + 'static,
    ) {
        let call = on_datagrams(call);
        self.make_datagram_call(DatagramCall { id, call });
    }

    pub(in crate::reactor) fn make_datagram_call(&mut self, call: DatagramCall) {
        self.start_datagrams(call.id);
        if self.hears_datagrams(call.id) {
            self.dispatch_datagrams(call.id, call.call);
        } else {
            self.counters.stale_calls += 1;
            self.drop_guarded(call.call);
        }
    }

    pub(in crate::reactor) fn hears_datagrams(&self, id: DatagramId) -> bool {
        let state = self.datagrams.get(id);
        state.is_some_and(|state| matches!(state.phase, Phase::Started))
    }

    pub(crate) fn call_datagrams_later<P: DatagramProtocol>(
        &mut self,
        id: DatagramId,
        delay: Duration,
        call: impl FnOnce(&mut P, &mut DatagramTransport<'_>) + 'static,
    ) -> TimerId {
        let call = on_datagrams(call);
        let timed = Timed::DatagramCall(DatagramCall { id, call });
        self.arm_for_datagrams(id, delay, timed)
    }

    pub(crate) fn call_datagrams_every<P: DatagramProtocol>(
        &mut self,
        id: DatagramId,
        interval: Duration,
        mut call: impl FnMut(&mut P, &mut DatagramTransport<'_>, u64) + 'static,
    ) -> TimerId {
        let call: RepeatedDatagramCall = Box::new(
            move |protocol, transport, count| match downcast::<P>(protocol) {
                Some(this) => call(this, transport, count),
                None => misdirected::<P>(transport),
            },
        );
        self.arm_for_datagrams(id, interval, Timed::DatagramEvery(interval, id, call))
    }

    /// A protocol's timers end with it.
    fn arm_for_datagrams(&mut self, id: DatagramId, delay: Duration, timed: Timed) -> TimerId {
        let timer = self.timers.arm(self.now + delay, timed);
        match self.datagrams.open(id) {
            Some(state) => {
                state.timers.insert(timer);
            }
            None => {
                self.cancel(timer);
            }
        }
        timer
    }

    /// Calls a protocol again and again; `false` if it is gone.
    pub(in crate::reactor) fn repeat_for_datagrams(
        &mut self,
        id: DatagramId,
        call: &mut RepeatedDatagramCall,
        count: u64,
    ) -> bool {
        if !self.hears_datagrams(id) {
            return false;
        }
        self.dispatch_datagrams(id, |protocol, transport| call(protocol, transport, count));
        true
    }

    pub(in crate::reactor) fn disown_for_datagrams(&mut self, id: DatagramId, timer: TimerId) {
        if let Some(state) = self.datagrams.get_mut(id) {
            state.timers.remove(&timer);
        }
    }
}
