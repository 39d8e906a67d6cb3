//! Random numbers that are good enough to spread and to shuffle. Owns the generator; makes no secrets.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Steele, Lea and Flood's SplitMix64: one addition and a mix, and every seed is a good one.
#[derive(Debug)]
pub(super) struct SplitMix(u64);

impl SplitMix {
    /// Seeded by the system, through the standard library's hashing.
    pub(super) fn unpredictable() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The values are those of the reference implementation.
    #[test]
    fn it_is_splitmix64() {
        let mut random = SplitMix(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }
}
