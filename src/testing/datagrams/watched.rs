//! A protocol of datagrams that writes down its callbacks and passes them on. Owns the words of the log; changes nothing.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::datagram::{DatagramProtocol, DatagramTransport};
use crate::error::Lost;
use crate::testing::watched::in_words;

/// What was called, in words.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) lines: Vec<String>,
    pub(super) stopped: Option<Lost>,
}

/// A protocol and the log of its callbacks.
pub(super) struct Watched<P> {
    protocol: P,
    log: Rc<RefCell<Log>>,
}

impl<P> Watched<P> {
    pub(super) fn new(protocol: P, log: Rc<RefCell<Log>>) -> Self {
        Self { protocol, log }
    }

    fn word(&self, word: impl Into<String>) {
        self.log.borrow_mut().lines.push(word.into());
    }
}

impl<P: DatagramProtocol> DatagramProtocol for Watched<P> {
    fn started(&mut self, transport: &mut DatagramTransport<'_>) {
        self.word("started");
        self.protocol.started(transport);
    }

    fn datagram_received(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        data: &[u8],
        from: SocketAddr,
    ) {
        self.word(format!("{} from {from}", in_words("datagram", data)));
        self.protocol.datagram_received(transport, data, from);
    }

    fn datagram_truncated(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        data: &[u8],
        from: SocketAddr,
    ) {
        self.word(format!("{} from {from}", in_words("truncated", data)));
        self.protocol.datagram_truncated(transport, data, from);
    }

    fn connection_refused(&mut self, transport: &mut DatagramTransport<'_>) {
        self.word("refused");
        self.protocol.connection_refused(transport);
    }

    fn stopping(&mut self, transport: &mut DatagramTransport<'_>) {
        self.word("stopping");
        self.protocol.stopping(transport);
    }

    fn stopped(&mut self, transport: &mut DatagramTransport<'_>, reason: &Lost) {
        self.word(format!("stopped {reason}"));
        self.log.borrow_mut().stopped = Some(reason.clone());
        self.protocol.stopped(transport, reason);
    }

    fn type_name(&self) -> &'static str {
        self.protocol.type_name()
    }

    fn wrapped(&mut self) -> Option<&mut dyn DatagramProtocol> {
        Some(&mut self.protocol)
    }
}
