//! What the clients say: bytes that differ from message to message, so that a wrong, lost or repeated one shows.

/// Several blocks of the same size, one after the other in memory.
pub(crate) struct Blocks {
    bytes: Vec<u8>,
    size: usize,
}

impl Blocks {
    /// Blocks of lines that are `line` bytes long, their CRLF counted; a line's bytes are letters.
    pub(crate) fn lines(size: usize, line: usize, count: usize) -> Self {
        let mut bytes: Vec<u8> = letters().take(size * count).collect();
        for end in bytes.chunks_mut(line) {
            let length = end.len();
            end[length - 2..].copy_from_slice(b"\r\n");
        }
        Self { bytes, size }
    }

    pub(crate) fn block(&self, number: usize) -> &[u8] {
        let begin = number % (self.bytes.len() / self.size) * self.size;
        &self.bytes[begin..begin + self.size]
    }

    /// Each block begins with this byte.
    pub(crate) fn sign(&mut self, first: u8) {
        for block in self.bytes.chunks_mut(self.size) {
            block[0] = first;
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

/// The same letters in every run.
fn letters() -> impl Iterator<Item = u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    std::iter::repeat_with(move || {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b'a' + (state >> 32) as u8 % 26
    })
}
