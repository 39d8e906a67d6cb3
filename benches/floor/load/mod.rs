//! The clients: what they send, and that they get it back to the last byte. Owns the clients' sockets; measures nothing but
//! what only a client sees.

pub(crate) mod chat;
pub(crate) mod churn;
pub(crate) mod exchange;
pub(crate) mod redis;
pub(crate) mod text;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use rustix::time::Timespec;

use crate::machine;

/// What a round of load came to.
#[derive(Default)]
pub(crate) struct Round {
    /// What was asked for and done: messages, lines, deliveries, connections, streams.
    pub(crate) operations: u64,
    /// From sending to each delivery.
    pub(crate) latencies: Vec<Duration>,
}

/// Clients of one server, connected for as long as they live.
pub(crate) trait Load {
    /// Works until `end`, then until all that was sent has come back.
    fn round(&mut self, end: Instant) -> Round;
}

/// How long a reply may take before the benchmark gives up: a lost one never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits without sleeping: whoever answers a client that sleeps has to wake it, on another core, and would be charged for
/// that by how often the client happens to be idle. A client on another machine costs its server nothing of the kind.
/// `false` if nothing came for too long.
pub(crate) fn wait(epoll: &OwnedFd, events: &mut Vec<Event>) -> bool {
    let begun = machine::now();
    loop {
        let count = epoll::wait(epoll, spare_capacity(events), Some(&Timespec::default()));
        if count.expect("epoll works") > 0 {
            return true;
        }
        if begun.elapsed() > PATIENCE {
            return false;
        }
    }
}

/// A connection to the server, non-blocking from here on.
pub(crate) fn connect(port: u16) -> OwnedFd {
    connect_from(None, port)
}

fn connect_from(from: Option<SocketAddrV4>, port: u16) -> OwnedFd {
    let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
    let socket =
        net::socket_with(family, kind, SocketFlags::CLOEXEC, None).expect("the system has sockets");
    net::sockopt::set_tcp_nodelay(&socket, true).expect("TCP has this option");
    if let Some(from) = from {
        net::bind(&socket, &from).expect("the address has a free port");
    }
    net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
        .expect("the server listens");
    rustix::io::ioctl_fionbio(&socket, true).expect("sockets can be non-blocking");
    socket
}
