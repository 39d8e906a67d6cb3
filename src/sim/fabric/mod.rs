//! The state of a whole simulated world below its reactors: the virtual clock, the queue of events, hosts, connections.
//! Owns all that a kernel would; runs no reactor and calls nobody, so that it is never borrowed while user code runs.

mod accounts;
mod arrival;
mod calls;
mod datagrams;
mod hearing;
mod lookups;
mod notes;
mod peers;
mod poll;
mod sockets;
mod streams;
mod strikes;
mod udp_calls;
mod unix;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

use super::choose::{Choices, Site, Source};
use super::errno;
use super::faults::Faults;
use super::host::{Host, HostId};
use super::judge::Verdict;
use super::link::{End, EndId, Link, LinkId, PeerId, Side};
use super::names::Names;
use super::queue::Queue;
use super::random::Random;
use super::trace::Story;
use crate::error::NameError;
use crate::network::{Found, LookupId, SocketId, Time, WorkId, WorkOutcome};

use datagrams::{Flows, Parcel};
pub(super) use peers::{Ending, PeerState};
pub(super) use strikes::{LENGTHS, length};

/// How long a segment travels if nothing delays it.
const LATENCY: Duration = Duration::from_micros(100);
/// The default of a send buffer and of a receive window: small, so that pressure is soon felt.
const WINDOW: usize = 64 * 1024;
/// No fault makes a window smaller than this, lest a large transfer takes for ever.
const LEAST_WINDOW: usize = 1024;
/// Delays that nobody may notice, in microseconds.
const JITTER: u64 = 5_000;

/// The world as its host networks and peers share it.
pub(super) type Shared = Rc<RefCell<Fabric>>;

pub(super) struct Fabric {
    pub(super) now: Time,
    queue: Queue<Event>,
    pub(super) choices: Choices,
    pub(super) hosts: Vec<Host>,
    links: BTreeMap<LinkId, Link>,
    next_link: u64,
    flows: Flows,
    peers: Vec<PeerState>,
    pub(super) names: Names,
    /// Addresses that never answer.
    pub(super) holes: BTreeSet<IpAddr>,
    /// Addresses that no route leads to.
    pub(super) cut_off: BTreeSet<IpAddr>,
    /// From which host nothing reaches which other now, and how often that was asked for.
    cuts: BTreeMap<(HostId, HostId), u32>,
    /// How often all hosts were rejoined.
    era: u64,
    /// The ends that nothing reaches now, and until when.
    clogs: BTreeMap<(LinkId, Side), Time>,
    /// How many peers were stalled.
    stalls: u64,
    /// Where something would have arrived, had the way been free.
    parked: Vec<EndId>,
    /// How much has happened.
    pub(super) events: u64,
    /// Of all that has happened, in order.
    pub(super) fingerprint: u64,
    story: Story,
    /// What an oracle found to be wrong.
    pub(super) verdict: Rc<Verdict>,
    pub(super) latency: Duration,
    pub(super) window: usize,
    seed: u64,
}

#[derive(Debug)]
enum Event {
    /// The first segment in flight towards this end is there.
    Arrive(EndId),
    /// This end may put so much more in flight.
    Credit { end: EndId, size: usize },
    /// Something of datagrams arrives.
    Parcel(Box<Parcel>),
    /// A call arrives at its listener's host, for the so-manieth time.
    Call { link: LinkId, attempt: u32 },
    /// A call comes to nothing.
    CallFails { link: LinkId, error: i32 },
    /// A resolver answers a host's process.
    LookedUp {
        host: HostId,
        process: u64,
        lookup: LookupId,
        outcome: Result<Found, NameError>,
    },
    /// A listener is told of who has called already.
    TellListener { host: HostId, listener: SocketId },
    /// A partition is over.
    Rejoin {
        one: HostId,
        other: HostId,
        both: bool,
        /// How often all hosts had been rejoined when it began: not to be undone once more.
        era: u64,
    },
    /// What goes to this end is held up no longer.
    Unclog(EndId),
    /// A host has descriptors again.
    Descriptors(HostId),
    /// A peer in a script reads again, if it is still for this stall that it does not.
    ReadsAgain { peer: PeerId, stall: u64 },
    /// A kernel asks whether the peer of this end is still there.
    KeepAlive(EndId),
    /// A thread of a host's process has done its work.
    Worked {
        host: HostId,
        process: u64,
        work: WorkId,
        outcome: WorkOutcome,
    },
}

