//! What may go wrong in a world. Owns the levels that a test asks for; does not decide when anything strikes.

/// How unkind a simulated world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Faults {
    /// Nothing unusual: a write travels whole and takes 100 µs.
    None,
    /// Nothing that a right program may notice: latency and jitter, bytes cut and joined anywhere, short writes, small
    /// windows, readiness and `WouldBlock` for no reason, hints left out, batches of any size and order. Each seed
    /// turns some of these on, more or less strongly.
    Unnoticeable,
}
