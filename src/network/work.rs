//! Work that is done on a thread, and what the loop and a network say to each other of other threads. Owns the words for
//! it, and the guard around what is run; starts no thread.

use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use super::Token;

/// One piece of work given to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkId(pub u64);

/// A piece of work, the type of its result forgotten.
pub type Work = Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>;

/// What came of it.
pub type WorkOutcome = Result<Box<dyn Any + Send>, DeferError>;

/// Why work given to a thread has no result, see [`Reactor::defer_to_thread`](crate::Reactor::defer_to_thread).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeferError {
    /// 1,024 pieces of work wait for a thread already.
    Busy,
    /// No thread could be started.
    NoThread,
    /// It panicked: with what message.
    Panicked(String),
}

impl fmt::Display for DeferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too much work waits for a thread already"),
            Self::NoThread => f.write_str("there is no thread for it"),
            Self::Panicked(message) => write!(f, "the work panicked: {message}"),
        }
    }
}

impl std::error::Error for DeferError {}

/// For whom a call is that another thread posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// By [`Remote::post`](crate::Remote::post).
    ToReactor,
    /// For the protocol of the connection with this token.
    ToProtocol(Token),
}

/// Does a piece of work, wherever that is. A panic is an outcome too.
pub fn run_work(work: Work) -> WorkOutcome {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|cause| {
        let message = panic_message(&*cause).to_owned();
        let_go(cause);
        DeferError::Panicked(message)
    })
}

/// Drops what a panic carried, which may be any object, and so panic again. What that one carries is let be.
pub(crate) fn let_go(cause: Box<dyn Any + Send>) {
    if let Err(worse) = panic::catch_unwind(AssertUnwindSafe(|| drop(cause))) {
        std::mem::forget(worse);
    }
}

pub(crate) fn panic_message(cause: &(dyn Any + Send)) -> &str {
    if let Some(text) = cause.downcast_ref::<&str>() {
        text
    } else if let Some(text) = cause.downcast_ref::<String>() {
        text
    } else {
        "no message"
    }
}
