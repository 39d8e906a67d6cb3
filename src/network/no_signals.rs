//! Where there are no signals to watch. Owns nothing; refuses everything.

use std::io;

use mio::{Registry, Token};

use super::Signal;
use super::signal::SIGNALS;

/// There is never one.
#[derive(Debug)]
pub(super) enum Signals {}

impl Signals {
    pub(super) fn watch(_registry: &Registry, _tokens: [Token; SIGNALS]) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn drain(&mut self, _token: Token, _caught: &mut Vec<Signal>) {
        match *self {}
    }
}
