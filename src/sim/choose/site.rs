//! The places where something is decided. Owns their names, their numbers and the family each belongs to; draws nothing.

use crate::inspector::RarePath;
use crate::sim::family::Family;

/// A place where something is decided. Each draws from a stream of its own, so that one decision more or less at one
/// site does not reshuffle the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sim) enum Site {
    /// What a scenario draws for itself.
    Scenario,
    /// Microseconds that a segment or a window update takes longer.
    Latency,
    /// Microseconds that a lookup takes longer.
    LookUp,
    /// The order of the hosts that have something to do.
    HostOrder,
    /// Whether to look at the hosts between two events of the same moment.
    Between,
    /// How much is sent as one segment.
    Chunk,
    /// How much a read takes.
    ReadSize,
    /// Whether a read copies, and joins segments, instead of lending one.
    Joined,
    /// Whether a drained socket is not told to be.
    Undrained,
    /// How much a write takes.
    WriteSize,
    /// Whether a call that could do something says `WouldBlock`.
    WouldBlock,
    /// Whether a poll tells of a socket that nothing happened to, and which.
    Spurious,
    /// Whether an arrival is told of that need not be.
    ExtraEdge,
    /// Whether the hint that the peer has sent its FIN is left out.
    Unhinted,
    /// The order of the readiness in a batch.
    ReadyOrder,
    /// How much readiness a batch holds.
    BatchSize,
    /// By how many halvings a receive window is smaller.
    Window,
    /// By how many halvings a send buffer is smaller.
    SendBuffer,
    /// How much later a listener is told of a caller.
    LateAccept,
    /// Whether a backlog is as good as full.
    FullBacklog,
    /// What is wrong with a call, at once.
    Connect,
    /// How a call is answered.
    Answer,
    /// Whether a call is reset while it waits to be accepted.
    ResetBeforeAccept,
    /// Whether a reset destroys what was received and not yet read.
    ResetLoses,
    /// What is wrong with an accept.
    Accept,
    /// What is wrong with a read.
    Read,
    /// What is wrong with a write.
    Write,
    /// How much later a timer fires.
    CoarseTimer,
    /// What is wrong with a lookup.
    Answered,
    /// Whether too many lookups wait already.
    Busy,
    /// Whether a callback panics.
    Panic,
    /// Microseconds that work on a thread takes longer.
    Work,
    /// Whether a datagram gets lost.
    Lost,
    /// Whether a datagram comes twice.
    Doubled,
    /// For how long a datagram is held up, and others overtake it.
    Overtaken,
    /// How much of a datagram is received.
    CutOff,
    /// Whether a rare path is taken.
    Path(RarePath),
    /// How long until a family strikes again; 0: never.
    When(Family),
    /// Whom it strikes.
    Whom(Family),
    /// In which way.
    How(Family),
    /// For how long.
    Span(Family),
}

const PLAIN: usize = 36;
const PATHS: usize = RarePath::ALL.len();

impl Site {
    /// How many there are.
    pub(super) const COUNT: usize = PLAIN + PATHS + 4 * Family::COUNT;

