//! The ports of one host that are in use. Owns which is given out next; whose a port is, others know.

use std::collections::BTreeSet;

/// Linux's range of ports that the kernel gives out itself.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 32768..=60999;

#[derive(Debug)]
pub(super) struct Ports {
    used: BTreeSet<u16>,
    next: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            used: BTreeSet::new(),
            next: *EPHEMERAL.start(),
        }
    }
}

impl Ports {
    /// Takes a port that nobody uses.
    pub(super) fn take(&mut self) -> Option<u16> {
        for _ in EPHEMERAL {
            let port = self.next;
            self.next = match port.checked_add(1) {
                Some(next) if EPHEMERAL.contains(&next) => next,
                _ => *EPHEMERAL.start(),
            };
            if self.used.insert(port) {
                return Some(port);
            }
        }
        None
    }

    /// Takes this very port.
    pub(super) fn claim(&mut self, port: u16) -> bool {
        self.used.insert(port)
    }

    pub(super) fn release(&mut self, port: u16) {
        self.used.remove(&port);
    }
}
