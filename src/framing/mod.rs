//! How a stream of bytes is cut into frames. Owns the rule that a framing follows and the ones that come with the crate;
//! keeps no bytes and calls no protocol, which is the loop's part.
//!
//! # Which one
//! | | On the wire | At most | Half a frame, then the end | Can be skipped | Twisted's |
//! |---|---|---|---|---|---|
//! | [`Lines`] | the bytes, then CRLF or LF, or another delimiter | 16,384 | a line, or dropped | yes | `LineReceiver` |
//! | [`Int8`] | one byte of length, the bytes | 255 | [truncated](crate::Lost::Truncated) | yes | `Int8StringReceiver` |
//! | [`Int16`] | two bytes of length, the highest first, the bytes | 65,535 | truncated | yes | `Int16StringReceiver` |
//! | [`Int32`] | four bytes of length, the highest first, the bytes | 99,999 | truncated | yes | `Int32StringReceiver` |
//! | [`Varint`] | one to ten bytes of length, as protobuf's, the bytes | 99,999 | truncated | yes | |
//! | [`LengthDelimited`] | any header with a length in it, the bytes | 99,999 | truncated | yes | |
//! | [`Netstring`] | the length in digits, `:`, the bytes, `,` | 99,999 | truncated | no | `NetstringReceiver` |
//! | [`FixedSize`] | the bytes | its size | truncated | never refused | |
//! | [`Slip`] | the bytes with 0xC0 and 0xDB escaped, 0xC0 | 99,999 | truncated | yes | |
//! | [`Cobs`] | the bytes with zeros as distances, a zero | 99,999 | truncated | yes | |
//!
//! Each limit is set by `max_length`, and a frame of just that many bytes passes. Where the length comes first, one byte
//! more is refused as soon as it is told, before a byte of the frame has come, and nothing is set aside for what has not
//! come. The frames in front of a bad one have been delivered by then; what becomes of the connection, the protocol says in
//! [`frame_refused`](crate::Protocol::frame_refused).
//!
//! What fits none of them is a [`Framing`] of your own; [`guide::own_framing`](crate::guide::own_framing) makes one.
//!
//! ```
//! use ropewalk::framing::Int16;
//! use ropewalk::{Protocol, Transport, testing};
//!
//! struct Reverse;
//!
//! impl Protocol for Reverse {
//!     fn connection_made(&mut self, transport: &mut Transport<'_>) {
//!         transport.set_framing(Int16::default().max_length(1000));
//!     }
//!     fn data_received(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
//!         transport.send(frame.iter().rev().copied().collect::<Vec<u8>>());
//!     }
//! }
//!
//! let mut wire = testing::connect(Reverse);
//! wire.receives(b"\0\x03abc\0").receives(b"\x02de").sent(b"\0\x03cba\0\x02ed");
//! ```

mod cobs;
mod ended;
mod fixed_size;
mod header;
mod int;
mod interned;
mod kind;
mod length_delimited;
mod limited;
mod line_end;
pub(crate) mod lines;
mod netstring;
mod slip;
mod varint;

use std::ops::Range;

use crate::error::FrameError;

pub use cobs::Cobs;
pub use fixed_size::FixedSize;
pub use int::{Int8, Int16, Int32, IntPrefixed};
pub(crate) use interned::Framings;
pub(crate) use kind::FramingKind;
pub use length_delimited::LengthDelimited;
pub(crate) use line_end::LineEnd;
pub(crate) use lines::Stop;
pub use lines::{Lines, UnfinishedLine};
pub use netstring::Netstring;
pub use slip::Slip;
pub use varint::Varint;

