//! A table whose entries stay where they are while it grows. Owns entries by place, in pages of one size; mints no ids and
//! does not tell an old user of a place from a new one.
//!
//! ```text
//!   directory      pages of 256 places
//!   ┌───┐   ┌───────┬───────┬────────┬───────┬┄
//!   │ ●─┼──►│ taken │ taken │ vacant │ taken │      the vacant ones of a page are a list, linked in themselves
//!   ├───┤   └───────┴───────┴────────┴───────┴┄
//!   │   │   all of it was vacant: the page was given back
//!   ├───┤   ┌───────┬┄
//!   │ ●─┼──►│ taken │
//!   └───┘   └───────┴┄
//! ```
//!
//! To grow by a page costs one allocation of a known size, and moves no entry; only the directory, eight bytes a page, is
//! ever copied. So no turn of the loop is long because of it, and a table that has just grown has at most one page too
//! much. The lowest page with a vacant place is filled first, so that a table that has become small gives pages back.

use std::mem;

/// Places of a page: few enough that one is made and cleared within microseconds, enough that the directory of a million
/// is a few kilobytes.
const PAGE: usize = 256;

/// As many as places of 32 bits are in.
const MOST_PAGES: usize = 1 << 24;

/// The end of a page's list of vacant places.
const END: u16 = u16::MAX;

/// What stands at a place: something, or the link to the next vacant place of its page. An entry says itself which it is,
/// for one that has a serial anyway needs no tag beside it.
pub(crate) trait Entry {
    fn vacant(next: u16) -> Self;

    /// `None` if it is taken.
    fn next_vacant(&self) -> Option<u16>;
}

/// Entries by place, a `u32` that [`insert`](Self::insert) chooses.
pub(crate) struct Pages<E> {
    /// `None`: all places of the page are vacant.
    directory: Vec<Option<Places<E>>>,
    /// Beside the directory, so that what is looked at for each access is dense.
    vacancies: Vec<Vacancies>,
    /// One bit a page: it has a vacant place.
    roomy: Vec<u64>,
    /// The lowest page with a vacant place; behind the last page if none has one.
    lowest: usize,
    len: usize,
    /// One page is kept, so that a table that goes up and down by one entry does not allocate each time.
    spare: Option<Places<E>>,
}

type Places<E> = Box<[E; PAGE]>;

/// The vacant places of one page.
#[derive(Clone, Copy)]
struct Vacancies {
    taken: u16,
    /// The place that was left last, or `END`.
    first: u16,
}

impl<E> Default for Pages<E> {
    fn default() -> Self {
        Self {
            directory: Vec::new(),
            vacancies: Vec::new(),
            roomy: Vec::new(),
            lowest: 0,
            len: 0,
            spare: None,
        }
    }
}

impl<E> std::fmt::Debug for Pages<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl<E: Entry> Pages<E> {
    /// How many places are taken.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What stands at a place, be it vacant.
    #[inline]
    pub(crate) fn at(&self, place: u32) -> Option<&E> {
        let place = place as usize;
        let page = self.directory.get(place / PAGE)?.as_ref()?;
        Some(&page[place % PAGE])
    }

    /// What stands at a place, be it vacant: it has to stay so.
    #[inline]
    pub(crate) fn at_mut(&mut self, place: u32) -> Option<&mut E> {
        let place = place as usize;
        let page = self.directory.get_mut(place / PAGE)?.as_mut()?;
        Some(&mut page[place % PAGE])
    }

    /// Puts an entry into a vacant place of the lowest page that has one; of its page's, the one left last.
    ///
    /// # Panics
    /// If 2^32 places are taken, which no machine has the memory for.
    pub(crate) fn insert(&mut self, entry: E) -> u32 {
        let at = self.lowest;
        if self.directory.get(at).is_none_or(Option::is_none) {
            self.make_lowest();
        }
        let (Some(Some(page)), Some(vacancies)) =
            (self.directory.get_mut(at), self.vacancies.get_mut(at))
        else {
            unreachable!("it was made if it was not there");
        };
        let place = usize::from(vacancies.first) % PAGE;
        let next = page[place].next_vacant();
        // A vacant entry owns nothing that would have to be dropped.
        mem::forget(mem::replace(&mut page[place], entry));
        vacancies.first = next.expect("a listed place is vacant");
        vacancies.taken += 1;
        if vacancies.first == END {
            self.is_full(at);
        }
        self.len += 1;
        (at * PAGE + place) as u32
    }

    /// Takes an entry out of its place; `None` if that is vacant. The page is given back with its last one.
    pub(crate) fn remove(&mut self, place: u32) -> Option<E> {
        let (at, place) = (place as usize / PAGE, place as usize % PAGE);
        let page = self.directory.get_mut(at)?.as_mut()?;
        if page[place].next_vacant().is_some() {
            return None;
        }
        let vacancies = &mut self.vacancies[at];
        let entry = mem::replace(&mut page[place], E::vacant(vacancies.first));
        if vacancies.first == END {
            self.roomy[at / 64] |= 1 << (at % 64);
            self.lowest = self.lowest.min(at);
        }
        vacancies.first = place as u16;
        vacancies.taken -= 1;
        self.len -= 1;
        // The first page stays: most programs have few entries, which come and go all the time.
        if vacancies.taken == 0 && at > 0 {
            self.give_back(at);
        }
        Some(entry)
    }

