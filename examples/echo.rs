//! Sends back what it gets: the smallest server there is, and a good place to begin.
//!
//! ```text
//! $ cargo run --release --example echo
//! listening on 127.0.0.1:8007
//! ```
//!
//! In a second terminal, `nc 127.0.0.1 8007` or `telnet 127.0.0.1 8007`; what you type comes back when you press RETURN.
//! Ctrl-C ends the server.

mod common;

use std::process::ExitCode;

use ropewalk::{Protocol, Transport};

const HELP: &str = "
Usage: echo [ENDPOINT]...
Sends back what it gets. Listens on each ENDPOINT, or on tcp:8007 (port 8007 of this machine only).

  tcp:8007              port 8007 of 127.0.0.1; port 0: the system chooses one
  tcp:8007:interface=*  port 8007 of all addresses
  tcp6:8007             port 8007 of ::1
  --help                this text
";

/// A protocol is one connection's behaviour: there is one `Echo` for each client. This one has nothing to remember.
struct Echo;

/// `data_received` is the only method a protocol must have. The others have defaults, and three of those are at work here:
///
/// - Bytes arrive in whatever portions the network cuts, and leave when our callback has returned: `write` only puts them in
///   a queue, so it can neither block nor fail. A client that sends 30 MB before it reads any would fill our memory, were it
///   not for `pause_writing`: once 64 KiB wait to be sent, its connection is not read any more, so the client's system
///   notices that we are full and makes it wait, until `resume_writing`. Not a byte is lost.
/// - When the client has sent its last byte, `eof_received` calls `transport.lose_connection()`. That isn't the end at once:
///   what we still owe is sent before.
/// - When the server is told to stop (SIGINT, SIGTERM), each connection hears `stopping`, and ends in the same way.
impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

/// `common::serve` reads the command line and calls `ropewalk::run`. With neither, all of `main` would be
///
/// ```text
/// ropewalk::run(|reactor| reactor.listen("tcp:8007").serve(|_peer| Echo).map(drop)).map(drop)
/// ```
fn main() -> ExitCode {
    common::serve(HELP, "tcp:8007", |listen| listen.serve(|_peer| Echo))
}
