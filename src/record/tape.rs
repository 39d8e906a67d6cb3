//! The form of a tape: a header, then blocks of events, each with its checksums. Owns how a flipped byte and a missing end
//! are told apart; does not look into the events.
//!
//! ```text
//! header  "ropetape"  version: 2 bytes  length of the memo: 4  memo  CRC-32 of all that
//! block   length: 4 bytes  CRC-32 of the events: 4  CRC-32 of these 8 bytes and the block's number: 4  events
//! ```
//!
//! Numbers are little-endian. The last event of a run that ended in order is its end, and nothing follows. What stops short
//! of that, in the middle of a block or behind one, was cut; whatever else is not as it should be is corrupt. So a length is
//! not believed before its checksum has been, and a block that was left out, or comes twice, is noticed by its number.

use std::fmt;
use std::io::{self, Read, Write};

use super::call::Event;
use super::decode::Decoder;
use crate::error::OsError;

const MAGIC: &[u8; 8] = b"ropetape";
const VERSION: u16 = 1;

/// The longest memo.
const MEMO: usize = 64 * 1024;

/// Why a tape can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TapeError {
    /// It does not begin as a tape does.
    NoTape,
    /// It is of another version of the format.
    Version(u16),
    /// It is not as it was written.
    Corrupt {
        /// Where, in bytes from its begin.
        at: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// It was not read to an end, for the reactor is still there.
    Unread,
    /// The system could not read it.
    System(OsError),
}

impl fmt::Display for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTape => f.write_str("this is no tape"),
            Self::Version(version) => write!(
                f,
                "the tape is of version {version}, and this program reads version {VERSION}"
            ),
            Self::Corrupt { at, what } => write!(f, "the tape is corrupt at byte {at}: {what}"),
            Self::Unread => f.write_str("the tape was not replayed to its end"),
            Self::System(error) => write!(f, "the tape can't be read: {error}"),
        }
    }
}

impl std::error::Error for TapeError {}

impl From<io::Error> for TapeError {
    fn from(error: io::Error) -> Self {
        Self::System(error.into())
    }
}

/// Begins a tape. A memo that is too long is an error.
pub(super) fn write_header(sink: &mut impl Write, memo: &str) -> io::Result<()> {
    if memo.len() > MEMO {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut header = MAGIC.to_vec();
    header.extend(VERSION.to_le_bytes());
    header.extend((memo.len() as u32).to_le_bytes());
    header.extend(memo.as_bytes());
    let sum = crc32fast::hash(&header);
    header.extend(sum.to_le_bytes());
    sink.write_all(&header)?;
    sink.flush()
}

/// Writes one block, the so-manieth of its tape.
pub(super) fn write_block(sink: &mut impl Write, number: u64, events: &[u8]) -> io::Result<()> {
    let mut head = (events.len() as u32).to_le_bytes().to_vec();
    head.extend(crc32fast::hash(events).to_le_bytes());
    let sum = head_sum(&head, number);
    head.extend(sum.to_le_bytes());
    sink.write_all(&head)?;
    sink.write_all(events)?;
    sink.flush()
}

fn head_sum(head: &[u8], number: u64) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(head);
    sum.update(&number.to_le_bytes());
    sum.finalize()
}

/// Reads a tape, event by event.
pub(super) struct Tape {
    source: Box<dyn Read>,
    memo: String,
    /// How many bytes of the source were read before this block's events.
    at: u64,
    blocks: u64,
    block: Vec<u8>,
    /// How much of the block was decoded.
    done: usize,
    decoder: Decoder,
}

impl Tape {
    pub(super) fn begin(source: impl Read + 'static) -> Result<Self, TapeError> {
        let mut source = io::BufReader::new(source);
        let mut head = [0; 14];
        if read_all(&mut source, &mut head)? < head.len() || &head[..8] != MAGIC {
            return Err(TapeError::NoTape);
        }
        let version = u16::from_le_bytes([head[8], head[9]]);
        let size = u32::from_le_bytes([head[10], head[11], head[12], head[13]]);
        if version != VERSION {
            return Err(TapeError::Version(version));
        }
        let corrupt = |what| TapeError::Corrupt { at: 8, what };
        if size as usize > MEMO {
            return Err(corrupt("the memo is too long"));
        }
        let mut memo = vec![0; size as usize];
        let mut sum = [0; 4];
        if read_all(&mut source, &mut memo)? < memo.len() || read_all(&mut source, &mut sum)? < 4 {
            return Err(corrupt("it ends inside its header"));
        }
        let mut found = crc32fast::Hasher::new();
        found.update(&head);
        found.update(&memo);
        let memo = String::from_utf8(memo).ok();
        let (true, Some(memo)) = (found.finalize() == u32::from_le_bytes(sum), memo) else {
            return Err(corrupt("the header's checksum"));
        };
        Ok(Self {
            at: head.len() as u64 + u64::from(size) + 4,
            source: Box::new(source),
            memo,
            blocks: 0,
            block: Vec::new(),
            done: 0,
            decoder: Decoder::default(),
        })
    }

    pub(super) fn memo(&self) -> &str {
        &self.memo
    }

    /// The next event; `None` where the tape was cut.
    pub(super) fn next(&mut self) -> Result<Option<Event>, TapeError> {
        while self.done == self.block.len() {
            if !self.next_block()? {
                return Ok(None);
            }
        }
        let mut rest = &self.block[self.done..];
        let event = self.decoder.event(&mut rest);
        let left = rest.len();
        let Some(event) = event else {
            return Err(self.corrupt(self.done, "this is no event"));
        };
        self.done = self.block.len() - left;
        Ok(Some(event))
    }

    /// Sees to it that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), TapeError> {
        if self.done < self.block.len() || read_all(&mut self.source, &mut [0])? > 0 {
            return Err(self.corrupt(self.done, "something follows the end of the run"));
        }
        Ok(())
    }

    /// What was read last is not what it should be.
    pub(super) fn corrupt_here(&self, what: &'static str) -> TapeError {
        self.corrupt(self.done, what)
    }

    fn corrupt(&self, offset: usize, what: &'static str) -> TapeError {
        let at = self.at + offset as u64;
        TapeError::Corrupt { at, what }
    }

    /// `false` where the tape was cut.
    fn next_block(&mut self) -> Result<bool, TapeError> {
        self.at += self.block.len() as u64;
        self.block.clear();
        self.done = 0;
        let mut head = [0; 12];
        if read_all(&mut self.source, &mut head)? < head.len() {
            return Ok(false);
        }
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (size, sum) = (word(0), word(4));
        if head_sum(&head[..8], self.blocks) != word(8) {
            return Err(self.corrupt(0, "the checksum of a block's head"));
        }
        self.blocks += 1;
        self.at += head.len() as u64;
        // It grows as it is read: a tape that is cut here has less.
        let mut events = (&mut self.source).take(u64::from(size));
        events.read_to_end(&mut self.block)?;
        if self.block.len() < size as usize {
            self.block.clear();
            return Ok(false);
        }
        if crc32fast::hash(&self.block) != sum {
            return Err(self.corrupt(0, "the checksum of a block"));
        }
        Ok(true)
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape")
            .field("at", &self.at)
            .field("blocks", &self.blocks)
            .finish_non_exhaustive()
    }
}

/// Fills `buffer` as far as there is something; how far that was.
fn read_all(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(size) => filled += size,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
