//! What clients say, so that no two neighbours say the same. Owns the bytes; sends none.

use crate::ways::Said;

/// Bytes repeat after so many.
const PERIOD: usize = 61;
const LONGEST: usize = 150_000;

pub(crate) struct Text {
    bytes: Vec<u8>,
}

impl Text {
    pub(crate) fn new() -> Self {
        let letter = |place: usize| b'0' + (place % PERIOD) as u8;
        Self {
            bytes: (0..LONGEST + PERIOD).map(letter).collect(),
        }
    }

    /// What the client of this number means by `said`.
    pub(crate) fn of(&self, said: Said, number: usize) -> &[u8] {
        match said {
            Said::Words(words) => words.as_bytes(),
            Said::Bytes(count) => &self.bytes[number % PERIOD..][..count],
        }
    }
}
