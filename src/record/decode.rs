//! Bytes to events. Owns the distrust: whatever the bytes are, the answer is an event or `None`, and nothing is reserved
//! for a size that was only read.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::call::{Answer, Call, Event, Failure, Told};
use super::history::{History, MOST_FOUND};
use super::tags::{self, answer, call};
use crate::network::{
    Arrival, DeferError, Farewell, LookupId, Posted, SocketId, StampedBy, Time, Token, WorkId,
};

/// More than this is on no tape as one call's: a recording ends when less waits to be written.
const MOST_BYTES: u64 = 1 << 28;

/// What is remembered from one event to the next.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    history: History,
    time: Time,
}

impl Decoder {
    /// The first event of `rest`, which is shortened by it. `None`: it is none.
    pub(super) fn event(&mut self, rest: &mut &[u8]) -> Option<Event> {
        let mut input = Input {
            rest,
            decoder: self,
        };
        let call = input.call()?;
        let answer = input.answer()?;
        Some(Event { call, answer })
    }
}

pub(super) struct Input<'a, 'b> {
    rest: &'b mut &'a [u8],
    decoder: &'b mut Decoder,
}

impl Input<'_, '_> {
    fn call(&mut self) -> Option<Call> {
        Some(match self.byte()? {
            call::POLL => Call::Poll,
            call::NOW => Call::Now,
            call::WALL_CLOCK => Call::WallClock,
            call::RANDOM => Call::Random,
            call::LISTEN => {
                let address = self.address()?;
                Call::Listen {
                    mode: self.mode(&address)?,
                    address,
                    backlog: self.number_of_32_bits()?,
                    token: self.token()?,
                }
            }
            call::ADOPT => Call::Adopt {
                socket: self.inherited()?,
                token: self.token()?,
            },
            call::ACCEPT => Call::Accept(self.socket()?),
            call::REFUSE => Call::Refuse(self.socket()?),
            call::REGISTER => Call::Register(self.socket()?, self.token()?),
            call::CONNECT => Call::Connect {
                address: self.address()?,
                bind: self.maybe(Self::address)?,
                token: self.token()?,
            },
            call::FINISH_CONNECT => Call::FinishConnect(self.socket()?),
            call::READ => Call::Read(self.socket()?),
            call::READ_STAMPED => Call::ReadStamped(self.socket()?),
            call::WRITE => Call::Write {
                socket: self.socket()?,
                rest: self.number()?,
                taken: self.bytes()?,
            },
            call::SHUT_DOWN_WRITE => Call::ShutDownWrite(self.socket()?),
            call::TAKE_ERROR => Call::TakeError(self.socket()?),
            call::LOCAL_ADDRESS => Call::LocalAddress(self.socket()?),
            call::PEER_CREDENTIALS => Call::PeerCredentials(self.socket()?),
            call::CLOSE => Call::Close(self.socket()?, self.farewell()?),
            call::LOOK_UP => Call::LookUp(LookupId(self.number()?), self.question()?),
            call::CANCEL_LOOK_UP => Call::CancelLookUp(LookupId(self.number()?)),
            call::SERVICE_PORT => Call::ServicePort(self.text()?, self.maybe(Self::text)?),
            call::SERVICE_NAME => {
                Call::ServiceName(u16::try_from(self.number()?).ok()?, self.maybe(Self::text)?)
            }
            call::WATCH_SIGNALS => Call::WatchSignals,
            call::DESCRIPTOR_LIMIT => Call::DescriptorLimit,
            call::SET_TIME_STAMPS => Call::SetTimeStamps(self.socket()?, self.flag()?),
            call::SET_SPIN => Call::SetSpin(Duration::from_nanos(self.number()?)),
            call::DEFER => Call::Defer(WorkId(self.number()?)),
            call::POSTED => Call::Posted(match self.flag()? {
                false => Posted::ToReactor,
                true => Posted::ToProtocol(self.token()?),
            }),
            call::END => Call::End,
            _ => return None,
        })
    }

    fn farewell(&mut self) -> Option<Farewell> {
        Some(match self.flag()? {
            true => Farewell::Reset,
            false => Farewell::Close,
        })
    }

