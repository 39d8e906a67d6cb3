//! Lines: frames that end with a delimiter. Owns what ends a line and how long one may be; keeps no bytes.

use std::ops::ControlFlow;
use std::rc::Rc;

use memchr::{memchr, memchr_iter};

use super::line_end::{LineEnd, append, has_line_feed};
use super::{Found, Framing, Tail};
use crate::error::FrameError;

/// Lines, as most text protocols have them.
///
/// `Lines::default()` takes lines from any telnet, netcat or old mail server: they end with LF, and one CR before it
/// is not part of them. They are sent with CRLF, have at most 16,384 bytes, and the last one counts even if the peer
/// ended without a delimiter.
///
/// A line is too long when its body, the delimiter left out, has more bytes than allowed. That is told as soon as it
/// is certain, and of the same lines however the bytes arrive.
///
/// ```
/// use ropewalk::framing::{Found, Framing, Lines};
///
/// let lines = Lines::default().max_length(512);
/// assert_eq!(lines.next(b"hello\r\nwor", 0), Found::Frame { body: 0..5, size: 7 });
/// assert_eq!(lines.next(b"wor", 0), Found::More { scanned: 3 });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    ending: Ending,
    max_length: usize,
    unfinished: UnfinishedLine,
}

/// What becomes of a last line without a delimiter, when the peer has ended in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnfinishedLine {
    /// It is a line like the others, as it is for `readline()`.
    #[default]
    Deliver,
    /// It is dropped: for protocols in which half a command must never be obeyed.
    Drop,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ending {
    /// LF, and one CR before it is part of the delimiter.
    Either,
    Crlf,
    Lf,
    /// Neither empty nor one of the above.
    Custom(Rc<[u8]>),
}

/// Why [`Lines::each`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What is left is no whole line.
    Starved,
    /// The caller said so.
    Halted,
    /// What is left begins with a line that is too long.
    TooLong,
}

impl Default for Lines {
    fn default() -> Self {
        Self::ending(Ending::Either)
    }
}

impl Lines {
    /// Lines that end with CRLF. A lone CR or a lone LF is part of the line.
    pub fn crlf() -> Self {
        Self::ending(Ending::Crlf)
    }

    /// Lines that end with LF. A CR is part of the line.
    pub fn lf() -> Self {
        Self::ending(Ending::Lf)
    }

    /// Lines that end with `delimiter`.
    ///
    /// # Panics
    /// If the delimiter is empty.
    pub fn ended_by(delimiter: &[u8]) -> Self {
        assert!(!delimiter.is_empty(), "an empty delimiter ends no line");
        Self::ending(match delimiter {
            b"\r\n" => Ending::Crlf,
            b"\n" => Ending::Lf,
            _ => Ending::Custom(delimiter.into()),
        })
    }

    fn ending(ending: Ending) -> Self {
        Self {
            ending,
            max_length: 16_384,
            unfinished: UnfinishedLine::default(),
        }
    }

    /// Allows received lines of up to `bytes` bytes, the delimiter not counted. What is sent may be longer.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.max_length = bytes;
        self
    }

    /// Says what becomes of a last line without a delimiter.
    #[must_use]
    pub fn tail(mut self, unfinished: UnfinishedLine) -> Self {
        self.unfinished = unfinished;
        self
    }

    /// How many bytes a received line may have.
    pub fn longest(&self) -> usize {
        self.max_length
    }

    /// What becomes of a last line without a delimiter.
    pub fn unfinished(&self) -> UnfinishedLine {
        self.unfinished
    }

    /// What is sent behind each line.
    pub fn delimiter(&self) -> &[u8] {
        match &self.ending {
            Ending::Either | Ending::Crlf => b"\r\n",
            Ending::Lf => b"\n",
            Ending::Custom(delimiter) => delimiter,
        }
    }
}

impl Lines {
    /// The short way of [`encode`](Framing::encode), if there is one.
    pub(crate) fn line_end(&self) -> LineEnd {
        match &self.ending {
            Ending::Either | Ending::Crlf => LineEnd::CRLF,
            Ending::Lf => LineEnd::LF,
            Ending::Custom(_) => LineEnd::UNKNOWN,
        }
    }
}

