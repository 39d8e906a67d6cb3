//! Calls to a protocol of datagrams from other threads. Owns the handle; the queue is the reactor's own.

use std::fmt;
use std::marker::PhantomData;

use super::{DatagramProtocol, DatagramTransport};
use crate::remote::{Remote, RemoteError};
use crate::table::DatagramId;

/// Calls one protocol of datagrams from any thread, by [`DatagramTransport::remote`]. Clones are the same.
///
/// Once its socket is closed, calls are dropped on the loop's thread and counted as
/// [`stale_calls`](crate::Counters::stale_calls).
pub struct DatagramRemote<P> {
    remote: Remote,
    id: DatagramId,
    // Nothing of a `P` is held: it stays on the loop's thread, and need not be `Send`.
    protocol: PhantomData<fn(&mut P)>,
}

impl<P> Clone for DatagramRemote<P> {
    fn clone(&self) -> Self {
        Self {
            remote: self.remote.clone(),
            ..*self
        }
    }
}

impl<P> fmt::Debug for DatagramRemote<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramRemote")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<P: DatagramProtocol> DatagramRemote<P> {
    pub(crate) fn new(remote: Remote, id: DatagramId) -> Self {
        Self {
            remote,
            id,
            protocol: PhantomData,
        }
    }

    /// The protocol's socket.
    pub fn id(&self) -> DatagramId {
        self.id
    }

    /// Has the loop make a call with the protocol.
    ///
    /// # Errors
    /// See [`Remote::post`].
    pub fn tell(
        &self,
        call: impl FnOnce(&mut P, &mut DatagramTransport<'_>) + Send + 'static,
    ) -> Result<(), RemoteError> {
        let id = self.id;
        self.remote
            .post(move |reactor| reactor.call_datagrams(id, call))
    }
}
