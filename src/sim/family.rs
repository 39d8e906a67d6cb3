//! The families of faults, each on or off as a whole in one run. Owns their names; draws and does nothing.

use std::fmt;

/// What may go wrong together: a family of faults, on or off for a whole run.
///
/// Half of them are off in a run: a swarm of different runs finds what one run in which everything happens at once hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Family {
    /// Segments, window updates and lookups take longer, each as it likes.
    Latency,
    /// Hosts have their turns, and sockets are told of, in any order and in batches of any size.
    Order,
    /// Bytes are cut and joined anywhere, from one at a time to all at once.
    Chunking,
    /// The system takes less than it is offered.
    ShortWrites,
    /// Readiness and `WouldBlock` for no reason; hints left out.
    Spurious,
    /// Small send buffers and receive windows.
    Windows,
    /// The loop takes ways that it seldom takes: shares of a turn used up at once, no spare buffer, serials that begin anew.
    RarePaths,
    /// Callers wait in the backlog for longer before the listener is told.
    LateAccepts,
    /// The backlog is full, and calls have to be repeated.
    Backlogs,
    /// Calls are refused, find no route or no local port, meet themselves, or are never answered.
    Unreachable,
    /// Connections are reset: before they are accepted, midway, after FIN; with what was received or without.
    Resets,
    /// Nothing passes between two hosts, one way or both, for a while.
    Partitions,
    /// One direction of one connection is held up for a while.
    Clogs,
    /// A scripted peer stops reading for a while, or a host stands still.
    Stalls,
    /// A host has no descriptor left for a while.
    Descriptors,
    /// `accept` fails, with what concerns one connection or all of them.
    Accepts,
    /// `read` and `write` are interrupted, or fail.
    Calls,
    /// The wall clock is set forward or back.
    WallClocks,
    /// A host's time leaps, as when a machine was suspended.
    Leaps,
    /// Timers fire late.
    CoarseTimers,
    /// Other threads post calls, many at once.
    Posts,
    /// Names are looked up slowly, or in vain.
    Lookups,
    /// A callback panics.
    Panics,
    /// A process dies, or a whole host, and begins again later.
    Crashes,
    /// A reactor is stopped in order, and begins again later.
    Stops,
    /// Datagrams get lost, or the word that nobody takes them.
    Losses,
    /// Datagrams come twice.
    Duplicates,
    /// Datagrams are held up on their way, and come behind later ones.
    Reordering,
    /// Of a datagram only the beginning is received.
    Truncation,
}

impl Family {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 29] = [
        Self::Latency,
        Self::Order,
        Self::Chunking,
        Self::ShortWrites,
        Self::Spurious,
        Self::Windows,
        Self::RarePaths,
        Self::LateAccepts,
        Self::Backlogs,
        Self::Unreachable,
        Self::Resets,
        Self::Partitions,
        Self::Clogs,
        Self::Stalls,
        Self::Descriptors,
        Self::Accepts,
        Self::Calls,
        Self::WallClocks,
        Self::Leaps,
        Self::CoarseTimers,
        Self::Posts,
        Self::Lookups,
        Self::Panics,
        Self::Crashes,
        Self::Stops,
        Self::Losses,
        Self::Duplicates,
        Self::Reordering,
        Self::Truncation,
    ];

    pub(super) const COUNT: usize = Self::ALL.len();

    /// Its name, for people and for options: `short-writes`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Order => "order",
            Self::Chunking => "chunking",
            Self::ShortWrites => "short-writes",
            Self::Spurious => "spurious",
            Self::Windows => "windows",
            Self::RarePaths => "rare-paths",
            Self::LateAccepts => "late-accepts",
            Self::Backlogs => "backlogs",
            Self::Unreachable => "unreachable",
            Self::Resets => "resets",
            Self::Partitions => "partitions",
            Self::Clogs => "clogs",
            Self::Stalls => "stalls",
            Self::Descriptors => "descriptors",
            Self::Accepts => "accepts",
            Self::Calls => "calls",
            Self::WallClocks => "wall-clocks",
            Self::Leaps => "leaps",
            Self::CoarseTimers => "coarse-timers",
            Self::Posts => "posts",
            Self::Lookups => "lookups",
            Self::Panics => "panics",
            Self::Crashes => "crashes",
            Self::Stops => "stops",
            Self::Losses => "losses",
            Self::Duplicates => "duplicates",
            Self::Reordering => "reordering",
            Self::Truncation => "truncation",
        }
    }

    /// Whether no right program may notice it.
    pub const fn is_unnoticeable(self) -> bool {
        matches!(
            self,
            Self::Latency
                | Self::Order
                | Self::Chunking
                | Self::ShortWrites
                | Self::Spurious
                | Self::Windows
        )
    }

    /// Whether it strikes at times of its own, and not when something is asked of the network.
    pub(super) const fn is_timed(self) -> bool {
        matches!(
            self,
            Self::Resets
                | Self::Partitions
                | Self::Clogs
                | Self::Stalls
                | Self::Descriptors
                | Self::WallClocks
                | Self::Leaps
                | Self::Posts
                | Self::Crashes
                | Self::Stops
        )
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_in_order() {
        for (place, family) in Family::ALL.into_iter().enumerate() {
            assert_eq!(family as usize, place);
        }
        assert_eq!(Family::Truncation as usize + 1, Family::COUNT);
    }
}