impl Event {
    /// Whether it is but a time-out of a kernel's, for which a world at rest need not wait.
    fn is_timer(&self) -> bool {
        match self {
            Self::Call { attempt, .. } => *attempt > 0,
            Self::CallFails { error, .. } => *error == errno::ETIMEDOUT,
            Self::KeepAlive(_) => true,
            Self::Arrive(_)
            | Self::Credit { .. }
            | Self::Parcel(_)
            | Self::LookedUp { .. }
            | Self::Worked { .. }
            | Self::TellListener { .. }
            | Self::Rejoin { .. }
            | Self::Unclog(_)
            | Self::Descriptors(_)
            | Self::ReadsAgain { .. } => false,
        }
    }
}

impl Fabric {
    /// A world with one host, the [`OUTSIDE`](Self::OUTSIDE) that peers call from.
    pub(super) fn new(seed: u64, faults: Faults, source: Source) -> Self {
        let mut fabric = Self {
            now: Time::START,
            queue: Queue::default(),
            choices: Choices::new(seed, faults, source),
            hosts: Vec::new(),
            links: BTreeMap::new(),
            next_link: 1,
            flows: Flows::default(),
            peers: Vec::new(),
            names: Names::default(),
            holes: BTreeSet::new(),
            cut_off: BTreeSet::new(),
            cuts: BTreeMap::new(),
            era: 0,
            clogs: BTreeMap::new(),
            stalls: 0,
            parked: Vec::new(),
            events: 0,
            fingerprint: seed,
            story: Story::default(),
            verdict: Rc::default(),
            latency: LATENCY,
            window: WINDOW,
            seed,
        };
        let outside = Ipv4Addr::new(10, 0, 255, 1);
        fabric.push_host(
            "outside",
            outside,
            "fd00::ff01".parse().expect("an address"),
        );
        fabric
    }

    pub(super) const OUTSIDE: HostId = HostId(0);