/// The loop's own ways to lines, without a dynamic call and a look for each.
impl Lines {
    /// Calls `deliver` with each whole line at the front of `data`, its body and its size with the delimiter, until
    /// that breaks off. Returns how many bytes are done with, and why it stopped there.
    #[inline]
    pub(crate) fn each<F>(&self, data: &[u8], mut deliver: F) -> (usize, Stop)
    where
        F: FnMut(&[u8], usize) -> ControlFlow<()>,
    {
        let last_byte = self.last_byte();
        let mut rest = data;
        while let Some(at) = memchr(last_byte, rest) {
            let run = &rest[..=at];
            let found = match self.body(run) {
                Some(body) => Some((body, run.len())),
                None => self.first(rest, run.len()),
            };
            let Some((body, size)) = found else {
                break;
            };
            if body.len() > self.max_length {
                return (data.len() - rest.len(), Stop::TooLong);
            }
            rest = &rest[size..];
            if deliver(body, size).is_break() {
                return (data.len() - rest.len(), Stop::Halted);
            }
        }
        let stop = if self.is_too_long(rest) {
            Stop::TooLong
        } else {
            Stop::Starved
        };
        (data.len() - rest.len(), stop)
    }

    /// How many bytes the first line takes, its delimiter included, however long it is.
    pub(crate) fn first_size(&self, data: &[u8]) -> Option<usize> {
        self.first(data, 0).map(|(_, size)| size)
    }

    /// Moves bytes from `chunk` to `held`, which holds the beginning of a line, until the line is whole; returns how
    /// many. Then [`next`](Framing::next) says what `held` is: the line alone, its beginning still, or too long.
    ///
    /// `held` never gets longer than the longest line with its delimiter.
    pub(crate) fn complete(&self, held: &mut Vec<u8>, chunk: &[u8]) -> usize {
        let room = self.longest_with_delimiter().saturating_sub(held.len());
        let chunk = &chunk[..room.min(chunk.len())];
        let mut taken = 0;
        for last in memchr_iter(self.last_byte(), chunk) {
            held.extend_from_slice(&chunk[taken..=last]);
            taken = last + 1;
            if self.body(held).is_some() {
                return taken;
            }
        }
        held.extend_from_slice(&chunk[taken..]);
        chunk.len()
    }

    /// Drops a line that is too long: what of it is in `held`, and what follows in `chunk`.
    ///
    /// Returns how many bytes of `chunk` it took, `held` being empty now and the next line beginning there. `None` if
    /// it does not end in this chunk: then all of it is done with, `held` holds what may be the beginning of its
    /// delimiter, and this is to be called again with the next chunk.
    pub(crate) fn skip(&self, held: &mut Vec<u8>, chunk: &[u8]) -> Option<usize> {
        // A delimiter that begins in `held` reaches into this much of the chunk; one that reaches further lies in the
        // chunk as a whole.
        let reach = chunk.len().min(self.delimiter().len() - 1);
        let before = held.len();
        held.extend_from_slice(&chunk[..reach]);
        let across = self.first(held, 0).map(|(_, size)| size - before);
        if let Some(taken) = across.or_else(|| self.first(chunk, 0).map(|(_, size)| size)) {
            held.clear();
            return Some(taken);
        }
        if reach < chunk.len() {
            held.clear();
            held.extend_from_slice(&chunk[chunk.len() - reach..]);
        }
        held.drain(..held.len() - self.begun_delimiter(held));
        None
    }
}

impl Framing for Lines {
    fn next(&self, data: &[u8], scanned: usize) -> Found {
        let within = &data[..data.len().min(self.longest_with_delimiter())];
        match self.first(within, scanned.min(within.len())) {
            Some((body, size)) if body.len() <= self.max_length => Found::Frame {
                body: 0..body.len()
                    + usize::from(canary!(SplitDelimiter) && data[..scanned].ends_with(b"\r")),
                size,
            },
            None if !self.is_too_long(data) => Found::More {
                scanned: data.len(),
            },
            _ => Found::Broken(self.too_long()),
        }
    }

