//! The three servers that benchmarks measure, with nothing around them: no log, no names, no commands.
//!
//! ```text
//! $ cargo run --release --example bench_server -- --mode chat --port 8007
//! listening on 127.0.0.1:8007
//! ```

mod common;

use std::process::ExitCode;

use ropewalk::{
    ConnectionId, Group, Limits, LineReceiver, Lines, Listen, Listener, Lost, Protocol,
    ServerEndpoint, Transport, UnfinishedLine,
};

const HELP: &str = "
Usage: bench_server --mode echo|lines|chat --port PORT
Listens on a port of this machine (0: the system chooses one).

  --mode echo   sends back what it gets
  --mode lines  sends back each line; lines end with CRLF
  --mode chat   sends each line to all other connections; lines end with CRLF
  --help        this text
";

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

/// To say how lines end spares the look for other endings.
fn strict_lines() -> Lines {
    Lines::crlf().tail(UnfinishedLine::Drop)
}

struct EchoLines;

impl LineReceiver for EchoLines {
    fn lines(&self) -> Lines {
        strict_lines()
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        transport.send(line);
    }
}

/// A connection's id is a good key where nobody needs names.
struct Speaker {
    room: Group<ConnectionId>,
}

impl LineReceiver for Speaker {
    fn lines(&self) -> Lines {
        strict_lines()
    }

    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let id = transport.id();
        self.room.join(transport, id);
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        let id = transport.id();
        self.room.send_except(transport, &id, line);
    }

    /// A group drops who is gone when it next sends; this is for clients who come and go and say nothing.
    fn connection_lost(&mut self, transport: &mut Transport<'_>, _reason: &Lost) {
        self.room.leave(&transport.id());
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Mode {
    Echo,
    Lines,
    Chat,
}

impl Mode {
    pub(crate) fn serve(self, listen: Listen<'_>) -> ropewalk::Result<Listener> {
        match self {
            Self::Echo => listen.serve(|_peer| Echo),
            Self::Lines => listen.serve(|_peer| EchoLines),
            Self::Chat => {
                let room = Group::new();
                // A benchmark's reader may fall behind for a moment, and a lost connection would spoil its numbers.
                listen
                    .limits(Limits::default().unsent(64 << 20))
                    .serve(move |_peer| Speaker { room: room.clone() })
            }
        }
    }
}

fn main() -> ExitCode {
    let (mode, endpoint) = match common::arguments(HELP).and_then(|arguments| read(&arguments)) {
        Ok(read) => read,
        Err(code) => return code,
    };
    common::run(&[endpoint], |listen| mode.serve(listen))
}

fn read(arguments: &[String]) -> Result<(Mode, ServerEndpoint), ExitCode> {
    let (mut mode, mut endpoint) = (None, None);
    for pair in arguments.chunks(2) {
        match [pair[0].as_str(), pair.get(1).map_or("", String::as_str)] {
            ["--mode", "echo"] => mode = Some(Mode::Echo),
            ["--mode", "lines"] => mode = Some(Mode::Lines),
            ["--mode", "chat"] => mode = Some(Mode::Chat),
            ["--port", port] if port.parse::<u16>().is_ok() => {
                endpoint = Some(format!("tcp:{port}").parse().map_err(common::refuse)?);
            }
            _ => {
                return Err(common::refuse(format_args!(
                    "expected --mode echo|lines|chat or --port 0 to 65535 in place of {:?}",
                    pair.join(" ")
                )));
            }
        }
    }
    mode.zip(endpoint)
        .ok_or_else(|| common::refuse("expected --mode echo|lines|chat and --port PORT"))
}
