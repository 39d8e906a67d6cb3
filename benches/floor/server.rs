//! A measured process: this same program, started again as one of the servers. Owns what the child does, its core and its
//! last words; the measuring is the parent's.

use std::io::{self, Read, Write};

use ropewalk::Reactor;
use ropewalk::record::Recorder;

use crate::bench_server::Mode;
use crate::counted::Calls;
use crate::peers::{MEASURED, RECORDED};
use crate::service::Service;
use crate::{epoll, machine, room};

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
        MEASURED => plain(service),
        RECORDED => recorded(service),
        _ => bare(service).expect("the system has sockets and epoll"),
    };
    say(&format!("sends {sends}"));
}

fn bare(service: Service) -> io::Result<usize> {
    let mut server = epoll::Server::new(service)?;
    say(&format!("port {}", server.port()?));
    server.run()?;
    Ok(server.sent.calls as usize)
}

/// On a network that is recorded. The tape is of no use afterwards.
fn recorded(service: Service) -> usize {
    let path = std::env::temp_dir().join(format!("ropewalk-floor-{}.tape", std::process::id()));
    let calls = Calls::default();
    let recorder = Recorder::to_file(calls.network(), &path, "").expect("a file can be written");
    let sends = ropewalk(service, Reactor::on(Box::new(recorder)), &calls);
    std::fs::remove_file(path).expect("it is ours");
    sends
}

fn ropewalk(service: Service, mut reactor: Reactor, calls: &Calls) -> usize {
    let listen = reactor.listen("tcp:0");
    let listener = match service {
        Service::Echo => Mode::Echo.serve(listen),
        Service::Lines => Mode::Lines.serve(listen),
        Service::Chat => Mode::Chat.serve(listen),
        Service::Room(slow) => room::serve(listen, slow),
    }
    .expect("a port is free");
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
    calls.writes.get()
}

/// Where sends are of interest, a reactor that counts them.
fn plain(service: Service) -> usize {
    let calls = Calls::default();
    let reactor = match service {
        Service::Chat => calls.reactor(),
        _ => Reactor::new().expect("the system has sockets"),
    };
    ropewalk(service, reactor, &calls)
}

fn say(line: &str) {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .expect("the parent listens");
}
