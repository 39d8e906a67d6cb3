//! Which unsent frames a newer one may take the place of. Owns the keys they are told apart by and where they stand; does
//! not hold the frames.

use std::collections::BTreeMap;

use bytes::Bytes;

/// What tells the frames of [`send_latest`](crate::Transport::send_latest) apart: a number or a text, made from one by
/// itself. `7_u8`, `7_i64` and `7` are the same key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameKey(Repr);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Repr {
    Number(i128),
    Text(Bytes),
}

macro_rules! from_number {
    ($($number:ty),*) => { $(
        impl From<$number> for FrameKey {
            fn from(number: $number) -> Self {
                Self(Repr::Number(number as i128))
            }
        }
    )* };
}

from_number!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl From<&str> for FrameKey {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<&String> for FrameKey {
    fn from(text: &String) -> Self {
        text.as_bytes().into()
    }
}

impl From<&[u8]> for FrameKey {
    fn from(text: &[u8]) -> Self {
        Self(Repr::Text(Bytes::copy_from_slice(text)))
    }
}

impl<const N: usize> From<&[u8; N]> for FrameKey {
    fn from(text: &[u8; N]) -> Self {
        text.as_slice().into()
    }
}

/// Tells groups apart; no two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupId(pub(crate) u64);

/// A key and whose it is: a connection's own keys are not those of the groups that it is a member of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Latest {
    pub(crate) group: Option<GroupId>,
    pub(crate) key: FrameKey,
}

/// Where the newest frames stand in a queue, by the numbers that it gives its places. Numbers are never used again, so one
/// below the queue's first says that the frame has left.
#[derive(Debug, Default)]
pub(crate) struct Places {
    numbers: BTreeMap<Latest, u64>,
}

/// Places of frames that have left are dropped when there are so many more of them than frames in the queue.
const STALE_KEPT: usize = 16;

impl Places {
    /// The place of a frame in a queue that begins with `first`.
    pub(crate) fn find(&self, latest: &Latest, first: u64) -> Option<u64> {
        let number = self.numbers.get(latest).copied();
        number.filter(|&number| number >= first)
    }

    /// A frame stands at `number` of a queue of `count` that begins with `first`.
    pub(crate) fn note(&mut self, latest: Latest, number: u64, first: u64, count: usize) {
        if self.numbers.len() >= 2 * count + STALE_KEPT {
            self.numbers.retain(|_, number| *number >= first);
        }
        self.numbers.insert(latest, number);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }
}
