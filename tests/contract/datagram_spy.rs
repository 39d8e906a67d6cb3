//! A protocol of datagrams that writes down what it hears, and does what a test tells it to. Owns the log's words; asserts nothing.

use std::net::SocketAddr;

use ropewalk::{DatagramProtocol, DatagramSocket, DatagramTransport, Lost};

use crate::spy::Log;
use crate::world::World;

type Act = Box<dyn FnMut(&mut DatagramTransport<'_>)>;
type OnDatagram = Box<dyn FnMut(&mut DatagramTransport<'_>, &[u8], SocketAddr)>;

/// By default: notes `started`, `datagram TEXT`, `truncated TEXT`, `refused`, `stopping` and `stopped REASON`, and does what a
/// protocol of datagrams does by default.
pub(crate) struct DatagramSpy {
    log: Log,
    started: Option<Act>,
    on_datagram: Option<OnDatagram>,
    stopping: Option<Act>,
    stopped: Option<Act>,
}

impl DatagramSpy {
    pub(crate) fn new(log: &Log) -> Self {
        Self {
            log: log.clone(),
            started: None,
            on_datagram: None,
            stopping: None,
            stopped: None,
        }
    }

    pub(crate) fn started(mut self, act: impl FnMut(&mut DatagramTransport<'_>) + 'static) -> Self {
        self.started = Some(Box::new(act));
        self
    }

    pub(crate) fn datagram(
        mut self,
        act: impl FnMut(&mut DatagramTransport<'_>, &[u8], SocketAddr) + 'static,
    ) -> Self {
        self.on_datagram = Some(Box::new(act));
        self
    }

    pub(crate) fn echo(self) -> Self {
        self.datagram(|transport, data, from| transport.send_to(data, from))
    }

    pub(crate) fn stopping(
        mut self,
        act: impl FnMut(&mut DatagramTransport<'_>) + 'static,
    ) -> Self {
        self.stopping = Some(Box::new(act));
        self
    }

    pub(crate) fn stopped(mut self, act: impl FnMut(&mut DatagramTransport<'_>) + 'static) -> Self {
        self.stopped = Some(Box::new(act));
        self
    }

    /// Puts it on a free port of the loopback address.
    #[track_caller]
    pub(crate) fn on(self, world: &World) -> DatagramSocket {
        let bound = world.on(|reactor| reactor.bind("udp:0").with(self));
        bound.expect("a free port can be bound")
    }
}

/// What a log says of a datagram: all of a short one, of a long one its length.
pub(crate) fn words(data: &[u8]) -> String {
    match data.len() {
        0..60 => data.escape_ascii().to_string(),
        size => format!("of {size}"),
    }
}

impl DatagramProtocol for DatagramSpy {
    fn started(&mut self, transport: &mut DatagramTransport<'_>) {
        self.log.note("started");
        if let Some(act) = &mut self.started {
            act(transport);
        }
    }

    fn datagram_received(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        data: &[u8],
        from: SocketAddr,
    ) {
        self.log.note(format!("datagram {}", words(data)));
        if let Some(act) = &mut self.on_datagram {
            act(transport, data, from);
        }
    }

    fn datagram_truncated(
        &mut self,
        _: &mut DatagramTransport<'_>,
        data: &[u8],
        _from: SocketAddr,
    ) {
        self.log.note(format!("truncated {}", words(data)));
    }

    fn connection_refused(&mut self, _: &mut DatagramTransport<'_>) {
        self.log.note("refused");
    }

    fn stopping(&mut self, transport: &mut DatagramTransport<'_>) {
        self.log.note("stopping");
        match &mut self.stopping {
            Some(act) => act(transport),
            None => ByDefault.stopping(transport),
        }
    }

    fn stopped(&mut self, transport: &mut DatagramTransport<'_>, reason: &Lost) {
        self.log.note(format!("stopped {reason}"));
        if let Some(act) = &mut self.stopped {
            act(transport);
        }
    }
}

/// Does what a protocol does that says nothing else.
pub(crate) struct ByDefault;

impl DatagramProtocol for ByDefault {
    fn datagram_received(&mut self, _: &mut DatagramTransport<'_>, _: &[u8], _: SocketAddr) {}
}
