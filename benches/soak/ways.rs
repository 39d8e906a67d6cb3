//! The ways a connection can go: what its client says, hears and does, and what the server is to be told of its end. Owns
//! the table of them; plays none.

/// What a server listens for, each on a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Echo,
    /// Echo with small buffers below and a short time for those who take nothing.
    Narrow,
    Lines,
    /// Ends who says nothing.
    Quiet,
    /// Has as many connections as it may have.
    Full,
    /// Its factory wants nobody.
    Closed,
}

pub(crate) const SERVICES: [Service; 6] = [
    Service::Echo,
    Service::Narrow,
    Service::Lines,
    Service::Quiet,
    Service::Full,
    Service::Closed,
];

/// Bytes of a client or a server.
#[derive(Clone, Copy)]
pub(crate) enum Said {
    Words(&'static str),
    /// So many, others for every client.
    Bytes(usize),
}

pub(crate) const NOTHING: Said = Said::Words("");

/// What a client does as soon as it has said all that it says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Listens,
    /// Ends its direction and listens.
    Finishes,
    Closes,
    Resets,
}

/// What a client hears, and what it does then.
#[derive(Clone, Copy)]
pub(crate) enum Hears {
    /// All of this, and ends its direction; then comes the server's end.
    AndFinishes(Said),
    AndCloses(Said),
    AndResets(Said),
    /// All of this, then the server's end.
    ToTheEnd(Said),
    /// All of this and the server's end; then it stays, until the server has nothing left of it.
    AndStays(Said),
    /// Nothing but a reset.
    Reset,
    /// It never reads, until it is reset.
    Ignores,
}

/// What is counted when the connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    DoneByUs,
    DoneByPeer,
    Reset,
    Aborted,
    TooSlow,
    TimedOutWriting,
    TimedOutClosing,
    TimedOutIdle,
    BadFrame,
    Panicked,
    /// A reason that no way here leads to.
    Otherwise,
    /// No protocol was built for it.
    Unwanted,
    /// There were too many.
    Overflowed,
}

/// How each is told by the server, and read by its parent.
pub(crate) const TOLD: [(Told, &str); 13] = [
    (Told::DoneByUs, "done_by_us"),
    (Told::DoneByPeer, "done_by_peer"),
    (Told::Reset, "reset"),
    (Told::Aborted, "aborted"),
    (Told::TooSlow, "too_slow"),
    (Told::TimedOutWriting, "timed_out_writing"),
    (Told::TimedOutClosing, "timed_out_closing"),
    (Told::TimedOutIdle, "timed_out_idle"),
    (Told::BadFrame, "bad_frame"),
    (Told::Panicked, "panicked"),
    (Told::Otherwise, "otherwise"),
    (Told::Unwanted, "unwanted"),
    (Told::Overflowed, "overflowed"),
];

/// One way.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) service: Service,
    pub(crate) says: Said,
    pub(crate) then: Then,
    pub(crate) hears: Hears,
    pub(crate) told: Told,
}

const fn way(
    name: &'static str,
    (service, says): (Service, Said),
    then: Then,
    hears: Hears,
    told: Told,
) -> Way {
    Way {
        name,
        service,
        says,
        then,
        hears,
        told,
    }
}

use Hears::{AndCloses, AndFinishes, AndResets, AndStays, Ignores, ToTheEnd};
use Said::{Bytes, Words};
use Service::{Closed, Echo, Full, Lines, Narrow, Quiet};
use Then::{Closes, Finishes, Listens, Resets};

const FEW: Said = Bytes(40);
/// More than the high water mark.
const MANY: Said = Bytes(150_000);
const LATER: Said = Words("later\r\nlater\r\n");
const BYE: Said = Words("bye\r\n");

#[rustfmt::skip]
pub(crate) const WAYS: &[Way] = &[
    way("the client ends first", (Echo, FEW), Listens, AndFinishes(FEW), Told::DoneByPeer),
    way("the client closes at its reply", (Echo, FEW), Listens, AndCloses(FEW), Told::DoneByPeer),
    way("much there and back, under pressure", (Echo, MANY), Listens, AndFinishes(MANY), Told::DoneByPeer),
    way("comes and goes without a word", (Echo, NOTHING), Closes, ToTheEnd(NOTHING), Told::DoneByPeer),
    way("half-close, replies come late", (Lines, LATER), Finishes, ToTheEnd(Words("late\r\nlate\r\n")), Told::DoneByPeer),
    way("half-close behind half a line", (Lines, Words("half")), Finishes, ToTheEnd(Words("half\r\n")), Told::DoneByPeer),
    way("the server ends first", (Lines, BYE), Listens, ToTheEnd(BYE), Told::DoneByUs),
    way("stays after the server's end", (Lines, BYE), Listens, AndStays(BYE), Told::DoneByUs),
    way("reset before it was accepted", (Echo, NOTHING), Resets, Hears::Reset, Told::Reset),
    way("reset at its reply", (Echo, FEW), Listens, AndResets(FEW), Told::Reset),
    way("reset in the middle of much", (Echo, MANY), Resets, Hears::Reset, Told::Reset),
    way("reset while a reply is due", (Lines, LATER), Resets, Hears::Reset, Told::Reset),
    way("the server aborts", (Lines, Words("abort\r\n")), Listens, Hears::Reset, Told::Aborted),
    way("never reads what is poured on it", (Lines, Words("pour\r\n")), Listens, Ignores, Told::TooSlow),
    way("never reads its echo", (Narrow, MANY), Listens, Ignores, Told::TimedOutWriting),
    way("never reads what it is owed at the end", (Lines, Words("owe\r\n")), Listens, Ignores, Told::TimedOutClosing),
    way("never says a word", (Quiet, NOTHING), Listens, ToTheEnd(NOTHING), Told::TimedOutIdle),
    way("too long a line", (Lines, Bytes(2000)), Listens, ToTheEnd(NOTHING), Told::BadFrame),
    way("the protocol panics", (Lines, Words("panic\r\n")), Listens, Hears::Reset, Told::Panicked),
    way("wanted by no protocol", (Closed, NOTHING), Listens, ToTheEnd(NOTHING), Told::Unwanted),
    way("one too many", (Full, NOTHING), Listens, ToTheEnd(NOTHING), Told::Overflowed),
];

impl Way {
    /// What the client is to hear.
    pub(crate) fn hears(&self) -> Said {
        match self.hears {
            AndFinishes(said) | AndCloses(said) | AndResets(said) => said,
            ToTheEnd(said) | AndStays(said) => said,
            Hears::Reset | Ignores => NOTHING,
        }
    }

    /// The place in [`WAYS`] of the way that the client of this number goes: all of them mixed, the same every time.
    pub(crate) fn of(number: usize) -> usize {
        // The finish of splitmix64: neighbours have nothing in common.
        let mut mixed = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % WAYS.len() as u64) as usize
    }
}
