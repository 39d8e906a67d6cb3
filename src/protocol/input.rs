//! What is there to deliver: bytes held back and bytes just read. Owns the cursor over both; cuts nothing.

/// Bytes that were received and not yet delivered: an unfinished frame, or what came after a pause.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(super) bytes: Vec<u8>,
    /// Invariant: at most `bytes.len()`, and 0 if `bytes` is empty. What lies before it was delivered.
    start: usize,
    /// How many of the rest the framing has looked at in vain.
    pub(crate) scanned: usize,
    /// How many there have to be before it need be asked again.
    pub(crate) wanted: usize,
}

impl Held {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn extend(&mut self, data: &[u8]) {
        // What was delivered is dropped once it is the larger part, so that each byte moves a bounded number of times.
        if self.start > self.bytes.len() / 2 {
            self.compact();
        }
        self.bytes.extend_from_slice(data);
    }

    pub(super) fn advance(&mut self, size: usize) {
        self.start += size;
        self.rescan();
        if self.start == self.bytes.len() {
            self.clear();
        }
    }

    /// Another framing is to look at all of it anew.
    pub(crate) fn rescan(&mut self) {
        (self.scanned, self.wanted) = (0, 0);
    }

    /// How many bytes are missing before the framing need be asked.
    pub(super) fn missing(&self) -> usize {
        self.wanted.saturating_sub(self.rest().len())
    }

    pub(super) fn compact(&mut self) {
        self.bytes.drain(..self.start);
        self.start = 0;
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
        self.rescan();
    }

    /// All but the last `size` bytes are done with.
    pub(crate) fn keep_last(&mut self, size: usize) {
        self.advance(self.rest().len() - size);
    }

    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    /// An empty one that uses `buffer`'s room.
    pub(crate) fn in_buffer(buffer: Vec<u8>) -> Self {
        debug_assert!(buffer.is_empty());
        Self {
            bytes: buffer,
            ..Self::default()
        }
    }
}

/// What is there to deliver: what was held, then the chunk just read.
#[derive(Debug)]
pub struct Input<'d> {
    pub(crate) held: Held,
    pub(crate) chunk: &'d [u8],
    /// How far the chunk is used up.
    pub(crate) at: usize,
    /// How much of the chunk's rest the framing has looked at in vain.
    pub(crate) scanned: usize,
    /// How much it is to be before that need be asked again.
    pub(crate) wanted: usize,
}

impl<'d> Input<'d> {
    pub(crate) fn new(held: Held, chunk: &'d [u8]) -> Self {
        Self {
            held,
            chunk,
            at: 0,
            scanned: 0,
            wanted: 0,
        }
    }

    pub(super) fn rest_of_chunk(&self) -> &'d [u8] {
        &self.chunk[self.at..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.at == self.chunk.len()
    }

    /// Nothing is left of it, and there is no buffer to give back.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.at == self.chunk.len() && self.held.bytes.capacity() == 0
    }

    /// What is left of the chunk joins what is held.
    pub(crate) fn hold_rest(&mut self) {
        if self.at < self.chunk.len() {
            let rest = self.rest_of_chunk();
            self.held.extend(rest);
            self.at = self.chunk.len();
        }
    }

    /// Up to `most` bytes of what is left of the chunk join what is held; how many did.
    pub(super) fn join(&mut self, most: usize) -> usize {
        let rest = self.rest_of_chunk();
        let joining = &rest[..most.min(rest.len())];
        self.held.extend(joining);
        self.at += joining.len();
        joining.len()
    }

    /// What is left of what is held parts from it again, if all of that is of the last `joined` bytes that joined it.
    pub(super) fn part(&mut self, joined: usize) {
        let left = self.held.rest().len();
        if left <= joined {
            self.held.clear();
            self.at -= left;
        }
    }

    pub(super) fn data(&self) -> &[u8] {
        if self.held.is_empty() {
            self.rest_of_chunk()
        } else {
            self.held.rest()
        }
    }

    pub(super) fn advance(&mut self, size: usize) {
        if self.held.is_empty() {
            self.at += size;
        } else {
            self.held.advance(size);
        }
    }
}
