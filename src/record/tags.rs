//! The numbers that stand on a tape for calls, answers and other names. Owns them all, so that writing and reading agree;
//! one that was given out means the same for ever, in this version of the format.

use std::io::ErrorKind;

use super::call::Call;
use crate::network::{Readiness, Signal, Token};

pub(super) mod call {
    pub(in crate::record) const POLL: u8 = 1;
    pub(in crate::record) const NOW: u8 = 2;
    pub(in crate::record) const WALL_CLOCK: u8 = 3;
    pub(in crate::record) const RANDOM: u8 = 4;
    pub(in crate::record) const LISTEN: u8 = 5;
    pub(in crate::record) const ACCEPT: u8 = 6;
    pub(in crate::record) const REFUSE: u8 = 7;
    pub(in crate::record) const REGISTER: u8 = 8;
    pub(in crate::record) const CONNECT: u8 = 9;
    pub(in crate::record) const FINISH_CONNECT: u8 = 10;
    pub(in crate::record) const READ: u8 = 11;
    pub(in crate::record) const READ_STAMPED: u8 = 12;
    pub(in crate::record) const WRITE: u8 = 13;
    pub(in crate::record) const SHUT_DOWN_WRITE: u8 = 14;
    pub(in crate::record) const TAKE_ERROR: u8 = 15;
    pub(in crate::record) const LOCAL_ADDRESS: u8 = 16;
    pub(in crate::record) const CLOSE: u8 = 17;
    pub(in crate::record) const LOOK_UP: u8 = 18;
    pub(in crate::record) const CANCEL_LOOK_UP: u8 = 19;
    pub(in crate::record) const SERVICE_PORT: u8 = 20;
    pub(in crate::record) const WATCH_SIGNALS: u8 = 21;
    pub(in crate::record) const DESCRIPTOR_LIMIT: u8 = 22;
    pub(in crate::record) const SET_TIME_STAMPS: u8 = 23;
    pub(in crate::record) const SET_SPIN: u8 = 24;
    pub(in crate::record) const DEFER: u8 = 25;
    pub(in crate::record) const POSTED: u8 = 26;
    pub(in crate::record) const END: u8 = 27;
    pub(in crate::record) const ADOPT: u8 = 28;
    pub(in crate::record) const PEER_CREDENTIALS: u8 = 29;
    pub(in crate::record) const SERVICE_NAME: u8 = 30;
}

pub(super) mod answer {
    pub(in crate::record) const NOTHING: u8 = 0;
    pub(in crate::record) const FAILED: u8 = 1;
    pub(in crate::record) const FAILED_KIND: u8 = 2;
    pub(in crate::record) const TOLD: u8 = 3;
    pub(in crate::record) const TIME: u8 = 4;
    pub(in crate::record) const WALL_CLOCK: u8 = 5;
    pub(in crate::record) const NUMBER: u8 = 6;
    pub(in crate::record) const SOCKET: u8 = 7;
    pub(in crate::record) const YES: u8 = 8;
    pub(in crate::record) const RECEIVED: u8 = 9;
    /// Likewise, and nothing more was waiting.
    pub(in crate::record) const DRAINED: u8 = 10;
    pub(in crate::record) const ENDED: u8 = 11;
    pub(in crate::record) const STAMPED: u8 = 12;
    pub(in crate::record) const ENDED_AT: u8 = 13;
    pub(in crate::record) const ADDRESS: u8 = 14;
    pub(in crate::record) const MAYBE: u8 = 15;
    pub(in crate::record) const NAME_REFUSED: u8 = 16;
    pub(in crate::record) const WORK_REFUSED: u8 = 17;
    pub(in crate::record) const CREDENTIALS: u8 = 18;
    pub(in crate::record) const ADOPT_REFUSED: u8 = 19;
    pub(in crate::record) const MAYBE_NAME: u8 = 20;
}

