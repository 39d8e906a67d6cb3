//! The quote of the day. Owns one answer of a connection; where the quotes come from is for who makes it.

use std::rc::Rc;

use crate::protocol::Protocol;
use crate::transport::Transport;

/// Sends one of its quotes, drawn by the reactor's randomness, and ends (RFC 865, which asks for less than 512 characters). Without any
/// it ends at once.
#[derive(Clone, Debug)]
pub struct Qotd {
    quotes: Rc<[String]>,
}

impl Qotd {
    /// With these quotes, which all connections may share. Each may be of several lines, which are sent with CRLF.
    pub fn new(quotes: impl Into<Rc<[String]>>) -> Self {
        let quotes = quotes.into();
        Self { quotes }
    }
}

impl Protocol for Qotd {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let drawn = transport.reactor().random();
        if let Some(place) = drawn.checked_rem(self.quotes.len() as u64) {
            for line in self.quotes[place as usize].lines() {
                transport.write(format!("{line}\r\n"));
            }
        }
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}
