//! Events to bytes. Owns the encoding, of which `decode` is the mirror; knows nothing of blocks and files.
//!
//! An event is a tag, its call's arguments, a tag, its answer. Numbers are written in groups of seven bits, the lowest
//! first; times as what has passed since the one before.

use std::io;
use std::time::SystemTime;

use super::call::{Answer, Call, Event, Failure, Told};
use super::history::{Finder, LONGEST, MOST_FOUND};
use super::tags::{self, answer};
use crate::address::Address;
use crate::network::{
    Arrival, DeferError, Farewell, Posted, Readiness, SocketId, StampedBy, Time, Token,
};

/// Writes events one behind the other.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    pub(super) out: Vec<u8>,
    finder: Finder,
    time: Time,
    /// Of the event under way, whose bytes are on the wire.
    socket: u32,
}

impl Encoder {
    /// A rare event.
    pub(super) fn event(&mut self, event: &Event) {
        self.call(&event.call);
        self.answer(&event.answer);
    }

    /// A call that is asked often, with a socket alone.
    #[inline]
    pub(super) fn call_of(&mut self, tag: u8, socket: SocketId) {
        self.out.push(tag);
        self.socket(socket);
    }

    pub(super) fn call(&mut self, call: &Call) {
        self.out.push(tags::of_call(call));
        match call {
            Call::Poll | Call::Now | Call::WallClock | Call::Random => {}
            Call::WatchSignals | Call::DescriptorLimit | Call::End => {}
            Call::Accept(socket)
            | Call::Refuse(socket)
            | Call::FinishConnect(socket)
            | Call::Read(socket)
            | Call::ReadStamped(socket)
            | Call::ShutDownWrite(socket)
            | Call::TakeError(socket)
            | Call::LocalAddress(socket)
            | Call::PeerCredentials(socket) => self.socket(*socket),
            Call::Listen {
                address,
                mode,
                backlog,
                token,
            } => self.listen(address, *mode, *backlog, *token),
            Call::Adopt { socket, token } => {
                self.inherited(socket);
                self.token(*token);
            }
            Call::Register(socket, token) => self.register(*socket, *token),
            Call::Connect {
                address,
                bind,
                token,
            } => self.connect(address, bind.as_ref(), *token),
            Call::Write {
                socket,
                taken,
                rest,
            } => self.write(*socket, taken, *rest),
            Call::Close(socket, farewell) => {
                self.socket(*socket);
                self.flag(*farewell == Farewell::Reset);
            }
            Call::LookUp(lookup, question) => {
                self.number(lookup.0);
                self.question(question);
            }
            Call::CancelLookUp(lookup) => self.number(lookup.0),
            Call::ServicePort(service, protocol) => {
                self.text(service);
                self.maybe(protocol.as_ref(), |this, protocol| this.text(protocol));
            }
            Call::ServiceName(port, protocol) => {
                self.number(u64::from(*port));
                self.maybe(protocol.as_ref(), |this, protocol| this.text(protocol));
            }
            Call::SetTimeStamps(socket, on) => {
                self.socket(*socket);
                self.flag(*on);
            }
            Call::SetSpin(time) => self.number(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
            Call::Defer(work) => self.number(work.0),
            Call::Posted(posted) => self.posted(posted),
        }
    }

    fn listen(&mut self, address: &Address, mode: Option<u32>, backlog: u32, token: Token) {
        self.address(address);
        self.mode(address, mode);
        self.number(u64::from(backlog));
        self.token(token);
    }

    fn register(&mut self, socket: SocketId, token: Token) {
        self.socket(socket);
        self.token(token);
    }

    fn connect(&mut self, address: &Address, bind: Option<&Address>, token: Token) {
        self.address(address);
        self.maybe(bind, Self::address);
        self.token(token);
    }

    fn write(&mut self, socket: SocketId, taken: &[u8], rest: u64) {
        self.socket(socket);
        self.number(rest);
        self.bytes(taken);
    }

    fn posted(&mut self, posted: &Posted) {
        match posted {
            Posted::ToReactor => self.flag(false),
            Posted::ToProtocol(token) => {
                self.flag(true);
                self.token(*token);
            }
        }
    }

    #[inline]
    fn socket(&mut self, socket: SocketId) {
        self.socket = socket.0;
        self.number(u64::from(socket.0));
    }

    fn flag(&mut self, flag: bool) {
        self.out.push(u8::from(flag));
    }

    /// A tag with one number.
    fn tagged(&mut self, tag: u8, number: u64) {
        self.out.push(tag);
        self.number(number);
    }

    pub(super) fn answer(&mut self, answer: &Answer) {
        match answer {
            Answer::Nothing => self.out.push(answer::NOTHING),
            Answer::Failed(failure) => self.failed(*failure),
            Answer::Told(told) => self.told(&told.ready, told),
            Answer::Time(time) => self.time(*time),
            Answer::WallClock(time) => {
                self.out.push(answer::WALL_CLOCK);
                self.wall_clock(*time);
            }
            Answer::Number(number) => self.tagged(answer::NUMBER, *number),
            Answer::Socket(socket, address) => {
                self.tagged(answer::SOCKET, u64::from(socket.0));
                self.maybe(address.as_ref(), Self::address);
            }
            Answer::Yes(yes) => self.out.extend([answer::YES, u8::from(*yes)]),
            Answer::Received { data, drained } => self.received(data, *drained),
            Answer::Ended => self.out.push(answer::ENDED),
            Answer::Stamped {
                data,
                drained,
                arrival,
            } => {
                self.out.extend([answer::STAMPED, u8::from(*drained)]);
                self.arrival(arrival);
                self.bytes(data);
            }
            Answer::EndedAt(arrival) => {
                self.out.push(answer::ENDED_AT);
                self.arrival(arrival);
            }
            Answer::Address(address) => {
                self.out.push(answer::ADDRESS);
                self.address(address);
            }
            Answer::Credentials(credentials) => {
                self.out.push(answer::CREDENTIALS);
                self.maybe(credentials.as_ref(), Self::credentials);
            }
            Answer::AdoptRefused(error) => {
                self.out.push(answer::ADOPT_REFUSED);
                self.adopt_error(error);
            }
            Answer::Maybe(number) => {
                self.out.push(answer::MAYBE);
                self.maybe(number.as_ref(), |this, number| this.number(*number));
            }
            Answer::MaybeName(name) => {
                self.out.push(answer::MAYBE_NAME);
                self.maybe(name.as_ref(), |this, name| this.text(name));
            }
            Answer::NameRefused(error) => {
                self.out.push(answer::NAME_REFUSED);
                self.name_error(error);
            }
            Answer::WorkRefused(error) => {
                let busy = *error == DeferError::Busy;
                self.out.extend([answer::WORK_REFUSED, u8::from(busy)]);
            }
        }
    }

    /// The answer to the frequent question what time it is.
    #[inline]
    pub(super) fn time(&mut self, time: Time) {
        self.out.push(answer::TIME);
        self.passed(time);
    }

    #[inline]
    pub(super) fn received(&mut self, data: &[u8], drained: bool) {
        self.out.push(if drained {
            answer::DRAINED
        } else {
            answer::RECEIVED
        });
        self.bytes(data);
    }

    /// The bytes of a write that were taken, which stand in several pieces.
    #[inline]
    pub(super) fn pieces(&mut self, pieces: &[io::IoSlice<'_>], taken: usize) {
        self.number(taken as u64);
        let (mut left, mut findable) = (taken, MOST_FOUND);
        for piece in pieces {
            let size = piece.len().min(left);
            self.parts(&piece[..size], &mut findable);
            left -= size;
        }
    }

    #[inline]
    pub(super) fn failed(&mut self, failure: Failure) {
        match failure {
            Failure::Number(number) => {
                self.out.push(answer::FAILED);
                self.number(u64::from(number.unsigned_abs()));
            }
            Failure::Kind(kind) => self.out.extend([answer::FAILED_KIND, tags::of_kind(kind)]),
        }
    }

    /// What a poll told: readiness, and whatever there is besides.
    #[inline]
    pub(super) fn told(&mut self, ready: &[Readiness], told: &Told) {
        self.out.push(answer::TOLD);
        let more = told.is_more();
        self.number((ready.len() as u64) << 1 | u64::from(more));
        for readiness in ready {
            self.out.push(tags::of_readiness(readiness));
            self.token(readiness.token);
        }
        if more {
            self.more(told);
        }
    }

    fn more(&mut self, told: &Told) {
        self.number(told.spins);
        self.number(told.signals.len() as u64);
        for signal in &told.signals {
            self.out.push(tags::of_signal(*signal));
        }
        self.number(told.names.len() as u64);
        for (lookup, outcome) in &told.names {
            self.number(lookup.0);
            match outcome {
                Ok(found) => {
                    self.out.push(1);
                    self.found(found);
                }
                Err(error) => {
                    self.out.push(0);
                    self.name_error(error);
                }
            }
        }
        self.number(told.works.len() as u64);
        for (work, panicked) in &told.works {
            self.number(work.0);
            self.out.push(u8::from(*panicked));
        }
    }

    #[inline]
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    /// A token is a place and a serial, both small numbers.
    #[inline]
    fn token(&mut self, Token(token): Token) {
        self.number(token & 0xFFFF_FFFF);
        self.number(token >> 32);
    }

    fn passed(&mut self, time: Time) {
        self.number(time.as_nanos().wrapping_sub(self.time.as_nanos()));
        self.time = time;
    }

    fn bytes(&mut self, data: &[u8]) {
        self.number(data.len() as u64);
        self.parts(data, &mut { MOST_FOUND });
    }

    /// Each part is what was on the tape before, of which there are at most `findable` bytes, or new.
    fn parts(&mut self, mut data: &[u8], findable: &mut usize) {
        while !data.is_empty() {
            let known = &data[..data.len().min(*findable)];
            if let Some(found) = self.finder.find(self.socket, known) {
                *findable -= found.length;
                self.number((found.length as u64) << 1 | 1);
                self.number(found.distance);
                data = &data[found.length..];
            } else {
                let (new, rest) = data.split_at(data.len().min(LONGEST));
                self.number((new.len() as u64) << 1);
                self.out.extend_from_slice(new);
                self.finder.append(new);
                data = rest;
            }
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    pub(super) fn maybe<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.out.push(u8::from(value.is_some()));
        if let Some(value) = value {
            put(self, value);
        }
    }

    fn arrival(&mut self, arrival: &Arrival) {
        self.out
            .push(u8::from(arrival.stamped_by == StampedBy::Kernel));
        self.number(arrival.time.as_nanos());
        self.wall_clock(arrival.wall_clock);
    }

    fn wall_clock(&mut self, time: SystemTime) {
        let (before, span) = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => (0, since),
            Err(error) => (1, error.duration()),
        };
        self.out.push(before);
        self.number(span.as_secs());
        self.number(u64::from(span.subsec_nanos()));
    }
}
