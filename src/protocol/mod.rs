//! What users write: [`Protocol`], [`LineReceiver`] and [`Factory`]. Owns their contracts and the loop that cuts frames,
//! which is compiled once for each protocol; calls nobody by itself.

mod framed;
mod frames;
mod input;

use std::any::Any;
use std::fmt;

use crate::address::Address;
use crate::error::{FrameError, Lost};
use crate::framing::Lines;
use crate::limits::Idle;
use crate::transport::Transport;

pub(crate) use frames::{Mode, cut_after_raw};
pub(crate) use input::Held;
pub use input::Input;

/// One connection's behaviour: a struct of the user's own, one for each connection.
///
/// Its callbacks come from one thread, never nested, in this order: `connection_made` first; then data or frames, end of
/// file, pauses and resumptions of writing; `connection_lost` last. What a callback calls on its [`Transport`] only changes
/// state and queues; it calls no other protocol. So a callback may borrow an `Rc<RefCell<_>>` for all of its length.
///
/// A panic in a callback ends its own connection, as [`Lost::Panicked`], and nobody else's. A program that is built with
/// `panic = "abort"` has no such isolation: any panic ends it.
///
/// ```
/// use ropewalk::{Protocol, Transport};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
///         transport.write(data);
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a protocol",
    label = "neither `Protocol` nor `LineReceiver` is implemented for it",
    note = "implement `Protocol` (its one required method is `data_received`), or `LineReceiver` for lines of text",
    note = "a factory closure has to return the protocol itself: `|_peer| Echo`"
)]
pub trait Protocol: Any {
    /// The connection stands, and every layer of it is ready.
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let _ = transport;
    }

    /// Bytes, in whatever portions the network brings them. With a framing set it is called with one whole frame, unless
    /// [`frame_received`](Self::frame_received) is written too.
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]);

    /// One whole frame, without its envelope.
    fn frame_received(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
        self.data_received(transport, frame);
    }

    /// The peer's bytes break the framing's rules. [`Refusal::Lose`] closes the connection after what is owed was sent.
    fn frame_refused(&mut self, transport: &mut Transport<'_>, error: &FrameError) -> Refusal {
        let _ = (transport, error);
        Refusal::Lose
    }

    /// The peer will send no more. By default we finish too: what is owed is sent, then the connection is closed. Without
    /// that the connection stays open for writing until [`lose_connection`](Transport::lose_connection).
    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        transport.lose_connection();
    }

    /// More than the high mark is unsent. By default the connection is not read until that has changed: who does not read
    /// our replies is not read either.
    fn pause_writing(&mut self, transport: &mut Transport<'_>) {
        transport.pause_under_pressure();
    }

    /// The low mark was reached again, after a `pause_writing`. What the default `pause_writing` did has been undone.
    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        let _ = transport;
    }

    /// Nothing was received, or nothing sent, for as long as [`Limits::idle`](crate::Limits::idle) or
    /// [`Transport::set_idle`] says; told again after each further such time, until something is. By default a connection
    /// that is [`Idle::Reading`] is closed, as [`TimedOut`](Lost::TimedOut), and one that is [`Idle::Writing`] goes on.
    ///
    /// What counts is the wire: bytes of layers as well, and half a frame. What has arrived by then is delivered first, so
    /// a peer that speaks at the last moment is not idle. The time runs from `connection_made`, and also while reading is
    /// paused by [`pause_reading`](Transport::pause_reading); not while it is paused by default because the peer
    /// is behind with our replies. Unsent bytes are not silence: a peer that takes none of them is up to
    /// [`Limits::write`](crate::Limits::write). After the peer's end, or ours, that direction is not idle but over.
    ///
    /// A heartbeat, and the end of those that have none:
    /// ```
    /// use std::time::Duration;
    /// use ropewalk::{Idle, LineReceiver, Transport};
    ///
    /// struct Session;
    ///
    /// impl LineReceiver for Session {
    ///     fn connection_made(&mut self, transport: &mut Transport<'_>) {
    ///         transport.set_idle(Idle::Writing, Duration::from_secs(20));
    ///         transport.set_idle(Idle::Reading, Duration::from_secs(60));
    ///     }
    ///     fn idle(&mut self, transport: &mut Transport<'_>, which: Idle) {
    ///         match which {
    ///             Idle::Writing => transport.send("ping"),
    ///             Idle::Reading => transport.lose_connection(),
    ///         }
    ///     }
    ///     fn line_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    /// }
    ///
    /// let mut wire = ropewalk::testing::connect(Session);
    /// wire.advance(Duration::from_secs(40)).sent("ping\r\nping\r\n");
    /// wire.receives("pong\r\n").advance(Duration::from_secs(59)).sent("ping\r\nping\r\n");
    /// wire.advance(Duration::from_secs(1));
    /// assert!(wire.is_closed());
    /// ```
    fn idle(&mut self, transport: &mut Transport<'_>, which: Idle) {
        transport.lose_if_silent(which);
    }

    /// The reactor stops: time to say goodbye. A protocol that does not lose its connection here may go on until the
    /// reactor's deadline, and is then cut off as [`Lost::Stopped`].
    fn stopping(&mut self, transport: &mut Transport<'_>) {
        transport.lose_connection();
    }

    /// The connection has ended; told once, last. The addresses are still valid, writes go nowhere.
    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        let _ = (transport, reason);
    }

    /// Cuts frames out of `input` and delivers them: the loop's own, compiled for each protocol so that the call of
    /// `frame_received` is direct. Not to be written or called by users.
    #[doc(hidden)]
    fn frames(&mut self, transport: &mut Transport<'_>, input: &mut Input<'_>) {
        frames::cut(self, transport, input);
    }

    /// The name of its type, for people to read. Not to be written by users.
    #[doc(hidden)]
    fn type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    /// The protocol inside, for wrappers. Not to be written by users.
    #[doc(hidden)]
    fn wrapped(&mut self) -> Option<&mut dyn Protocol> {
        None
    }
}

