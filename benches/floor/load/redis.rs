//! Clients by other people: `redis-benchmark`, for which a server that sends its words back is a server. Owns the modes
//! `redis` and `redis-lines`. Its commands are lines, and an array of words is a sound reply to it.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::{Load, Round};
use crate::machine;

const PROGRAM: &str = "redis-benchmark";
/// With this a command is 64 bytes, as in `echo`, and five lines.
const WORD: &str = "forty-three bytes that an echo sends back .";
const LINES: u64 = 5;
/// About what a core does in a millisecond.
const COMMANDS: u128 = 60;

pub(crate) struct Redis {
    port: u16,
    /// Commands that a client sends before it has the first reply.
    pipelined: usize,
}

/// Whether this machine has it.
pub(crate) fn is_there() -> bool {
    let mut program = Command::new(PROGRAM);
    let version = program.arg("--version").stdout(Stdio::null());
    version.status().is_ok()
}

impl Redis {
    pub(crate) fn new(port: u16, pipelined: usize) -> Self {
        Self { port, pipelined }
    }
}

impl Load for Redis {
    /// The program takes a number of commands, no time: what it does until `end` is a guess.
    fn round(&mut self, end: Instant) -> Round {
        let time = end.saturating_duration_since(machine::now());
        let commands = time.as_millis().max(1) * COMMANDS * self.pipelined as u128;
        let output = Command::new(PROGRAM)
            .args(["-c", "50", "--csv", "-p", &self.port.to_string()])
            .args([
                "-n",
                &commands.to_string(),
                "-P",
                &self.pipelined.to_string(),
            ])
            .args(["ECHO", WORD])
            .output()
            .expect("the program was there before");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{PROGRAM} failed: {words}");
        let each = if self.pipelined > 1 { LINES } else { 1 };
        Round {
            operations: commands as u64 * each,
            ..Round::default()
        }
    }
}
