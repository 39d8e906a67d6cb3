//! The protocol at both ends, and what is known of it. Owns the words for its callbacks; judges nothing.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ropewalk::{ConnectionId, Limits, Lost, Protocol, Reactor, Transport};

use crate::scenario::{AtEof, Manner, Step, UnderPressure};

/// So little is taken by the kernel for a connection. With less, segments of loopback do not fit, and it waits for timers.
const BUFFER: usize = 32 * 1024;
/// More than this unsent, and a write more, is too slow. Where it is near, what buffers hold decides, so it is far.
pub(crate) const UNSENT: usize = 6 << 20;

/// What one end did and heard. Clones are the same record.
#[derive(Clone, Default)]
pub(crate) struct Record(Rc<Notes>);

#[derive(Default)]
struct Notes {
    id: Cell<Option<ConnectionId>>,
    words: RefCell<Vec<String>>,
    received: RefCell<Vec<u8>>,
    /// What it wrote while it could.
    sent: RefCell<Vec<u8>>,
    /// Whether it may write no more.
    ended: Cell<bool>,
    paused: Cell<bool>,
    held_back: Cell<bool>,
}

impl Record {
    pub(crate) fn note(&self, word: impl Into<String>) {
        self.0.words.borrow_mut().push(word.into());
    }

    pub(crate) fn knows(&self, id: ConnectionId) {
        self.0.id.set(Some(id));
    }

    pub(crate) fn id(&self) -> Option<ConnectionId> {
        self.0.id.get()
    }

    /// All callbacks but those of data.
    pub(crate) fn words(&self) -> Vec<String> {
        self.0.words.borrow().clone()
    }

    pub(crate) fn received(&self) -> Vec<u8> {
        self.0.received.borrow().clone()
    }

    pub(crate) fn sent(&self) -> Vec<u8> {
        self.0.sent.borrow().clone()
    }

    /// How much has happened to it, as a number that only grows.
    pub(crate) fn progress(&self) -> usize {
        self.0.words.borrow().len() + self.0.received.borrow().len()
    }

    /// Whether it wants to be read.
    pub(crate) fn reads(&self) -> bool {
        !self.0.paused.get() && !self.0.held_back.get()
    }

    /// Has this end do a step. Whatever its connection is by now, that is allowed.
    pub(crate) fn perform(&self, reactor: &mut Reactor, step: Step) {
        let Some(id) = self.id() else { return };
        match step {
            Step::Write(_, size) => {
                let data = self.next_bytes(size);
                if reactor.is_connected(id) || self.words().is_empty() {
                    self.sends(&data);
                }
                reactor.write(id, data);
            }
            Step::Pause(_) => {
                self.0.paused.set(true);
                reactor.pause_reading(id);
            }
            Step::Resume(_) => {
                self.0.paused.set(false);
                reactor.resume_reading(id);
            }
            Step::EndWriting(_) => {
                self.0.ended.set(true);
                reactor.lose_write_connection(id);
            }
            Step::Lose(_) => {
                self.0.ended.set(true);
                reactor.lose_connection(id);
            }
            Step::Abort(_) => {
                self.0.ended.set(true);
                reactor.abort_connection(id);
            }
            Step::Turn(_) | Step::Settle | Step::Pass => {}
        }
    }

    fn sends(&self, data: &[u8]) {
        if !self.0.ended.get() {
            self.0.sent.borrow_mut().extend_from_slice(data);
        }
    }

    /// Bytes by which their place in the stream shows.
    fn next_bytes(&self, size: usize) -> Vec<u8> {
        let begin = self.0.sent.borrow().len();
        (begin..begin + size)
            .map(|place| (place % 251) as u8 ^ (place / 251) as u8)
            .collect()
    }
}

pub(crate) struct Puppet {
    record: Record,
    manner: Manner,
}

impl Puppet {
    pub(crate) fn new(record: &Record, manner: Manner) -> Self {
        Self {
            record: record.clone(),
            manner,
        }
    }
}

/// In simulation a slow transfer takes long, in virtual time; what is not about deadlines meets none.
pub(crate) fn limits(hasty: bool) -> Limits {
    let limits = Limits::default().unsent(UNSENT);
    if hasty {
        limits.close(HASTE).write(HASTE).linger(HASTE)
    } else {
        let hour = std::time::Duration::from_secs(3600);
        limits.close(None).write(None).linger(hour)
    }
}

/// The deadlines of hasty scenarios.
pub(crate) const HASTE: std::time::Duration = std::time::Duration::from_millis(100);

impl Protocol for Puppet {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.record.note("made");
        let id = transport.id();
        self.record.knows(id);
        if let Some(socket) = transport.reactor().socket_options(id) {
            let set = socket
                .set_send_buffer_size(BUFFER)
                .and_then(|()| socket.set_recv_buffer_size(BUFFER));
            set.expect("buffers can be small");
        }
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.record.0.received.borrow_mut().extend_from_slice(data);
        if self.manner.echoes {
            self.record.sends(data);
            transport.write(data);
        }
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        self.record.note("eof");
        match self.manner.at_eof {
            AtEof::Stays => return,
            AtEof::Loses => {}
            AtEof::Answers => {
                let last = self.record.next_bytes(5);
                self.record.sends(&last);
                transport.write(last);
            }
        }
        self.record.0.ended.set(true);
        transport.lose_connection();
    }

    fn pause_writing(&mut self, transport: &mut Transport<'_>) {
        self.record.note("pause");
        if self.manner.under_pressure == UnderPressure::StopsReading {
            self.record.0.held_back.set(true);
            ByDefault.pause_writing(transport);
        }
    }

    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        self.record.note("resume");
        self.record.0.held_back.set(false);
        ByDefault.resume_writing(transport);
    }

    fn connection_lost(&mut self, _: &mut Transport<'_>, reason: &Lost) {
        self.record.0.ended.set(true);
        self.record.note(format!("lost {reason:?}"));
    }
}

/// Does what a protocol does that says nothing else.
struct ByDefault;

impl Protocol for ByDefault {
    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}
