//! Asks what a name comes to, or what an address is called: the lookups that stand before every call, by themselves. They wait
//! beside the loop, which has nothing else to do here, and would serve thousands of connections meanwhile.
//!
//! ```text
//! $ cargo run --release --example resolve localhost http
//! 127.0.0.1:80
//! ```

mod common;

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::rc::Rc;

use ropewalk::{NameError, Reactor};

const HELP: &str = "
Usage: resolve NAME [SERVICE]
       resolve --reverse ADDRESS
Prints the addresses of NAME, a line each, with the port of SERVICE (a name or a number) if there is one; or the name of ADDRESS.

  --help  this text

Exit codes: 0 something was found, 2 bad arguments, 3 nothing was found, and stderr says why: `gaierror: ..` of a name, `herror: ..`
of an address; 1 anything else
";

enum Question {
    Addresses {
        name: String,
        service: Option<String>,
    },
    Name(IpAddr),
}

fn question(arguments: &[String]) -> Result<Question, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--reverse", address] => match address.parse() {
            Ok(address) => Ok(Question::Name(address)),
            Err(_) => Err(format!(
                "expected an address after --reverse in place of {address:?}"
            )),
        },
        [option, ..] | [_, option] if option.starts_with('-') => Err(format!(
            "expected NAME, or --reverse ADDRESS, in place of {option:?}"
        )),
        [name] => Ok(Question::Addresses {
            name: name.to_owned(),
            service: None,
        }),
        [name, service] => Ok(Question::Addresses {
            name: name.to_owned(),
            service: Some(service.to_owned()),
        }),
        _ => Err("expected NAME and perhaps SERVICE, or --reverse ADDRESS".to_owned()),
    }
}

/// An address as text: with its port, if that was asked for.
fn text(address: SocketAddr, with_port: bool) -> String {
    match address {
        _ if with_port => address.to_string(),
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        _ => address.ip().to_string(),
    }
}

/// What there is to print, or the error's class in Python's words and what it says.
type Outcome = Result<Vec<String>, (&'static str, NameError)>;

/// Begins the lookup; what comes of it stands in `outcome` when the reactor has stopped.
fn begin(reactor: &mut Reactor, question: Question, outcome: Rc<RefCell<Option<Outcome>>>) {
    match question {
        Question::Addresses { name, service } => {
            let with_port = service.is_some();
            let mut look_up = reactor.look_up(&name);
            if let Some(service) = service {
                look_up = look_up.service(&service);
            }
            look_up.then(move |reactor, found| {
                let lines = |found: Vec<SocketAddr>| {
                    let lines = found.into_iter().map(|address| text(address, with_port));
                    lines.collect()
                };
                *outcome.borrow_mut() = Some(found.map(lines).map_err(|error| ("gaierror", error)));
                reactor.stop();
            });
        }
        Question::Name(address) => {
            reactor.look_up_name(address).then(move |reactor, found| {
                let found = found.map(|name| vec![name]);
                *outcome.borrow_mut() = Some(found.map_err(|error| ("herror", error)));
                reactor.stop();
            });
        }
    }
}

fn main() -> ExitCode {
    env_logger::init_from_env(env_logger::Env::default().default_filter_or("warn"));
    let question = match common::arguments(HELP).map(|arguments| question(&arguments)) {
        Ok(Ok(question)) => question,
        Ok(Err(what)) => return common::refuse(what),
        Err(code) => return code,
    };
    let outcome = Rc::default();
    let ours = Rc::clone(&outcome);
    let run = ropewalk::run(move |reactor| {
        begin(reactor, question, ours);
        Ok(())
    });
    if let Err(error) = run {
        return common::fail(1, error);
    }
    match outcome.take() {
        Some(Ok(lines)) => {
            lines.iter().for_each(common::say);
            ExitCode::SUCCESS
        }
        Some(Err((class, error))) => common::fail(3, format_args!("{class}: {error}")),
        None => common::fail(1, "interrupted"),
    }
}
