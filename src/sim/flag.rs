//! How another thread wakes a simulated reactor. Owns the flag that says so; wakes nobody by itself, for who polls looks at it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::network::Wake;

/// A wake-up that waits to be seen.
#[derive(Debug, Default)]
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn lower(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Wake for Flag {
    fn wake(&self) {
        self.0.store(true, Ordering::Release);
    }
}
