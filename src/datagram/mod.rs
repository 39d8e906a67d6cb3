//! What users write for datagrams: [`DatagramProtocol`], and what its callbacks may do. Owns their contracts; calls nobody by
//! itself, and has no table of sockets.

mod remote;
mod transport;

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;

use crate::error::Lost;

pub use remote::DatagramRemote;
pub use transport::DatagramTransport;

/// The behaviour of one socket for datagrams: a struct of the user's own, put on by [`Bind::with`](crate::Bind::with).
///
/// Its callbacks come from one thread, never nested, as those of a [`Protocol`](crate::Protocol) do: `started` first; then
/// datagrams and refusals, in whatever order and number the network brings them; `stopped` last. What a datagram says is
/// nobody's word but its sender's, and the sender's address may be a lie: who answers with more than it was asked floods others.
///
/// Nothing that befalls a datagram is the end of its socket: one that nobody takes, one that is lost, one that can't be sent. A
/// panic in a callback closes the one socket, as [`Lost::Panicked`], and nobody else is harmed.
///
/// ```
/// use std::net::SocketAddr;
/// use ropewalk::{DatagramProtocol, DatagramTransport};
///
/// struct Echo;
///
/// impl DatagramProtocol for Echo {
///     fn datagram_received(&mut self, transport: &mut DatagramTransport<'_>, data: &[u8], from: SocketAddr) {
///         transport.send_to(data, from);
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a protocol of datagrams",
    label = "`DatagramProtocol` is not implemented for it",
    note = "implement `DatagramProtocol`; its one required method is `datagram_received`"
)]
pub trait DatagramProtocol: Any {
    /// The socket is open, and nothing was received yet.
    fn started(&mut self, transport: &mut DatagramTransport<'_>) {
        let _ = transport;
    }

    /// One datagram, whole; it may be empty. Others from the same sender may have been lost, come twice, or come later though
    /// they were sent before.
    fn datagram_received(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        data: &[u8],
        from: SocketAddr,
    );

    /// The beginning of a datagram that was longer than [`Bind::longest`](crate::Bind::longest), or than the system had room
    /// for. By default it is dropped. Counted in any case.
    fn datagram_truncated(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        data: &[u8],
        from: SocketAddr,
    ) {
        let _ = (transport, data, from);
    }

    /// The peer's system says that nobody listens there: one of the datagrams that were sent has come to nothing, and which one is
    /// not said. Told only on a socket that is connected; it goes on as before.
    fn connection_refused(&mut self, transport: &mut DatagramTransport<'_>) {
        let _ = transport;
    }

    /// The reactor stops: time for a last word. A protocol that does not stop listening here may go on until the reactor's
    /// deadline, and is then closed as [`Lost::Stopped`].
    fn stopping(&mut self, transport: &mut DatagramTransport<'_>) {
        transport.stop_listening();
    }

    /// The socket is about to be closed; told once, last, to who was told `started`. The addresses are still valid, what is sent
    /// goes nowhere.
    fn stopped(&mut self, transport: &mut DatagramTransport<'_>, reason: &Lost) {
        let _ = (transport, reason);
    }

    /// The name of its type, for people to read. Not to be written by users.
    #[doc(hidden)]
    fn type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    /// The protocol inside, for wrappers. Not to be written by users.
    #[doc(hidden)]
    fn wrapped(&mut self) -> Option<&mut dyn DatagramProtocol> {
        None
    }
}

impl fmt::Debug for dyn DatagramProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatagramProtocol")
    }
}

/// The protocol as its own type, looked for through wrappers.
pub(crate) fn downcast<P: DatagramProtocol>(protocol: &mut dyn DatagramProtocol) -> Option<&mut P> {
    if (protocol as &mut dyn Any).is::<P>() {
        return (protocol as &mut dyn Any).downcast_mut();
    }
    downcast(protocol.wrapped()?)
}
