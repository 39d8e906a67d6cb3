//! Fetches a file from a server as tutorials of sockets have done it for forty years: connect, send, receive, with nothing in
//! between. It does it twice, by `recv` and by a file made of the socket, for these are the two ways.
//!
//! ```text
//! $ cargo run --release --example socket_tutorial localhost 70 /welcome.txt
//! ```
//!
//! There is no loop here, and nothing else happens while this program waits. For one question to one server that is all one needs;
//! `fetch` does the same on the loop, beside whatever else there is to do.

mod common;

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::time::Duration;

use ropewalk::OsError;
use ropewalk::socket::{self, Socket};

const HELP: &str = "
Usage: socket_tutorial HOST PORT FILENAME [--timeout SECONDS]
Connects to HOST, sends FILENAME and CRLF, and prints all that comes, to its end; then does so once more, by lines.

  PORT               a number, or the name of a service, such as gopher
  --timeout SECONDS  for connecting, and for each silence (10)
  --help             this text

Exit codes: 0 all came, 2 bad arguments, 3 unknown host or service, 4 refused, 5 timed out, 6 reset midway, 1 anything else
";

struct Question {
    host: String,
    port: String,
    filename: String,
    timeout: Duration,
}

/// Why nothing came of it: the network's errors have kinds, which become exit codes, and our own output may fail as well.
enum Failure {
    Socket(socket::Error),
    Service,
    Stdout(io::Error),
}

impl From<socket::Error> for Failure {
    fn from(error: socket::Error) -> Self {
        Self::Socket(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Stdout(error)
    }
}

/// The first way. `recv` returns whatever has come by then, perhaps half a line; nothing at all means that the server has said
/// its last word. Every tutorial warns of it: one `send` is not one `recv`.
fn fetch_by_recv(question: &Question) -> Result<(), Failure> {
    let socket = connect(question)?;
    socket.sendall(format!("{}\r\n", question.filename))?;
    let mut stdout = io::stdout().lock();
    loop {
        let data = socket.recv(2048)?;
        if data.is_empty() {
            break;
        }
        stdout.write_all(&data)?;
    }
    Ok(stdout.flush()?)
}

/// The second way. A file has a buffer, so there are lines again. What was written is in a buffer too: without the `flush`, both
/// sides would wait for the other one.
fn fetch_by_file(question: &Question) -> Result<(), Failure> {
    let mut file = connect(question)?.makefile();
    file.write(format!("{}\r\n", question.filename))?;
    file.flush()?;
    let mut stdout = io::stdout().lock();
    for line in file.readlines()? {
        stdout.write_all(&line)?;
    }
    Ok(stdout.flush()?)
}

/// The port is a number, or else the name of a service that the system's table has.
fn connect(question: &Question) -> Result<Socket, Failure> {
    let port = match question.port.parse() {
        Ok(port) => port,
        Err(_) => socket::getservbyname(&question.port, "tcp").map_err(|_| Failure::Service)?,
    };
    let address = (question.host.as_str(), port);
    Ok(socket::create_connection(address, question.timeout)?)
}

/// Python's `except` clauses, as one `match`.
fn code_of(error: &socket::Error) -> u8 {
    match error {
        socket::Error::Gaierror(_) => 3,
        socket::Error::Timeout => 5,
        socket::Error::Os(OsError { kind, .. }) => match kind {
            ErrorKind::ConnectionRefused => 4,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => 6,
            _ => 1,
        },
        _ => 1,
    }
}

fn question(arguments: Vec<String>) -> Result<Question, String> {
    let (mut words, mut timeout) = (Vec::new(), Duration::from_secs(10));
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--timeout" => timeout = common::seconds(arguments.next())?,
            option if option.starts_with("--") => {
                return Err(format!("expected --timeout in place of {option:?}"));
            }
            _ => words.push(argument),
        }
    }
    let Ok([host, port, filename]) = <[String; 3]>::try_from(words) else {
        return Err("expected HOST, PORT and FILENAME".to_owned());
    };
    if port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_err() {
        return Err(format!(
            "expected a port (0 to 65535, or a service's name) in place of {port:?}"
        ));
    }
    Ok(Question {
        host,
        port,
        filename,
        timeout,
    })
}

fn main() -> ExitCode {
    let question = match common::arguments(HELP) {
        Ok(arguments) => match question(arguments) {
            Ok(question) => question,
            Err(what) => return common::refuse(what),
        },
        Err(code) => return code,
    };
    let Question { host, port, .. } = &question;
    match fetch_by_recv(&question).and_then(|()| fetch_by_file(&question)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Socket(error)) => {
            common::fail(code_of(&error), format_args!("{host} {port}: {error}"))
        }
        Err(Failure::Service) => common::fail(3, format_args!("{port}: no such service")),
        Err(Failure::Stdout(error)) => common::fail(1, format_args!("stdout: {error}")),
    }
}
