//! The error numbers that the simulated kernel gives. Owns their values, which are Linux's; makes errors, tells nobody.

use std::io;

pub(super) const EMFILE: i32 = 24;
pub(super) const EPIPE: i32 = 32;
pub(super) const EADDRINUSE: i32 = 98;
pub(super) const EADDRNOTAVAIL: i32 = 99;
pub(super) const ENETUNREACH: i32 = 101;
pub(super) const ECONNRESET: i32 = 104;
pub(super) const ENOTCONN: i32 = 107;
pub(super) const ETIMEDOUT: i32 = 110;
pub(super) const ECONNREFUSED: i32 = 111;
pub(super) const EHOSTUNREACH: i32 = 113;

/// The error of a number. Elsewhere than on Linux the numbers mean something else, so there it is the kind alone.
pub(super) fn error(number: i32) -> io::Error {
    if cfg!(target_os = "linux") {
        return io::Error::from_raw_os_error(number);
    }
    match number {
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
