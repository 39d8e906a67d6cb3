//! Calls from other threads. Owns what a thread can hold of a reactor and ask of it; the queue is the mailbox's, and the
//! loop makes the calls.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::limits::MAILBOX;
use crate::mailbox::{self, NotPut};
use crate::protocol::Protocol;
use crate::reactor::{Mail, Reactor, on_protocol};
use crate::table::ConnectionId;
use crate::transport::Transport;

pub(crate) type Mailbox = mailbox::Mailbox<Mail>;

/// Calls into a reactor from any thread, by [`Reactor::remote`]. Clones are the same.
///
/// What one thread posts is called in that order, each in the next turn or, behind a thousand others, in one soon after. A
/// call that panics is logged and counted, and the loop goes on. To post takes a lock for a moment and never waits for the
/// loop; only the first of many posts wakes it.
///
/// ```
/// use std::thread;
/// use ropewalk::Reactor;
///
/// # fn main() -> ropewalk::Result<()> {
/// let mut reactor = Reactor::new()?;
/// let remote = reactor.remote();
/// let worker = thread::spawn(move || {
///     let sum: u64 = (1..=1000).sum();
///     remote.post(move |reactor| {
///         println!("{sum}");
///         reactor.stop();
///     })
/// });
/// reactor.run()?;
/// assert_eq!(worker.join().unwrap(), Ok(()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Remote {
    mailbox: Arc<Mailbox>,
}

/// Calls one protocol from any thread, by [`Transport::remote`]. Clones are the same.
///
/// Only the protocol it was made for is called: once its connection has ended, or another protocol has taken over, calls
/// are dropped on the loop's thread and counted as [`stale_calls`](crate::Counters::stale_calls).
///
/// ```
/// use std::thread;
/// use ropewalk::{LineReceiver, Transport};
///
/// struct Solver;
///
/// impl LineReceiver for Solver {
///     fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
///         let (remote, question) = (transport.remote::<Self>(), line.to_vec());
///         thread::spawn(move || {
///             let answer = question.len().to_string(); // what takes long
///             remote.tell(move |_this, transport| transport.send(answer))
///         });
///     }
/// }
/// ```
pub struct ProtocolRemote<P> {
    remote: Remote,
    id: ConnectionId,
    serial: u32,
    // Nothing of a `P` is held: it stays on the loop's thread, and need not be `Send`.
    protocol: PhantomData<fn(&mut P)>,
}

/// Why a call was not taken. It is dropped on the calling thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteError {
    /// 65,536 calls wait already.
    Full,
    /// The reactor has stopped.
    Stopped,
}

impl From<NotPut> for RemoteError {
    fn from(why: NotPut) -> Self {
        match why {
            NotPut::Full => Self::Full,
            NotPut::Closed => Self::Stopped,
        }
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(f, "{MAILBOX} calls wait for the reactor already"),
            Self::Stopped => f.write_str("the reactor has stopped"),
        }
    }
}

impl std::error::Error for RemoteError {}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

impl Remote {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox }
    }

    /// Has the loop make a call.
    ///
    /// # Errors
    /// If too many calls wait, or the reactor has stopped. A call that was taken is made, unless the reactor stops before.
    pub fn post(
        &self,
        call: impl FnOnce(&mut Reactor) + Send + 'static,
    ) -> Result<(), RemoteError> {
        self.put(Mail::Reactor(Box::new(call)))
    }

    /// Has the loop make a call with the protocol that the connection has by then. If that has ended, or is not a `P`, the
    /// call is dropped and counted.
    ///
    /// # Errors
    /// See [`post`](Self::post).
    pub fn tell<P: Protocol>(
        &self,
        id: ConnectionId,
        call: impl FnOnce(&mut P, &mut Transport<'_>) + Send + 'static,
    ) -> Result<(), RemoteError> {
        self.put(Mail::Protocol {
            id,
            serial: None,
            call: Box::new(on_protocol(call)),
        })
    }

    /// Has the loop stop, in order.
    ///
    /// # Errors
    /// See [`post`](Self::post).
    pub fn stop(&self) -> Result<(), RemoteError> {
        self.post(Reactor::stop)
    }

    fn put(&self, mail: Mail) -> Result<(), RemoteError> {
        self.mailbox.put(mail).map_err(RemoteError::from)
    }
}

impl<P> Clone for ProtocolRemote<P> {
    fn clone(&self) -> Self {
        Self {
            remote: self.remote.clone(),
            ..*self
        }
    }
}

impl<P> fmt::Debug for ProtocolRemote<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtocolRemote")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<P: Protocol> ProtocolRemote<P> {
    pub(crate) fn new(remote: Remote, id: ConnectionId, serial: u32) -> Self {
        Self {
            remote,
            id,
            serial,
            protocol: PhantomData,
        }
    }

    /// The protocol's connection.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Has the loop make a call with the protocol.
    ///
    /// # Errors
    /// See [`Remote::post`].
    pub fn tell(
        &self,
        call: impl FnOnce(&mut P, &mut Transport<'_>) + Send + 'static,
    ) -> Result<(), RemoteError> {
        self.remote.put(Mail::Protocol {
            id: self.id,
            serial: Some(self.serial),
            call: Box::new(on_protocol(call)),
        })
    }
}

impl Drop for Reactor {
    /// A reactor that is dropped without a stop: its sockets are closed, nobody is told, and threads hear that it has
    /// stopped.
    fn drop(&mut self) {
        drop(self.close_mailbox());
    }
}
