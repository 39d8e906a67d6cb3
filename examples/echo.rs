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

use ropewalk::{Limits, Protocol, Transport};

const HELP: &str = "
Usage: echo [ENDPOINT]... [--record FILE]
       echo --replay FILE
Sends back what it gets. Listens on each ENDPOINT, or on tcp:8007 (port 8007 of this machine only).

  tcp:8007              port 8007 of 127.0.0.1; port 0: the system chooses one
  tcp:8007:interface=*  port 8007 of all addresses
  tcp6:8007             port 8007 of ::1
  unix:/path            a socket file, in the place of a dead one; unix:/path:mode=660: with this mode
  unix:@name            a name without a file (Linux)
  fd:3                  a listening socket that was inherited under this number
  systemd:index=0       one that systemd has passed; systemd:name=NAME: by its name
  --record FILE         writes all that happens to FILE, a tape; one that is there is kept, as FILE.1 or FILE.2 ...
  --replay FILE         does again what is on the tape, without a network, and tells the first difference
  --help                this text
";

/// A protocol is one connection's behaviour: there is one `Echo` for each client. This one has nothing to remember.
struct Echo;

/// `data_received` is the only method a protocol must have. The others have defaults, and three of those are at work here:
///
/// - Bytes arrive in whatever portions the network cuts, and leave when our callback has returned: `write` only puts them in
///   a queue, so it can neither block nor fail. A client that sends and never reads would fill our memory, were it not for
///   `pause_writing`: once so much waits to be sent, its connection is not read any more, so the client's system notices
///   that we are full and makes it wait, until `resume_writing`. Not a byte is lost.
/// - When the client has sent its last byte, `eof_received` calls `transport.lose_connection()`. That isn't the end at once:
///   what we still owe is sent before.
/// - When the server is told to stop (SIGINT, SIGTERM), each connection hears `stopping`, and ends in the same way.
impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

/// How much may wait is a listener's setting. The default, 64 KiB, is right for clients that talk and listen by turns. Ours
/// may say all they have before they listen, as the simplest of programs do: 30 MB of that must not leave both sides waiting
/// for the other, so up to 32 MiB wait for each client.
fn limits() -> Limits {
    const MIB: usize = 1024 * 1024;
    Limits::default()
        .water_marks(8 * MIB, 32 * MIB)
        .unsent(64 * MIB)
}

/// `common::serve` reads the command line and calls `ropewalk::run`. With neither, all of `main` would be
///
/// ```text
/// ropewalk::run(|reactor| reactor.listen("tcp:8007").serve(|_peer| Echo).map(drop)).map(drop)
/// ```
fn main() -> ExitCode {
    common::serve(HELP, "tcp:8007", |listen| {
        listen.limits(limits()).serve(|_peer| Echo)
    })
}
