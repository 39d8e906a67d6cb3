//! The signals that a network tells of. Owns their names; catching them is each network's part.

use std::fmt;

/// A signal that a reactor listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C. It asks the program to end.
    Interrupt,
    /// SIGTERM, likewise.
    Terminate,
    /// SIGUSR1: it asks for a [dump](crate::Reactor::dump).
    User1,
}

/// How many there are.
pub(super) const SIGNALS: usize = 3;

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::User1 => "SIGUSR1",
        })
    }
}
