//! What an operator can read of a reactor: numbers that only grow, and a few that say how things stand now. Owns their
//! names and meaning; counts nothing itself.

use std::fmt;
use std::time::Duration;

/// What has happened in a reactor since it was made, and how it stands now. Every limit that can cost something has its
/// number here, under a name of its own.
///
/// [`Display`](fmt::Display) writes those that are not zero as `name=value`, in one line; [`iter`](Self::iter) gives all
/// of them, to whatever collects metrics.
///
/// ```
/// # fn main() -> ropewalk::Result<()> {
/// let mut reactor = ropewalk::Reactor::new()?;
/// reactor.call_later(std::time::Duration::from_secs(1), |_| ());
/// assert_eq!(reactor.counters().to_string(), "timers=1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Now: connections, those being made, closing and lingering included.
    pub connections: u64,
    /// Now: connections that have bytes unsent.
    pub connections_unsent: u64,
    /// Now: listeners.
    pub listeners: u64,
    /// Now: sockets for datagrams.
    pub datagram_sockets: u64,
    /// Now: timers, the loop's own deadlines included.
    pub timers: u64,
    /// Now: calls that wait to be made, from callbacks and from other threads.
    pub calls_waiting: u64,
    /// Now: work given to threads of which nothing was told yet, see
    /// [`defer_to_thread`](crate::Reactor::defer_to_thread).
    pub works_waiting: u64,
    /// Now: empty buffers in the pool, kept for the next connection that has something unsent or unfinished.
    pub buffers_spare: u64,
    /// Now: boxes kept for the next connection that has something rare: held input, a deadline, a reason to end.
    pub boxes_spare: u64,
    /// Times the pool had no buffer to give, and one was made.
    pub buffers_made: u64,
    /// Turns of the loop.
    pub turns: u64,
    /// Turns that took longer than [`set_slow_callback`](crate::Reactor::set_slow_callback) allows.
    pub turns_slow: u64,
    /// The longest turn, without its wait.
    pub turn_longest: Duration,
    /// Looks at the network in vain instead of sleep, see [`Reactor::set_spin`](crate::Reactor::set_spin).
    pub spins: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections made by us.
    pub connected: u64,
    /// Connects that failed.
    pub connects_failed: u64,
    /// Connections that were told [`connection_lost`](crate::Protocol::connection_lost).
    pub lost: u64,
    /// Bytes read from sockets.
    pub bytes_in: u64,
    /// Bytes taken by sockets.
    pub bytes_out: u64,
    /// Bytes that were owed to a peer and dropped when its connection ended.
    pub bytes_dropped: u64,
    /// Writes to a connection that had ended, was ending, or never was.
    pub stale_writes: u64,
    /// Datagrams received, those cut off included.
    pub datagrams_in: u64,
    /// Datagrams taken by the system.
    pub datagrams_out: u64,
    /// Datagrams that were longer than [`Bind::longest`](crate::Bind::longest), or than there was room for.
    pub datagrams_truncated: u64,
    /// Datagrams that could not be sent, those beyond [`Bind::unsent`](crate::Bind::unsent) included.
    pub datagrams_unsent: u64,
    /// Times a system said that nobody listens where a datagram was sent to.
    pub datagrams_refused: u64,
    /// Receives of datagrams that failed otherwise.
    pub datagrams_failed: u64,
    /// Closures and timers whose protocol had ended, or was of another type, when they were due.
    pub stale_calls: u64,
    /// Frames that their framing could not encode.
    pub frames_refused: u64,
    /// Frames of peers that broke their framing's rules, those too long included.
    pub bad_frames: u64,
    /// Frames of peers that were longer than their framing or [`Limits::held`](crate::Limits::held) allows.
    pub frames_too_long: u64,
    /// Frames a group dropped for members that could not keep up.
    pub frames_dropped: u64,
    /// Frames of `send_latest` that a newer one took the place of.
    pub frames_replaced: u64,
    /// Requests of a [`Pending`](crate::Pending) that had no reply in time.
    pub requests_timed_out: u64,
    /// Replies that came after their request was given up.
    pub late_replies: u64,
    /// Attempts of [`ClientService`](crate::ClientService)s behind a wait.
    pub client_retries: u64,
    /// Client services that gave up.
    pub clients_gave_up: u64,
    /// Calls that were not to wait for a client service's connection, for too many did.
    pub waits_refused: u64,
    /// Panics in users' code.
    pub panics: u64,
    /// Connections closed because no protocol was built for them.
    pub unwanted: u64,
    /// Accepts that failed.
    pub accepts_failed: u64,
    /// Times a listener was full, and left further connections waiting in the kernel's backlog.
    pub listeners_full: u64,
    /// Connections refused beyond a limit.
    pub overflowed: u64,
    /// Connections refused because their address had as many as [`Limits::connections_of_address`] allows.
    ///
    /// [`Limits::connections_of_address`]: crate::Limits::connections_of_address
    pub crowded_out: u64,
    /// Times a connection was not read, for its [`Limits::rate`](crate::Limits::rate), or one that is shared, was used up.
    pub rate_waits_receiving: u64,
    /// Times bytes for a connection were not sent, likewise.
    pub rate_waits_sending: u64,
    /// Connections lost as too slow: more than [`Limits::unsent`](crate::Limits::unsent).
    pub too_slow: u64,
    /// Connections lost by a deadline, whichever it was.
    pub timed_out: u64,
    /// Of these, connects that took too long.
    pub timed_out_connecting: u64,
    /// Of these, layers that took longer than [`Limits::handshake`](crate::Limits::handshake).
    pub timed_out_handshake: u64,
    /// Of these, peers that took nothing for [`Limits::write`](crate::Limits::write).
    pub timed_out_writing: u64,
    /// Of these, closings that took longer than [`Limits::close`](crate::Limits::close).
    pub timed_out_closing: u64,
    /// Of these, peers that were silent for [`Limits::idle`](crate::Limits::idle).
    pub timed_out_idle: u64,
    /// Of these, connections closed after a [`Limits::silence`](crate::Limits::silence).
    pub timed_out_silent: u64,
    /// Of these, connections closed at the end of their [`Limits::lifetime`](crate::Limits::lifetime).
    pub timed_out_lifetime: u64,
    /// Closed connections whose peer did not end within [`Limits::linger`](crate::Limits::linger), or sent too much.
    pub lingers_cut: u64,
    /// Calls from other threads that were refused, for too many waited.
    pub posts_refused: u64,
    /// Work that was not taken, for too much waited.
    pub works_refused: u64,
    /// Log lines kept back because too many of their kind came at once.
    pub quiet_logs: u64,
}

