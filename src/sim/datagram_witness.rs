//! A protocol of datagrams in a simulated world with a witness around it: passes every callback on, and sees to it that they come as
//! promised. Owns the order of what one protocol hears.

use std::net::SocketAddr;
use std::rc::Rc;

use super::judge::Judge;
use super::trace::{Callback, Excerpt, What};
use super::witness::Under;
use crate::datagram::{DatagramProtocol, DatagramTransport};
use crate::error::Lost;

/// Passes callbacks on, and judges them.
pub(super) struct DatagramWitness {
    protocol: Box<dyn DatagramProtocol>,
    judge: Rc<Judge>,
    stage: Stage,
}

/// How far the life of a protocol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Started,
    Stopped,
}

impl DatagramWitness {
    pub(super) fn new(protocol: Box<dyn DatagramProtocol>, judge: Rc<Judge>) -> Self {
        Self {
            protocol,
            judge,
            stage: Stage::New,
        }
    }

    /// A callback begins, which is promised only at one stage.
    fn enter(
        &mut self,
        transport: &DatagramTransport<'_>,
        what: &'static str,
        at: Stage,
        callback: impl FnOnce() -> Callback,
    ) -> Under {
        let (id, stage) = (transport.id(), self.stage);
        let under = Under::begin(&self.judge, what, &id);
        if stage != at {
            self.judge.verdict.say("grammar", || {
                format!("{id} hears {what} when it is {stage:?}")
            });
        }
        let fabric = &mut *self.judge.fabric.borrow_mut();
        fabric.tally_callback(what);
        if !fabric.story().is_off() {
            fabric.note(self.judge.host, What::Callback(callback()));
        }
        under
    }
}

impl DatagramProtocol for DatagramWitness {
    fn started(&mut self, transport: &mut DatagramTransport<'_>) {
        let _under = self.enter(transport, "started", Stage::New, || {
            Callback::Other("started")
        });
        self.stage = Stage::Started;
        self.judge.begins_on_datagrams(transport.id());
        self.judge.panic_if_chosen();
        self.protocol.started(transport);
    }

    fn datagram_received(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        data: &[u8],
        from: SocketAddr,
    ) {
        let _under = self.enter(transport, "datagram", Stage::Started, || {
            Callback::Datagram(Excerpt::of(data))
        });
        self.judge.panic_if_chosen();
        self.protocol.datagram_received(transport, data, from);
    }

    fn datagram_truncated(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        data: &[u8],
        from: SocketAddr,
    ) {
        let _under = self.enter(transport, "truncated", Stage::Started, || {
            Callback::Other("truncated")
        });
        self.judge.panic_if_chosen();
        self.protocol.datagram_truncated(transport, data, from);
    }

    fn connection_refused(&mut self, transport: &mut DatagramTransport<'_>) {
        let _under = self.enter(transport, "refused", Stage::Started, || {
            Callback::Other("refused")
        });
        self.judge.panic_if_chosen();
        self.protocol.connection_refused(transport);
    }

    fn stopping(&mut self, transport: &mut DatagramTransport<'_>) {
        let _under = self.enter(transport, "stopping", Stage::Started, || {
            Callback::Other("stopping")
        });
        self.judge.panic_if_chosen();
        self.protocol.stopping(transport);
    }

    fn stopped(&mut self, transport: &mut DatagramTransport<'_>, reason: &Lost) {
        let _under = self.enter(transport, "stopped", Stage::Started, || {
            Callback::Other("stopped")
        });
        self.stage = Stage::Stopped;
        self.judge.ends_on_datagrams(transport.id());
        self.protocol.stopped(transport, reason);
        // Behind it, for who hears of no end can't tidy up.
        self.judge.panic_if_chosen();
    }

    fn type_name(&self) -> &'static str {
        self.protocol.type_name()
    }

    fn wrapped(&mut self) -> Option<&mut dyn DatagramProtocol> {
        Some(&mut *self.protocol)
    }
}
