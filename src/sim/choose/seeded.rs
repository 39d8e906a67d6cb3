//! Outcomes drawn from a seed. Owns which families are on in a run, and how strong; keeps nothing of what was drawn.

use super::Site;
use crate::sim::family::Family;
use crate::sim::faults::Faults;
use crate::sim::random::Random;

/// Draws from a seed. Half of the families are off in a run, the others differ in how often they strike.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Seeded {
    streams: Vec<Random>,
    strengths: [Strength; Family::COUNT],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strength {
    Off,
    /// One draw in 2 to this power is not tame.
    OneIn(u32),
}

impl Seeded {
    pub(in crate::sim) fn new(seed: u64, faults: Faults) -> Self {
        // Streams of sites are numbered from 0, so this one is none of theirs.
        let mut swarm = Random::new(seed, u64::MAX);
        let mut strength = |family: Family| {
            let drawn = swarm.below(6);
            if faults == Faults::Unnoticeable && !family.is_unnoticeable() {
                return Strength::Off;
            }
            let harmless = family.is_unnoticeable() || family == Family::RarePaths;
            match (harmless, drawn) {
                (true, 0) => Strength::OneIn(0),
                (true, 1) => Strength::OneIn(2),
                (true, 2) => Strength::OneIn(5),
                // What ends connections would leave none, if it struck as often.
                (false, 0) => Strength::OneIn(2),
                (false, 1) => Strength::OneIn(5),
                (false, 2) => Strength::OneIn(8),
                _ => Strength::Off,
            }
        };
        Self {
            strengths: Family::ALL.map(&mut strength),
            streams: Site::all()
                .map(|site| Random::new(seed, site.stream()))
                .collect(),
        }
    }

    #[inline]
    pub(in crate::sim) fn choose(&mut self, site: Site, n: u64) -> u64 {
        let Strength::OneIn(power) = self.strengths[site.family() as usize] else {
            return 0;
        };
        let stream = &mut self.streams[site.index()];
        match site {
            // Another strike always follows, and a strike is about something in any case.
            Site::When(_) => 1 + stream.below(n - 1),
            Site::Whom(_) | Site::How(_) | Site::Span(_) | Site::ResetLoses => stream.below(n),
            _ if power > 0 && stream.next() >> (64 - power) != 0 => 0,
            _ => stream.below(n),
        }
    }

    pub(super) fn is_off(&self, site: Site) -> bool {
        self.strengths[site.family() as usize] == Strength::Off
    }

    /// Those that are on, with their strength.
    pub(super) fn families(&self) -> Vec<(Family, String)> {
        let strengths = Family::ALL.into_iter().zip(self.strengths);
        let on = strengths.filter_map(|(family, strength)| match strength {
            Strength::Off => None,
            Strength::OneIn(power) => Some((family, format!("1/{}", 1 << power))),
        });
        on.collect()
    }
}

#[cfg(test)]
impl Seeded {
    pub(super) fn all_on(seed: u64) -> Self {
        let mut seeded = Self::new(seed, Faults::All);
        seeded.strengths = [Strength::OneIn(0); Family::COUNT];
        seeded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_site_does_not_reshuffle_another() {
        let mut alone = Seeded::all_on(3);
        let mut mixed = Seeded::all_on(3);
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
        let (mut on, mut noticeable) = (0, 0);
        for seed in 0..100 {
            on += Seeded::new(seed, Faults::All).families().len();
            let families = Seeded::new(seed, Faults::Unnoticeable).families();
            noticeable += families
                .iter()
                .filter(|(f, _)| !f.is_unnoticeable())
                .count();
        }
        let most = 100 * Family::COUNT;
        assert!((most / 3..most * 2 / 3).contains(&on), "{on} of {most}");
        assert_eq!(noticeable, 0);
    }

    #[test]
    fn a_strike_is_always_followed_by_another() {
        let mut seeded = Seeded::all_on(3);
        for _ in 0..1_000 {
            let when = seeded.choose(Site::When(Family::Resets), 64);
            assert!((1..64).contains(&when));
        }
    }
}
