//! Places for things that come and go, in [`Pages`]. Owns them and hands their places out; does not tell an old user of a
//! place from a new one.

use std::ops::{Index, IndexMut};

use crate::pages::{Entry, Pages};

/// Things by place, a `u32` that [`insert`](Self::insert) chooses. A place where nothing stands is answered with `None`.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    places: Pages<Place<T>>,
}

#[derive(Debug)]
enum Place<T> {
    Taken(T),
    Vacant(u16),
}

impl<T> Entry for Place<T> {
    fn vacant(next: u16) -> Self {
        Self::Vacant(next)
    }

    fn next_vacant(&self) -> Option<u16> {
        match self {
            Self::Taken(_) => None,
            Self::Vacant(next) => Some(*next),
        }
    }
}

impl<T> Place<T> {
    fn into_taken(self) -> Option<T> {
        match self {
            Self::Taken(thing) => Some(thing),
            Self::Vacant(_) => None,
        }
    }
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self {
            places: Pages::default(),
        }
    }
}

impl<T> Arena<T> {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn insert(&mut self, thing: T) -> u32 {
        self.places.insert(Place::Taken(thing))
    }

    #[inline]
    pub(crate) fn get(&self, place: u32) -> Option<&T> {
        match self.places.at(place)? {
            Place::Taken(thing) => Some(thing),
            Place::Vacant(_) => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        match self.places.at_mut(place)? {
            Place::Taken(thing) => Some(thing),
            Place::Vacant(_) => None,
        }
    }

    pub(crate) fn remove(&mut self, place: u32) -> Option<T> {
        self.places.remove(place)?.into_taken()
    }

    /// For how many there is room.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.places.capacity()
    }

    /// What there is with its place, in the order of places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.places.iter().filter_map(|(at, place)| match place {
            Place::Taken(thing) => Some((at, thing)),
            Place::Vacant(_) => None,
        })
    }

    /// All of it, in the order of places.
    pub(crate) fn into_things(self) -> impl Iterator<Item = T> {
        self.places.into_entries().filter_map(Place::into_taken)
    }
}

/// For places whose holder knows that they are taken.
impl<T> Index<u32> for Arena<T> {
    type Output = T;

    #[inline]
    fn index(&self, place: u32) -> &T {
        self.get(place)
            .expect("whoever holds a place has put something there")
    }
}

impl<T> IndexMut<u32> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, place: u32) -> &mut T {
        self.get_mut(place)
            .expect("whoever holds a place has put something there")
    }
}
