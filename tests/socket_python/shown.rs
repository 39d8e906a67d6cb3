//! Values and errors as text that both languages can tell. Owns the words of our side.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ropewalk::NameError;
use ropewalk::socket::{Error, Server, Socket};

/// A value that a call of ours returned.
pub(crate) fn value(value: impl Shown) -> String {
    value.shown()
}

pub(crate) trait Shown {
    fn shown(&self) -> String;
}

impl Shown for () {
    fn shown(&self) -> String {
        "none".to_owned()
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        if *self { "True" } else { "False" }.to_owned()
    }
}

macro_rules! as_displayed {
    ($($type:ty),*) => { $(
        impl Shown for $type {
            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )* };
}
as_displayed!(u16, usize, String, IpAddr);

impl Shown for Vec<u8> {
    fn shown(&self) -> String {
        let digits: String = self.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("bytes {digits}")
    }
}

impl Shown for SocketAddr {
    fn shown(&self) -> String {
        format!("[{}]:{}", self.ip(), self.port())
    }
}

impl Shown for Option<Duration> {
    fn shown(&self) -> String {
        self.map_or("none".to_owned(), |time| time.as_secs_f64().to_string())
    }
}

/// Rows that fail may be of sockets; these are never told.
macro_rules! never_told {
    ($($type:ty),*) => { $(
        impl Shown for $type {
            fn shown(&self) -> String {
                format!("{self:?}")
            }
        }
    )* };
}
never_told!(Socket, Server);

fn list(shown: &[String]) -> String {
    format!("({})", shown.join(", "))
}

macro_rules! as_list {
    ($($type:ty),*) => { $(
        impl Shown for Vec<$type> {
            fn shown(&self) -> String {
                list(&self.iter().map(Shown::shown).collect::<Vec<_>>())
            }
        }
    )* };
}
as_list!(Vec<u8>, SocketAddr, usize);

impl<A: Shown, B: Shown> Shown for (A, B) {
    fn shown(&self) -> String {
        list(&[self.0.shown(), self.1.shown()])
    }
}

impl<A: Shown, B: Shown, C: Shown> Shown for (A, B, C) {
    fn shown(&self) -> String {
        list(&[self.0.shown(), self.1.shown(), self.2.shown()])
    }
}

/// The class that Python has for an error of ours, and its number or kind.
pub(crate) fn error(error: &Error) -> String {
    match error {
        Error::Timeout => "TimeoutError".to_owned(),
        Error::Gaierror(error) => format!("gaierror {}", kind_of(error)),
        Error::Herror(error) => format!("herror {}", kind_of(error)),
        Error::Os(os) => {
            let number = error
                .errno()
                .map_or("none".to_owned(), |number| number.to_string());
            format!("{} {number}", class_of(os.kind))
        }
        _ => panic!("an error that Python has no word for: {error:?}"),
    }
}

fn class_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ConnectionRefused => "ConnectionRefusedError",
        ErrorKind::ConnectionReset => "ConnectionResetError",
        ErrorKind::ConnectionAborted => "ConnectionAbortedError",
        ErrorKind::BrokenPipe => "BrokenPipeError",
        ErrorKind::WouldBlock => "BlockingIOError",
        ErrorKind::PermissionDenied => "PermissionError",
        _ => "OSError",
    }
}

fn kind_of(error: &NameError) -> &'static str {
    match error {
        NameError::Unknown => "unknown",
        NameError::NoData => "no data",
        NameError::Temporary => "temporary",
        NameError::Service => "service",
        _ => "failed",
    }
}
