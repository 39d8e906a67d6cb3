//! Buffers to write into that were given back. Owns them until they are wanted again; no more and no larger ones than pay.

/// The largest buffer that is kept for the next: what one large reply needed is not pinned for ever.
const LARGEST_SPARE: usize = 64 * 1024;

/// Empty buffers that were given back, a bounded number of bounded size.
#[derive(Debug)]
pub(crate) struct BufferPool {
    spare: Vec<Vec<u8>>,
    most: usize,
    made: u64,
}

impl BufferPool {
    /// Keeps at most so many spare buffers.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            spare: Vec::new(),
            most,
            made: 0,
        }
    }

    /// How often there was none to take.
    pub(crate) fn made(&self) -> u64 {
        self.made
    }

    /// How many are spare.
    pub(crate) fn len(&self) -> usize {
        self.spare.len()
    }

    /// An empty buffer: the one given back last, whose memory is likeliest to be in the cache.
    #[inline]
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_else(|| {
            self.made += 1;
            Vec::new()
        })
    }

    /// Gives a buffer back, emptied. One without room, one too large and one too many are freed.
    #[inline]
    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        if (1..=LARGEST_SPARE).contains(&buffer.capacity()) && self.spare.len() < self.most {
            if !canary!(BufferDirty) {
                buffer.clear();
            }
            self.spare.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_keeps_few_and_small_buffers() {
        let mut pool = BufferPool::new(2);
        pool.put(Vec::new());
        pool.put(Vec::with_capacity(LARGEST_SPARE + 1));
        assert_eq!(pool.len(), 0);
        for _ in 0..3 {
            pool.put(vec![1; 10]);
        }
        assert_eq!(pool.len(), 2);
        let buffer = pool.take();
        assert!(buffer.is_empty() && buffer.capacity() >= 10);
        assert_eq!((pool.take().capacity(), pool.take().capacity()), (10, 0));
    }
}
