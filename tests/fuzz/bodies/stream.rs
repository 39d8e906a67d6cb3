//! An input read as a stream of bytes, how it is cut into pieces and what is done with its frames. Owns the format, which
//! can be written by hand; plays nothing.

/// Bytes that are played one at a time as well: of a longer stream that would take too long.
const FEW: usize = 256;

/// Reads an input from its front. Where it is too short, zeros follow.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    /// A number below sixteen: a digit is itself.
    pub(crate) fn number(&mut self) -> usize {
        usize::from(self.byte() % 16)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// How the stream is cut, and the stream: a number, so many sizes of pieces (a digit is itself, a letter sixteen times
    /// its place in the alphabet), and all that follows.
    pub(crate) fn stream(mut self) -> Stream<'a> {
        let count = self.number();
        Stream {
            sizes: self.bytes(count),
            bytes: self.0,
        }
    }
}

pub(crate) struct Stream<'a> {
    sizes: &'a [u8],
    pub(crate) bytes: &'a [u8],
}

impl<'a> Stream<'a> {
    /// The ways to cut it: not at all, as the input says, and, if there are few, into single bytes.
    pub(crate) fn chunkings(&self) -> Vec<Vec<&'a [u8]>> {
        let mut chunkings = vec![vec![self.bytes], self.as_it_says()];
        if self.bytes.len() <= FEW {
            chunkings.push(self.bytes.chunks(1).collect());
        }
        chunkings
    }

    fn as_it_says(&self) -> Vec<&'a [u8]> {
        let mut rest = self.bytes;
        let mut pieces = Vec::new();
        for size in self.sizes.iter().copied().map(size).cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at(size.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        pieces
    }
}

fn size(byte: u8) -> usize {
    let low = usize::from(byte % 16).max(1);
    match byte {
        0..=0x5F => low,
        _ => low * 16,
    }
}
