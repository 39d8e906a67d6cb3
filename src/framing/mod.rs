//! How a stream of bytes is cut into frames. Owns the rule that a framing follows and the ones that come with the crate;
//! keeps no bytes and calls no protocol, which is the loop's part.

mod interned;
mod line_end;
pub(crate) mod lines;

use std::ops::Range;

use crate::error::FrameError;

pub(crate) use interned::{FramingKind, Framings};
pub(crate) use line_end::LineEnd;
pub(crate) use lines::Stop;
pub use lines::{Lines, UnfinishedLine};

/// Cuts inbound bytes into frames and wraps outbound ones.
///
/// A framing is a set of rules without any state: the loop holds the bytes that are no whole frame yet, and remembers
/// how many of them were looked at in vain. So one framing serves all connections of a listener, can be exchanged
/// between two frames, and never sees how the network cut the stream.
///
/// # The contract
/// What is found may depend on the bytes alone, not on how many of them have arrived by now: more bytes behind a
/// [`Found::Frame`] or a [`Found::Broken`] change nothing about it. A frame takes at least one byte. `scanned` saves
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
///             return Found::Broken(FrameError::TooLong { limit: LIMIT });
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
    /// No whole frame yet.
    More {
        /// How many bytes need not be looked at again.
        scanned: usize,
    },
    /// Nothing that can become a frame, whatever follows.
    Broken(FrameError),
}

/// What becomes of bytes that are no whole frame when the peer has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// They count as a frame, with this part of them as its content.
    Frame(Range<usize>),
    /// They are of no interest.
    Dropped,
    /// They are the beginning of a frame that has an end of its own: the peer ended too early.
    Truncated,
    /// They are no frame.
    Refused(FrameError),
}
