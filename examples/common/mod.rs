//! What every example does around its protocol: reads the command line, listens, says where, and ends with an exit code
//! that a script can tell apart. None of it is needed to use the crate.
#![allow(dead_code, reason = "each example takes what it needs")]

mod recording;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use ropewalk::{EndpointError, Error, Listen, Listener, Reactor, Report, ServerEndpoint};

/// Serves on each endpoint of the command line, or on `default` if it names none, until SIGINT or SIGTERM. `listen` puts
/// the protocol on an endpoint; it is called once for each, so what they share is made before. With `--record FILE` all that
/// happens is written to a tape, with `--replay FILE` it happens again as on the tape: see `recording`.
pub(crate) fn serve(
    help: &str,
    default: &str,
    listen: impl FnMut(Listen<'_>) -> ropewalk::Result<Listener>,
) -> ExitCode {
    match arguments(help) {
        Ok(arguments) => serve_as(&arguments, default, listen),
        Err(code) => code,
    }
}

/// The same for an example that has taken words of its own from the command line: with those that are left.
pub(crate) fn serve_as(
    arguments: &[String],
    default: &str,
    listen: impl FnMut(Listen<'_>) -> ropewalk::Result<Listener>,
) -> ExitCode {
    begin_to_log();
    match Task::read(arguments, default) {
        Ok(Task::Serve(endpoints)) => run(&endpoints, listen),
        Ok(Task::Record(file, endpoints)) => recording::record(&file, &endpoints, listen),
        Ok(Task::Replay(file)) => recording::replay(&file, listen),
        Err(code) => code,
    }
}

/// Warnings, and what a SIGUSR1 asks for.
pub(crate) fn begin_to_log() {
    let level = env_logger::Env::default().default_filter_or("warn,ropewalk::dump=info");
    env_logger::init_from_env(level);
}

/// What the command line asks for.
enum Task {
    Serve(Vec<ServerEndpoint>),
    Record(String, Vec<ServerEndpoint>),
    Replay(String),
}

impl Task {
    fn read(arguments: &[String], default: &str) -> Result<Self, ExitCode> {
        let [mut record, mut replay] = [None, None];
        let mut others = Vec::new();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let file = match word.as_str() {
                "--record" => &mut record,
                "--replay" => &mut replay,
                _ => {
                    others.push(word.clone());
                    continue;
                }
            };
            *file = words.next().cloned();
            if file.is_none() {
                return Err(refuse(format_args!("expected a file after {word}")));
            }
        }
        match (record, replay) {
            (None, None) => Ok(Self::Serve(endpoints(&others, default)?)),
            (Some(file), None) => Ok(Self::Record(file, endpoints(&others, default)?)),
            (None, Some(file)) if others.is_empty() => Ok(Self::Replay(file)),
            (None, Some(_)) => Err(refuse(format_args!(
                "expected nothing but --replay FILE, for the tape has the endpoints, in place of {:?}",
                others[0]
            ))),
            (Some(_), Some(_)) => Err(refuse("expected --record or --replay, not both")),
        }
    }
}

/// The command line without the program's name. An exit code if that is all there is to do.
pub(crate) fn arguments(help: &str) -> Result<Vec<String>, ExitCode> {
    let arguments: Result<Vec<String>, _> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.into_string())
        .collect();
    let arguments = arguments
        .map_err(|argument| refuse(format_args!("expected UTF-8 in argument {argument:?}")))?;
    if arguments.iter().any(|argument| argument == "--help") {
        say(help.trim());
        return Err(ExitCode::SUCCESS);
    }
    Ok(arguments)
}

/// What stands behind --timeout.
pub(crate) fn seconds(text: Option<String>) -> Result<Duration, String> {
    let seconds = text.and_then(|text| text.parse().ok());
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|timeout| !timeout.is_zero())
        .ok_or("expected a number of seconds after --timeout".to_owned())
}

/// All of them are understood, or nothing is done: a server must not come up by half.
pub(crate) fn endpoints<E>(arguments: &[String], default: &str) -> Result<Vec<E>, ExitCode>
where
    E: FromStr<Err = EndpointError>,
{
    if let Some(option) = arguments.iter().find(|argument| argument.starts_with('-')) {
        return Err(refuse(format_args!(
            "expected endpoints such as {default}, or --help, in place of {option:?}"
        )));
    }
    let arguments = match arguments {
        [] => &[default.to_owned()],
        some => some,
    };
    arguments
        .iter()
        .map(|argument| argument.parse().map_err(refuse))
        .collect()
}

/// Runs a reactor that listens on all of `endpoints`, and says so once it does.
pub(crate) fn run(
    endpoints: &[ServerEndpoint],
    listen: impl FnMut(Listen<'_>) -> ropewalk::Result<Listener>,
) -> ExitCode {
    end(ropewalk::run(|reactor| {
        listen_on(reactor, endpoints, listen).map(announce)
    }))
}

fn listen_on(
    reactor: &mut Reactor,
    endpoints: &[ServerEndpoint],
    mut listen: impl FnMut(Listen<'_>) -> ropewalk::Result<Listener>,
) -> ropewalk::Result<Vec<Listener>> {
    let listeners = endpoints
        .iter()
        .map(|endpoint| listen(reactor.listen(endpoint.clone())));
    listeners.collect()
}

fn announce(listeners: Vec<Listener>) {
    for listener in listeners {
        say(format_args!("listening on {}", listener.address()));
    }
}

pub(crate) fn end(outcome: ropewalk::Result<Report>) -> ExitCode {
    match outcome {
        Ok(_report) => ExitCode::SUCCESS,
        Err(Error::Endpoint(error)) => refuse(error),
        Err(error) => fail(1, error),
    }
}

/// An argument is not understood: what was expected, and where.
pub(crate) fn refuse(what: impl Display) -> ExitCode {
    fail(2, what)
}

/// Why nothing came of it, with an exit code that says of which kind that is.
pub(crate) fn fail(code: u8, what: impl Display) -> ExitCode {
    complain(what);
    ExitCode::from(code)
}

/// A line on stdout, at once. A server whose stdout was closed serves all the same; `println!` would panic.
pub(crate) fn say(line: impl Display) {
    let mut stdout = io::stdout().lock();
    let said = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    if let Err(error) = said {
        log::warn!("stdout: {error}");
    }
}

/// A line on stderr. If that is closed too, there is nobody left to tell.
fn complain(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
