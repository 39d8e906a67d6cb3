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

use bytes::Bytes;

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
    pub(crate) fn len(&self) -> usize {
        self.queued + self.tail.len() - self.head
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.tail.is_empty()
    }

    /// Appends a copy.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Appends without copying, if that pays.
    pub(crate) fn push_shared(&mut self, bytes: Bytes) {
        if bytes.len() < SHARED_FROM {
            return self.push(&bytes);
        }
        self.push_piece(bytes);
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
    pub(crate) fn lend_tail(&mut self) -> Vec<u8> {
        mem::take(&mut self.tail)
    }

    pub(crate) fn return_tail(&mut self, tail: Vec<u8>) {
        debug_assert!(self.tail.is_empty(), "written to while the tail was lent");
        self.tail = tail;
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
    pub(crate) fn consume(&mut self, sent: usize) {
        debug_assert!(sent <= self.len(), "more was sent than there was");
        self.head += sent;
        while let Some(first) = self.queue.front() {
            let size = first.bytes().len();
            if self.head < size {
                return;
            }
            self.head -= size;
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
    pub(crate) fn renew(&mut self) -> Vec<u8> {
        self.clear();
        if self.queue.capacity() > PIECES_KEPT {
            self.queue.shrink_to(PIECES_KEPT);
        }
        mem::take(&mut self.tail)
    }

    /// Drops everything unsent. The tail keeps its room.
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All that is unsent, as a writer with so many slices at a time would see it.
    fn unsent(outbound: &Outbound, at_once: usize) -> Vec<u8> {
        let mut slices = vec![IoSlice::new(&[]); at_once];
        let filled = outbound.pieces(&mut slices);
        slices[..filled]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect()
    }

    fn large(byte: u8) -> Bytes {
        Bytes::from(vec![byte; SHARED_FROM])
    }

    #[test]
    fn small_writes_are_one_piece() {
        let mut outbound = Outbound::default();
        outbound.push(b"one ");
        outbound.push_shared(Bytes::from_static(b"two "));
        outbound.push(b"three");
        let mut slices = [IoSlice::new(&[]); 4];
        assert_eq!(outbound.pieces(&mut slices), 1);
        assert_eq!(&*slices[0], b"one two three");
        assert_eq!(outbound.len(), 13);
    }

    #[test]
    fn a_large_chunk_is_sent_from_where_it_lies() {
        let (chunk, mut outbound) = (large(b'x'), Outbound::default());
        outbound.push(b"before");
        outbound.consume(3);
        outbound.push_shared(chunk.clone());
        outbound.push(b"after");
        let mut slices = [IoSlice::new(&[]); 4];
        assert_eq!(outbound.pieces(&mut slices), 3);
        assert_eq!(&*slices[0], b"ore");
        assert_eq!(slices[1].as_ptr(), chunk.as_ptr());
        assert_eq!(&*slices[2], b"after");
        assert_eq!(outbound.len(), 3 + SHARED_FROM + 5);
    }

    #[test]
    fn when_all_is_sent_the_tail_keeps_its_room() {
        let mut outbound = Outbound::default();
        outbound.return_tail(Vec::with_capacity(100));
        outbound.push(b"hello");
        outbound.consume(5);
        assert!(outbound.is_empty());
        assert!(outbound.renew().capacity() >= 100);
    }

    #[test]
    fn a_buffer_that_went_into_the_queue_comes_back() {
        let mut outbound = Outbound::default();
        outbound.return_tail(Vec::with_capacity(100));
        outbound.push(b"hello");
        outbound.push_shared(large(0));
        outbound.consume(5 + SHARED_FROM);
        assert_eq!(outbound.len(), 0);
        assert!(outbound.renew().capacity() >= 100);
    }

    #[test]
    fn a_peer_that_never_catches_up_does_not_make_the_tail_grow() {
        let mut outbound = Outbound::default();
        outbound.push(b"one ahead");
        for _ in 0..10_000 {
            outbound.push(&[7; 1000]);
            outbound.consume(1000);
        }
        assert_eq!(outbound.len(), 9);
        assert!(outbound.tail.capacity() <= 4 * SENT_KEPT);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        Share(usize),
        Latest(u8, usize),
        Pin,
        Lend(usize),
        /// So many 256ths of what is unsent.
        Consume(usize),
        Clear,
    }

    /// What was pushed and not sent, piece by piece, with the keys of those that can be replaced.
    #[derive(Default)]
    struct Model(Vec<(Option<u8>, Vec<u8>)>);

    impl Model {
        fn bytes(&self) -> Vec<u8> {
            self.0.iter().flat_map(|(_, piece)| piece.clone()).collect()
        }

        fn push(&mut self, key: Option<u8>, data: Vec<u8>) -> bool {
            let older = self
                .0
                .iter_mut()
                .find(|(of, _)| key.is_some() && *of == key);
            match older {
                Some((_, piece)) => {
                    *piece = data;
                    true
                }
                None => {
                    self.0.push((key, data));
                    false
                }
            }
        }

        fn pin(&mut self) {
            self.0.iter_mut().for_each(|(key, _)| *key = None);
        }

        fn consume(&mut self, mut sent: usize) {
            while sent > 0 {
                let (key, piece) = &mut self.0[0];
                let part = sent.min(piece.len());
                *key = None;
                piece.drain(..part);
                sent -= part;
                if piece.is_empty() {
                    self.0.remove(0);
                }
            }
            // Nothing may be left of a piece without a byte.
            self.0.retain(|(_, piece)| !piece.is_empty());
        }
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0..9000usize).prop_map(Step::Push),
            6 => (0..9000usize).prop_map(Step::Share),
            8 => (0..4u8, 1..9000usize).prop_map(|(key, size)| Step::Latest(key, size)),
            1 => Just(Step::Pin),
            4 => (0..9000usize).prop_map(Step::Lend),
            9 => (0..=256usize).prop_map(Step::Consume),
            1 => Just(Step::Clear),
        ];
        prop::collection::vec(step, 0..120)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn it_does_what_a_plain_list_does(steps in steps(), at_once in 1..5usize) {
            let (mut outbound, mut model) = (Outbound::default(), Model::default());
            for (n, step) in steps.into_iter().enumerate() {
                let data = |size| (0..size).map(|i| (n * 31 + i) as u8).collect::<Vec<u8>>();
                match step {
                    Step::Push(size) => {
                        outbound.push(&data(size));
                        model.push(None, data(size));
                    }
                    Step::Share(size) => {
                        outbound.push_shared(Bytes::from(data(size)));
                        model.push(None, data(size));
                    }
                    Step::Latest(key, size) => {
                        let latest = Latest { group: None, key: key.into() };
                        let replaces = outbound.has_latest(&latest);
                        let replaced = outbound.push_latest(latest, data(size).into());
                        prop_assert_eq!(replaced, replaces);
                        prop_assert_eq!(replaced, model.push(Some(key), data(size)));
                    }
                    Step::Pin => {
                        outbound.pin_latest();
                        model.pin();
                    }
                    Step::Lend(size) => {
                        let mut tail = outbound.lend_tail();
                        tail.extend(data(size));
                        outbound.return_tail(tail);
                        model.push(None, data(size));
                    }
                    Step::Consume(share) => {
                        let sent = model.bytes().len() * share / 256;
                        outbound.consume(sent);
                        model.consume(sent);
                    }
                    Step::Clear => {
                        outbound.clear();
                        model = Model::default();
                    }
                }
                let bytes = model.bytes();
                prop_assert_eq!(outbound.len(), bytes.len());
                prop_assert_eq!(outbound.is_empty(), bytes.is_empty());
                prop_assert_eq!(unsent(&outbound, usize::from(u8::MAX)), bytes.as_slice());
                prop_assert!(bytes.starts_with(&unsent(&outbound, at_once)));
                prop_assert!(bytes.is_empty() || !unsent(&outbound, at_once).is_empty());
            }
        }
    }
}
