//! Calls from other threads. Owns the bounded queue between them and the loop; makes none of the calls.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::MAILBOX;
use crate::network::Wake;
use crate::protocol::Protocol;
use crate::reactor::Reactor;
use crate::table::ConnectionId;
use crate::transport::Transport;

pub(crate) type Mail = Box<dyn FnOnce(&mut Reactor) + Send>;

/// Calls into a reactor from any thread. Clones are the same.
#[derive(Clone)]
pub struct Remote {
    mailbox: Arc<Mailbox>,
}

/// Why a call was not taken. It is dropped on the calling thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteError {
    /// 65,536 calls wait already.
    Full,
    /// The reactor has stopped.
    Stopped,
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

    /// Has the loop make a call, in its next turn.
    ///
    /// # Errors
    /// If too many calls wait, or the reactor has stopped.
    pub fn post(
        &self,
        call: impl FnOnce(&mut Reactor) + Send + 'static,
    ) -> Result<(), RemoteError> {
        self.mailbox.put(Box::new(call))
    }

    /// Has the loop make a call with one connection's protocol; see [`Reactor::tell`].
    ///
    /// # Errors
    /// If too many calls wait, or the reactor has stopped.
    pub fn tell<P: Protocol>(
        &self,
        id: ConnectionId,
        call: impl FnOnce(&mut P, &mut Transport<'_>) + Send + 'static,
    ) -> Result<(), RemoteError> {
        self.post(move |reactor| reactor.tell(id, call))
    }

    /// Has the loop stop, in order.
    ///
    /// # Errors
    /// If too many calls wait, or the reactor has stopped.
    pub fn stop(&self) -> Result<(), RemoteError> {
        self.post(Reactor::stop)
    }
}

/// The queue between threads and one loop.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    wake: Arc<dyn Wake>,
}

#[derive(Default)]
struct State {
    mail: VecDeque<Mail>,
    closed: bool,
}

impl Mailbox {
    pub(crate) fn new(wake: Arc<dyn Wake>) -> Self {
        Self {
            state: Mutex::default(),
            wake,
        }
    }

    /// No user code runs under the lock, so a poisoned one is as good as another.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, call: Mail) -> Result<(), RemoteError> {
        let mut state = self.lock();
        if state.closed {
            return Err(RemoteError::Stopped);
        }
        if state.mail.len() >= MAILBOX {
            return Err(RemoteError::Full);
        }
        state.mail.push_back(call);
        // Only the first one wakes: the loop empties the box before it sleeps.
        let first = state.mail.len() == 1;
        drop(state);
        if first {
            self.wake.wake();
        }
        Ok(())
    }

    pub(crate) fn has_mail(&self) -> bool {
        !self.lock().mail.is_empty()
    }

    /// The first `most` calls.
    pub(crate) fn take(&self, most: usize) -> Vec<Mail> {
        let mut state = self.lock();
        let count = state.mail.len().min(most);
        state.mail.drain(..count).collect()
    }

    /// Takes no more calls, and returns those that were left.
    pub(crate) fn close(&self) -> VecDeque<Mail> {
        let mut state = self.lock();
        state.closed = true;
        std::mem::take(&mut state.mail)
    }
}

impl Drop for Reactor {
    /// A reactor that is dropped without a stop: its sockets are closed, nobody is told, and threads hear that it has
    /// stopped.
    fn drop(&mut self) {
        drop(self.close_mailbox());
    }
}
