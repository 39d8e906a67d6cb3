//! How a poll is ended from outside. Owns the word for it; what is done to end one is the network's.

use std::fmt;

/// Ends a poll early, from any thread. Wakes before a poll count for it; several are one.
pub trait Wake: Send + Sync {
    /// Ends the poll under way, or the next one.
    fn wake(&self);
}

impl fmt::Debug for dyn Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wake")
    }
}
