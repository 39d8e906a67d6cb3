//! A log of what goes over a connection's wire, for those who asked for it. Owns its form and how much of it is shown; does
//! not see what layers make of the bytes.

use std::fmt;
use std::sync::Arc;

use crate::address::Address;
use crate::network::Time;
use crate::rate::Direction;
use crate::table::ConnectionId;

/// Bytes of a piece that are shown by default: enough to see what a program says.
const SHOWN: usize = 256;

/// Bytes that went over a connection's wire, see [`TrafficLog::to`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Traffic<'a> {
    /// The reactor's time.
    pub time: Time,
    /// Whose they are.
    pub id: ConnectionId,
    /// Who is at the other end.
    pub peer: Option<Address>,
    /// Where they went.
    pub direction: Direction,
    /// All of them, as the system gave or took them.
    pub bytes: &'a [u8],
}

type Sink = Arc<dyn Fn(&Traffic<'_>) + Send + Sync>;

/// A log of the bytes of connections, see [`Limits::traffic_log`](crate::Limits::traffic_log).
///
/// Each piece is a line of the crate `log`, at target `ropewalk::traffic`, level info: who, which way, how many, and the
/// bytes. They are those of the wire, so under a layer that encrypts they are encrypted.
///
/// ```text
/// #0.0 127.0.0.1:40312 <- 7 B "hello\r\n"
/// #0.0 127.0.0.1:40312 -> 7 B "hello\r\n"
/// ```
///
/// ```
/// use ropewalk::{Limits, TrafficLog};
///
/// let limits = Limits::default().traffic_log(TrafficLog::hex().length(32));
/// // Or to wherever it is wanted.
/// let log = TrafficLog::text().to(|traffic| println!("{}: {} bytes", traffic.id, traffic.bytes.len()));
/// # let _ = (limits, log);
/// ```
#[derive(Clone)]
pub struct TrafficLog {
    form: Form,
    length: usize,
    sink: Option<Sink>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Hex,
}

impl TrafficLog {
    /// Bytes as text, what is not ASCII escaped.
    pub fn text() -> Self {
        Self {
            form: Form::Text,
            length: SHOWN,
            sink: None,
        }
    }

    /// Bytes as hexadecimal digits.
    pub fn hex() -> Self {
        Self {
            form: Form::Hex,
            ..Self::text()
        }
    }

    /// How many bytes of a piece are shown; an ellipsis stands for the rest. Default 256.
    pub fn length(mut self, bytes: usize) -> Self {
        self.length = bytes;
        self
    }

    /// Has `sink` called with each piece, in place of a line in the log. A panic in it ends the connection, as one in its
    /// protocol would.
    pub fn to(mut self, sink: impl Fn(&Traffic<'_>) + Send + Sync + 'static) -> Self {
        self.sink = Some(Arc::new(sink));
        self
    }

    /// Whether anybody would see it.
    pub(crate) fn is_heard(&self) -> bool {
        self.sink.is_some() || log::log_enabled!(target: "ropewalk::traffic", log::Level::Info)
    }

    pub(crate) fn write(&self, traffic: &Traffic<'_>) {
        match &self.sink {
            Some(sink) => sink(traffic),
            None => log::info!(target: "ropewalk::traffic", "{}", self.line(traffic)),
        }
    }

    fn line(&self, traffic: &Traffic<'_>) -> String {
        let Traffic { id, bytes, .. } = traffic;
        let peer = traffic.peer.as_ref();
        let peer = peer.map_or_else(|| "?".to_owned(), Address::to_string);
        let arrow = match traffic.direction {
            Direction::Received => "<-",
            Direction::Sent => "->",
        };
        let shown = &bytes[..bytes.len().min(self.length)];
        let more = if shown.len() < bytes.len() { "…" } else { "" };
        let shown = match self.form {
            Form::Text => format!("\"{}{more}\"", shown.escape_ascii()),
            Form::Hex => format!("{}{more}", hex(shown)),
        };
        format!("{id} {peer} {arrow} {} B {shown}", bytes.len())
    }
}

fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}

impl PartialEq for TrafficLog {
    fn eq(&self, other: &Self) -> bool {
        let same_sink = match (&self.sink, &other.sink) {
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            (None, None) => true,
            _ => false,
        };
        same_sink && (self.form, self.length) == (other.form, other.length)
    }
}

impl Eq for TrafficLog {}

impl fmt::Debug for TrafficLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrafficLog")
            .field("form", &self.form)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}
