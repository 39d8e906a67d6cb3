//! One thing that happened, as a value. Owns the kinds of things that do; makes no words of them.

use std::rc::Rc;

use bytes::Bytes;

use super::wire::Wire;
use crate::address::Address;
use crate::error::Lost;
use crate::network::Time;
use crate::sim::link::Side;
use crate::sim::pipe::{Payload, Segment};

/// How much of received data a callback's entry keeps.
const KEPT: usize = 48;

#[derive(Clone, Debug)]
pub(in crate::sim) struct Entry {
    pub(in crate::sim) at: Time,
    pub(in crate::sim) who: Who,
    pub(in crate::sim) what: What,
}

#[derive(Clone, Debug)]
pub(in crate::sim) enum Who {
    /// Everybody, as a fault does that strikes no one in particular.
    World,
    Host(Rc<str>),
    End(Rc<Wire>, Side),
}

#[derive(Clone, Debug)]
pub(in crate::sim) enum What {
    Listens(Address),
    LooksUp(Box<str>),
    /// From this end.
    Departs(Flight),
    /// At this end.
    Arrives(Flight),
    /// On its way, if `who` sent it; else on arrival.
    Dropped(Flight, &'static str),
    /// The call of this end came to nothing, with this error number.
    Failed(i32),
    ShutsDown,
    Closes,
    Aborts,
    /// A protocol was told something.
    Callback(Callback),
    /// Something went wrong by intent.
    Fault(&'static str),
    Note(&'static str),
}

/// A segment under way. Its connection, its direction and its serial tell which.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Flight {
    pub(in crate::sim) from: Side,
    /// Counts the segments of this direction; 0 is the call itself.
    pub(in crate::sim) serial: u64,
    /// How many bytes of the stream went before it.
    pub(in crate::sim) offset: u64,
    pub(in crate::sim) cargo: Cargo,
}

#[derive(Clone, Debug)]
pub(in crate::sim) enum Cargo {
    Syn,
    Welcome,
    Data(Bytes),
    Datagram(Bytes),
    Fin,
    Rst,
}

#[derive(Clone, Debug)]
pub(in crate::sim) enum Callback {
    Made,
    Data(Excerpt),
    Frame(Excerpt),
    Datagram(Excerpt),
    /// Any other, by its name.
    Other(&'static str),
    Lost(Lost),
}

/// The beginning of data that is gone by the time somebody reads of it.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Excerpt {
    pub(in crate::sim) size: usize,
    kept: [u8; KEPT],
}

impl Flight {
    /// The segment that makes a call.
    pub(in crate::sim) fn call() -> Self {
        Self {
            from: Side::Caller,
            serial: 0,
            offset: 0,
            cargo: Cargo::Syn,
        }
    }

    pub(in crate::sim) fn of(segment: &Segment, from: Side) -> Self {
        Self {
            from,
            serial: segment.serial,
            offset: segment.offset,
            cargo: match &segment.payload {
                Payload::Welcome => Cargo::Welcome,
                Payload::Data(data) => Cargo::Data(data.clone()),
                Payload::Fin => Cargo::Fin,
                Payload::Rst => Cargo::Rst,
            },
        }
    }
}

impl Excerpt {
    pub(in crate::sim) fn of(data: &[u8]) -> Self {
        let mut kept = [0; KEPT];
        let size = data.len().min(KEPT);
        kept[..size].copy_from_slice(&data[..size]);
        Self {
            size: data.len(),
            kept,
        }
    }

    pub(in crate::sim) fn beginning(&self) -> &[u8] {
        &self.kept[..self.size.min(KEPT)]
    }
}