    /// All that is taken with its place, in the order of places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &E)> {
        let pages = self.directory.iter().enumerate();
        pages
            .filter_map(|(at, page)| Some((at * PAGE, page.as_ref()?)))
            .flat_map(|(first, page)| (first as u32..).zip(page.iter()))
            .filter(|(_, entry)| is_taken(*entry))
    }

    /// All entries, the vacant ones too.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = E> {
        let pages = self.directory.into_iter().flatten();
        pages.flat_map(|page| (page as Box<[E]>).into_iter())
    }

    /// For how many there is room.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        let pages = self.directory.iter().flatten().chain(&self.spare);
        pages.count() * PAGE
    }

    /// Makes the page that is filled next, which was given back or has never been there.
    #[cold]
    fn make_lowest(&mut self) {
        let at = self.lowest;
        if at == self.directory.len() {
            assert!(at < MOST_PAGES, "memory ends before 2^32 places");
            self.directory.push(None);
            self.vacancies.push(Vacancies { taken: 0, first: 0 });
            self.roomy.resize(at / 64 + 1, 0);
            self.roomy[at / 64] |= 1 << (at % 64);
        }
        self.directory[at] = self.spare.take().or_else(|| Some(vacant()));
    }

    /// The lowest page has no vacant place any more: another one is the lowest now, or is to be added.
    #[cold]
    fn is_full(&mut self, at: usize) {
        self.roomy[at / 64] &= !(1 << (at % 64));
        let words = self.roomy.iter().enumerate().skip(at / 64);
        let bits = |(nth, word): (usize, &u64)| {
            let bit = word.trailing_zeros() as usize;
            (*word != 0).then_some(nth * 64 + bit)
        };
        self.lowest = words
            .filter_map(bits)
            .next()
            .unwrap_or(self.directory.len());
    }

    fn give_back(&mut self, at: usize) {
        let page = self.directory[at].take();
        if self.spare.is_none() {
            self.spare = page;
        }
        self.vacancies[at].first = 0;
        while self.directory.pop_if(|page| page.is_none()).is_some() {
            self.vacancies.pop();
            let last = self.directory.len();
            self.roomy[last / 64] &= !(1 << (last % 64));
        }
        self.roomy.truncate(self.directory.len().div_ceil(64));
        self.lowest = self.lowest.min(self.directory.len());
    }
}

fn is_taken(entry: &impl Entry) -> bool {
    entry.next_vacant().is_none()
}

/// A page of vacant places, listed in their order.
fn vacant<E: Entry>() -> Places<E> {
    let next = |at: usize| if at + 1 < PAGE { at as u16 + 1 } else { END };
    let places: Box<[E]> = (0..PAGE).map(|at| E::vacant(next(at))).collect();
    places
        .try_into()
        .unwrap_or_else(|_| unreachable!("as many as a page has"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Slot {
        Taken(u32),
        Vacant(u16),
    }

    impl Entry for Slot {
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

    fn full(pages: u32) -> Pages<Slot> {
        let mut table = Pages::default();
        for n in 0..pages * PAGE as u32 {
            assert_eq!(table.insert(Slot::Taken(n)), n);
        }
        table
    }

    #[test]
    fn an_entry_stays_where_it_is_while_the_table_grows() {
        let mut table = full(1);
        let first: *const Slot = table.at(0).expect("it was inserted");
        for n in 0..100 * PAGE as u32 {
            table.insert(Slot::Taken(n));
        }
        assert!(std::ptr::eq(table.at(0).expect("it is still there"), first));
    }

    #[test]
    fn a_page_that_became_vacant_is_given_back_but_for_one() {
        let mut table = full(4);
        for place in PAGE as u32..3 * PAGE as u32 {
            assert_eq!(table.remove(place), Some(Slot::Taken(place)));
            assert_eq!(table.remove(place), None);
        }
        assert!(table.directory[1].is_none() && table.directory[2].is_none());
        assert!(table.spare.is_some());
        assert_eq!(table.at(PAGE as u32), None);
        assert_eq!(table.insert(Slot::Taken(7)), PAGE as u32);
        assert!(table.spare.is_none(), "the spare page is used first");
    }

    #[test]
    fn an_empty_table_has_one_page() {
        let mut table = full(200);
        for place in 0..200 * PAGE as u32 {
            table.remove(place);
        }
        assert_eq!((table.len(), table.iter().next()), (0, None));
        assert_eq!(
            (
                table.directory.len(),
                table.vacancies.len(),
                table.roomy.len()
            ),
            (1, 1, 1)
        );
        assert_eq!(table.insert(Slot::Taken(1)), PAGE as u32 - 1);
    }

    #[test]
    fn the_lowest_page_with_room_is_filled_first() {
        let mut table = full(130);
        for place in [129 * PAGE, 128 * PAGE, 70 * PAGE, 3 * PAGE, 3 * PAGE + 1] {
            table.remove(place as u32);
        }
        let places: Vec<usize> = (0..6)
            .map(|n| table.insert(Slot::Taken(n)) as usize)
            .collect();
        let lowest = [3 * PAGE + 1, 3 * PAGE, 70 * PAGE, 128 * PAGE, 129 * PAGE];
        assert_eq!(places[..5], lowest);
        assert_eq!(places[5], 130 * PAGE);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn it_does_what_a_map_does(steps in prop::collection::vec((any::<bool>(), 1..700usize, any::<u32>()), 0..40)) {
            let (mut table, mut model) = (Pages::default(), std::collections::BTreeMap::new());
            for (grows, count, seed) in steps {
                for n in 0..count as u32 {
                    if grows {
                        let place = table.insert(Slot::Taken(seed ^ n));
                        prop_assert!(model.insert(place, Slot::Taken(seed ^ n)).is_none());
                    } else if let Some(place) = model.range(seed % (1 << 14)..).map(|(place, _)| *place).next() {
                        prop_assert_eq!(table.remove(place), model.remove(&place));
                    }
                }
                prop_assert_eq!(table.len(), model.len());
                prop_assert!(table.iter().eq(model.iter().map(|(place, slot)| (*place, slot))));
            }
        }
    }
}
