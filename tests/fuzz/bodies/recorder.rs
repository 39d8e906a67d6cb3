//! A protocol that writes down all it is told, and does what its frames say. Owns the record; a framing of any kind is under
//! it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ropewalk::framing::{Found, Skip, Tail};
use ropewalk::{FrameError, Framing, Limits, Lost, Protocol, Refusal, Transport, testing};

use super::within;

/// What a protocol was told. Raw bytes that came one after the other are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Frame(Vec<u8>),
    Raw(Vec<u8>),
    Refused(FrameError),
    End,
    Lost(Lost),
}

/// What was told and what was sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) told: Vec<Told>,
    pub(crate) sent: Vec<u8>,
}

/// How a protocol behaves.
#[derive(Clone, Copy)]
pub(crate) struct Conduct {
    pub(crate) refusal: Refusal,
    /// Whether it does what its frames say: pauses, raw bytes, another framing, bytes given back.
    pub(crate) obeys: bool,
    /// Bytes that may wait for the rest of their frame.
    pub(crate) held: usize,
}

impl Conduct {
    /// As one byte of the input has it.
    pub(crate) fn of(number: usize) -> Self {
        let refusal = [Refusal::Lose, Refusal::Skip][number & 1];
        Self {
            refusal,
            obeys: number & 2 != 0,
            held: 1 << 20,
        }
    }
}

struct Recorder<F> {
    /// Taken in turn.
    framings: Vec<F>,
    current: usize,
    conduct: Conduct,
    /// How often a frame may still be given back.
    may_give_back: u32,
    told: Rc<RefCell<Vec<Told>>>,
}

/// For each byte: it may be a frame of its own, which is written down here and in words in the wire's own record, and may
/// be given back three times. Twice what was measured at most.
const EACH: usize = 256;
/// A reactor with its read buffer, a connection, lists: a quarter more than was measured.
const BESIDES: usize = 400 * 1024;

/// Plays a protocol over a framing, with another one that it may change to, up to the end of the stream in these pieces.
pub(crate) fn record<F: Framing + Clone>(
    framings: [F; 2],
    conduct: Conduct,
    pieces: &[&[u8]],
) -> Record {
    let size: usize = pieces.iter().map(|piece| piece.len()).sum();
    within(EACH * size + BESIDES, || {
        let told = Rc::default();
        let limits = Limits::default().held(conduct.held);
        let mut wire = testing::wiring().limits(limits).connect(Recorder {
            framings: framings.into(),
            current: 0,
            conduct,
            may_give_back: 3,
            told: Rc::clone(&told),
        });
        for piece in pieces {
            wire.receives(piece);
        }
        wire.ends();
        let (lost, sent) = (wire.lost(), wire.take_sent());
        let told = told.take();
        assert_eq!(told.last(), lost.map(Told::Lost).as_ref(), "{told:?}");
        assert!(!told.contains(&Told::Lost(Lost::Panicked)), "{told:?}");
        Record { told, sent }
    })
}

/// Plays the same in every chunking; what is told in the first.
#[track_caller]
pub(crate) fn record_all<F: Framing + Clone>(
    framings: &[F; 2],
    conduct: Conduct,
    chunkings: &[Vec<&[u8]>],
) -> Record {
    let first = record(framings.clone(), conduct, &chunkings[0]);
    for pieces in &chunkings[1..] {
        let other = record(framings.clone(), conduct, pieces);
        assert_eq!(other, first, "in these pieces: {pieces:?}");
    }
    first
}

impl<F: Framing + Clone> Protocol for Recorder<F> {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.set_framing(self.framings[0].clone());
    }

    fn data_received(&mut self, _: &mut Transport<'_>, data: &[u8]) {
        let mut told = self.told.borrow_mut();
        match told.last_mut() {
            Some(Told::Raw(before)) => before.extend_from_slice(data),
            _ => told.push(Told::Raw(data.to_vec())),
        }
    }

    fn frame_received(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
        self.told.borrow_mut().push(Told::Frame(frame.to_vec()));
        // A line for LF may hold what no line for CRLF may.
        let _ = transport.try_send(frame);
        if self.conduct.obeys {
            self.obey(transport, frame);
        }
    }

    fn frame_refused(&mut self, _: &mut Transport<'_>, error: &FrameError) -> Refusal {
        self.told.borrow_mut().push(Told::Refused(error.clone()));
        self.conduct.refusal
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        self.told.borrow_mut().push(Told::End);
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &mut Transport<'_>, reason: &Lost) {
        self.told.borrow_mut().push(Told::Lost(reason.clone()));
    }
}

impl<F: Framing + Clone> Recorder<F> {
    fn obey(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
        match frame.first() {
            Some(b'r') => transport.expect_raw(frame.len() as u64),
            Some(b'p') => {
                let id = transport.id();
                transport.pause_reading();
                let resume = move |reactor: &mut ropewalk::Reactor| reactor.resume_reading(id);
                transport.reactor().call_soon(resume);
            }
            Some(b'f') => self.change_framing(transport),
            // Not for ever, or no memory would be enough.
            Some(b'u') if self.may_give_back > 0 => {
                self.may_give_back -= 1;
                transport.unread(usize::MAX);
                self.change_framing(transport);
            }
            Some(b'l') => transport.lose_connection(),
            _ => {}
        }
    }

    fn change_framing(&mut self, transport: &mut Transport<'_>) {
        self.current = 1 - self.current;
        transport.set_framing(self.framings[self.current].clone());
    }
}

/// So many bytes does a length take at most, with what is in front of it.
const LENGTH: usize = 22;

/// A framing, and how many bytes it was asked to look at: what was looked at before does not count, if it is told so.
#[derive(Clone)]
pub(crate) struct Counted<F> {
    framing: F,
    looked_at: Rc<Cell<usize>>,
}

impl<F> Counted<F> {
    pub(crate) fn new(framing: F, looked_at: &Rc<Cell<usize>>) -> Self {
        Self {
            framing,
            looked_at: Rc::clone(looked_at),
        }
    }
}

impl<F: Framing> Framing for Counted<F> {
    fn next(&self, data: &[u8], scanned: usize) -> Found {
        let found = self.framing.next(data, scanned);
        let end = match &found {
            Found::Frame { size, .. } | Found::Coded { size, .. } | Found::Nothing { size } => {
                *size
            }
            // It has looked at the length, and will not be asked again before all of it is there.
            Found::Part { .. } => data.len().min(LENGTH),
            Found::More { .. } | Found::Broken(_) => data.len(),
        };
        let look = end.saturating_sub(scanned) + 1;
        self.looked_at.set(self.looked_at.get() + look);
        found
    }

    fn at_eof(&self, rest: &[u8]) -> Tail {
        self.framing.at_eof(rest)
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        self.framing.encode(frame, out)
    }

    fn decode(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        self.framing.decode(body, out)
    }

    fn skip(&self, data: &[u8]) -> Skip {
        self.framing.skip(data)
    }

    fn bound(&self) -> Option<usize> {
        self.framing.bound()
    }
}
