//! A measured process: this same program, started again as one of the servers. Owns what the child does, its core and its
//! last words; the measuring is the parent's.

use std::io::{self, Write};

use ropewalk::OsNetwork;
use ropewalk::network::Network;
use ropewalk::record::Recorder;

use crate::bench_server::Mode;
use crate::counted::Calls;
use crate::peers::{MEASURED, RECORDED};
use crate::service::Service;
use crate::{epoll, machine, room};

/// The word by which the program knows that it is to serve.
pub(crate) const SERVE: &str = "--serve";

/// Serves as `arguments` say until standard input ends, or SIGTERM comes: which peer, which service, on which core.
pub(crate) fn main(arguments: &[String]) {
    let [peer, service, core] = arguments else {
        panic!("a server is told its peer, its service and its core");
    };
    let service = Service::named(service).expect("the parent knows the services");
    machine::pin(core.parse().expect("a core is a number"));
    machine::end_with_parent();
    let calls = Calls::default();
    let sends = match peer.as_str() {
        MEASURED if service == Service::Chat => ropewalk(service, calls.network(), &calls),
        MEASURED => ropewalk(service, OsNetwork::new().expect("sockets"), &calls),
        RECORDED => recorded(service, &calls),
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
fn recorded(service: Service, calls: &Calls) -> usize {
    let path = std::env::temp_dir().join(format!("ropewalk-floor-{}.tape", std::process::id()));
    let recorder = Recorder::to_file(calls.network(), &path, "").expect("a file can be written");
    let sends = ropewalk(service, recorder, calls);
    std::fs::remove_file(path).expect("it is ours");
    sends
}

/// Ends by a signal: a thread that waits for the end of standard input would make every system call of the process dearer,
/// for the kernel then counts who uses a descriptor.
fn ropewalk(service: Service, network: impl Network + 'static, calls: &Calls) -> usize {
    ropewalk::run_on(network, |reactor| {
        let listen = reactor.listen("tcp:0");
        let listener = match service {
            Service::Echo => Mode::Echo.serve(listen)?,
            Service::Lines => Mode::Lines.serve(listen)?,
            Service::Chat => Mode::Chat.serve(listen)?,
            Service::Room(slow) => room::serve(listen, slow)?,
        };
        let port = listener.address().port();
        say(&format!("port {}", port.expect("TCP has ports")));
        Ok(())
    })
    .expect("the selector works");
    calls.writes.get()
}

fn say(line: &str) {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .expect("the parent listens");
}
