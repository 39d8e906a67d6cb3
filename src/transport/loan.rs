//! The loan of a connection's output to its transport, for the length of a callback. Owns what was written and the
//! connection does not know of yet; queues and sends nothing.

use std::ops::Range;

use super::Transport;
use crate::error::FrameError;
use crate::framing::{FramingKind, LineEnd};
use crate::reactor::encode;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Loan {
    /// Not tried since the last settlement.
    None,
    /// `out` is the connection's output; it held this many bytes when it was lent.
    Lent(usize),
    /// The connection has no output, and nothing is in the way of one: whatever is written first is one.
    Free,
    /// That is a part of the chunk, from here to there, and was not copied.
    Part(usize, usize),
    /// `out` is that.
    Begun,
}

/// What a callback wrote that its connection does not know of yet.
pub(crate) enum Written {
    Nothing,
    /// A part of the chunk.
    Part(Range<usize>),
    Buffer(Vec<u8>),
}

impl Transport<'_> {
    /// Whether `out` is the connection's output now.
    #[inline]
    pub(super) fn has_output(&self) -> bool {
        matches!(self.loan, Loan::Lent(_) | Loan::Begun)
    }

    /// The same; tries to borrow it.
    #[inline]
    fn borrow_output(&mut self) -> bool {
        self.has_output() || self.borrow_output_now()
    }

    fn borrow_output_now(&mut self) -> bool {
        match self.loan {
            Loan::Free | Loan::Part(..) => self.begin_output(),
            _ => {
                let Some(out) = self.reactor.lend_output(self.id) else {
                    return false;
                };
                self.loan = Loan::Lent(out.len());
                self.full_at = out.len() + self.allowance;
                self.out = out;
            }
        }
        true
    }

    fn begin_output(&mut self) {
        self.out = self.reactor.spare_buffer();
        self.full_at = self.allowance;
        if let Loan::Part(start, end) = self.loan {
            self.out.extend_from_slice(&self.chunk[start..end]);
        }
        self.loan = Loan::Begun;
    }

    /// What is sent as it came, whole or in part, is not copied unless more follows.
    pub(super) fn write_first(&mut self, data: &[u8]) {
        if self.loan == Loan::Free
            && let Some(Range { start, end }) = part_of(self.chunk, data)
        {
            self.loan = Loan::Part(start, end);
        } else if self.borrow_output() {
            self.out.extend_from_slice(data);
        } else {
            self.halted = true;
            self.reactor.write(self.id, data);
        }
    }

    /// Gives the output back: before anything else can look at it, and after the callback.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if self.loan != Loan::None {
            self.settle_now();
        }
    }

    fn settle_now(&mut self) {
        self.reactor.queue_replies();
        if let Loan::Part(..) = self.loan {
            self.begin_output();
        }
        let loan = std::mem::replace(&mut self.loan, Loan::None);
        (self.framing, self.line_end) = (None, LineEnd::UNKNOWN);
        self.framing_is_known = false;
        let Loan::Lent(before) = loan else {
            if loan == Loan::Begun {
                let out = self.take_output();
                self.reactor.note_written(self.id, &out);
                self.reactor.keep_output(self.id, out, 0);
            }
            return;
        };
        let out = self.take_output();
        self.reactor.return_output(self.id, out, before);
    }

    fn take_output(&mut self) -> Vec<u8> {
        let out = std::mem::take(&mut self.out);
        self.allowance = self.full_at.saturating_sub(out.len());
        self.halted |= self.allowance == 0;
        out
    }

    /// The end of the callbacks: settles, but for what was written that the connection does not know of.
    #[inline]
    pub(crate) fn finish(&mut self) -> Written {
        if let Loan::Part(start, end) = self.loan {
            return Written::Part(start..end);
        }
        if self.loan == Loan::Begun {
            return Written::Buffer(std::mem::take(&mut self.out));
        }
        self.settle();
        Written::Nothing
    }

    /// Sends a frame that there is no shorter way to encode, or none yet.
    #[inline(never)]
    pub(super) fn send_closely(&mut self, frame: &[u8]) {
        if self.line_end.encode(frame, &mut self.out) {
            return;
        }
        if let Err(error) = self.encode(frame) {
            self.reactor.frame_not_sent(self.id, frame.len(), &error);
        }
    }

    pub(super) fn encode(&mut self, frame: &[u8]) -> Result<(), FrameError> {
        if !self.borrow_output() {
            self.halted = true;
            return self.reactor.try_send(self.id, frame);
        }
        if !self.framing_is_known {
            self.framing = self.reactor.framing_of(self.id);
            self.framing_is_known = true;
            self.line_end = match self.framing.as_deref() {
                Some(FramingKind::Lines(lines)) => lines.line_end(),
                _ => LineEnd::UNKNOWN,
            };
        }
        encode(self.framing.as_deref(), frame, &mut self.out)
    }
}

/// Where in `whole` these bytes lie, if they do.
fn part_of(whole: &[u8], bytes: &[u8]) -> Option<Range<usize>> {
    let (around, within) = (whole.as_ptr_range(), bytes.as_ptr_range());
    if bytes.is_empty() || within.start < around.start || within.end > around.end {
        return None;
    }
    let start = within.start.addr() - around.start.addr();
    Some(start..start + bytes.len())
}
