//! The server as its parent has it. Owns the process: it does not outlive this one.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::figures::Figures;
use crate::machine;
use crate::server::SERVE;
use crate::ways::SERVICES;

/// How long the server may take to come to rest when the last client has gone: well beyond every deadline of it.
const REST_WITHIN: Duration = Duration::from_secs(20);

pub(crate) struct Serving {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    ports: [u16; SERVICES.len()],
}

impl Serving {
    pub(crate) fn start(core: usize) -> Self {
        let program = std::env::current_exe().expect("a program has a path");
        let mut process = Command::new(program)
            .args([SERVE, &core.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut serving = Self {
            process,
            input,
            output,
            ports: [0; SERVICES.len()],
        };
        let said = serving.hear();
        let ports: Vec<u16> = said.split_whitespace().flat_map(str::parse).collect();
        serving.ports = ports.try_into().expect("each service has a port");
        serving
    }

    /// In the order of [`SERVICES`].
    pub(crate) fn ports(&self) -> [u16; SERVICES.len()] {
        self.ports
    }

    /// The figures once no connection is left, or as they are when that takes too long.
    pub(crate) fn figures_at_rest(&mut self) -> Figures {
        let begin = machine::now();
        loop {
            let mut figures = Figures::read(&self.ask("figures"));
            if figures.of("connections") == 0 || begin.elapsed() > REST_WITHIN {
                let process = self.process.id();
                figures.add("resident", machine::resident(process));
                figures.add("descriptors", descriptors(process));
                return figures;
            }
            machine::pause(Duration::from_millis(10));
        }
    }

    pub(crate) fn dump(&mut self) -> String {
        self.ask("dump")
    }

    pub(crate) fn end(mut self) {
        drop(self.input.take());
        let status = self.process.wait().expect("it is our child");
        assert!(status.success(), "the server ended with {status}");
    }

    fn ask(&mut self, what: &str) -> String {
        let input = self.input.as_mut().expect("it has not ended");
        writeln!(input, "{what}").expect("the server listens");
        self.hear()
    }

    /// What the server says, up to an empty line.
    fn hear(&mut self) -> String {
        let mut said = String::new();
        loop {
            let size = self.output.read_line(&mut said);
            assert!(size.expect("it speaks UTF-8") > 0, "the server is gone");
            if said.ends_with("\n\n") {
                said.truncate(said.len() - 2);
                return said;
            }
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn descriptors(process: u32) -> u64 {
    let open = fs::read_dir(format!("/proc/{process}/fd")).expect("the server runs");
    open.count() as u64
}