impl fmt::Debug for dyn Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol")
    }
}

/// The protocol as its own type, looked for through wrappers.
pub(crate) fn downcast<P: Protocol>(protocol: &mut dyn Protocol) -> Option<&mut P> {
    if (protocol as &mut dyn Any).is::<P>() {
        return (protocol as &mut dyn Any).downcast_mut();
    }
    downcast(protocol.wrapped()?)
}

/// What becomes of a connection whose peer sent bytes that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is closed, after what is owed was sent.
    Lose,
    /// The frame is skipped, up to its end. Where the [framing](crate::framing#which-one) can't tell where a bad frame ends,
    /// the connection is closed.
    Skip,
}

/// A protocol of text lines, with the semantics of a file's `readline`.
///
/// ```
/// use ropewalk::{LineReceiver, Transport};
///
/// struct Shout;
///
/// impl LineReceiver for Shout {
///     fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
///         transport.send(line.to_ascii_uppercase());
///     }
/// }
/// ```
pub trait LineReceiver: Any {
    /// How lines end and how long they may be; asked once, before `connection_made`.
    fn lines(&self) -> Lines {
        Lines::default()
    }

    /// See [`Protocol::connection_made`].
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let _ = transport;
    }

    /// One line, without its delimiter. It need not be UTF-8. The last line before the peer's end of file comes too, if
    /// it lacks its delimiter, unless [`lines`](Self::lines) says otherwise.
    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]);

    /// Bytes in raw mode, after [`set_raw`](Transport::set_raw) or [`expect_raw`](Transport::expect_raw).
    fn raw_data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        let _ = (transport, data);
    }

    /// A line is longer than the limit, told as soon as that is sure, whether or not it has ended yet.
    fn line_too_long(&mut self, transport: &mut Transport<'_>) -> Refusal {
        let _ = transport;
        Refusal::Lose
    }

    /// See [`Protocol::eof_received`].
    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        transport.lose_connection();
    }

    /// See [`Protocol::pause_writing`].
    fn pause_writing(&mut self, transport: &mut Transport<'_>) {
        transport.pause_under_pressure();
    }

    /// See [`Protocol::resume_writing`].
    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        let _ = transport;
    }

    /// See [`Protocol::idle`].
    fn idle(&mut self, transport: &mut Transport<'_>, which: Idle) {
        transport.lose_if_silent(which);
    }

    /// See [`Protocol::stopping`].
    fn stopping(&mut self, transport: &mut Transport<'_>) {
        transport.lose_connection();
    }

    /// See [`Protocol::connection_lost`].
    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        let _ = (transport, reason);
    }
}

