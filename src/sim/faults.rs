//! What may go wrong in a world. Owns the levels that a test asks for; does not decide when anything strikes.

use super::family::Family;

/// How unkind a simulated world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Faults {
    /// Nothing unusual: a write travels whole and takes 100 µs.
    None,
    /// Nothing that a right program may notice: latency and jitter, bytes cut and joined anywhere, short writes, small
    /// windows, readiness and `WouldBlock` for no reason, hints left out, batches of any size and order. Each seed
    /// turns some of these on, more or less strongly. What a test expects to the letter holds in it.
    Unnoticeable,
    /// Everything: connections refused and reset, hosts cut off from each other, stalled, crashed and begun again,
    /// descriptors wanting, clocks that leap, callbacks that panic, datagrams lost, doubled, late and cut off; each [`Family`](super::Family) on in about half
    /// of the seeds. A test can expect little to the letter in it, but the world judges, as [the guide](crate::guide::own_protocol) tells.
    All,
}

impl Faults {
    /// Whether a family is among them.
    pub(super) const fn has(self, family: Family) -> bool {
        match self {
            Self::None => false,
            Self::Unnoticeable => family.is_unnoticeable(),
            Self::All => true,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unnoticeable => "unnoticeable",
            Self::All => "all",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        let all = [Self::None, Self::Unnoticeable, Self::All];
        all.into_iter().find(|faults| faults.name() == name)
    }
}
