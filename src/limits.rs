//! Every default limit of the crate, with its reason. Owns the numbers; enforces nothing.

use std::fmt;
use std::time::Duration;

use crate::error::Silence;
use crate::rate::{Direction, Rate};
use crate::traffic::TrafficLog;

/// What one connection may take, in bytes and in time: the policies of a listener, or of a connection. A listener gives its
/// limits to all it accepts; a connection can change its own with [`Transport::set_limits`](crate::Transport::set_limits). No
/// protocol knows of them.
///
/// What keeps a peer from costing too much is on by default. The rest is off until it is asked for: silence that is told or
/// ends a connection, how long one may last, how many there may be, in all and of one address, how fast bytes may go, and a
/// log of them.
///
/// ```
/// use std::time::Duration;
/// use ropewalk::Limits;
///
/// let limits = Limits::default().unsent(4 << 20).close(Duration::from_secs(2)).connections(100);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(crate) high_water: usize,
    pub(crate) low_water: usize,
    pub(crate) unsent: usize,
    pub(crate) held: usize,
    pub(crate) connections: Option<usize>,
    pub(crate) overflow: Overflow,
    pub(crate) handshake: Option<Duration>,
    pub(crate) write: Option<Duration>,
    pub(crate) close: Option<Duration>,
    pub(crate) linger: Duration,
    idle_reading: Option<Duration>,
    idle_writing: Option<Duration>,
    pub(crate) policies: Policies,
}

/// What is off unless it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policies {
    silence: [Option<Duration>; 3],
    pub(crate) lifetime: Option<Duration>,
    pub(crate) connections_of_address: Option<usize>,
    /// Received, sent.
    rates: [Option<Rate>; 2],
    shared_rates: [Option<Rate>; 2],
    pub(crate) traffic_log: Option<TrafficLog>,
}

/// A direction of a connection in which nothing has gone over the wire for a while, see
/// [`Protocol::idle`](crate::Protocol::idle).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Nothing was received.
    Reading,
    /// Nothing was sent, and nothing waits to be.
    Writing,
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reading => "reading",
            Self::Writing => "writing",
        })
    }
}

/// What a listener does with connections beyond its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Leaves them in the kernel's backlog until one of the others ends: a short burst is only delayed.
    Wait,
    /// Accepts and closes them at once, so that the client learns of it.
    Refuse,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Twisted's and asyncio's high mark, and asyncio's low one: enough to keep a fast link busy during a turn.
            high_water: 64 * 1024,
            low_water: 16 * 1024,
            // One slow reader may cost a megabyte, not the machine's memory.
            unsent: 1024 * 1024,
            // As much as a frame of a length-prefixed protocol may sensibly have.
            held: 1024 * 1024,
            connections: None,
            overflow: Overflow::Wait,
            // A client that never finishes its handshake must not hold a descriptor for ever.
            handshake: Some(Duration::from_secs(10)),
            // What nginx waits for a client that takes nothing.
            write: Some(Duration::from_secs(60)),
            close: Some(Duration::from_secs(10)),
            linger: Duration::from_secs(5),
            // How long a silence means something only the protocol can know.
            idle_reading: None,
            idle_writing: None,
            policies: Policies::default(),
        }
    }
}

impl Limits {
    /// No limit at all: for a trusted peer, and easy to find in a code review.
    pub fn unlimited() -> Self {
        Self {
            high_water: usize::MAX,
            low_water: usize::MAX,
            unsent: usize::MAX,
            held: usize::MAX,
            connections: None,
            overflow: Overflow::Wait,
            handshake: None,
            write: None,
            close: None,
            linger: Duration::from_secs(5),
            idle_reading: None,
            idle_writing: None,
            policies: Policies::default(),
        }
    }

    /// The water marks of unsent bytes: above `high`, [`pause_writing`](crate::Protocol::pause_writing) is told; at `low`
    /// or below, [`resume_writing`](crate::Protocol::resume_writing). Default 64 KiB and 16 KiB.
    ///
    /// # Panics
    /// If `low` is more than `high`.
    pub fn water_marks(mut self, low: usize, high: usize) -> Self {
        assert!(low <= high, "the low mark is at most the high one");
        self.low_water = low;
        self.high_water = high;
        self
    }

