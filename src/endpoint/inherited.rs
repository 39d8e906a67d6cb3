//! Listening sockets that a process is started with, in descriptions. Owns how they are named; whether there is such a one
//! the network finds out.

use std::fmt;

use super::grammar::{Arguments, Escaped};
use super::server::ServerEndpoint;
use super::tcp_server::is_digits;
use crate::error::EndpointError;

/// A listening socket that the process was started with. It is bound already: its family is found out, interface and mode are
/// whoever's who has bound it, and a socket file is not removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inherited {
    /// `fd:NUMBER`: a descriptor's number, as a shell or a supervisor says it.
    Descriptor(u32),
    /// `systemd:index=N`: the Nth of those that were passed as systemd does, counted from 0.
    SystemdIndex(u32),
    /// `systemd:name=NAME`: the first that was passed under this name.
    SystemdName(String),
}

pub(super) const SYSTEMD_KEYS: &str = "index, name";

pub(super) fn descriptor(arguments: &mut Arguments<'_>) -> Result<ServerEndpoint, EndpointError> {
    let expected = "the number of a descriptor";
    let piece = arguments.positional(expected)?;
    arguments.no_more_positional("nothing after the number")?;
    match number(&piece.text).filter(|number| i32::try_from(*number).is_ok()) {
        Some(number) => Ok(Inherited::Descriptor(number).into()),
        None => Err(arguments.expected(piece.at, expected)),
    }
}

pub(super) fn systemd(arguments: &mut Arguments<'_>) -> Result<ServerEndpoint, EndpointError> {
    let expected = "index=NUMBER or name=NAME";
    arguments.no_more_positional(expected)?;
    let index = arguments.keyed(&["index"])?;
    let name = arguments.keyed(&["name"])?;
    let socket = match (index, name) {
        (Some(index), None) => match number(&index.text) {
            Some(number) => Inherited::SystemdIndex(number),
            None => return Err(arguments.expected(index.at, "a number, counted from 0")),
        },
        (None, Some(name)) if name.text.is_empty() => {
            return Err(arguments.expected(name.at, "a name"));
        }
        (None, Some(name)) => Inherited::SystemdName(name.text),
        (Some(_), Some(name)) => {
            return Err(arguments.expected(name.at, "either index or name, not both"));
        }
        (None, None) => return Err(arguments.missing(expected)),
    };
    Ok(socket.into())
}

fn number(text: &str) -> Option<u32> {
    is_digits(text).then(|| text.parse().ok()).flatten()
}

/// `fd:3`, `systemd:index=0`, `systemd:name=web`.
impl fmt::Display for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Descriptor(number) => write!(f, "fd:{number}"),
            Self::SystemdIndex(index) => write!(f, "systemd:index={index}"),
            Self::SystemdName(name) => write!(f, "systemd:name={}", Escaped(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::is_refused;

    #[test]
    fn what_is_shown_is_read_back() {
        for description in [
            "fd:0",
            "fd:3",
            "systemd:index=0",
            "systemd:index=12",
            "systemd:name=web",
            r"systemd:name=a\:b",
        ] {
            let endpoint: ServerEndpoint = description.parse().unwrap();
            assert_eq!(endpoint.to_string(), description);
        }
    }

    #[test]
    fn refusals_say_where_and_what_was_expected() {
        let number = "the number of a descriptor";
        let which = "index=NUMBER or name=NAME";
        for (description, at, expected) in [
            ("fd", 2, number),
            ("fd:", 3, number),
            ("fd:-1", 3, number),
            ("fd:x", 3, number),
            ("fd:2147483648", 3, number),
            ("fd:3:4", 5, "nothing after the number"),
            ("fd:3:mode=600", 5, "one of the keys (there are none)"),
            ("systemd", 7, which),
            ("systemd:", 8, which),
            ("systemd:0", 8, which),
            ("systemd:index=", 14, "a number, counted from 0"),
            ("systemd:index=-1", 14, "a number, counted from 0"),
            ("systemd:name=", 13, "a name"),
            (
                "systemd:index=0:name=a",
                21,
                "either index or name, not both",
            ),
            (
                "systemd:domain=INET:index=0",
                8,
                "one of the keys index, name",
            ),
        ] {
            is_refused::<ServerEndpoint>(description, at, expected);
        }
    }
}
