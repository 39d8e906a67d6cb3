//! What a test may lay down about a world: names, routes, limits, errors to come. Owns the wording of these wishes; the
//! fabric heeds them.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use super::host::{Host, Injected};
use super::names::Answer;
use super::trace::Trace;
use super::world::World;
use crate::error::NameError;
use crate::network::{Signal, Time};

/// A call that a test may have fail: see [`World::fail_next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// `accept`, which then leaves the connection in the backlog.
    Accept,
    /// `connect`, at once.
    Connect,
    /// `recv`.
    Read,
    /// `send`.
    Write,
}

/// The conditions in a world. All of them take effect from now on.
impl World {
    /// What lookups of a name find. The names of hosts are known already.
    pub fn name(&self, name: &str, answer: Answer) {
        self.fabric().borrow_mut().names.set(name, answer);
    }

    /// What lookups of an address' name find. The hosts' addresses have their names already.
    pub fn name_of(&self, address: IpAddr, name: Result<&str, NameError>) {
        let name = name.map(str::to_owned);
        self.fabric().borrow_mut().names.set_name_of(address, name);
    }

    /// How long a segment travels if no fault delays it: 100 µs unless said otherwise.
    pub fn set_latency(&self, latency: Duration) {
        self.fabric().borrow_mut().latency = latency;
    }

    /// How much the world keeps of what happens from now on, for its [`trace`](Self::trace), its [`ladder`](Self::ladder)
    /// and its [packets](Self::write_pcap).
    pub fn set_trace(&self, trace: Trace) {
        self.fabric().borrow_mut().set_trace(trace);
    }

    /// The size of the send buffer and of the receive window of connections to come: 64 KiB each unless said otherwise.
    /// Faults may make them smaller.
    ///
    /// # Panics
    /// If it is 0.
    pub fn set_window(&self, size: usize) {
        assert!(size > 0, "a window takes at least one byte");
        self.fabric().borrow_mut().window = size;
    }

    /// An address swallows calls from now on: they are never answered, and time out after 127 s.
    pub fn black_hole(&self, address: IpAddr) {
        self.fabric().borrow_mut().holes.insert(address);
    }

    /// An address has no route to it from now on: calls fail at once.
    pub fn cut_off(&self, address: IpAddr) {
        self.fabric().borrow_mut().cut_off.insert(address);
    }

    /// An address answers calls again.
    pub fn heal(&self, address: IpAddr) {
        let mut fabric = self.fabric().borrow_mut();
        fabric.holes.remove(&address);
        fabric.cut_off.remove(&address);
    }

    /// Sets a host's wall clock, which goes on from there.
    #[track_caller]
    pub fn set_wall_clock(&self, host: &str, time: SystemTime) {
        let passed = self.now().since(Time::START);
        self.with_host(host, |host| {
            host.epoch = time.checked_sub(passed).unwrap_or(SystemTime::UNIX_EPOCH);
        });
    }

    /// How many descriptors a host may have open.
    #[track_caller]
    pub fn limit_descriptors(&self, host: &str, limit: impl Into<Option<usize>>) {
        self.with_host(host, |host| host.limit = limit.into());
    }

    /// How many descriptors a host's process has open.
    #[track_caller]
    pub fn descriptors(&self, host: &str) -> usize {
        self.with_host(host, |host| host.open_descriptors())
    }

    /// The next such calls on a host fail with these error numbers of Linux, one each.
    #[track_caller]
    pub fn fail_next(&self, host: &str, call: Call, numbers: &[i32]) {
        self.with_host(host, |host| {
            let Injected {
                accept,
                connect,
                read,
                write,
            } = &mut host.injected;
            let queue = match call {
                Call::Accept => accept,
                Call::Connect => connect,
                Call::Read => read,
                Call::Write => write,
            };
            queue.extend(numbers);
        });
    }

    /// Sends a host's process a signal.
    ///
    /// # Panics
    /// If it does not watch signals, and so would die, or is down.
    #[track_caller]
    pub fn signal(&self, host: &str, signal: Signal) {
        let watched = self.with_host(host, |host| {
            if host.watches_signals {
                host.signals.push(signal);
            }
            host.watches_signals
        });
        assert!(
            watched,
            "{host} is down, or does not watch signals: {signal} would kill it"
        );
    }

    #[track_caller]
    pub(super) fn with_host<R>(&self, name: &str, act: impl FnOnce(&mut Host) -> R) -> R {
        let mut fabric = self.fabric().borrow_mut();
        let Some(host) = fabric.find_host(name) else {
            panic!("there is no host {name}")
        };
        act(fabric.host_mut(host))
    }
}
