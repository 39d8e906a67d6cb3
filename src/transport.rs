//! What a callback may do to its connection. Owns the loan of the connection's output for the length of one callback;
//! holds no state that outlives it.

mod cutting;
mod ends;
mod loan;

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::connection::{Cutting, Pauses};
use crate::error::FrameError;
use crate::framing::{Framing, FramingKind, LineEnd};
use crate::layer::Layer;
use crate::limits::{ALLOWANCE, Limits};
use crate::network::Time;
use crate::protocol::Protocol;
use crate::reactor::Reactor;
use crate::remote::ProtocolRemote;
use crate::table::ConnectionId;
use crate::timer::TimerId;

use loan::Loan;
pub(crate) use loan::Written;

/// A connection, as its own protocol sees it in a callback.
///
/// Nothing here calls user code or the network: what is written is queued and sent at the latest at the end of the turn,
/// what is closed is told at its end. Writes to a connection that is ending go nowhere and are counted.
pub struct Transport<'a> {
    reactor: &'a mut Reactor,
    id: ConnectionId,
    /// What was received, in the callbacks that get it.
    chunk: &'a [u8],
    /// The connection's output while it is on loan, so that a write is one append.
    out: Vec<u8>,
    loan: Loan,
    /// The connection's framing; not known before it is asked for, nor after a settlement.
    framing: Option<Rc<FramingKind>>,
    framing_is_known: bool,
    /// The short way to encode, while `out` is the output and the framing is known.
    line_end: LineEnd,
    /// Something happened after which the cutting loop has to look at the connection again.
    halted: bool,
    /// The mode, the framing, a layer or the protocol is another one now.
    changed: bool,
    unread: usize,
    /// How much the callbacks may write before the loop looks at how much that has become.
    allowance: usize,
    /// How long `out` may get before that.
    full_at: usize,
}

impl std::fmt::Debug for Transport<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<'a> Transport<'a> {
    /// With a chunk, if nothing is in the way of what is written: it may be sent from where it is.
    #[inline]
    pub(crate) fn new(reactor: &'a mut Reactor, id: ConnectionId, chunk: Option<&'a [u8]>) -> Self {
        Self {
            reactor,
            id,
            loan: chunk.map_or(Loan::None, |_| Loan::Free),
            chunk: chunk.unwrap_or_default(),
            out: Vec::new(),
            framing: None,
            framing_is_known: false,
            line_end: LineEnd::UNKNOWN,
            halted: false,
            changed: false,
            unread: 0,
            allowance: ALLOWANCE,
            full_at: 0,
        }
    }

    /// The connection's id, with which everybody else can write to it and close it.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// The reactor: to listen, connect, call later, or reach other connections.
    pub fn reactor(&mut self) -> &mut Reactor {
        self.settle();
        self.halted = true;
        self.reactor
    }

    /// Queues bytes to send. Small pieces are gathered; all of it leaves at the end of the turn at the latest.
    #[inline]
    pub fn write(&mut self, data: impl AsRef<[u8]>) {
        let data = data.as_ref();
        if self.has_output() {
            self.out.extend_from_slice(data);
        } else {
            self.write_first(data);
        }
    }

    /// Queues bytes to send, without a copy if they are 4 KiB or more.
    pub fn write_shared(&mut self, data: Bytes) {
        self.settle();
        self.halted = true;
        self.reactor.write_shared(self.id, data);
    }

    /// Queues one frame to send, in the envelope of the connection's framing; without a framing, the bytes as they are.
    /// A frame that the framing can't encode is not sent: logged and counted.
    #[inline]
    pub fn send(&mut self, frame: impl AsRef<[u8]>) {
        let frame = frame.as_ref();
        if !self.line_end.encode_short(frame, &mut self.out) {
            self.send_closely(frame);
        }
    }

    /// Like [`send`](Self::send), and tells of a frame that its framing can't encode.
    ///
    /// # Errors
    /// Why it can't be encoded; nothing is sent then.
    pub fn try_send(&mut self, frame: impl AsRef<[u8]>) -> Result<(), FrameError> {
        self.encode(frame.as_ref())
    }

    /// How many bytes were written and not yet taken by the system.
    pub fn unsent(&mut self) -> usize {
        self.settle();
        self.reactor.unsent(self.id).unwrap_or(0)
    }

    /// Closes the connection in order: what was written is sent, as long as the peer takes some of it within
    /// each [`Limits::close`], then FIN. Nothing is delivered
    /// any more, and what is written from now on goes nowhere.
    pub fn lose_connection(&mut self) {
        let id = self.id;
        self.reactor().lose_connection(id);
    }

    /// Sends FIN after what was written, and goes on reading. When the peer ends too, the connection is done.
    pub fn lose_write_connection(&mut self) {
        let id = self.id;
        self.reactor().lose_write_connection(id);
    }

    /// Ends the connection at once, with RST. What was not sent is dropped, and the peer may lose what it has not read.
    pub fn abort_connection(&mut self) {
        let id = self.id;
        self.reactor().abort_connection(id);
    }

    /// Stops delivering: not one frame more, also of those received already, until [`resume_reading`](Self::resume_reading).
    /// A peer that breaks the connection is still noticed; one that ends it in order is heard after resuming.
    pub fn pause_reading(&mut self) {
        self.halted = true;
        self.reactor.pause(self.id, Pauses::ASKED);
    }

