//! A growing array whose entries are not copied when it grows. Owns them, in blocks of one size; knows nothing of their
//! order.

use std::ops::{Index, IndexMut};

/// Entries of a block: a few kilobytes.
const BLOCK: usize = 256;

/// A vector in blocks. Only its list of blocks, eight bytes each, is ever copied.
#[derive(Debug)]
pub(super) struct Blocks<E> {
    /// Each has an entry below `len`; what stands above that is of no meaning.
    blocks: Vec<Box<[E; BLOCK]>>,
    /// Kept, so that one entry more and less again does not allocate each time.
    spare: Option<Box<[E; BLOCK]>>,
    len: usize,
}

impl<E> Default for Blocks<E> {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            spare: None,
            len: 0,
        }
    }
}

impl<E: Copy> Blocks<E> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn first(&self) -> Option<&E> {
        self.blocks.first().map(|block| &block[0])
    }

    pub(super) fn push(&mut self, entry: E) {
        let at = self.len;
        if at.is_multiple_of(BLOCK) {
            let spare = self.spare.take();
            self.blocks
                .push(spare.unwrap_or_else(|| Box::new([entry; BLOCK])));
        }
        self.len += 1;
        self[at] = entry;
    }

    pub(super) fn pop(&mut self) -> Option<E> {
        let at = self.len.checked_sub(1)?;
        let entry = self[at];
        self.len = at;
        if at.is_multiple_of(BLOCK) {
            self.spare = self.blocks.pop();
        }
        Some(entry)
    }

    /// For how many there is room.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        (self.blocks.len() + usize::from(self.spare.is_some())) * BLOCK
    }
}

impl<E> Index<usize> for Blocks<E> {
    type Output = E;

    #[inline]
    fn index(&self, at: usize) -> &E {
        &self.blocks[at / BLOCK][at % BLOCK]
    }
}

impl<E> IndexMut<usize> for Blocks<E> {
    #[inline]
    fn index_mut(&mut self, at: usize) -> &mut E {
        &mut self.blocks[at / BLOCK][at % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_what_a_vector_does() {
        let mut blocks = Blocks::default();
        for size in [BLOCK - 1, 1, 1, 10 * BLOCK] {
            let before = blocks.len();
            (before..before + size).for_each(|n| blocks.push(n));
            assert!((0..before + size).all(|n| blocks[n] == n));
        }
        blocks[BLOCK] = 7;
        assert_eq!((blocks[BLOCK], blocks.first()), (7, Some(&0)));
        blocks[BLOCK] = BLOCK;
        for n in (0..11 * BLOCK + 1).rev() {
            assert_eq!(blocks.pop(), Some(n));
        }
        assert_eq!(
            (blocks.pop(), blocks.len(), blocks.first()),
            (None, 0, None)
        );
        assert_eq!(blocks.capacity(), BLOCK, "one block is kept");
    }
}