pub(super) fn of_call(call: &Call) -> u8 {
    match call {
        Call::Poll => call::POLL,
        Call::Now => call::NOW,
        Call::WallClock => call::WALL_CLOCK,
        Call::Random => call::RANDOM,
        Call::Listen { .. } => call::LISTEN,
        Call::Adopt { .. } => call::ADOPT,
        Call::Accept(..) => call::ACCEPT,
        Call::Refuse(..) => call::REFUSE,
        Call::Register(..) => call::REGISTER,
        Call::Connect { .. } => call::CONNECT,
        Call::FinishConnect(..) => call::FINISH_CONNECT,
        Call::Read(..) => call::READ,
        Call::ReadStamped(..) => call::READ_STAMPED,
        Call::Write { .. } => call::WRITE,
        Call::ShutDownWrite(..) => call::SHUT_DOWN_WRITE,
        Call::TakeError(..) => call::TAKE_ERROR,
        Call::LocalAddress(..) => call::LOCAL_ADDRESS,
        Call::PeerCredentials(..) => call::PEER_CREDENTIALS,
        Call::Close(..) => call::CLOSE,
        Call::LookUp(..) => call::LOOK_UP,
        Call::CancelLookUp(..) => call::CANCEL_LOOK_UP,
        Call::ServicePort(..) => call::SERVICE_PORT,
        Call::ServiceName(..) => call::SERVICE_NAME,
        Call::WatchSignals => call::WATCH_SIGNALS,
        Call::DescriptorLimit => call::DESCRIPTOR_LIMIT,
        Call::SetTimeStamps(..) => call::SET_TIME_STAMPS,
        Call::SetSpin(..) => call::SET_SPIN,
        Call::Defer(..) => call::DEFER,
        Call::Posted(..) => call::POSTED,
        Call::End => call::END,
    }
}

pub(super) fn of_readiness(readiness: &Readiness) -> u8 {
    u8::from(readiness.readable)
        | u8::from(readiness.writable) << 1
        | u8::from(readiness.ended) << 2
        | u8::from(readiness.failed) << 3
}

pub(super) fn to_readiness(flags: u8, token: Token) -> Option<Readiness> {
    (flags < 16).then_some(Readiness {
        token,
        readable: flags & 1 != 0,
        writable: flags & 2 != 0,
        ended: flags & 4 != 0,
        failed: flags & 8 != 0,
    })
}

const SIGNALS: [Signal; 3] = [Signal::Interrupt, Signal::Terminate, Signal::User1];

pub(super) fn of_signal(signal: Signal) -> u8 {
    match signal {
        Signal::Interrupt => 0,
        Signal::Terminate => 1,
        Signal::User1 => 2,
    }
}

pub(super) fn to_signal(number: u8) -> Option<Signal> {
    SIGNALS.get(usize::from(number)).copied()
}

/// Errors without a number, which come from networks that are no kernel's. The last one stands for all others.
const KINDS: [ErrorKind; 21] = [
    ErrorKind::WouldBlock,
    ErrorKind::Interrupted,
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionAborted,
    ErrorKind::BrokenPipe,
    ErrorKind::NotConnected,
    ErrorKind::TimedOut,
    ErrorKind::AddrInUse,
    ErrorKind::AddrNotAvailable,
    ErrorKind::PermissionDenied,
    ErrorKind::HostUnreachable,
    ErrorKind::NetworkUnreachable,
    ErrorKind::NetworkDown,
    ErrorKind::InvalidInput,
    ErrorKind::Unsupported,
    ErrorKind::WriteZero,
    ErrorKind::UnexpectedEof,
    ErrorKind::OutOfMemory,
    ErrorKind::NotFound,
    ErrorKind::Other,
];

pub(super) fn of_kind(kind: ErrorKind) -> u8 {
    let place = KINDS.iter().position(|other| *other == kind);
    place.unwrap_or(KINDS.len() - 1) as u8
}

pub(super) fn to_kind(number: u8) -> Option<ErrorKind> {
    KINDS.get(usize::from(number)).copied()
}