    /// Those that no family or path is part of, in order.
    const PLAIN: [(Self, &'static str, Family); PLAIN] = [
        (Self::Scenario, "scenario", Family::Order),
        (Self::Latency, "latency", Family::Latency),
        (Self::LookUp, "look-up", Family::Latency),
        (Self::HostOrder, "host-order", Family::Order),
        (Self::Between, "between", Family::Order),
        (Self::Chunk, "chunk", Family::Chunking),
        (Self::ReadSize, "read-size", Family::Chunking),
        (Self::Joined, "joined", Family::Chunking),
        (Self::Undrained, "undrained", Family::Chunking),
        (Self::WriteSize, "write-size", Family::ShortWrites),
        (Self::WouldBlock, "would-block", Family::Spurious),
        (Self::Spurious, "spurious", Family::Spurious),
        (Self::ExtraEdge, "extra-edge", Family::Spurious),
        (Self::Unhinted, "unhinted", Family::Spurious),
        (Self::ReadyOrder, "ready-order", Family::Order),
        (Self::BatchSize, "batch-size", Family::Order),
        (Self::Window, "window", Family::Windows),
        (Self::SendBuffer, "send-buffer", Family::Windows),
        (Self::LateAccept, "late-accept", Family::LateAccepts),
        (Self::FullBacklog, "full-backlog", Family::Backlogs),
        (Self::Connect, "connect", Family::Unreachable),
        (Self::Answer, "answer", Family::Unreachable),
        (
            Self::ResetBeforeAccept,
            "reset-before-accept",
            Family::Resets,
        ),
        (Self::ResetLoses, "reset-loses", Family::Resets),
        (Self::Accept, "accept", Family::Accepts),
        (Self::Read, "read", Family::Calls),
        (Self::Write, "write", Family::Calls),
        (Self::CoarseTimer, "coarse-timer", Family::CoarseTimers),
        (Self::Answered, "answered", Family::Lookups),
        (Self::Busy, "busy", Family::Lookups),
        (Self::Panic, "panic", Family::Panics),
        (Self::Work, "work", Family::Latency),
        (Self::Lost, "lost", Family::Losses),
        (Self::Doubled, "doubled", Family::Duplicates),
        (Self::Overtaken, "overtaken", Family::Reordering),
        (Self::CutOff, "cut-off", Family::Truncation),
    ];

    #[inline]
    pub(super) fn index(self) -> usize {
        match self {
            Self::Path(path) => PLAIN + path as usize,
            Self::When(family) => PLAIN + PATHS + family as usize,
            Self::Whom(family) => PLAIN + PATHS + Family::COUNT + family as usize,
            Self::How(family) => PLAIN + PATHS + 2 * Family::COUNT + family as usize,
            Self::Span(family) => PLAIN + PATHS + 3 * Family::COUNT + family as usize,
            plain => plain.place(),
        }
    }

    /// The number of its stream. Numbers that were given out stay as they are: so a site, a path or a family more does not make
    /// other runs of the seeds that there were.
    pub(super) fn stream(self) -> u64 {
        /// How many families there were when numbers were first given out.
        const FAMILIES: usize = 25;
        let (kind, place, begin, first) = match self {
            Self::Path(path) => (1, path as usize, 32, 9),
            Self::When(family) => (2, family as usize, 41, FAMILIES),
            Self::Whom(family) => (3, family as usize, 66, FAMILIES),
            Self::How(family) => (4, family as usize, 91, FAMILIES),
            Self::Span(family) => (5, family as usize, 116, FAMILIES),
            plain => (0, plain.place(), 0, 32),
        };
        let number = if place < first {
            begin + place
        } else {
            (kind + 1) << 16 | place
        };
        number as u64
    }

    /// Of those that no family or path is part of.
    #[inline]
    const fn place(self) -> usize {
        match self {
            Self::Scenario => 0,
            Self::Latency => 1,
            Self::LookUp => 2,
            Self::HostOrder => 3,
            Self::Between => 4,
            Self::Chunk => 5,
            Self::ReadSize => 6,
            Self::Joined => 7,
            Self::Undrained => 8,
            Self::WriteSize => 9,
            Self::WouldBlock => 10,
            Self::Spurious => 11,
            Self::ExtraEdge => 12,
            Self::Unhinted => 13,
            Self::ReadyOrder => 14,
            Self::BatchSize => 15,
            Self::Window => 16,
            Self::SendBuffer => 17,
            Self::LateAccept => 18,
            Self::FullBacklog => 19,
            Self::Connect => 20,
            Self::Answer => 21,
            Self::ResetBeforeAccept => 22,
            Self::ResetLoses => 23,
            Self::Accept => 24,
            Self::Read => 25,
            Self::Write => 26,
            Self::CoarseTimer => 27,
            Self::Answered => 28,
            Self::Busy => 29,
            Self::Panic => 30,
            Self::Work => 31,
            Self::Lost => 32,
            Self::Doubled => 33,
            Self::Overtaken => 34,
            _ => 35,
        }
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        let plain = Self::PLAIN.iter().map(|&(site, ..)| site);
        let of = |site: fn(Family) -> Self| Family::ALL.into_iter().map(site);
        plain
            .chain(RarePath::ALL.into_iter().map(Self::Path))
            .chain(of(Self::When))
            .chain(of(Self::Whom))
            .chain(of(Self::How))
            .chain(of(Self::Span))
    }

    #[inline]
    pub(super) fn family(self) -> Family {
        match self {
            Self::Path(_) => Family::RarePaths,
            Self::When(family) | Self::Whom(family) | Self::How(family) | Self::Span(family) => {
                family
            }
            plain => Self::PLAIN[plain.place()].2,
        }
    }

    /// As it is written on a tape: `chunk`, `path:read-budget`, `when:resets`.
    pub(super) fn name(self) -> String {
        match self {
            Self::Path(path) => format!("path:{}", path.name()),
            Self::When(family) => format!("when:{family}"),
            Self::Whom(family) => format!("whom:{family}"),
            Self::How(family) => format!("how:{family}"),
            Self::Span(family) => format!("span:{family}"),
            plain => Self::PLAIN[plain.place()].1.to_owned(),
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::all().find(|site| site.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_lead_back() {
        for (index, site) in Site::all().enumerate() {
            assert_eq!(site.index(), index);
            assert_eq!(Site::named(&site.name()), Some(site));
        }
        assert_eq!(Site::all().count(), Site::COUNT);
        let mut streams: Vec<u64> = Site::all().map(Site::stream).collect();
        streams.sort_unstable();
        streams.dedup();
        assert_eq!(streams.len(), Site::COUNT);
    }

    #[test]
    fn streams_keep_their_numbers() {
        let numbers = [
            (Site::Work, 31),
            (Site::Path(RarePath::LastSerials), 40),
            (Site::When(Family::Latency), 41),
            (Site::Span(Family::Stops), 140),
            (Site::Lost, 0x1_0020),
            (Site::When(Family::Losses), 0x3_0019),
        ];
        for (site, number) in numbers {
            assert_eq!(site.stream(), number, "{}", site.name());
        }
    }
}
