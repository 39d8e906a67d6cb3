//! What was on the tape before, so that the same bytes need not stand on it twice: an echo, a broadcast, a request that
//! everybody sends. Owns the last literal bytes, the same on the writing and the reading side; does not encode.

/// How far back a piece may have been: more would not fit into the caches beside what a server does.
const WINDOW: usize = 256 * 1024;

/// Shorter ones are written as they are: to say where they were would be as long.
pub(super) const SHORTEST: usize = 16;

/// The longest piece that is taken in at once.
pub(super) const LONGEST: usize = 64 * 1024;

/// So many bytes of one call may stand elsewhere on the tape: what follows them is written as it is. So a tape of some bytes
/// can't ask a replay for memory without measure.
pub(super) const MOST_FOUND: usize = 4 * 1024 * 1024;

/// Places that are found again, by what begins there.
const PLACES: usize = 4096;

/// Sockets for which it is known where their bytes would go on.
const SOCKETS: usize = 16 * 1024;

/// The last literal bytes of a tape.
#[derive(Debug, Default)]
pub(super) struct History {
    bytes: Vec<u8>,
    /// How many bytes were forgotten before these.
    forgotten: u64,
}

impl History {
    /// Where the next byte comes to stand, counted from the begin of the tape.
    fn end(&self) -> u64 {
        self.forgotten + self.bytes.len() as u64
    }

    /// Takes a literal piece in, if it is one that may be referred to.
    pub(super) fn append(&mut self, piece: &[u8]) {
        if !(SHORTEST..=LONGEST).contains(&piece.len()) {
            return;
        }
        if self.bytes.len() + piece.len() > 2 * WINDOW {
            let forgotten = self.bytes.len() - WINDOW;
            self.bytes.copy_within(forgotten.., 0);
            self.bytes.truncate(WINDOW);
            self.forgotten += forgotten as u64;
        }
        self.bytes.extend_from_slice(piece);
    }

    /// `length` bytes that begin so far before the end.
    pub(super) fn back(&self, distance: u64, length: usize) -> Option<&[u8]> {
        let distance = usize::try_from(distance).ok()?;
        let begin = self.bytes.len().checked_sub(distance)?;
        self.bytes.get(begin..begin.checked_add(length)?)
    }

    /// What is known from this place on.
    fn from(&self, place: u64) -> Option<&[u8]> {
        let begin = usize::try_from(place.checked_sub(self.forgotten)?).ok()?;
        self.bytes.get(begin..)
    }
}

/// Finds pieces in a history, for the writing side.
#[derive(Debug)]
pub(super) struct Finder {
    history: History,
    /// Where a piece with this hash began last.
    places: Box<[u64]>,
    /// Where the last match of a socket ended: its next bytes may be found there.
    next: Vec<u64>,
}

/// A piece that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// How far before the end of the history it begins.
    pub(super) distance: u64,
    pub(super) length: usize,
}

impl Default for Finder {
    fn default() -> Self {
        Self {
            history: History::default(),
            places: vec![u64::MAX; PLACES].into_boxed_slice(),
            next: Vec::new(),
        }
    }
}

impl Finder {
    /// The longest begin of `piece`, of those looked at, that is known; it is at least [`SHORTEST`] long.
    pub(super) fn find(&mut self, socket: u32, piece: &[u8]) -> Option<Found> {
        let place = self.place_of(piece)?;
        let candidates = [
            self.places[place],
            self.next.get(socket as usize).copied().unwrap_or(u64::MAX),
        ];
        let found = candidates.into_iter().find_map(|begin| {
            let known = self.history.from(begin)?;
            let length = same(known, piece);
            (length >= SHORTEST).then_some((begin, length))
        });
        let (begin, length) = found?;
        self.expect(socket, begin + length as u64);
        Some(Found {
            distance: self.history.end() - begin,
            length,
        })
    }

    /// Takes a piece in that was not found.
    pub(super) fn append(&mut self, piece: &[u8]) {
        if let Some(place) = self.place_of(piece) {
            self.places[place] = self.history.end();
        }
        self.history.append(piece);
    }

    fn place_of(&self, piece: &[u8]) -> Option<usize> {
        let (one, rest) = piece.split_first_chunk::<8>()?;
        let (two, _) = rest.split_first_chunk::<8>()?;
        let (one, two) = (u64::from_le_bytes(*one), u64::from_le_bytes(*two));
        let mixed = (one ^ two.rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Some((mixed >> 32) as usize % PLACES)
    }

    fn expect(&mut self, socket: u32, place: u64) {
        let socket = socket as usize;
        if socket >= SOCKETS {
            return;
        }
        if socket >= self.next.len() {
            self.next.resize(socket + 1, u64::MAX);
        }
        self.next[socket] = place;
    }
}

/// How many bytes two pieces begin with in common.
fn same(one: &[u8], other: &[u8]) -> usize {
    const CHUNK: usize = 64;
    let length = one.len().min(other.len());
    let (one, other) = (&one[..length], &other[..length]);
    // Nearly always all or nothing; to compare whole slices is quickest by far.
    if length <= SHORTEST || one[..SHORTEST] == other[..SHORTEST] {
        if one == other {
            return length;
        }
        let chunks = one.chunks(CHUNK).zip(other.chunks(CHUNK));
        let alike = chunks.take_while(|(a, b)| a == b).count() * CHUNK;
        let rest = one[alike..].iter().zip(&other[alike..]);
        return alike + rest.take_while(|(a, b)| a == b).count();
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_in_is_found_whole_or_in_part() {
        let mut finder = Finder::default();
        let text = b"What is your name? What is your quest?";
        assert_eq!(finder.find(0, text), None);
        finder.append(text);
        let found = finder.find(0, text).expect("it is known");
        assert_eq!(
            found,
            Found {
                distance: text.len() as u64,
                length: text.len()
            }
        );
        assert_eq!(
            finder.history.back(found.distance, found.length),
            Some(&text[..])
        );
        let other = finder
            .find(0, b"What is your name? Alice")
            .expect("its begin is known");
        assert_eq!(other.length, b"What is your name? ".len());
        // And goes on where that ended, for this socket alone.
        let rest = b"What is your quest?";
        assert_eq!(finder.find(1, rest), None);
        finder.find(0, &text[..19]);
        assert_eq!(
            finder.find(0, rest).map(|found| found.length),
            Some(rest.len())
        );
    }

    #[test]
    fn what_is_too_long_ago_is_forgotten_on_both_sides() {
        let (mut finder, mut reader) = (Finder::default(), History::default());
        let first = b"the first piece of many";
        finder.append(first);
        reader.append(first);
        for number in 0..64_u64 {
            let mut piece = vec![b'x'; LONGEST];
            piece[..8].copy_from_slice(&number.to_le_bytes());
            if let Some(found) = finder.find(0, first) {
                assert_eq!(reader.back(found.distance, found.length), Some(&first[..]));
            } else {
                assert!(number > 4, "it is kept for a while");
            }
            finder.append(&piece);
            reader.append(&piece);
            assert!(reader.bytes.len() <= 2 * WINDOW);
        }
        assert_eq!(finder.find(0, first), None);
    }

    #[test]
    fn what_lies_outside_is_not_there() {
        let mut history = History::default();
        history.append(&[7; 100]);
        assert_eq!(history.back(100, 100), Some(&[7; 100][..]));
        for (distance, length) in [(101, 1), (100, 101), (0, 1), (u64::MAX, 1), (1, usize::MAX)] {
            assert_eq!(history.back(distance, length), None);
        }
    }
}
