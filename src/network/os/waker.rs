//! What ends a wait from outside, from any thread. Owns the selector's waker; does not wait.

use crate::network::Wake;

#[derive(Debug)]
pub(super) struct OsWaker(pub(super) mio::Waker);

impl Wake for OsWaker {
    fn wake(&self) {
        if let Err(error) = self.0.wake() {
            log::debug!("a wake-up failed: {error}");
        }
    }
}
