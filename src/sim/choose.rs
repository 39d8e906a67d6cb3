//! The one door through which a simulated world decides anything. Owns the sites of decisions and where their outcomes
//! come from; does not know what a decision is for.
//!
//! Outcome 0 is the tame one at every site: nothing is delayed, split, reordered or feigned. So a world without faults
//! is a source that says 0 always, and a failing run gets simpler by turning outcomes into 0.

use super::faults::Faults;
use super::random::Random;

/// Where outcomes come from.
pub(super) trait Choose {
    /// An outcome below `n` (which is at least 1); 0 is the tame one.
    fn choose(&mut self, site: Site, n: u64) -> u64;
}

/// A place where something is decided. Each draws from a stream of its own, so that one decision more or less at one
/// site does not reshuffle the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Site {
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
}

impl Site {
    const LAST: Self = Self::SendBuffer;

    const fn family(self) -> Family {
        match self {
            Self::Latency | Self::LookUp => Family::Latency,
            Self::HostOrder | Self::Between | Self::ReadyOrder | Self::BatchSize => Family::Order,
            Self::Chunk | Self::ReadSize | Self::Joined | Self::Undrained => Family::Chunking,
            Self::WriteSize => Family::ShortWrites,
            Self::WouldBlock | Self::Spurious | Self::ExtraEdge | Self::Unhinted => {
                Family::Spurious
            }
            Self::Window | Self::SendBuffer => Family::Windows,
        }
    }
}

/// What is on or off together in one run.
#[derive(Clone, Copy, Debug)]
enum Family {
    Latency,
    Order,
    Chunking,
    ShortWrites,
    Spurious,
    Windows,
}

impl Family {
    const LAST: Self = Self::Windows;
}

/// The source for a seed.
pub(super) fn source(seed: u64, faults: Faults) -> Box<dyn Choose> {
    match faults {
        Faults::None => Box::new(Tame),
        Faults::Unnoticeable => Box::new(Seeded::new(seed)),
    }
}

/// Nothing unusual, ever.
struct Tame;

impl Choose for Tame {
    fn choose(&mut self, _site: Site, _n: u64) -> u64 {
        0
    }
}

/// Draws from a seed. Half of the families are off in a run (a swarm of different runs finds what one run in which
/// everything happens at once would hide), the others differ in how often they strike.
struct Seeded {
    streams: [Random; Site::LAST as usize + 1],
    strengths: [Strength; Family::LAST as usize + 1],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strength {
    Off,
    /// One draw in 2 to this power is not tame.
    OneIn(u32),
}

impl Seeded {
    fn new(seed: u64) -> Self {
        // Streams of sites are numbered from 0, so this one is none of theirs.
        let mut swarm = Random::new(seed, u64::MAX);
        Self {
            streams: std::array::from_fn(|site| Random::new(seed, site as u64)),
            strengths: std::array::from_fn(|_| match swarm.below(6) {
                0 => Strength::OneIn(0),
                1 => Strength::OneIn(2),
                2 => Strength::OneIn(5),
                _ => Strength::Off,
            }),
        }
    }
}

impl Choose for Seeded {
    fn choose(&mut self, site: Site, n: u64) -> u64 {
        let Strength::OneIn(power) = self.strengths[site.family() as usize] else {
            return 0;
        };
        let stream = &mut self.streams[site as usize];
        if power > 0 && stream.next() >> (64 - power) != 0 {
            return 0;
        }
        stream.below(n)
    }
}

/// How much of `most` (not 0) to take at once: all of it if tame; else as often a handful as about half.
pub(super) fn portion(choices: &mut dyn Choose, site: Site, most: usize) -> usize {
    let bound = match choices.choose(site, 5) {
        0 => return most,
        scale => most >> (4 * (scale - 1)),
    };
    let extra = choices.choose(site, bound.max(1) as u64);
    1 + usize::try_from(extra).expect("less than a size")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_on(seed: u64) -> Seeded {
        let mut seeded = Seeded::new(seed);
        seeded.strengths = [Strength::OneIn(0); Family::LAST as usize + 1];
        seeded
    }

    #[test]
    fn one_site_does_not_reshuffle_another() {
        let mut alone = all_on(3);
        let mut mixed = all_on(3);
        for _ in 0..100 {
            mixed.choose(Site::Chunk, 10);
            assert_eq!(
                alone.choose(Site::Latency, 1_000),
                mixed.choose(Site::Latency, 1_000)
            );
        }
    }

    #[test]
    fn a_swarm_has_families_on_and_off() {
        let mut off = 0;
        for seed in 0..100 {
            let strengths = Seeded::new(seed).strengths;
            off += strengths.iter().filter(|&&s| s == Strength::Off).count();
        }
        assert!((200..400).contains(&off), "{off} of 600");
    }

    #[test]
    fn a_portion_is_never_nothing_and_never_too_much() {
        let mut seeded = all_on(5);
        let mut tame = Tame;
        for most in 1..500 {
            let size = portion(&mut seeded, Site::Chunk, most);
            assert!((1..=most).contains(&size));
            assert_eq!(portion(&mut tame, Site::Chunk, most), most);
        }
    }
}