    fn answer(&mut self) -> Option<Answer> {
        Some(match self.byte()? {
            answer::NOTHING => Answer::Nothing,
            answer::FAILED => Answer::Failed(Failure::Number(i32::try_from(self.number()?).ok()?)),
            answer::FAILED_KIND => Answer::Failed(Failure::Kind(tags::to_kind(self.byte()?)?)),
            answer::TOLD => Answer::Told(self.told()?),
            answer::TIME => Answer::Time(self.passed()?),
            answer::WALL_CLOCK => Answer::WallClock(self.wall_clock()?),
            answer::NUMBER => Answer::Number(self.number()?),
            answer::SOCKET => Answer::Socket(self.socket()?, self.maybe(Self::address)?),
            answer::YES => Answer::Yes(self.flag()?),
            answer::RECEIVED => self.received(false)?,
            answer::DRAINED => self.received(true)?,
            answer::ENDED => Answer::Ended,
            answer::STAMPED => {
                let drained = self.flag()?;
                let arrival = self.arrival()?;
                let data = self.some_bytes()?;
                Answer::Stamped {
                    data,
                    drained,
                    arrival,
                }
            }
            answer::ENDED_AT => Answer::EndedAt(self.arrival()?),
            answer::ADDRESS => Answer::Address(self.address()?),
            answer::CREDENTIALS => Answer::Credentials(self.maybe(Self::credentials)?),
            answer::ADOPT_REFUSED => Answer::AdoptRefused(self.adopt_error()?),
            answer::MAYBE => Answer::Maybe(self.maybe(Self::number)?),
            answer::MAYBE_NAME => Answer::MaybeName(self.maybe(Self::text)?),
            answer::NAME_REFUSED => Answer::NameRefused(self.name_error()?),
            answer::WORK_REFUSED => Answer::WorkRefused(match self.flag()? {
                true => DeferError::Busy,
                false => DeferError::NoThread,
            }),
            _ => return None,
        })
    }

    fn received(&mut self, drained: bool) -> Option<Answer> {
        let data = self.some_bytes()?;
        Some(Answer::Received { data, drained })
    }

    fn told(&mut self) -> Option<Told> {
        let head = self.number()?;
        let mut told = Told::default();
        for _ in 0..head >> 1 {
            let flags = self.byte()?;
            let token = self.token()?;
            told.ready.push(tags::to_readiness(flags, token)?);
        }
        if head & 1 != 0 {
            self.more(&mut told)?;
        }
        Some(told)
    }

    fn more(&mut self, told: &mut Told) -> Option<()> {
        told.spins = self.number()?;
        for _ in 0..self.number()? {
            told.signals.push(tags::to_signal(self.byte()?)?);
        }
        for _ in 0..self.number()? {
            let lookup = LookupId(self.number()?);
            let outcome = if self.flag()? {
                Ok(self.found()?)
            } else {
                Err(self.name_error()?)
            };
            told.names.push((lookup, outcome));
        }
        for _ in 0..self.number()? {
            told.works.push((WorkId(self.number()?), self.flag()?));
        }
        Some(())
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        *self.rest = rest;
        Some(*first)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.rest.split_first_chunk::<N>()?;
        *self.rest = rest;
        Some(*first)
    }

    pub(super) fn slice(&mut self, size: u64) -> Option<&[u8]> {
        let (first, rest) = self.rest.split_at_checked(usize::try_from(size).ok()?)?;
        *self.rest = rest;
        Some(first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn token(&mut self) -> Option<Token> {
        let place = u32::try_from(self.number()?).ok()?;
        let serial = u32::try_from(self.number()?).ok()?;
        Some(Token(u64::from(serial) << 32 | u64::from(place)))
    }

    fn socket(&mut self) -> Option<SocketId> {
        u32::try_from(self.number()?).ok().map(SocketId)
    }

    fn passed(&mut self) -> Option<Time> {
        let nanoseconds = self.decoder.time.as_nanos().wrapping_add(self.number()?);
        self.decoder.time = Time::from_nanos(nanoseconds);
        Some(self.decoder.time)
    }

    fn some_bytes(&mut self) -> Option<Bytes> {
        let bytes = self.bytes()?;
        (!bytes.is_empty()).then(|| bytes.into())
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let size = self.number()?;
        if size > MOST_BYTES {
            return None;
        }
        let mut bytes = Vec::new();
        let mut found = 0;
        while (bytes.len() as u64) < size {
            let head = self.number()?;
            let length = head >> 1;
            if length == 0 || length > size - bytes.len() as u64 {
                return None;
            }
            if head & 1 != 0 {
                let distance = self.number()?;
                let length = usize::try_from(length).ok()?;
                found += length;
                if found > MOST_FOUND {
                    return None;
                }
                bytes.extend_from_slice(self.decoder.history.back(distance, length)?);
            } else {
                let (first, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
                *self.rest = rest;
                self.decoder.history.append(first);
                bytes.extend_from_slice(first);
            }
        }
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let size = self.number()?;
        String::from_utf8(self.slice(size)?.to_vec()).ok()
    }

    pub(super) fn maybe<T>(
        &mut self,
        take: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        Some(if self.flag()? {
            Some(take(self)?)
        } else {
            None
        })
    }

    fn arrival(&mut self) -> Option<Arrival> {
        let stamped_by = match self.flag()? {
            true => StampedBy::Kernel,
            false => StampedBy::Loop,
        };
        let time = Time::from_nanos(self.number()?);
        let wall_clock = self.wall_clock()?;
        Some(Arrival {
            time,
            wall_clock,
            stamped_by,
        })
    }

    fn wall_clock(&mut self) -> Option<SystemTime> {
        let before = self.flag()?;
        let seconds = self.number()?;
        let nanoseconds = u32::try_from(self.number()?).ok()?;
        if nanoseconds >= 1_000_000_000 {
            return None;
        }
        let span = Duration::new(seconds, nanoseconds);
        if before {
            SystemTime::UNIX_EPOCH.checked_sub(span)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(span)
        }
    }
}
