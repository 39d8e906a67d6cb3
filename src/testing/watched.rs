//! A protocol that writes down its callbacks and passes them on. Owns the words of the log; changes nothing.

use std::cell::RefCell;
use std::rc::Rc;

use crate::error::{FrameError, Lost};
use crate::limits::Idle;
use crate::protocol::{Protocol, Refusal};
use crate::transport::Transport;

/// What was called, in words.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) lines: Vec<String>,
    pub(super) lost: Option<Lost>,
}

/// How many bytes of data are shown.
const SHOWN: usize = 60;

impl Log {
    fn word(&mut self, word: impl Into<String>) {
        self.lines.push(word.into());
    }

    fn data(&mut self, what: &str, data: &[u8]) {
        self.lines.push(in_words(what, data));
    }
}

pub(super) fn in_words(what: &str, data: &[u8]) -> String {
    let size = data.len();
    if size > SHOWN {
        let shown = data[..SHOWN].escape_ascii();
        format!("{what} \"{shown}…\" of {size} bytes")
    } else {
        format!("{what} \"{}\"", data.escape_ascii())
    }
}

/// A protocol and the log of its callbacks.
pub(super) struct Watched<P> {
    protocol: P,
    log: Rc<RefCell<Log>>,
}

impl<P: Protocol> Watched<P> {
    pub(super) fn new(protocol: P, log: Rc<RefCell<Log>>) -> Self {
        Self { protocol, log }
    }
}

impl<P: Protocol> Protocol for Watched<P> {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.log.borrow_mut().word("made");
        self.protocol.connection_made(transport);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.log.borrow_mut().data("data", data);
        self.protocol.data_received(transport, data);
    }

    fn frame_received(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
        self.log.borrow_mut().data("frame", frame);
        self.protocol.frame_received(transport, frame);
    }

    fn frame_refused(&mut self, transport: &mut Transport<'_>, error: &FrameError) -> Refusal {
        self.log.borrow_mut().word(format!("refused {error}"));
        self.protocol.frame_refused(transport, error)
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        self.log.borrow_mut().word("eof");
        self.protocol.eof_received(transport);
    }

    fn pause_writing(&mut self, transport: &mut Transport<'_>) {
        self.log.borrow_mut().word("pause");
        self.protocol.pause_writing(transport);
    }

    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        self.log.borrow_mut().word("resume");
        self.protocol.resume_writing(transport);
    }

    fn idle(&mut self, transport: &mut Transport<'_>, which: Idle) {
        self.log.borrow_mut().word(format!("idle {which}"));
        self.protocol.idle(transport, which);
    }

    fn stopping(&mut self, transport: &mut Transport<'_>) {
        self.log.borrow_mut().word("stopping");
        self.protocol.stopping(transport);
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        {
            let mut log = self.log.borrow_mut();
            log.word(format!("lost {reason}"));
            log.lost = Some(reason.clone());
        }
        self.protocol.connection_lost(transport, reason);
    }

    fn type_name(&self) -> &'static str {
        self.protocol.type_name()
    }

    fn wrapped(&mut self) -> Option<&mut dyn Protocol> {
        Some(&mut self.protocol)
    }
}
