//! Sends back each line it gets. After `echo`, the second thing to read: most text protocols talk in lines, and the network
//! does not. It brings `hel`, then `lo\r\nhow a`, then `re you`; somebody has to put these together.
//!
//! ```text
//! $ cargo run --release --example line_echo
//! listening on 127.0.0.1:8007
//! ```
//!
//! In a second terminal: `printf 'one\ntwo\r\nthree' | nc -N 127.0.0.1 8007` prints three lines, each ended by CRLF.

mod common;

use std::process::ExitCode;

use ropewalk::{LineReceiver, Transport};

const HELP: &str = "
Usage: line_echo [ENDPOINT]... [--record FILE]
       line_echo --replay FILE
Sends back each line it gets. Listens on each ENDPOINT, or on tcp:8007 (port 8007 of this machine only).
Lines end with CRLF or LF and have at most 16,384 bytes; the replies end with CRLF.

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

/// One client. Half a line is kept by the reactor until its other half arrives, so there is nothing to remember here either.
struct LineEcho;

/// A `LineReceiver` is a protocol whose bytes are cut into lines first. What a line is, its method `lines` says; its default,
/// `Lines::default()`, is made for people with a telnet:
///
/// - A line ends with CRLF or with LF, and neither is part of it. `send` is `write` with a CRLF behind.
/// - If the client ends in the middle of a line, that is its last line, just as for a program that reads a file; a lone CR
///   there counts as half a CRLF. A protocol that must not obey half a command would say
///   `Lines::default().tail(UnfinishedLine::Drop)`.
/// - A line has at most 16,384 bytes. A longer one isn't kept in memory in the hope of an end: the client gets the replies to
///   the lines before it, and then the connection is closed. `line_too_long` could decide otherwise.
///
/// A line is bytes, `&[u8]`: whether they are to be UTF-8 is for the protocol to say, and this one doesn't mind.
impl LineReceiver for LineEcho {
    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        transport.send(line);
    }
}

fn main() -> ExitCode {
    common::serve(HELP, "tcp:8007", |listen| listen.serve(|_peer| LineEcho))
}
