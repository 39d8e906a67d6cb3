//! The framings in use in one reactor, each kept once for all connections that share it. Owns their counts; cuts nothing.

use std::rc::Rc;

use super::FramingKind;
use crate::arena::Arena;
use crate::connection::NONE;

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

    /// A place for a framing: the same one for the same rules, where that can be told.
    pub(crate) fn intern(&mut self, framing: FramingKind) -> u32 {
        let found = self
            .places
            .iter()
            .take(SEARCHED)
            .find(|(_, (kind, _))| kind.is_same(&framing))
            .map(|(place, _)| place);
        if let Some(place) = found {
            self.places[place].1 += 1;
            return place;
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
