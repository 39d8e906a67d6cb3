//! Ports as they are written. Owns which texts are one; does not look services up.

use std::fmt;

use super::grammar::{Arguments, Piece};
use crate::error::EndpointError;

/// A TCP port, by its number or by the name of its service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Port {
    /// The number; to listen on 0 is to let the system choose one.
    Number(u16),
    /// The name of a service, such as `http`, to be found in the system's table when the endpoint is used.
    Service(String),
}

impl Port {
    pub(super) const EXPECTED: &str = "a port (0 to 65535, or a service's name)";

    pub(super) fn read(piece: &Piece, arguments: &Arguments<'_>) -> Result<Self, EndpointError> {
        Self::from_text(&piece.text).ok_or_else(|| arguments.expected(piece.at, Self::EXPECTED))
    }

    /// A name has a letter in it, so that a mistyped number is not taken for one.
    fn from_text(text: &str) -> Option<Self> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+/*".contains(&byte);
        if is_digits(text) {
            text.parse().ok().map(Self::Number)
        } else if text.bytes().all(is_name) && text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            Some(Self::Service(text.to_owned()))
        } else {
            None
        }
    }
}

impl From<u16> for Port {
    fn from(number: u16) -> Self {
        Self::Number(number)
    }
}

/// `8007`, `http`.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Service(name) => super::grammar::Escaped(name).fmt(f),
        }
    }
}

/// The standard parsers take a sign as well, which no endpoint has.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_or_a_name() {
        assert_eq!(Port::from_text("0"), Some(Port::Number(0)));
        assert_eq!(Port::from_text("65535"), Some(Port::Number(65_535)));
        for name in ["http", "z3950", "iso-tsap", "whois++", "3com-tsmux"] {
            assert_eq!(Port::from_text(name), Some(Port::Service(name.to_owned())));
        }
        for neither in ["", "65536", "-1", "+80", "8 0", " 80", "127.0.0.1", "hé"] {
            assert_eq!(Port::from_text(neither), None, "{neither}");
        }
    }
}
