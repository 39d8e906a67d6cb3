//! Joins each client with a connection to somewhere else: a port forwarder, a tunnel's mouth, half of every proxy. There is no
//! protocol of its own to read here, which is the point: `Forward` is a factory like any other.
//!
//! ```text
//! $ cargo run --release --example echo tcp:8008 &
//! $ cargo run --release --example forward tcp:8007 tcp:localhost:8008
//! listening on 127.0.0.1:8007
//! ```
//!
//! What takes care by itself, and is wrong in most forwarders that are written by hand:
//!
//! - A client is not read before the other connection stands; if that can't be made, the client is closed at once.
//! - Who does not read makes the reactor stop reading the other one: each pair holds a bounded number of bytes.
//! - An end is passed on behind all that came before it, and the other direction stays open.
//! - A connection that breaks breaks its partner, so that nobody takes half an answer for a whole one.

mod common;

use std::process::ExitCode;

use ropewalk::{ClientEndpoint, Forward, ServerEndpoint};

const HELP: &str = "
Usage: forward LISTEN TARGET
Listens on LISTEN and joins each client with a connection to TARGET, both ways.

  tcp:8007              as LISTEN: port 8007 of 127.0.0.1; port 0: the system chooses one
  tcp:8007:interface=*  as LISTEN: port 8007 of all addresses
  unix:/path            as LISTEN: a socket file, in the place of a dead one; unix:@name: a name without a file
  fd:3, systemd:name=N  as LISTEN: a listening socket that was inherited
  tcp:HOST:PORT         as TARGET: a name or an address, looked up anew for each client
  unix:/path            as TARGET: a Unix stream of this machine; unix:@name: one without a file
  --help                this text
";

/// Both endpoints are understood before anything is listened on.
fn endpoints(arguments: &[String]) -> Result<(ServerEndpoint, ClientEndpoint), ExitCode> {
    let [listen, target] = arguments else {
        return Err(common::refuse(format_args!(
            "expected two endpoints, LISTEN and TARGET, in place of {} arguments",
            arguments.len()
        )));
    };
    Ok((
        listen.parse().map_err(common::refuse)?,
        target.parse().map_err(common::refuse)?,
    ))
}

fn main() -> ExitCode {
    env_logger::init_from_env(env_logger::Env::default().default_filter_or("warn"));
    let (listen, target) = match common::arguments(HELP).and_then(|all| endpoints(&all)) {
        Ok(endpoints) => endpoints,
        Err(code) => return code,
    };
    common::run(&[listen], |listen| {
        listen.with(Forward::to(target.clone())?)
    })
}
