//! Outcomes taken from a fuzzer's bytes, so that its input is the schedule. Owns how many bytes a decision costs; after
//! the last byte everything is tame.

use std::collections::VecDeque;

use super::Site;

/// Bytes that decide.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Fuzzed {
    bytes: VecDeque<u8>,
}

impl Fuzzed {
    pub(in crate::sim) fn new(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.iter().copied().collect(),
        }
    }

    /// Half of the bytes say nothing unusual, so that a run gets somewhere. A large range takes as many bytes as it needs.
    pub(in crate::sim) fn choose(&mut self, site: Site, n: u64) -> u64 {
        let Some(first) = self.bytes.pop_front() else {
            return 0;
        };
        if first < 128 && site != Site::Scenario {
            return 0;
        }
        let mut value = u64::from(first & 127);
        let mut range = 128_u64;
        while range < n {
            let next = self.bytes.pop_front().unwrap_or(0);
            value = (value << 8) | u64::from(next);
            range = range.saturating_mul(256);
        }
        value % n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_decide_and_then_nothing_does() {
        let mut fuzzed = Fuzzed::new(&[0, 130, 127, 255, 255, 3]);
        assert_eq!(fuzzed.choose(Site::Chunk, 5), 0);
        assert_eq!(fuzzed.choose(Site::Chunk, 5), 2);
        assert_eq!(fuzzed.choose(Site::Scenario, 100), 27);
        assert!(fuzzed.choose(Site::Latency, 5_000) < 5_000);
        assert_eq!(fuzzed.choose(Site::Chunk, 5), 0);
        assert_eq!(fuzzed.choose(Site::Chunk, 5), 0);
    }

    #[test]
    fn the_largest_range_takes_eight_more_bytes_and_ends() {
        let mut fuzzed = Fuzzed::new(&[255, 1, 2, 3, 4, 5, 6, 7, 8, 130]);
        assert!(fuzzed.choose(Site::Chunk, u64::MAX) > 0);
        assert_eq!(fuzzed.choose(Site::Chunk, 5), 2);
    }
}
