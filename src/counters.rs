//! What an operator can read of a reactor: plain numbers that only grow. Owns their meaning; counts nothing itself.

/// What has happened in a reactor since it was made. Every limit that can cost something has its number here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Turns of the loop.
    pub turns: u64,
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
    /// Closures and timers whose protocol had ended, or was of another type, when they were due.
    pub stale_calls: u64,
    /// Frames that their framing could not encode.
    pub frames_refused: u64,
    /// Frames of peers that broke their framing's rules.
    pub bad_frames: u64,
    /// Frames a group dropped for members that could not keep up.
    pub frames_dropped: u64,
    /// Panics in users' code.
    pub panics: u64,
    /// Connections closed because no protocol was built for them.
    pub unwanted: u64,
    /// Accepts that failed.
    pub accepts_failed: u64,
    /// Connections refused beyond a limit.
    pub overflowed: u64,
    /// Connections lost as too slow.
    pub too_slow: u64,
    /// Connections lost by a deadline.
    pub timed_out: u64,
    /// Log lines kept back because too many of their kind came at once.
    pub quiet_logs: u64,
}