    fn at_eof(&self, rest: &[u8]) -> Tail {
        let body = match self.ending {
            Ending::Either => rest.strip_suffix(b"\r").unwrap_or(rest),
            _ => rest,
        };
        match self.unfinished {
            UnfinishedLine::Drop => Tail::Dropped,
            UnfinishedLine::Deliver if body.len() > self.max_length => {
                Tail::Refused(self.too_long())
            }
            UnfinishedLine::Deliver => Tail::Frame(0..body.len()),
        }
    }

    /// Appends a line and its delimiter.
    ///
    /// A line for a peer that takes LF for its end as well, as `Lines::default()` does, may end with CR; that peer
    /// takes this for a part of the delimiter.
    #[inline]
    fn encode(&self, line: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        // Each ending apart, its delimiter a constant: one rule for all would cost thrice as much.
        match &self.ending {
            Ending::Either if !has_line_feed(line) => append(line, b"\r\n", out),
            Ending::Lf if !has_line_feed(line) => append(line, b"\n", out),
            Ending::Crlf if !self.is_in(line) => append(line, b"\r\n", out),
            Ending::Custom(delimiter)
                if self.first(line, 0).is_none() && !self.meets_delimiter(line) =>
            {
                append(line, delimiter, out);
            }
            _ => return Err(FrameError::HoldsDelimiter),
        }
        Ok(())
    }
}

impl Lines {
    /// The first line in `data`: its body and its size. Its delimiter ends behind the first `scanned` bytes.
    fn first<'a>(&self, data: &'a [u8], scanned: usize) -> Option<(&'a [u8], usize)> {
        memchr_iter(self.last_byte(), &data[scanned..]).find_map(|offset| {
            let size = scanned + offset + 1;
            self.body(&data[..size]).map(|body| (body, size))
        })
    }

    /// Whether a delimiter is in the line.
    fn is_in(&self, line: &[u8]) -> bool {
        self.first(line, 0).is_some()
    }

    /// What is looked for. The last byte, not the first: so that a delimiter cut in two by the network is found when
    /// its end arrives, without looking back for its beginning.
    #[inline]
    fn last_byte(&self) -> u8 {
        match &self.ending {
            Ending::Either | Ending::Crlf | Ending::Lf => b'\n',
            Ending::Custom(delimiter) => delimiter[delimiter.len() - 1],
        }
    }

    /// The line without its delimiter, if `run`, which ends with the last byte of one, ends with a whole one.
    #[inline]
    fn body<'a>(&self, run: &'a [u8]) -> Option<&'a [u8]> {
        match &self.ending {
            Ending::Either => {
                let body = &run[..run.len() - 1];
                Some(body.strip_suffix(b"\r").unwrap_or(body))
            }
            Ending::Crlf => run.strip_suffix(b"\r\n"),
            Ending::Lf => run.strip_suffix(b"\n"),
            Ending::Custom(delimiter) => run.strip_suffix(&**delimiter),
        }
    }

    /// Whether this beginning of a line can't become an allowed one, whatever follows: its shortest possible body ends
    /// where a delimiter may have begun.
    fn is_too_long(&self, run: &[u8]) -> bool {
        run.len() > self.max_length && run.len() - self.begun_delimiter(run) > self.max_length
    }

    /// The length of the longest end of `run` that is the beginning of a delimiter, and not a whole one.
    fn begun_delimiter(&self, run: &[u8]) -> usize {
        let delimiter = self.delimiter();
        let begins = |&length: &usize| run.ends_with(&delimiter[..length]);
        (1..delimiter.len()).rev().find(begins).unwrap_or(0)
    }

    /// Whether a delimiter would begin in the line and end within the one sent behind it, as in `a-` and `--`.
    fn meets_delimiter(&self, line: &[u8]) -> bool {
        let delimiter = self.delimiter();
        (1..delimiter.len()).any(|inside| {
            delimiter.starts_with(&delimiter[inside..]) && line.ends_with(&delimiter[..inside])
        })
    }

    /// Where an allowed line ends at the latest: without a delimiter by then, it is too long.
    fn longest_with_delimiter(&self) -> usize {
        self.max_length.saturating_add(self.delimiter().len())
    }

    fn too_long(&self) -> FrameError {
        FrameError::TooLong {
            limit: self.max_length,
            size: None,
        }
    }
}

#[cfg(test)]
mod tests;
