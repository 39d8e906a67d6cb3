//! Sends back each datagram it gets: what `echo` is for streams.
//!
//! ```text
//! $ cargo run --release --example udp_echo
//! listening on 127.0.0.1:8007
//! ```
//!
//! In a second terminal, `nc -u 127.0.0.1 8007`; what you type comes back when you press RETURN. Ctrl-C ends the server.

mod common;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;

use ropewalk::{DatagramProtocol, DatagramTransport, Reactor, UdpEndpoint};

const HELP: &str = "
Usage: udp_echo [ENDPOINT]...
Sends back each datagram it gets. Listens on each ENDPOINT, or on udp:8007 (port 8007 of this machine only).

  udp:8007              port 8007 of 127.0.0.1; port 0: the system chooses one
  udp:8007:interface=*  port 8007 of all addresses
  udp6:8007             port 8007 of ::1
  --help                this text
";

/// There is one `Echo` for each socket, whoever sends to it: with datagrams there are no connections, so nobody comes and nobody
/// leaves. A protocol that has to remember its senders has a map of its own. What all of them know is which ports are ours.
struct Echo {
    ours: Rc<RefCell<Vec<u16>>>,
}

/// What arrives is one whole datagram, or nothing: the network may lose some, bring some twice, and bring them in another
/// order. An echo need not care, and who asks has to.
///
/// `send_to` hands the answer to the system at once. When the system has no room the answer waits, up to 256 KiB of them; what
/// can't be sent at all is logged and counted, and costs nobody else's. Nor does anything that befalls a datagram on its way
/// end the socket.
impl DatagramProtocol for Echo {
    fn datagram_received(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        data: &[u8],
        from: SocketAddr,
    ) {
        if is_answerable(from, &self.ours.borrow()) {
            transport.send_to(data, from);
        }
    }
}

/// Anybody can put another's address on a datagram. One that seems to come from a service like this one, or from ourselves,
/// would be answered by its answer, and so on without end. So none is answered that comes from a port of ours, or from those
/// that the old standard services have.
fn is_answerable(from: SocketAddr, ours: &[u16]) -> bool {
    from.port() >= 1024 && !ours.contains(&from.port())
}

fn main() -> ExitCode {
    let endpoints = common::arguments(HELP)
        .and_then(|arguments| common::endpoints::<UdpEndpoint>(&arguments, "udp:8007"));
    let endpoints = match endpoints {
        Ok(endpoints) => endpoints,
        Err(code) => return code,
    };
    common::begin_to_log();
    common::end(ropewalk::run(|reactor| serve(reactor, &endpoints)))
}

/// All of them are bound before the first is announced: a server must not come up by half.
fn serve(reactor: &mut Reactor, endpoints: &[UdpEndpoint]) -> ropewalk::Result<()> {
    let ours = Rc::new(RefCell::new(Vec::new()));
    let sockets: ropewalk::Result<Vec<_>> = endpoints
        .iter()
        .map(|endpoint| {
            let echo = Echo {
                ours: Rc::clone(&ours),
            };
            reactor.bind(endpoint.clone()).with(echo)
        })
        .collect();
    for socket in sockets? {
        ours.borrow_mut().push(socket.address().port());
        common::say(format_args!("listening on {}", socket.address()));
    }
    Ok(())
}
