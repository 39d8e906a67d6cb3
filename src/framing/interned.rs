//! The framings in use in one reactor, each kept once for all connections that share it. Owns their counts; cuts nothing.

use std::any::Any;
use std::rc::Rc;

use super::{Found, Framing, Lines, Tail};
use crate::arena::Arena;
use crate::connection::NONE;
use crate::error::FrameError;

/// A framing: the frequent one by itself, so that its calls are direct.
pub(crate) enum FramingKind {
    Lines(Lines),
    Other(Box<dyn Framing>),
}

impl std::fmt::Debug for FramingKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lines(lines) => lines.fmt(f),
            Self::Other(_) => f.write_str("Framing"),
        }
    }
}

impl Framing for FramingKind {
    fn next(&self, data: &[u8], scanned: usize) -> Found {
        match self {
            Self::Lines(lines) => lines.next(data, scanned),
            Self::Other(framing) => framing.next(data, scanned),
        }
    }

    fn at_eof(&self, rest: &[u8]) -> Tail {
        match self {
            Self::Lines(lines) => lines.at_eof(rest),
            Self::Other(framing) => framing.at_eof(rest),
        }
    }

    #[inline]
    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        match self {
            Self::Lines(lines) => lines.encode(frame, out),
            Self::Other(framing) => framing.encode(frame, out),
        }
    }
}

impl FramingKind {
    /// Recognizes lines among all framings.
    pub(crate) fn of<F: Framing>(framing: F) -> Self {
        match (&framing as &dyn Any).downcast_ref::<Lines>() {
            Some(lines) => Self::Lines(lines.clone()),
            None => Self::Other(Box::new(framing)),
        }
    }
}

/// The table of framings. An idle connection keeps its place in it, four bytes.
#[derive(Default)]
pub(crate) struct Framings {
    places: Arena<(Rc<FramingKind>, usize)>,
}

/// How many places are looked at for rules that are there already. Most programs have one or two.
const SEARCHED: usize = 8;

impl Framings {
    #[inline]
    pub(crate) fn at(&self, place: u32) -> Option<Rc<FramingKind>> {
        self.places
            .get(place)
            .map(|(framing, _)| Rc::clone(framing))
    }

    /// A place for a framing: the same one for the same lines.
    pub(crate) fn intern(&mut self, framing: FramingKind) -> u32 {
        if let FramingKind::Lines(lines) = &framing {
            let same =
                |kind: &FramingKind| matches!(kind, FramingKind::Lines(other) if other == lines);
            let found = self
                .places
                .iter()
                .take(SEARCHED)
                .find(|(_, (kind, _))| same(kind))
                .map(|(place, _)| place);
            if let Some(place) = found {
                self.places[place].1 += 1;
                return place;
            }
        }
        self.places.insert((Rc::new(framing), 1))
    }

    /// One user less of a place.
    pub(crate) fn release(&mut self, place: u32) -> Option<Rc<FramingKind>> {
        if place == NONE {
            return None;
        }
        let (_, users) = self.places.get_mut(place)?;
        *users -= 1;
        if *users > 0 {
            return None;
        }
        self.places.remove(place).map(|(framing, _)| framing)
    }
}
