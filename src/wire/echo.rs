//! The two services that do nothing with what they get. Owns no state.

use crate::protocol::Protocol;
use crate::transport::Transport;

/// Sends back what it gets (RFC 862). A peer that does not read is not read either.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

/// Throws away what it gets, and says nothing (RFC 863).
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Protocol for Discard {
    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}
