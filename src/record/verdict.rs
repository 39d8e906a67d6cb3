//! What a replay came to. Owns the words for it; compares nothing.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::tape::TapeError;
use crate::address::Address;
use crate::network::Time;
use crate::table::ConnectionId;

/// A replay in which the program did all that the recorded one did, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// Calls between loop and network, with their answers.
    pub events: u64,
    /// Bytes that the program wrote and the recorded network took.
    pub bytes_out: u64,
    /// The tape has its end. Otherwise it was cut: the program crashed, or was killed, or the disk was full.
    pub is_whole: bool,
}

/// `replayed 12 events, 345 bytes out, identical`, of a tape without its end `identical up to the cut`.
impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            events, bytes_out, ..
        } = self;
        let end = if self.is_whole { "" } else { " up to the cut" };
        write!(
            f,
            "replayed {events} events, {bytes_out} bytes out, identical{end}"
        )
    }
}

/// Why a replay came to no end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// The tape can't be read, or not beyond some place.
    Tape(TapeError),
    /// The program did something else than the recorded one.
    Differs(Box<Difference>),
    /// Another thread posted a call by a [`Remote`](crate::Remote). What it did is not on the tape, so nothing is known
    /// from there on.
    Posted(Post),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tape(error) => error.fmt(f),
            Self::Differs(difference) => difference.fmt(f),
            Self::Posted(post) => post.fmt(f),
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<TapeError> for ReplayError {
    fn from(error: TapeError) -> Self {
        Self::Tape(error)
    }
}

/// The first thing that a replayed program did otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// How many events were identical.
    pub events: u64,
    /// When it was in the recorded run.
    pub at: Time,
    /// The connection it is about, if it is about one.
    pub connection: Option<ConnectionId>,
    /// The connection's peer.
    pub peer: Option<Address>,
    /// Of a connection: how many bytes of its output were identical.
    pub offset: Option<u64>,
    /// What the recorded program did.
    pub recorded: String,
    /// What the replayed one did.
    pub replayed: String,
}

/// `after 12 events, at 3.120ms: connection #0.0 127.0.0.1:4711, offset 3 of its output: recorded was: …; replayed: …`
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            events,
            at,
            recorded,
            replayed,
            ..
        } = self;
        write!(f, "after {events} identical events, at {at}")?;
        if let Some(id) = self.connection {
            write!(f, ": connection {id}")?;
        }
        if let Some(peer) = &self.peer {
            write!(f, " {peer}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, ", offset {offset} of its output")?;
        }
        write!(f, ": recorded was: {recorded}; replayed: {replayed}")
    }
}

/// A call that another thread posted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Post {
    /// How many events were identical before it.
    pub events: u64,
    /// When it was made, in the recorded run.
    pub at: Time,
    /// The connection whose protocol it was for; `None` for a call into the reactor.
    pub connection: Option<ConnectionId>,
    /// The connection's peer.
    pub peer: Option<Address>,
    /// Whether it is on the tape, or was posted in the replay itself.
    pub is_recorded: bool,
}

impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, at, .. } = self;
        write!(
            f,
            "after {events} identical events, at {at}: another thread posted a call "
        )?;
        match self.connection {
            Some(id) => write!(f, "for the protocol of connection {id}")?,
            None => f.write_str("into the reactor")?,
        }
        if let Some(peer) = &self.peer {
            write!(f, " {peer}")?;
        }
        f.write_str(if self.is_recorded {
            ", and what it did is not on the tape"
        } else {
            ", which the recorded run did not do here"
        })
    }
}

/// Where a [`Replay`](super::Replay) tells what it came to, while the reactor has it.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    outcome: Rc<RefCell<Option<Result<Replayed, ReplayError>>>>,
}

impl Verdict {
    /// `None` while the replay goes on: it ends at the first difference, or when its reactor is dropped.
    pub fn outcome(&self) -> Option<Result<Replayed, ReplayError>> {
        self.outcome.borrow().clone()
    }

    /// The first verdict stands.
    pub(super) fn give(&self, outcome: Result<Replayed, ReplayError>) {
        self.outcome.borrow_mut().get_or_insert(outcome);
    }

    pub(super) fn is_given(&self) -> bool {
        self.outcome.borrow().is_some()
    }
}
