//! The error numbers that the simulated kernel gives. Owns their values, which are Linux's; makes errors, tells nobody.

use std::io;

pub(super) const EPERM: i32 = 1;
pub(super) const ENOENT: i32 = 2;
pub(super) const EINTR: i32 = 4;
pub(super) const EAGAIN: i32 = 11;
pub(super) const ENOMEM: i32 = 12;
pub(super) const EACCES: i32 = 13;
pub(super) const EEXIST: i32 = 17;
pub(super) const EINVAL: i32 = 22;
pub(super) const ENFILE: i32 = 23;
pub(super) const EMFILE: i32 = 24;
pub(super) const EPIPE: i32 = 32;
pub(super) const EPROTO: i32 = 71;
pub(super) const EDESTADDRREQ: i32 = 89;
pub(super) const EMSGSIZE: i32 = 90;
pub(super) const EAFNOSUPPORT: i32 = 97;
pub(super) const EADDRINUSE: i32 = 98;
pub(super) const EADDRNOTAVAIL: i32 = 99;
pub(super) const ENETDOWN: i32 = 100;
pub(super) const ENETUNREACH: i32 = 101;
pub(super) const ECONNABORTED: i32 = 103;
pub(super) const ECONNRESET: i32 = 104;
pub(super) const ENOBUFS: i32 = 105;
pub(super) const ENOTCONN: i32 = 107;
pub(super) const ETIMEDOUT: i32 = 110;
pub(super) const ECONNREFUSED: i32 = 111;
pub(super) const EHOSTUNREACH: i32 = 113;

/// What `accept` fails with: of one connection, or for want of something.
pub(super) const OF_ACCEPT: [i32; 9] = [
    EINTR,
    ECONNABORTED,
    EPROTO,
    EPERM,
    EHOSTUNREACH,
    EMFILE,
    ENFILE,
    ENOBUFS,
    ENOMEM,
];
/// What `recv` fails with, besides what has happened to the connection.
pub(super) const OF_READ: [i32; 4] = [EINTR, EINTR, ETIMEDOUT, ENETDOWN];
/// What `send` fails with.
pub(super) const OF_WRITE: [i32; 5] = [EINTR, EINTR, ETIMEDOUT, ENETDOWN, ENOBUFS];

/// What a datagram is refused with, for no fault of its own.
pub(super) const OF_SEND: [i32; 4] = [EINTR, ENETDOWN, ENOBUFS, EPERM];

/// The error of a number. Elsewhere than on Linux the numbers mean something else, so there it is the kind alone.
pub(super) fn error(number: i32) -> io::Error {
    if cfg!(target_os = "linux") {
        return io::Error::from_raw_os_error(number);
    }
    match number {
        EPERM | EACCES => io::ErrorKind::PermissionDenied,
        ENOENT => io::ErrorKind::NotFound,
        EINTR => io::ErrorKind::Interrupted,
        EAGAIN => io::ErrorKind::WouldBlock,
        EINVAL | EDESTADDRREQ => io::ErrorKind::InvalidInput,
        EEXIST => io::ErrorKind::AlreadyExists,
        ENOMEM => io::ErrorKind::OutOfMemory,
        ENETDOWN => io::ErrorKind::NetworkDown,
        ECONNABORTED => io::ErrorKind::ConnectionAborted,
        EPIPE => io::ErrorKind::BrokenPipe,
        EADDRINUSE => io::ErrorKind::AddrInUse,
        EADDRNOTAVAIL => io::ErrorKind::AddrNotAvailable,
        ENETUNREACH => io::ErrorKind::NetworkUnreachable,
        ECONNRESET => io::ErrorKind::ConnectionReset,
        ENOTCONN => io::ErrorKind::NotConnected,
        ETIMEDOUT => io::ErrorKind::TimedOut,
        ECONNREFUSED => io::ErrorKind::ConnectionRefused,
        EHOSTUNREACH => io::ErrorKind::HostUnreachable,
        _ => io::ErrorKind::Other,
    }
    .into()
}

/// What a call says that could only wait.
pub(super) fn would_block() -> io::Error {
    io::ErrorKind::WouldBlock.into()
}