impl<L: LineReceiver> Protocol for L {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.set_framing(self.lines());
        LineReceiver::connection_made(self, transport);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.raw_data_received(transport, data);
    }

    #[inline]
    fn frame_received(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
        self.line_received(transport, frame);
    }

    fn frame_refused(&mut self, transport: &mut Transport<'_>, error: &FrameError) -> Refusal {
        let _ = error;
        self.line_too_long(transport)
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        LineReceiver::eof_received(self, transport);
    }

    fn pause_writing(&mut self, transport: &mut Transport<'_>) {
        LineReceiver::pause_writing(self, transport);
    }

    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        LineReceiver::resume_writing(self, transport);
    }

    fn idle(&mut self, transport: &mut Transport<'_>, which: Idle) {
        LineReceiver::idle(self, transport, which);
    }

    fn stopping(&mut self, transport: &mut Transport<'_>) {
        LineReceiver::stopping(self, transport);
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        LineReceiver::connection_lost(self, transport, reason);
    }
}

impl Protocol for Box<dyn Protocol> {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        (**self).connection_made(transport);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        (**self).data_received(transport, data);
    }

    fn frame_received(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
        (**self).frame_received(transport, frame);
    }

    fn frame_refused(&mut self, transport: &mut Transport<'_>, error: &FrameError) -> Refusal {
        (**self).frame_refused(transport, error)
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        (**self).eof_received(transport);
    }

    fn pause_writing(&mut self, transport: &mut Transport<'_>) {
        (**self).pause_writing(transport);
    }

    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        (**self).resume_writing(transport);
    }

    fn idle(&mut self, transport: &mut Transport<'_>, which: Idle) {
        (**self).idle(transport, which);
    }

    fn stopping(&mut self, transport: &mut Transport<'_>) {
        (**self).stopping(transport);
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        (**self).connection_lost(transport, reason);
    }

    fn frames(&mut self, transport: &mut Transport<'_>, input: &mut Input<'_>) {
        (**self).frames(transport, input);
    }

    fn type_name(&self) -> &'static str {
        (**self).type_name()
    }

    fn wrapped(&mut self) -> Option<&mut dyn Protocol> {
        Some(&mut **self)
    }
}

/// Builds a protocol for each connection of a listener, and outlives them.
///
/// A closure `|peer| MyProtocol::new()` is a factory; a struct that implements this can also turn peers away.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a factory of protocols",
    label = "expected a closure `|peer: &Address| MyProtocol`, or a type that implements `Factory`",
    note = "the closure has to return a type that implements `Protocol` or `LineReceiver`"
)]
pub trait Factory: 'static {
    /// What it builds.
    type Protocol: Protocol;

    /// A protocol for a connection from `peer`, or `None` to have it closed.
    fn build_protocol(&mut self, peer: &Address) -> Option<Self::Protocol>;
}

impl<F, P> Factory for F
where
    F: FnMut(&Address) -> P + 'static,
    P: Protocol,
{
    type Protocol = P;

    fn build_protocol(&mut self, peer: &Address) -> Option<P> {
        Some(self(peer))
    }
}