    /// Delivers again.
    pub fn resume_reading(&mut self) {
        self.halted = true;
        self.reactor.resume(self.id, Pauses::ASKED);
    }

    pub(crate) fn pause_under_pressure(&mut self) {
        self.halted = true;
        self.reactor.pause(self.id, Pauses::PRESSURE);
    }

    /// From the next byte on, cuts what is received into frames, and sends by [`send`](Self::send) in their envelope.
    pub fn set_framing(&mut self, framing: impl Framing) {
        self.settle();
        self.change();
        self.reactor.note_cutting(self.id, 0);
        self.reactor.set_framing(self.id, FramingKind::of(framing));
    }

    /// From the next byte on, delivers bytes as they come. `send` keeps its envelope. Back to frames by
    /// [`set_framing`](Self::set_framing).
    pub fn set_raw(&mut self) {
        self.change();
        self.reactor.note_cutting(self.id, 0);
        self.reactor.set_cutting(self.id, Cutting::Raw, 0);
    }

    /// Delivers the next `count` bytes as they come, and frames after that.
    pub fn expect_raw(&mut self, count: u64) {
        self.change();
        self.reactor.note_cutting(self.id, count);
        self.reactor.set_cutting(
            self.id,
            if count == 0 {
                Cutting::Frames
            } else {
                Cutting::Counted
            },
            count,
        );
    }

    /// After [`expect_raw`](Self::expect_raw): how many raw bytes are still to come, those of the current call not counted.
    pub fn raw_left(&self) -> Option<u64> {
        self.reactor.raw_left(self.id)
    }

    /// Gives back the last `count` bytes of what this callback was given (of a frame: its envelope included). They come
    /// again in front of what follows: at once if the callback also changes the mode, the framing or the protocol, or puts
    /// a layer in; after the pause if it pauses. Otherwise raw bytes come again together with the next ones, and of a
    /// frame nothing is given back, for it would be the same frame again. More than was given counts as all of it.
    pub fn unread(&mut self, count: usize) {
        self.halted = true;
        self.unread = count;
    }

    /// Puts a layer between the wire and this protocol, on top of those that are there. What follows in the input belongs
    /// to the layer, from the next byte on; what was written before is sent before its first words.
    pub fn start_layer(&mut self, layer: impl Layer) {
        self.settle();
        self.change();
        self.reactor.start_layer(self.id, Box::new(layer));
    }

    /// Hands the connection over to another protocol when this callback returns: it is told `connection_made`, then given
    /// what was received and not delivered. The old protocol is dropped, its timers with it; it hears no more. Framing and
    /// raw mode begin anew. If the callback also ends the connection, the other protocol is dropped unheard, and this one
    /// hears of the loss.
    pub fn switch_protocol(&mut self, protocol: impl Protocol) {
        self.change();
        self.reactor.switch_protocol(self.id, Box::new(protocol));
    }

    /// Changes this connection's limits.
    pub fn set_limits(&mut self, limits: Limits) {
        self.settle();
        self.reactor.set_limits(self.id, limits);
    }

    /// The reactor's time, read once a turn.
    pub fn now(&self) -> Time {
        self.reactor.now()
    }

    /// Calls `call` with this protocol, `delay` after [`now`](Self::now) or later, unless the connection has ended or
    /// changed its protocol by then.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ropewalk::{Protocol, Transport};
    /// # struct Greeter;
    /// impl Greeter {
    ///     fn remind(&mut self, transport: &mut Transport<'_>) {
    ///         transport.write("still there?\r\n");
    ///     }
    /// }
    /// impl Protocol for Greeter {
    ///     fn connection_made(&mut self, transport: &mut Transport<'_>) {
    ///         transport.call_later(Duration::from_secs(30), Self::remind);
    ///     }
    ///     fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    /// }
    /// ```
    pub fn call_later<P: Protocol>(
        &mut self,
        delay: Duration,
        call: impl FnOnce(&mut P, &mut Transport<'_>) + 'static,
    ) -> TimerId {
        self.reactor.call_protocol_later(self.id, delay, call)
    }

    /// Calls `call` with this protocol every `interval`. Times that were missed are skipped, not made up for.
    pub fn call_every<P: Protocol>(
        &mut self,
        interval: Duration,
        mut call: impl FnMut(&mut P, &mut Transport<'_>) + 'static,
    ) -> TimerId {
        self.call_every_with_count(interval, move |this, transport, _| call(this, transport))
    }

    /// A handle with which other threads can call this protocol, and no other that comes after it.
    pub fn remote<P: Protocol>(&mut self) -> ProtocolRemote<P> {
        let connection = self.reactor.connections.get(self.id);
        let serial = connection.map_or(0, |connection| connection.protocol_serial());
        ProtocolRemote::new(self.reactor.remote(), self.id, serial)
    }

    /// Cancels a timer; `false` if it is over.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        self.reactor.cancel(timer)
    }
}

impl AsMut<Reactor> for Transport<'_> {
    fn as_mut(&mut self) -> &mut Reactor {
        self.reactor()
    }
}