    /// The host of this name, made if there is none: 10.0.0.N and fd00::N, from 1 on.
    pub(super) fn host_named(&mut self, name: &str) -> HostId {
        if let Some(host) = self.find_host(name) {
            return host;
        }
        let number = u16::try_from(self.hosts.len()).expect("fewer than 65,536 hosts");
        let [high, low] = number.to_be_bytes();
        assert!(high < 255, "10.0.255 is the outside");
        let v4 = Ipv4Addr::new(10, 0, high, low);
        let v6 = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number);
        self.push_host(name, v4, v6)
    }

    fn push_host(&mut self, name: &str, v4: Ipv4Addr, v6: Ipv6Addr) -> HostId {
        let id = HostId(self.hosts.len());
        // Streams of a host's own randomness are numbered far from those of the sites.
        let random = Random::new(self.seed, (1 << 32) + id.0 as u64);
        self.hosts.push(Host::new(name, v4, v6, random));
        let addresses: Vec<IpAddr> = vec![v4.into(), v6.into()];
        for address in &addresses {
            self.names.set_name_of(*address, Ok(name.to_owned()));
        }
        self.names.set(name, super::Answer::Addresses(addresses));
        id
    }

    pub(super) fn find_host(&self, name: &str) -> Option<HostId> {
        self.hosts
            .iter()
            .position(|host| &*host.name == name)
            .map(HostId)
    }

    pub(super) fn host(&self, id: HostId) -> &Host {
        &self.hosts[id.0]
    }

    pub(super) fn host_mut(&mut self, id: HostId) -> &mut Host {
        &mut self.hosts[id.0]
    }

    pub(super) fn choose(&mut self, site: Site, n: u64) -> u64 {
        self.choices.choose(site, n)
    }

    /// An index below `len`, which is not 0; 0 is the tame one.
    pub(super) fn choose_index(&mut self, site: Site, len: usize) -> usize {
        usize::try_from(self.choices.choose(site, len as u64)).expect("less than a length")
    }

    /// Puts things in a chosen order: the one they have, if tame.
    pub(super) fn reorder<T>(&mut self, site: Site, things: &mut [T]) {
        for index in 0..things.len().saturating_sub(1) {
            let rest = things.len() - index;
            things.swap(index, index + self.choose_index(site, rest));
        }
    }

    /// When something happens next.
    pub(super) fn next_event(&self) -> Option<Time> {
        self.queue.next()
    }

    /// Whether nothing is under way but time-outs of kernels.
    pub(super) fn is_at_rest(&self) -> bool {
        self.queue.iter().all(Event::is_timer)
    }

    /// Moves the clock to `to` and lets happen what is due: all of it, or as much as is chosen.
    pub(super) fn advance(&mut self, to: Time) {
        self.now = self.now.max(to);
        while let Some(event) = self.queue.pop(self.now) {
            self.mix(self.now.as_nanos());
            self.happen(event);
            if self.choose(Site::Between, 2) == 1 {
                break;
            }
        }
    }

    fn happen(&mut self, event: Event) {
        self.events += 1;
        match event {
            Event::TellListener { host, listener } => self.host_mut(host).mark(listener),
            Event::Rejoin {
                one,
                other,
                both,
                era,
            } => {
                if era == self.era {
                    self.rejoin(one, other, both);
                }
            }
            Event::Unclog(end) => self.unclog(end),
            Event::Descriptors(host) => self.end_want(host),
            Event::ReadsAgain { peer, stall } => self.end_stall(peer, stall),
            Event::KeepAlive(end) => self.keep_alive(end),
            Event::Arrive(end) => self.arrive(end),
            Event::Credit { end, size } => self.credit(end, size),
            Event::Parcel(parcel) => self.parcel_arrives(*parcel),
            Event::Call { link, attempt } => self.call(link, attempt),
            Event::CallFails { link, error } => self.call_fails(link, error),
            Event::LookedUp {
                host,
                process,
                lookup,
                outcome,
            } => {
                let host = self.host_mut(host);
                if host.process == process && host.lookups.remove(&lookup) {
                    host.names.push((lookup, outcome));
                }
            }
            Event::Worked {
                host,
                process,
                work,
                outcome,
            } => {
                let host = self.host_mut(host);
                if host.process == process {
                    host.working -= 1;
                    host.works.push((work, outcome));
                }
            }
        }
    }

    /// When what leaves now arrives.
    fn arrival(&mut self) -> Time {
        self.now + self.latency + Duration::from_micros(self.choices.choose(Site::Latency, JITTER))
    }

    pub(super) fn link(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id)
    }

    /// Both ends of all connections.
    fn ends(&self) -> impl Iterator<Item = (EndId, &End)> {
        self.links.iter().flat_map(|(&link, state)| {
            [Side::Caller, Side::Callee].map(|side| (EndId { link, side }, state.end(side)))
        })
    }

    /// Forgets a connection once nobody holds it and nothing of it is under way.
    fn bury(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        if link.is_over() {
            let (host, port) = (link.end(Side::Caller).host, link.port);
            self.host_mut(host).ports.release(port);
            self.links.remove(&id);
        }
    }
}

#[cfg(test)]
impl Fabric {
    pub(in crate::sim) fn open_links(&self) -> usize {
        self.links.len()
    }
}
