//! Events to bytes. Owns the encoding, of which `decode` is the mirror; knows nothing of blocks and files.
//!
//! An event is a tag, its call's arguments, a tag, its answer. Numbers are written in groups of seven bits, the lowest
//! first; times as what has passed since the one before.

use std::io;
use std::time::SystemTime;

use super::call::{Answer, Call, Event, Failure, Told};
use super::history::{Finder, LONGEST, MOST_FOUND};
use super::tags::{self, answer, call};
use crate::error::NameError;
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
        self.socket = socket.0;
        self.number(u64::from(socket.0));
    }

    pub(super) fn call(&mut self, call: &Call) {
        match call {
            Call::Poll => self.out.push(call::POLL),
            Call::Now => self.out.push(call::NOW),
            Call::WallClock => self.out.push(call::WALL_CLOCK),
            Call::Random => self.out.push(call::RANDOM),
            Call::Listen {
                address,
                mode,
                backlog,
                token,
            } => {
                self.out.push(call::LISTEN);
                self.address(address);
                self.mode(address, *mode);
                self.number(u64::from(*backlog));
                self.token(*token);
            }
            Call::Adopt { socket, token } => {
                self.out.push(call::ADOPT);
                self.inherited(socket);
                self.token(*token);
            }
            Call::Accept(socket) => self.call_of(call::ACCEPT, *socket),
            Call::Refuse(socket) => self.call_of(call::REFUSE, *socket),
            Call::Register(socket, token) => {
                self.call_of(call::REGISTER, *socket);
                self.token(*token);
            }
            Call::Connect {
                address,
                bind,
                token,
            } => {
                self.out.push(call::CONNECT);
                self.address(address);
                self.maybe(bind.as_ref(), Self::address);
                self.token(*token);
            }
            Call::FinishConnect(socket) => self.call_of(call::FINISH_CONNECT, *socket),
            Call::Read(socket) => self.call_of(call::READ, *socket),
            Call::ReadStamped(socket) => self.call_of(call::READ_STAMPED, *socket),
            Call::Write {
                socket,
                taken,
                rest,
            } => {
                self.call_of(call::WRITE, *socket);
                self.number(*rest);
                self.bytes(taken);
            }
            Call::ShutDownWrite(socket) => self.call_of(call::SHUT_DOWN_WRITE, *socket),
            Call::TakeError(socket) => self.call_of(call::TAKE_ERROR, *socket),
            Call::LocalAddress(socket) => self.call_of(call::LOCAL_ADDRESS, *socket),
            Call::PeerCredentials(socket) => self.call_of(call::PEER_CREDENTIALS, *socket),
            Call::Close(socket, farewell) => {
                self.call_of(call::CLOSE, *socket);
                self.out.push(u8::from(*farewell == Farewell::Reset));
            }
            Call::LookUp(lookup, name) => {
                self.out.push(call::LOOK_UP);
                self.number(lookup.0);
                self.text(name);
            }
            Call::CancelLookUp(lookup) => {
                self.out.push(call::CANCEL_LOOK_UP);
                self.number(lookup.0);
            }
            Call::ServicePort(service) => {
                self.out.push(call::SERVICE_PORT);
                self.text(service);
            }
            Call::WatchSignals => self.out.push(call::WATCH_SIGNALS),
            Call::DescriptorLimit => self.out.push(call::DESCRIPTOR_LIMIT),
            Call::SetTimeStamps(socket, on) => {
                self.call_of(call::SET_TIME_STAMPS, *socket);
                self.out.push(u8::from(*on));
            }
            Call::SetSpin(time) => {
                self.out.push(call::SET_SPIN);
                self.number(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
            }
            Call::Defer(work) => {
                self.out.push(call::DEFER);
                self.number(work.0);
            }
            Call::Posted(Posted::ToReactor) => self.out.extend([call::POSTED, 0]),
            Call::Posted(Posted::ToProtocol(token)) => {
                self.out.extend([call::POSTED, 1]);
                self.token(*token);
            }
            Call::End => self.out.push(call::END),
        }
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
            Answer::Number(number) => {
                self.out.push(answer::NUMBER);
                self.number(*number);
            }
            Answer::Socket(socket, address) => {
                self.out.push(answer::SOCKET);
                self.number(u64::from(socket.0));
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
                Ok(addresses) => {
                    self.out.push(1);
                    self.number(addresses.len() as u64);
                    for ip in addresses {
                        self.ip(*ip);
                    }
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

    fn name_error(&mut self, error: &NameError) {
        match error {
            NameError::Unknown => self.out.push(0),
            NameError::Busy => self.out.push(1),
            NameError::Failed(what) => {
                self.out.push(2);
                self.text(what);
            }
            NameError::NoData => self.out.push(3),
            NameError::Temporary => self.out.push(4),
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
