//! What becomes of requests: the words for it, and the telling. Owns no request.

use std::fmt;

use crate::error::Lost;
use crate::protocol::Protocol;
use crate::transport::Transport;

/// What was given with a request.
pub(super) type Told<R> =
    Box<dyn FnOnce(&mut dyn Protocol, &mut Transport<'_>, Result<R, Unanswered>)>;

/// Why a request was not taken. What was to be called was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// So many are unanswered already, which is as many as there may be.
    Full(usize),
    /// One with the same key is unanswered.
    InUse,
    /// One with the same key was given up, and its reply may still come: see [`Pending::forget`](crate::Pending::forget).
    GivenUp,
    /// The connection has ended, or is ending: no reply would be heard.
    Ended,
}

/// Why a request has no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unanswered {
    /// There was none in time.
    TimedOut,
    /// [`Pending::cancel`](crate::Pending::cancel) gave it up.
    Cancelled,
    /// The connection was lost.
    Lost(Lost),
}

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// A request that was asked and not answered.
    Asked,
    /// One that has timed out or was cancelled: a reply to it is late, and nobody is told.
    GivenUp,
    /// None, or one that was answered before, or given up long ago.
    Unknown,
}

/// What a reply, or a cancellation, has to tell, if anything.
#[must_use = "a request hears of its reply by `tell`"]
pub struct Settled<R> {
    pub(super) found: Match,
    pub(super) told: Option<(Told<R>, Result<R, Unanswered>)>,
    /// It is a reply that came too late.
    pub(super) late: bool,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(most) => write!(f, "{most} requests are unanswered already"),
            Self::InUse => f.write_str("a request with the same key is unanswered"),
            Self::GivenUp => f.write_str("the reply to a request with the same key may still come"),
            Self::Ended => f.write_str("the connection has ended, or is ending"),
        }
    }
}

impl std::error::Error for RequestError {}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no reply in time"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Lost(reason) => write!(f, "the connection was lost: {reason}"),
        }
    }
}

impl std::error::Error for Unanswered {}

impl<R> fmt::Debug for Settled<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settled")
            .field("found", &self.found)
            .finish_non_exhaustive()
    }
}

impl<R> Settled<R> {
    /// Tells the request, which it calls with `protocol`, the one that has asked: `self` in a callback.
    pub fn tell<P: Protocol>(self, protocol: &mut P, transport: &mut Transport<'_>) -> Match {
        if self.late {
            transport.reactor().counters.late_replies += 1;
        }
        if let Some((told, outcome)) = self.told {
            told(protocol, transport, outcome);
        }
        self.found
    }

    /// What the key stood for.
    pub fn found(&self) -> Match {
        self.found
    }
}
