//! The unsent bytes of one connection. Owns their order and their count; sends nothing and sets no limit.
//!
//! ```text
//!   consume ◄── front                                            back ◄── push
//!
//!               queue                                       tail
//!   ┌───────────────────┬──────────────────┬───────────┐ ┌─────────────────┐
//!   │ sent ╎ Owned      │ Shared (uncopied)│ Owned     │ │ small writes ...│
//!   └───────────────────┴──────────────────┴───────────┘ └─────────────────┘
//!   ├ head ┤                                                      ▲
//!   ├───────────────────── queued ─────────────────────┤    lent to a callback
//! ```
//!
//! Most connections never have a queue: they write little, it is sent, the tail is empty again. Then `head` counts
//! into the tail.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem;
use std::ops::Range;

use bytes::Bytes;

use crate::copies::FrameCopy;
use crate::latest::{Latest, Places};

/// From here on, sharing a chunk costs less than copying it.
const SHARED_FROM: usize = 4096;

/// Sent bytes at the front of the tail that are not worth moving the rest for.
const SENT_KEPT: usize = 64 * 1024;

/// Pieces that an output which is used again keeps room for.
const PIECES_KEPT: usize = 4;

/// What a connection has still to send, in order.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    /// Each piece has at least one byte.
    queue: VecDeque<Piece>,
    /// The run of small writes behind the queue.
    tail: Vec<u8>,
    /// How much of the very first piece is sent: less than its length. That piece is the tail if the queue is empty.
    head: usize,
    /// The lengths of all pieces in the queue, what is sent of the first included.
    queued: usize,
    /// The number of the queue's first piece. Pieces have them one after the other, and never twice.
    first: u64,
    /// Which pieces are the newest frames of their keys; `None` if there are none.
    latest: Option<Box<Places>>,
}

#[derive(Debug)]
enum Piece {
    Owned(Vec<u8>),
    Shared(Bytes),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Outbound {
    /// How many bytes are unsent. Not to be asked while the tail is lent.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.queued + self.tail.len() - self.head
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.tail.is_empty()
    }

