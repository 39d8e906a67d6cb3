//! How lines are sent: the look for an LF in them, and the copy with their end. Owns the short ways for lines of frequent
//! lengths; cuts nothing.

use memchr::memchr;

/// What is sent behind a line in which there is no LF.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineEnd {
    bytes: [u8; 2],
    /// How many of them; 0 if it is not known.
    size: u8,
}

/// Lines from `SHORT` to twice as many bytes are looked at, and copied, as two runs of so many, which overlap.
const SHORT: usize = 16;

impl LineEnd {
    pub(crate) const UNKNOWN: Self = Self::new(*b"\0\0", 0);
    pub(super) const LF: Self = Self::new(*b"\n\0", 1);
    pub(super) const CRLF: Self = Self::new(*b"\r\n", 2);

    const fn new(bytes: [u8; 2], size: u8) -> Self {
        Self { bytes, size }
    }

    /// Appends a line of a frequent length with its delimiter, if there is room; `false` if it needs a closer look.
    /// It is to become a part of the loop in which lines are sent: so it calls nothing, which the order of the tests is
    /// for, and takes few instructions.
    #[inline]
    pub(crate) fn encode_short(self, line: &[u8], out: &mut Vec<u8>) -> bool {
        const MOST: usize = 2 * SHORT + 2;
        let (Some(first), Some(last)) = (line.first_chunk::<SHORT>(), line.last_chunk::<SHORT>())
        else {
            return false;
        };
        let size = line.len();
        if self.size == 0 || size > 2 * SHORT || among(first) | among(last) {
            return false;
        }
        if out.capacity() - out.len() < MOST {
            return false;
        }
        let before = out.len();
        out.extend_from_slice(&[0; MOST]);
        let Some(place) = out.last_chunk_mut::<MOST>() else {
            return false;
        };
        place[..SHORT].copy_from_slice(first);
        place[size - SHORT..size].copy_from_slice(last);
        place[size..size + 2].copy_from_slice(&self.bytes);
        out.truncate(before + size + usize::from(self.size));
        true
    }

    /// Appends any line with its delimiter; `false` if it needs a closer look.
    pub(crate) fn encode(self, line: &[u8], out: &mut Vec<u8>) -> bool {
        let known = self.size > 0 && !has_line_feed(line);
        if known {
            append(line, &self.bytes[..usize::from(self.size)], out);
        }
        known
    }
}

/// Whether there is an LF in the line. Short lines are frequent, and to call `memchr` costs more than to look at both ends,
/// which overlap.
#[inline]
pub(super) fn has_line_feed(line: &[u8]) -> bool {
    match (line.first_chunk::<SHORT>(), line.last_chunk::<SHORT>()) {
        (Some(first), Some(last)) if line.len() <= 2 * SHORT => among(first) | among(last),
        _ => memchr(b'\n', line).is_some(),
    }
}

/// Without a branch, so that it becomes a few instructions for all of them.
#[inline]
fn among<const N: usize>(bytes: &[u8; N]) -> bool {
    bytes
        .iter()
        .fold(false, |found, &byte| found | (byte == b'\n'))
}

#[inline]
pub(super) fn append(line: &[u8], delimiter: &[u8], out: &mut Vec<u8>) {
    out.reserve(line.len() + delimiter.len());
    out.extend_from_slice(line);
    out.extend_from_slice(delimiter);
}
