//! Frames with a length somewhere in their header, by description. Owns the arithmetic between a length as it is written and
//! the bytes that follow it; the usual headers have framings of their own.

use super::header::{Header, big_endian, largest};
use super::limited::{MAX_LENGTH, check_length};
use super::{Found, Framing, Skip, Tail};
use crate::error::FrameError;

/// Frames with a header in which a length stands: of one to eight bytes, in either order, behind other bytes or not, and
/// counting whatever it counts.
///
/// ```text
///  offset     width        value of the length + adjustment
/// ├────────┼──────────┼──────────────────────────────────────┤
/// │ others │  length  │  what follows                        │
/// ```
///
/// A frame is what follows; with [`keep_header`](Self::keep_header) it is all of it. Its limit counts what follows. A
/// longer frame is refused as soon as its length is there, before what follows has come; it can be skipped
/// ([`Refusal::Skip`](crate::Refusal::Skip)). One that is longer is not sent, either.
///
/// What Netty and tokio call it: the offset is `lengthFieldOffset`, or `length_field_offset`; the width
/// `lengthFieldLength`, or `length_field_length`; the adjustment `lengthAdjustment`, or `length_adjustment`, with the same
/// sign. `initialBytesToStrip` and `num_skip` are all of the header, or nothing if that is kept.
///
/// A byte of type, then two of length, the lowest first, which count the whole record:
/// ```
/// use ropewalk::framing::{Found, Framing, LengthDelimited};
///
/// let records = LengthDelimited::new(2).little_endian().offset(1).adjustment(-3).keep_header();
/// assert_eq!(records.next(b"T\x08\0hello", 0), Found::Frame { body: 0..8, size: 8 });
/// assert_eq!(records.next(b"T\x08\0he", 0), Found::Part { size: 8 });
///
/// // To send, the header's other bytes are the frame's; the length is filled in.
/// let mut out = Vec::new();
/// records.encode(b"T..hello", &mut out)?;
/// assert_eq!(out, b"T\x08\0hello");
/// # Ok::<(), ropewalk::FrameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LengthDelimited {
    width: usize,
    offset: usize,
    adjustment: i64,
    order: Order,
    delivers: Delivers,
    max_length: usize,
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    HighestFirst,
    LowestFirst,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivers {
    WhatFollows,
    Everything,
}

impl LengthDelimited {
    /// A length of `width` bytes, the highest first, at the very front, which counts what follows it; at most 99,999.
    ///
    /// # Panics
    /// If the width is none of 1 to 8.
    pub fn new(width: usize) -> Self {
        assert!((1..=8).contains(&width), "a length has 1 to 8 bytes");
        Self {
            width,
            offset: 0,
            adjustment: 0,
            order: Order::HighestFirst,
            delivers: Delivers::WhatFollows,
            max_length: MAX_LENGTH,
        }
    }

    /// The lowest byte of the length comes first.
    #[must_use]
    pub fn little_endian(mut self) -> Self {
        self.order = Order::LowestFirst;
        self
    }

    /// So many other bytes stand in front of the length. What is sent has zeros there, unless the header is kept.
    #[must_use]
    pub fn offset(mut self, bytes: usize) -> Self {
        self.offset = bytes;
        self
    }

    /// What to add to the length's value to have the number of bytes that follow it: negative if it counts the header, or
    /// a part of it; positive if it leaves out some of what follows.
    #[must_use]
    pub fn adjustment(mut self, bytes: i64) -> Self {
        self.adjustment = bytes;
        self
    }

    /// The header is a part of the frame, of what is received and of what is sent.
    #[must_use]
    pub fn keep_header(mut self) -> Self {
        self.delivers = Delivers::Everything;
        self
    }

    /// Allows up to `bytes` bytes behind the length. Default 99,999.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.max_length = bytes;
        self
    }

    /// How many bytes may follow the length: no more than it can say.
    pub fn longest(&self) -> usize {
        let most = i128::from(largest(self.width)) + i128::from(self.adjustment);
        let most = usize::try_from(most.max(0)).unwrap_or(usize::MAX);
        self.max_length.min(most)
    }

    fn header_size(&self) -> usize {
        self.offset.saturating_add(self.width)
    }

    fn header(&self, data: &[u8]) -> Header {
        let size = self.header_size();
        let Some(header) = data.get(..size) else {
            return Header::Unfinished(size);
        };
        let field = &header[self.offset..];
        let value = match self.order {
            Order::HighestFirst => big_endian(field),
            Order::LowestFirst => big_endian(field.iter().rev()),
        };
        // Beyond 64 bits it is too long, whatever it is.
        match i128::from(value) + i128::from(self.adjustment) {
            ..0 => Header::Wrong(FrameError::Malformed("a length of less than nothing")),
            length => Header::Whole {
                size,
                length: u64::try_from(length).unwrap_or(u64::MAX),
            },
        }
    }

    /// What is written for so many bytes that follow.
    fn value_of(&self, length: usize) -> Result<u64, FrameError> {
        u64::try_from(length as i128 - i128::from(self.adjustment))
            .map_err(|_| FrameError::Malformed("shorter than its length can say"))
    }
}

impl Framing for LengthDelimited {
    fn next(&self, data: &[u8], _scanned: usize) -> Found {
        let found = self.header(data).frame(data, self.longest());
        match (found, self.delivers) {
            (Found::Frame { size, .. }, Delivers::Everything) => Found::Frame {
                body: 0..size,
                size,
            },
            (found, _) => found,
        }
    }

    fn at_eof(&self, _rest: &[u8]) -> Tail {
        Tail::Truncated
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        let (others, body) = match self.delivers {
            Delivers::WhatFollows => (&[][..], frame),
            Delivers::Everything => frame
                .split_at_checked(self.header_size())
                .map(|(header, body)| (&header[..self.offset], body))
                .ok_or(FrameError::Malformed("shorter than its header"))?,
        };
        check_length(body, self.longest())?;
        let value = self.value_of(body.len())?.to_le_bytes();
        let field = &value[..self.width];
        let begin = out.len();
        out.reserve(self.header_size() + body.len());
        out.extend_from_slice(others);
        out.resize(begin + self.offset, 0);
        match self.order {
            Order::HighestFirst => out.extend(field.iter().rev()),
            Order::LowestFirst => out.extend_from_slice(field),
        }
        out.extend_from_slice(body);
        Ok(())
    }

    fn skip(&self, data: &[u8]) -> Skip {
        self.header(data).skip()
    }

    fn bound(&self) -> Option<usize> {
        Some(self.longest().saturating_add(self.header_size()))
    }
}