    /// The hard limit of unsent bytes. A write that arrives while more than this was waiting already when the turn began
    /// ends the connection as [`TooSlow`](crate::Lost::TooSlow). One large reply to a peer that owes nothing is therefore
    /// never too much. What a layer answers by itself to what it receives is held to it too. Default 1 MiB.
    pub fn unsent(mut self, bytes: usize) -> Self {
        self.unsent = bytes;
        self
    }

    /// How many received bytes may wait for the rest of their frame, or be given back with `unread`. Default 1 MiB.
    /// (Lines have their own, smaller limit.)
    pub fn held(mut self, bytes: usize) -> Self {
        self.held = bytes;
        self
    }

    /// How many connections a listener may have at once. By default only the reactor's own limit holds,
    /// see [`Reactor::set_max_connections`](crate::Reactor::set_max_connections).
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = Some(most);
        self
    }

    /// What happens to connections beyond that. Default [`Overflow::Wait`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// How long the layers may take until they are ready. Default 10 s.
    pub fn handshake(mut self, within: impl Into<Option<Duration>>) -> Self {
        self.handshake = within.into();
        self
    }

    /// How long unsent bytes may wait while the peer takes none of them. Default 60 s.
    pub fn write(mut self, within: impl Into<Option<Duration>>) -> Self {
        self.write = within.into();
        self
    }

    /// How long `lose_connection` waits for the peer to take some of what it is owed: counted from the call, and again from
    /// whenever it takes some, so that who reads slowly gets all. Default 10 s.
    pub fn close(mut self, within: impl Into<Option<Duration>>) -> Self {
        self.close = within.into();
        self
    }

    /// How long a closed connection's socket goes on to read and drop what the peer still sends, until the peer ends too.
    /// Without this a kernel answers such bytes with RST, which can destroy our last reply on its way. Default 5 s.
    pub fn linger(mut self, within: Duration) -> Self {
        self.linger = within;
        self
    }

    /// After how long without anything received, or anything sent, [`Protocol::idle`](crate::Protocol::idle) is told.
    /// Default: never; zero means never too. A connection can change its own with
    /// [`Transport::set_idle`](crate::Transport::set_idle).
    pub fn idle(mut self, which: Idle, after: impl Into<Option<Duration>>) -> Self {
        match which {
            Idle::Reading => self.idle_reading = after.into(),
            Idle::Writing => self.idle_writing = after.into(),
        }
        self
    }

    /// After which silence the connection is closed, as [`Deadline::Silence`](crate::Deadline::Silence): what it is owed is
    /// sent, and its protocol is not asked, other than with [`idle`](Self::idle). Default: after none; zero means none too.
    ///
    /// What is our doing is no silence: a peer that is not read because its pipe is full, or because its [`rate`](Self::rate) is
    /// used up, is not blamed for it.
    pub fn silence(mut self, which: Silence, after: impl Into<Option<Duration>>) -> Self {
        self.policies.silence[which as usize] = after.into();
        self
    }

    /// How long a connection may last, from when it was made. Then it is closed, as
    /// [`Deadline::Lifetime`](crate::Deadline::Lifetime): what it is owed is sent, but [`close`](Self::close) later it ends even if
    /// its peer still takes some. Default: for ever. If it is set later, on a connection without a lifetime or a silence, it
    /// counts from then.
    pub fn lifetime(mut self, longest: impl Into<Option<Duration>>) -> Self {
        self.policies.lifetime = longest.into();
        self
    }

    /// How many connections a listener may have at once from one address. One too many is accepted and closed at once, whatever
    /// [`overflow`](Self::overflow) says, for nobody can be told apart before; it is counted as
    /// [`crowded_out`](crate::Counters::crowded_out). By default there is no such limit.
    ///
    /// An IPv6 address stands for its network of 64 bits: whoever has one of these has them all. Link-local ones are told
    /// apart, as all neighbours have the same network. An IPv4 address counts as itself in either form. Unix streams have
    /// no address, and no such limit.
    pub fn connections_of_address(mut self, most: impl Into<Option<usize>>) -> Self {
        self.policies.connections_of_address = most.into();
        self
    }

    /// How fast bytes of one connection may go one way. Default: as fast as they can.
    ///
    /// What is [received](Direction::Received) too fast is not read: it waits in the system, which has the peer wait when its
    /// buffers are full, and costs no memory here. What is [sent](Direction::Sent) too fast is unsent, so water marks and the
    /// hard limit hold for it as ever; the deadlines of [`write`](Self::write) and [`close`](Self::close) count only while we wait
    /// for the peer. Under layers the bytes of the wire count. What comes while a connection is being closed is dropped, at any speed.
    pub fn rate(mut self, direction: Direction, rate: impl Into<Option<Rate>>) -> Self {
        self.policies.rates[direction as usize] = rate.into();
        self
    }

    /// How fast bytes of all connections of a listener together may go one way, besides what each may by itself. Those who wait
    /// have their portions in turn. A connection that was not accepted has nobody to share with: there it means nothing.
    pub fn shared_rate(mut self, direction: Direction, rate: impl Into<Option<Rate>>) -> Self {
        self.policies.shared_rates[direction as usize] = rate.into();
        self
    }

    /// Has the bytes that go over a connection logged, both ways, but for what is dropped while it is being closed. Default: they
    /// are not.
    pub fn traffic_log(mut self, log: impl Into<Option<TrafficLog>>) -> Self {
        self.policies.traffic_log = log.into();
        self
    }

    /// Whether a connection is watched for silence, or for its age.
    pub(crate) fn watch_some(&self) -> bool {
        self.idle_reading.is_some() || self.idle_writing.is_some() || self.policies.end_some()
    }

    pub(crate) fn idle_after(&self, which: Idle) -> Option<Duration> {
        match which {
            Idle::Reading => self.idle_reading,
            Idle::Writing => self.idle_writing,
        }
    }
}

