//! The servers under measure, each in a process of its own on the servers' core. Owns the processes: none outlives it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::machine;
use crate::server::SERVE;
use crate::service::Service;

/// The baseline, in whose cost the others' is told.
pub(crate) const BASELINE: &str = "epoll";
pub(crate) const MEASURED: &str = "ropewalk";
/// The same, and all that crosses its seam is written to a tape in the directory for temporary files.
pub(crate) const RECORDED: &str = "recorded";
/// `epoll` is the baseline, `control` the same once more: what its ratio differs from 1 is noise.
pub(crate) const PEERS: [&str; 4] = [BASELINE, MEASURED, RECORDED, "control"];
/// ropewalk as this benchmark's program of another build has it, which the environment names: a change beside what was.
pub(crate) const FORMER: &str = "former";
const FORMER_PROGRAM: &str = "FLOOR_FORMER";

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start(name: &'static str, service: Service, core: usize) -> Self {
        let (program, server) = if name == FORMER {
            let program = std::env::var_os(FORMER_PROGRAM);
            (
                program.expect("FLOOR_FORMER names a program").into(),
                MEASURED,
            )
        } else {
            let program = std::env::current_exe().expect("a program has a path");
            (program, name)
        };
        let mut process = Command::new(program)
            .args([SERVE, server, service.name(), &core.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let input = process.stdin.take();
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        let port = told(&mut output, "port ");
        Self {
            name,
            port: u16::try_from(port).expect("a port has 16 bits"),
            process,
            input,
            output,
        }
    }

    /// Nanoseconds of processor time so far.
    pub(crate) fn processor_time(&self) -> u64 {
        machine::processor_time(self.process.id())
    }

    pub(crate) fn resident(&self) -> u64 {
        machine::resident(self.process.id())
    }

    /// Ends the server; how many sends it made in its life.
    pub(crate) fn end(mut self) -> u64 {
        drop(self.input.take());
        if [MEASURED, RECORDED, FORMER].contains(&self.name) {
            machine::terminate(self.process.id());
        }
        let sends = told(&mut self.output, "sends ");
        let status = self.process.wait().expect("it is our child");
        assert!(status.success(), "{} ended with {status}", self.name);
        sends
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn told(output: &mut impl BufRead, what: &str) -> u64 {
    let mut line = String::new();
    output.read_line(&mut line).expect("a server speaks UTF-8");
    line.trim()
        .strip_prefix(what)
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("a server said {line:?} in place of {what:?} and a number"))
}
