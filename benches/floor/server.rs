//! A measured process: this same program, started again as one of the servers. Owns what the child does, its core and its
//! last words; the measuring is the parent's.

use std::io::{self, Read, Write};

use ropewalk::Reactor;

use crate::bench_server::Mode;
use crate::service::Service;
use crate::{epoll, machine};

/// The word by which the program knows that it is to serve.
pub(crate) const SERVE: &str = "--serve";

/// Serves as `arguments` say until standard input ends: which peer, which service, on which core.
pub(crate) fn main(arguments: &[String]) {
    let [peer, service, core] = arguments else {
        panic!("a server is told its peer, its service and its core");
    };
    let service = Service::named(service).expect("the parent knows the services");
    machine::pin(core.parse().expect("a core is a number"));
    let sends = match peer.as_str() {
        "ropewalk" => ropewalk(service),
        _ => bare(service).expect("the system has sockets"),
    };
    say(&format!("sends {sends}"));
}

fn bare(service: Service) -> io::Result<u64> {
    let mut server = epoll::Server::new(service)?;
    say(&format!("port {}", server.port()?));
    server.run()?;
    Ok(server.sends)
}

fn ropewalk(service: Service) -> u64 {
    let mode = match service {
        Service::Echo => Mode::Echo,
        Service::Lines => Mode::Lines,
        Service::Chat => Mode::Chat,
    };
    let mut reactor = Reactor::new().expect("the system has sockets");
    let listener = mode.serve(reactor.listen("tcp:0")).expect("a port is free");
    let remote = reactor.remote();
    let address = listener.address().to_string();
    say(&format!(
        "port {}",
        address.rsplit(':').next().unwrap_or("")
    ));
    std::thread::spawn(move || {
        let _ = io::stdin().read(&mut [0]);
        let _ = remote.post(|reactor| reactor.stop());
    });
    reactor.run().expect("the selector works");
    0
}

fn say(line: &str) {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .expect("the parent listens");
}
