//! Tells what is known of somebody: the finger of old, and the last program of the tutorial in `ropewalk::guide::finger`, where it is
//! built step by step. The protocols are in `finger.rs`; here is what a program has around them.
//!
//! ```text
//! $ cargo run --release --example finger -- tcp:1079 --set tcp:1080
//! listening on 127.0.0.1:1079
//! listening on 127.0.0.1:1080
//! ```
//!
//! In a second terminal, `printf 'root\r\nmowing the lawn\r\n' | nc 127.0.0.1 1080` sets what somebody is doing, and
//! `echo root | nc 127.0.0.1 1079` asks.

#[path = "../common/mod.rs"]
mod common;
mod finger;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use finger::{Finger, Lookup, Setter, Store};
use ropewalk::{Idle, Limits, ServerEndpoint};

const HELP: &str = "
Usage: finger [ENDPOINT]... [--set ENDPOINT]... [--users FILE]
Tells what is known of a name. Listens on each ENDPOINT, or on tcp:1079 (port 1079 of this machine only).

  tcp:1079              port 1079 of 127.0.0.1; port 0: the system chooses one
  tcp:1079:interface=*  port 1079 of all addresses
  --set ENDPOINT        takes two lines there, a name and what its owner is doing
  --users FILE          who there is, in the format of /etc/passwd, which is the default
  --help                this text
";

struct Options {
    endpoints: Vec<ServerEndpoint>,
    setters: Vec<ServerEndpoint>,
    users: String,
}

fn options(arguments: Vec<String>) -> Result<Options, ExitCode> {
    let (mut words, mut setters, mut users) = (Vec::new(), Vec::new(), "/etc/passwd".to_owned());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--set" | "--users" => {
                let missing =
                    || common::refuse(format_args!("expected something after {argument}"));
                let value = arguments.next().ok_or_else(missing)?;
                if argument == "--users" {
                    users = value;
                } else {
                    setters.push(value.parse().map_err(common::refuse)?);
                }
            }
            _ => words.push(argument),
        }
    }
    Ok(Options {
        endpoints: common::endpoints(&words, "tcp:1079")?,
        setters,
        users,
    })
}

/// Reads the table of users anew for each question, on a thread of its own: so it is up to date, and a slow disk holds nobody up.
fn lookup(users: String) -> Lookup {
    Arc::new(move |name| match std::fs::read(&users) {
        Ok(table) => known_of(&String::from_utf8_lossy(&table), name),
        Err(error) => {
            log::warn!("{users}: {error}");
            None
        }
    })
}

/// A line is `name:password:user:group:full name,more:home:shell`. Where he lives is nobody's business.
fn known_of(table: &str, name: &str) -> Option<String> {
    let fields = table
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let user = fields
        .filter(|fields| fields.len() >= 5)
        .find(|fields| fields[0] == name)?;
    let full_name = user[4].split(',').next().unwrap_or_default();
    Some(format!("Login: {name}  Name: {full_name}"))
}

/// Who asks nothing for half a minute has gone to sleep.
fn limits() -> Limits {
    Limits::default().idle(Idle::Reading, Duration::from_secs(30))
}

/// One store, and as many services as there are endpoints.
fn main() -> ExitCode {
    env_logger::init_from_env(env_logger::Env::default().default_filter_or("warn"));
    let options = match common::arguments(HELP).and_then(options) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let (store, lookup) = (Store::default(), lookup(options.users));
    let mut fingers = options.endpoints.len();
    let all = [options.endpoints, options.setters].concat();
    common::run(&all, |listen| {
        let (listen, store, lookup) = (listen.limits(limits()), store.clone(), Arc::clone(&lookup));
        if fingers > 0 {
            fingers -= 1;
            listen.serve(move |_peer| Finger::new(&store, &lookup))
        } else {
            listen.serve(move |_peer| Setter::new(&store))
        }
    })
}
