//! A small generator of random numbers (SplitMix64). Owns one stream's state; is not for keys, nor seeded by anything
//! but a number.

/// One stream. The same seed and stream name give the same numbers on every platform.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// The stream `stream` of `seed`: streams of one seed do not resemble one another.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut root = Self(seed);
        let mixed = root.next() ^ stream.wrapping_mul(0xd6e8_feb8_6659_fd93);
        Self(Self(mixed).next())
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`, which is not 0.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(n);
        u64::try_from(product >> 64).expect("the upper half of a product of 64-bit numbers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [random.next(), random.next(), random.next()]
        };
        assert_eq!(draw(1, 1), draw(1, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
        assert_ne!(draw(1, 1), draw(2, 1));
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        let mut random = Random::new(7, 0);
        let mut seen = [0; 5];
        for _ in 0..1_000 {
            seen[usize::try_from(random.below(5)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|&times| times > 100), "{seen:?}");
    }
}