/// Cuts inbound bytes into frames and wraps outbound ones.
///
/// A framing is a set of rules without any state: the loop holds the bytes that are no whole frame yet, and remembers
/// how many of them were looked at in vain. So one framing serves all connections of a listener, can be exchanged
/// between two frames, and never sees how the network cut the stream.
///
/// Three methods are enough. The others are for frames that are written in a code ([`decode`](Self::decode)), whose end can
/// be found though they are bad ([`skip`](Self::skip)), or that have a limit of their own ([`bound`](Self::bound)).
///
/// # The contract
/// What is found may depend on the bytes alone, not on how many of them have arrived by now: more bytes behind a
/// [`Found::Frame`], a [`Found::Coded`] or a [`Found::Broken`] change nothing about it. A frame takes at least one byte. `scanned` saves
/// work and has no other effect. Nothing here may panic, whatever the peer sends, and whatever a prefix promises,
/// nothing is to be allocated for what has not arrived.
///
/// # Example
/// Records that end with the byte 0x1E, ASCII's *record separator*, and have at most 512 bytes:
/// ```
/// use ropewalk::FrameError;
/// use ropewalk::framing::{Found, Framing, Tail};
///
/// struct Records;
///
/// const END: u8 = 0x1E;
/// const LIMIT: usize = 512;
///
/// impl Framing for Records {
///     fn next(&self, data: &[u8], scanned: usize) -> Found {
///         // Go on where the last look ended: so a record that trickles in is read once, not once a byte.
///         let end = data[scanned..].iter().position(|&byte| byte == END);
///         let length = end.map_or(data.len(), |end| scanned + end);
///         if length > LIMIT {
///             // Told even before the record ends: a peer that never ends one can't fill our memory.
///             return Found::Broken(FrameError::TooLong { limit: LIMIT, size: None });
///         }
///         match end {
///             Some(_) => Found::Frame { body: 0..length, size: length + 1 },
///             None => Found::More { scanned: data.len() },
///         }
///     }
///
///     fn at_eof(&self, _rest: &[u8]) -> Tail {
///         Tail::Truncated // a record has an end of its own, and it did not come
///     }
///
///     fn encode(&self, record: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
///         if record.contains(&END) {
///             return Err(FrameError::HoldsDelimiter); // the peer would see two
///         }
///         out.extend_from_slice(record);
///         out.push(END);
///         Ok(())
///     }
/// }
///
/// assert_eq!(Records.next(b"plum\x1Epe", 0), Found::Frame { body: 0..4, size: 5 });
/// assert_eq!(Records.next(b"pe", 0), Found::More { scanned: 2 });
/// assert_eq!(Records.next(b"pear\x1E", 2), Found::Frame { body: 0..4, size: 5 });
/// assert_eq!(Records.at_eof(b"pe"), Tail::Truncated);
///
/// let mut out = Vec::new();
/// assert_eq!(Records.encode(b"plum", &mut out), Ok(()));
/// assert_eq!(Records.encode(b"pl\x1Eum", &mut out), Err(FrameError::HoldsDelimiter));
/// assert_eq!(out, b"plum\x1E");
/// ```
pub trait Framing: 'static {
    /// Looks for one frame at the front of `data`, of which the first `scanned` bytes were looked at in vain by an
    /// earlier call: the number that its [`Found::More`] told, zero for bytes never shown before.
    fn next(&self, data: &[u8], scanned: usize) -> Found;

    /// What becomes of `rest`, at least one byte and no whole frame, now that the peer has ended in order.
    fn at_eof(&self, rest: &[u8]) -> Tail;

    /// Appends `frame` with its envelope to `out`.
    ///
    /// # Errors
    /// When the peer would not get back what `frame` is; then `out` stays as it was.
    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError>;

    /// Appends to `out`, which is empty, what the `body` of a [`Found::Coded`] means. The loop lends the same buffer again
    /// and again, so it may be used at will.
    ///
    /// # Errors
    /// When it means nothing: the frame is refused.
    fn decode(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        out.extend_from_slice(body);
        Ok(())
    }

    /// Where the refused frame at the front of `data` ends, for [`Refusal::Skip`](crate::Refusal::Skip). Asked when that is
    /// said; and after a [`Skip::More`] with each portion that follows.
    fn skip(&self, data: &[u8]) -> Skip {
        let _ = data;
        Skip::Impossible
    }

    /// How many bytes a frame takes at most, its envelope included, if larger ones are [`Found::Broken`] here. `None` if
    /// that is not seen to: then it is [`Limits::held`](crate::Limits::held), beyond which frames are refused.
    fn bound(&self) -> Option<usize> {
        None
    }
}

/// What is told of a framing that finds frames where no bytes are.
pub(crate) const OUT_OF_PLACE: FrameError = FrameError::Malformed("the framing lost its place");

/// Whether a frame's content, as its framing says, is within its `size` bytes.
pub(crate) fn lies_within(body: &Range<usize>, size: usize) -> bool {
    body.start <= body.end && body.end <= size
}

/// What is at the front of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A whole frame.
    Frame {
        /// Where in the bytes its content is, without delimiter or prefix: within the first `size`.
        body: Range<usize>,
        /// How many bytes it takes with its envelope; the next frame begins behind them.
        size: usize,
    },
    /// A whole frame whose content is written in a code: [`decode`](Framing::decode) is asked for it.
    Coded {
        /// Where in the bytes that is, within the first `size`.
        body: Range<usize>,
        /// As for a [`Frame`](Self::Frame).
        size: usize,
    },
    /// Bytes between frames that say nothing: nobody is told of them.
    Nothing {
        /// How many, at least one.
        size: usize,
    },
    /// No whole frame yet, and nothing tells how long it will be.
    More {
        /// How many bytes need not be looked at again.
        scanned: usize,
    },
    /// No whole frame yet, and none before there are so many bytes. It is not asked again until they are there, and no more
    /// than these are put together.
    Part {
        /// How many bytes the frame takes with its envelope, or at least takes: more than there are.
        size: usize,
    },
    /// Nothing that can become a frame, whatever follows.
    Broken(FrameError),
}

/// What becomes of bytes that are no whole frame when the peer has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// They count as a frame, with this part of them as its content; it is not decoded.
    Frame(Range<usize>),
    /// They are of no interest.
    Dropped,
    /// They are the beginning of a frame that has an end of its own: the peer ended too early.
    Truncated,
    /// They are no frame.
    Refused(FrameError),
}

/// Where a frame that was refused ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Behind so many bytes, at least one, be they here or still to come.
    Bytes(u64),
    /// Not in these bytes: they are dropped, and it is asked again with what follows.
    More,
    /// Nothing says it: the connection is closed.
    Impossible,
}
