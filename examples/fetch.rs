//! Asks a server one question and prints the whole answer: the client of every socket tutorial. The servers so far only
//! waited; this one calls, and has to tell the many ways in which a call can fail from each other.
//!
//! ```text
//! $ cargo run --release --example fetch tcp:localhost:8007 hello
//! ```
//!
//! With a `line_echo` running that prints `hello`, and then waits for more until the time-out: such a server does not end.

mod common;

use std::cell::RefCell;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{ClientEndpoint, ConnectError, Lines, Lost, Protocol, TimerId, Transport};

const HELP: &str = "
Usage: fetch ENDPOINT SELECTOR [--lines] [--timeout SECONDS]
Connects to ENDPOINT, sends SELECTOR and CRLF, and prints all that comes, to its end.

  tcp:HOST:PORT      a name or an address, and the number or the name of a service
  unix:/path         a Unix stream of this machine; unix:@name: one without a file
  --lines            prints each line with its number
  --timeout SECONDS  for connecting, and for each silence (10)
  --help             this text

Exit codes: 0 all came, 2 bad arguments, 3 unknown host or service, 4 refused, 5 timed out, 6 reset midway, 1 anything else
";

struct Options {
    endpoint: ClientEndpoint,
    selector: String,
    lines: bool,
    timeout: Duration,
}

/// Why there is no whole answer: the exit code, and a line for people.
type Failure = (u8, String);

/// The one connection. Its only state is which line it is at, and a timer that every byte puts off.
struct Fetch {
    options: Rc<Options>,
    number: u64,
    silence: Option<TimerId>,
    /// The first failure is the cause; what comes after it are its consequences.
    failure: Rc<RefCell<Option<Failure>>>,
}

impl Fetch {
    fn fails(&self, code: u8, what: impl ToString) {
        self.failure
            .borrow_mut()
            .get_or_insert((code, what.to_string()));
    }

    /// Somebody may have closed our standard output, as `head` does: then nobody wants the rest.
    fn print(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        let mut stdout = io::stdout().lock();
        let printed = if self.options.lines {
            self.number += 1;
            write!(stdout, "{} ", self.number)
                .and_then(|()| stdout.write_all(data))
                .and_then(|()| stdout.write_all(b"\n"))
        } else {
            stdout.write_all(data)
        };
        if let Err(error) = printed.and_then(|()| stdout.flush()) {
            self.fails(1, format_args!("stdout: {error}"));
            transport.abort_connection();
        }
    }

    fn wait(&mut self, transport: &mut Transport<'_>) {
        let timeout = self.options.timeout;
        if let Some(silence) = self.silence {
            transport.reactor().reset(silence, timeout);
            return;
        }
        // A closure on the transport gets its protocol back, and ends with it: there is nothing to cancel.
        self.silence = Some(transport.call_later(timeout, |this: &mut Self, transport| {
            let timeout = this.options.timeout;
            this.fails(5, format_args!("timed out: nothing came for {timeout:?}"));
            transport.abort_connection();
        }));
    }
}

impl Protocol for Fetch {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.write(format!("{}\r\n", self.options.selector));
        if self.options.lines {
            transport.set_framing(Lines::default().max_length(1 << 20));
        }
        self.wait(transport);
    }

    /// Bytes as they come, or, with a framing set, line by line.
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.wait(transport);
        self.print(transport, data);
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        match reason {
            Lost::Done(_) if transport.reactor().is_stopping() => self.fails(1, "interrupted"),
            Lost::Done(_) => {}
            Lost::TimedOut(_) => self.fails(5, reason),
            Lost::Reset => self.fails(6, reason),
            _ => self.fails(1, reason),
        }
        transport.reactor().stop();
    }
}

/// The ways in which a call fails are an enum, so that nobody has to read a message to tell them apart.
fn code_of(error: &ConnectError) -> u8 {
    // Of a name with several addresses, the attempt that tells most.
    match error.reason() {
        ConnectError::Endpoint(_) => 2,
        ConnectError::Name { .. } | ConnectError::Service { .. } => 3,
        ConnectError::Refused { .. } => 4,
        ConnectError::TimedOut { .. } => 5,
        _ => 1,
    }
}

fn options(arguments: Vec<String>) -> Result<Options, String> {
    let (mut words, mut lines, mut timeout) = (Vec::new(), false, Duration::from_secs(10));
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--lines" => lines = true,
            "--timeout" => timeout = common::seconds(arguments.next())?,
            option if option.starts_with("--") => {
                return Err(format!(
                    "expected --lines or --timeout in place of {option:?}"
                ));
            }
            _ => words.push(argument),
        }
    }
    let Ok([endpoint, selector]) = <[String; 2]>::try_from(words) else {
        return Err("expected ENDPOINT and SELECTOR".to_owned());
    };
    let endpoint = endpoint.parse().map_err(|error| format!("{error}"))?;
    Ok(Options {
        endpoint,
        selector,
        lines,
        timeout,
    })
}

fn main() -> ExitCode {
    env_logger::init_from_env(env_logger::Env::default().default_filter_or("warn"));
    let options = match common::arguments(HELP) {
        Ok(arguments) => match options(arguments) {
            Ok(options) => Rc::new(options),
            Err(what) => return common::refuse(what),
        },
        Err(code) => return code,
    };
    let failure: Rc<RefCell<Option<Failure>>> = Rc::default();
    let (ours, failed) = (Rc::clone(&failure), Rc::clone(&failure));
    let outcome = ropewalk::run(move |reactor| {
        let endpoint = options.endpoint.clone();
        reactor
            .connect(endpoint)
            .timeout(options.timeout)
            .failed(move |reactor, error| {
                *failed.borrow_mut() = Some((code_of(error), error.to_string()));
                reactor.stop();
            })
            .with(Fetch {
                options,
                number: 0,
                silence: None,
                failure: ours,
            });
        Ok(())
    });
    if let Err(error) = outcome {
        failure.borrow_mut().get_or_insert((1, error.to_string()));
    }
    match failure.take() {
        Some((code, what)) => common::fail(code, what),
        None => ExitCode::SUCCESS,
    }
}