impl Counters {
    /// Every number with its name, in a fixed order. Durations are in microseconds, and their names say so.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        // One by one, so that the compiler names the field that was forgotten here.
        macro_rules! named {
            ($($field:ident),* $(,)?) => {{
                let Self { $($field,)* turn_longest } = self;
                let longest = u64::try_from(turn_longest.as_micros()).unwrap_or(u64::MAX);
                [$((stringify!($field), *$field),)* ("turn_longest_us", longest)].into_iter()
            }};
        }
        named!(
            connections,
            connections_unsent,
            listeners,
            datagram_sockets,
            timers,
            calls_waiting,
            works_waiting,
            buffers_spare,
            boxes_spare,
            buffers_made,
            turns,
            turns_slow,
            spins,
            accepted,
            connected,
            connects_failed,
            lost,
            bytes_in,
            bytes_out,
            bytes_dropped,
            stale_writes,
            datagrams_in,
            datagrams_out,
            datagrams_truncated,
            datagrams_unsent,
            datagrams_refused,
            datagrams_failed,
            stale_calls,
            frames_refused,
            bad_frames,
            frames_too_long,
            frames_dropped,
            frames_replaced,
            requests_timed_out,
            late_replies,
            client_retries,
            clients_gave_up,
            waits_refused,
            panics,
            unwanted,
            accepts_failed,
            listeners_full,
            overflowed,
            crowded_out,
            rate_waits_receiving,
            rate_waits_sending,
            too_slow,
            timed_out,
            timed_out_connecting,
            timed_out_handshake,
            timed_out_writing,
            timed_out_closing,
            timed_out_idle,
            timed_out_silent,
            timed_out_lifetime,
            lingers_cut,
            posts_refused,
            works_refused,
            quiet_logs,
        )
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut space = "";
        for (name, value) in self.iter().filter(|(_, value)| *value > 0) {
            write!(f, "{space}{name}={value}")?;
            space = " ";
        }
        Ok(())
    }
}