impl Policies {
    pub(crate) fn silence_after(&self, which: Silence) -> Option<Duration> {
        self.silence[which as usize]
    }

    pub(crate) fn rate(&self, direction: Direction) -> Option<Rate> {
        self.rates[direction as usize]
    }

    pub(crate) fn shared_rate(&self, direction: Direction) -> Option<Rate> {
        self.shared_rates[direction as usize]
    }

    /// Whether a silence or an age ends a connection.
    pub(crate) fn end_some(&self) -> bool {
        self.lifetime.is_some() || self.silence != [None; 3]
    }

    /// Whether the bytes of a connection are counted or shown.
    pub(crate) fn follow_bytes(&self) -> bool {
        self.rates != [None; 2] || self.shared_rates != [None; 2] || self.traffic_log.is_some()
    }
}

/// What a connection's callbacks may write in one go whatever its high mark is, so that short replies cost no look at that.
pub(crate) const ALLOWANCE: usize = 16 * 1024;
/// How many bytes one connection may deliver in a turn before others have theirs.
pub(crate) const READ_BUDGET: usize = 256 * 1024;
/// The read buffer, one for the whole loop. Streams of 1 MiB cost 340 µs with 256 KiB, 450 with 128, 486 to 659 with 64.
pub(crate) const READ_BUFFER: usize = 256 * 1024;
/// How many bytes one flush hands to the kernel before others have theirs.
pub(crate) const WRITE_BUDGET: usize = 1024 * 1024;
/// Accepts a turn and listener: a flood of connects must not starve those who are in.
pub(crate) const ACCEPT_BUDGET: usize = 64;
/// Datagrams a turn and socket: a flood must not starve the others. As many are sent of those that wait.
pub(crate) const DATAGRAM_BUDGET: usize = 32;
/// How many bytes of datagrams wait when the system has no room: somewhat more than the 208 KiB that it keeps by itself on Linux, for what
/// waits longer comes too late.
pub(crate) const DATAGRAMS_UNSENT: usize = 256 * 1024;
/// How long a socket for datagrams that was stopped waits for the system to take what was sent on it.
pub(crate) const DATAGRAMS_CLOSE: Duration = Duration::from_secs(1);
/// What a datagram that waits counts beside its bytes, so that empty ones have a limit too.
pub(crate) const DATAGRAM_OVERHEAD: usize = 64;
/// Posted calls a turn; more wait for the next one, behind the sockets.
pub(crate) const CALL_BUDGET: usize = 1024;
/// Timers a turn, likewise.
pub(crate) const TIMER_BUDGET: usize = 4096;
/// Events between two flushes, if nobody writes to others: replies leave while their connections are still in the cache.
pub(crate) const FLUSH_EVERY: usize = 32;
/// Bytes that are read from several connections before their protocols are told. It is half of what fits into the buffer,
/// so that none is read with little room.
pub(crate) const AHEAD: usize = READ_BUFFER / 2;
/// How often a turn looks again at who else has spoken, when what they say goes to others: whoever is first waits for it.
pub(crate) const LOOKS: usize = 3;
/// When more than so many bytes came by that, it does not look again: what is said to a group waits at each of its members
/// meanwhile, and one with more than the low water mark counts as slow.
pub(crate) const LOOKED_FOR: u64 = 8 * 1024;
/// A reply of so many bytes at most is copied, to leave with others: with more, the copy costs what it gains.
pub(crate) const REPLY: usize = 4096;
/// Calls that other threads may have waiting.
pub(crate) const MAILBOX: usize = 64 * 1024;
/// Threads for work off the loop, as many as Twisted has: it may wait for disks as well as compute.
pub(crate) const WORK_THREADS: usize = 10;
/// Work that no thread has taken yet.
pub(crate) const WORK_WAITING: usize = 1024;
/// Requests of one connection that may be unanswered: more than that is a peer that does not answer.
pub(crate) const REQUESTS: usize = 1024;
/// Calls that wait for the connection of one service: each holds what is to be sent.
pub(crate) const WAITING_FOR_CONNECTION: usize = 1024;
/// Spare buffers kept: as many as may be wanted between two flushes, several times over.
pub(crate) const POOL: usize = 1024;
/// Entries that a list of things to do keeps room for: more than a turn has, unless somebody writes to everybody.
pub(crate) const LIST_KEPT: usize = 4096;
/// Layers one connection may have: more is a protocol in a loop.
pub(crate) const LAYERS: usize = 8;
/// The first and the longest pause after an accept that failed for want of descriptors or memory.
pub(crate) const ACCEPT_RETRY: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_secs(1));
/// From the call of connect until the connection stands.
pub(crate) const CONNECT: Duration = Duration::from_secs(30);
/// How long a lookup may take that is no call's.
pub(crate) const LOOK_UP: Duration = Duration::from_secs(30);
/// Between two attempts at the addresses of a name: what RFC 8305 recommends, and its least and its most.
pub(crate) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
pub(crate) const LEAST_ATTEMPT_DELAY: Duration = Duration::from_millis(10);
pub(crate) const MOST_ATTEMPT_DELAY: Duration = Duration::from_secs(2);
/// How many addresses of a name are tried: each may hold a descriptor until all is over.
pub(crate) const ADDRESSES_TRIED: usize = 32;
/// How long a stopping reactor waits for its connections.
pub(crate) const STOP: Duration = Duration::from_secs(10);
/// How long sockets linger when the reactor stops: the process should end soon after its last reply.
pub(crate) const LINGER_AT_STOP: Duration = Duration::from_secs(1);
/// After how long without a byte a pipe counts as idle when the reactor stops: longer than most answers take.
pub(crate) const QUIET_AT_STOP: Duration = Duration::from_secs(1);
/// How much a lingering socket reads and drops before it gives up on its peer.
pub(crate) const LINGER_BYTES: usize = 64 * 1024 * 1024;
/// What asyncio calls slow in its debug mode, and what a person at the other end begins to notice.
pub(crate) const SLOW_CALLBACK: Duration = Duration::from_millis(100);
/// Connections, where the system does not say how many descriptors there may be.
pub(crate) const CONNECTIONS: usize = 65_536;
/// Log lines of one kind in a row before the rest of the second is only counted.
pub(crate) const LOG_BURST: u32 = 10;

/// Of the descriptors a process may have, what connections may take: a fifth, and at least 32, stays for files and listeners.
pub(crate) fn connections_within(descriptors: Option<usize>) -> usize {
    match descriptors {
        Some(most) => (most - most / 5).min(most.saturating_sub(32)).max(1),
        None => CONNECTIONS,
    }
}