    /// Appends a copy.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Appends without copying, if that pays.
    #[inline]
    pub(crate) fn push_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARED_FROM {
            self.push(bytes);
        } else {
            self.push_piece(bytes.clone());
        }
    }

    /// The same for one of many who get the same.
    #[inline]
    pub(crate) fn push_copy(&mut self, copy: &mut FrameCopy) {
        if copy.bytes().len() < SHARED_FROM {
            self.push(copy.bytes());
        } else {
            self.push_piece(copy.shared().clone());
        }
    }

    fn push_piece(&mut self, bytes: Bytes) {
        // If the tail was the first piece, it still is: `head` goes on counting into it.
        if !self.tail.is_empty() {
            self.queued += self.tail.len();
            self.queue
                .push_back(Piece::Owned(mem::take(&mut self.tail)));
        }
        self.queued += bytes.len();
        self.queue.push_back(Piece::Shared(bytes));
    }

    /// Puts a frame of at least one byte in the place of the one with the same key, or at the end if that has been sent, or
    /// a part of it. Whether it was replaced.
    pub(crate) fn push_latest(&mut self, latest: Latest, frame: Bytes) -> bool {
        if let Some(number) = self.place_of(&latest) {
            let piece = &mut self.queue[(number - self.first) as usize];
            self.queued = self.queued - piece.bytes().len() + frame.len();
            *piece = Piece::Shared(frame);
            return true;
        }
        self.push_piece(frame);
        let count = self.queue.len();
        let number = self.first + count as u64 - 1;
        let places = self.latest.get_or_insert_default();
        places.note(latest, number, self.first, count);
        false
    }

    /// Whether a frame with this key would be replaced.
    pub(crate) fn has_latest(&self, latest: &Latest) -> bool {
        self.place_of(latest).is_some()
    }

    /// Where the frame that would be replaced lies in what is unsent.
    pub(crate) fn span_of_latest(&self, latest: &Latest) -> Option<Range<usize>> {
        let index = (self.place_of(latest)? - self.first) as usize;
        let before = self
            .queue
            .iter()
            .take(index)
            .map(|piece| piece.bytes().len());
        let start = before.sum::<usize>() - self.head;
        Some(start..start + self.queue[index].bytes().len())
    }

    /// What comes from now on replaces nothing of what there is.
    pub(crate) fn pin_latest(&mut self) {
        self.latest = None;
    }

    fn place_of(&self, latest: &Latest) -> Option<u64> {
        let whole = self.first + u64::from(self.head > 0);
        self.latest.as_ref()?.find(latest, whole)
    }

    /// Lends the tail to be appended to, and to nothing else. Until [`return_tail`](Self::return_tail) gives it back,
    /// nothing else may be asked or done here.
    #[inline]
    pub(crate) fn lend_tail(&mut self) -> Vec<u8> {
        mem::take(&mut self.tail)
    }

    #[inline]
    pub(crate) fn return_tail(&mut self, tail: Vec<u8>) {
        debug_assert!(self.tail.is_empty(), "written to while the tail was lent");
        self.tail = tail;
    }

    /// How many pieces there are.
    pub(crate) fn count(&self) -> usize {
        self.queue.len() + usize::from(!self.tail.is_empty())
    }

    /// Fills `slices` from the front with what to send next; returns how many were filled.
    pub(crate) fn pieces<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let tail = Some(self.tail.as_slice()).filter(|tail| !tail.is_empty());
        let pieces = self.queue.iter().map(Piece::bytes).chain(tail);
        let mut sent = self.head;
        let mut filled = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces) {
            *slice = IoSlice::new(&piece[mem::take(&mut sent)..]);
            filled += 1;
        }
        filled
    }

    /// All there is, if that is one piece.
    #[inline]
    pub(crate) fn only_piece(&self) -> Option<&[u8]> {
        self.queue.is_empty().then(|| &self.tail[self.head..])
    }

    /// The unsent bytes of the first piece.
    pub(crate) fn first_piece(&self) -> &[u8] {
        let first = self
            .queue
            .front()
            .map_or(self.tail.as_slice(), Piece::bytes);
        &first[self.head..]
    }

    /// Drops the first `sent` bytes, which were sent. The tail keeps its room.
    #[inline]
    pub(crate) fn consume(&mut self, sent: usize) {
        debug_assert!(sent <= self.len(), "more was sent than there was");
        if self.queue.is_empty() && self.head + sent == self.tail.len() {
            self.tail.clear();
            self.head = 0;
        } else {
            self.consume_pieces(sent);
        }
    }

    fn consume_pieces(&mut self, sent: usize) {
        self.head += sent;
        while let Some(first) = self.queue.front() {
            let size = first.bytes().len();
            if self.head < size && !(canary!(PieceCut) && self.head > 0) {
                return;
            }
            if canary!(PieceCut) {
                self.head = self.head.max(size);
            }
            self.head -= size;
            if canary!(PieceRepeated) {
                self.head = 0;
            }
            self.queued -= size;
            self.first += 1;
            if let Some(Piece::Owned(buffer)) = self.queue.pop_front() {
                self.write_into(buffer);
            }
        }
        if self.head == self.tail.len() {
            self.tail.clear();
            self.head = 0;
        } else {
            self.compact();
        }
    }

    #[cfg(test)]
    pub(crate) fn room_for_pieces(&self) -> usize {
        self.queue.capacity()
    }

    /// Drops everything unsent, and hands the buffer out, empty, for a [`BufferPool`].
    #[inline]
    pub(crate) fn renew(&mut self) -> Vec<u8> {
        self.clear();
        if self.queue.capacity() > PIECES_KEPT {
            self.queue.shrink_to(PIECES_KEPT);
        }
        mem::take(&mut self.tail)
    }

    /// Drops everything unsent. The tail keeps its room.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if !self.queue.is_empty() {
            self.queue.clear();
        }
        self.tail.clear();
        (self.head, self.queued, self.first) = (0, 0, 0);
        self.latest = None;
    }

    /// Uses a sent buffer as the tail again, if the tail went into the queue and has no room of its own yet.
    fn write_into(&mut self, mut buffer: Vec<u8>) {
        if self.tail.capacity() == 0 {
            buffer.clear();
            self.tail = buffer;
        }
    }

    /// Moves the tail to the front of its buffer, or a peer that never quite catches up would make it grow for ever.
    ///
    /// Only when more is sent than unsent: so fewer bytes are moved than were sent since the last time, and all moving
    /// together costs no more than the sending did.
    fn compact(&mut self) {
        if self.head > SENT_KEPT && self.head > self.tail.len() / 2 {
            self.tail.drain(..mem::take(&mut self.head));
        }
    }
}

#[cfg(test)]
mod tests;
