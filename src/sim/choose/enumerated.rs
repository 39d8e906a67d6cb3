//! Every outcome of the first decisions, one run after the other. Owns the path through their tree; for tiny worlds only.

/// The outcomes tried of one decision: the tame one, the least, and the largest.
const TRIED: u64 = 3;

/// Takes one path through the tree of decisions; the next one is that of the next run.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Enumerated {
    /// The path, with how many outcomes are tried at each step.
    path: Vec<(u64, u64)>,
    at: usize,
    /// How many decisions are varied; the later ones are tame.
    depth: usize,
}

impl Enumerated {
    pub(in crate::sim) fn new(depth: usize) -> Self {
        Self {
            path: Vec::new(),
            at: 0,
            depth,
        }
    }

    pub(in crate::sim) fn choose(&mut self, n: u64) -> u64 {
        if n < 2 || self.at == self.depth {
            return 0;
        }
        if self.at == self.path.len() {
            self.path.push((0, n.min(TRIED)));
        }
        // A run that takes another course may ask for less than the one that made the path.
        let (step, _) = self.path[self.at];
        self.at += 1;
        match step {
            2.. => n - 1,
            step => step.min(n - 1),
        }
    }

    /// The path of the next run; `None` if all were taken.
    pub(in crate::sim) fn next(mut self) -> Option<Self> {
        // What was not asked for in this run need not be varied.
        self.path.truncate(self.at);
        self.at = 0;
        while let Some((step, steps)) = self.path.pop() {
            if step + 1 < steps {
                self.path.push((step + 1, steps));
                return Some(self);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_taken_once() {
        let mut seen = Vec::new();
        let mut next = Some(Enumerated::new(3));
        while let Some(mut enumerated) = next {
            let first = enumerated.choose(2);
            // Another course asks for more.
            let rest = if first == 0 {
                vec![enumerated.choose(10)]
            } else {
                vec![
                    enumerated.choose(1),
                    enumerated.choose(2),
                    enumerated.choose(2),
                ]
            };
            seen.push((first, rest));
            next = enumerated.next();
        }
        assert_eq!(
            seen,
            [
                (0, vec![0]),
                (0, vec![1]),
                (0, vec![9]),
                (1, vec![0, 0, 0]),
                (1, vec![0, 0, 1]),
                (1, vec![0, 1, 0]),
                (1, vec![0, 1, 1]),
            ]
        );
    }
}
