//! A host's process: its reactor, and when that wants its next turn. Owns the pace; turns nothing.

use std::rc::Rc;

use super::host::HostId;
use super::judge::Judge;
use crate::network::Time;
use crate::reactor::{Reactor, Stepper};

/// Makes what a service does, each time its process begins.
pub(super) type Setup = Rc<dyn Fn(&mut Reactor) -> crate::Result<()>>;

/// A host with a reactor.
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) host: HostId,
    /// Lent out while it turns, so that nothing is borrowed while user code runs; gone while the process is.
    pub(super) stepper: Option<Stepper>,
    pub(super) pace: Pace,
    /// Who judges its reactor.
    pub(super) judge: Rc<Judge>,
    /// How its process is begun again, if it can be.
    pub(super) setup: Option<Setup>,
    /// The script has asked it to stop: no fault is to hold that up.
    pub(super) is_to_stop: bool,
}

/// When a reactor wants its next turn, if nothing becomes ready before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    At(Time),
    /// When something becomes ready.
    Waits,
    /// Not before then, whatever becomes ready.
    Frozen(Time),
    /// Never: it has stopped.
    Stopped,
    /// Its process is gone, and begins again then.
    Down(Time),
}

impl Machine {
    /// Whether a fault may have it stand still.
    pub(super) fn may_stand_still(&self) -> bool {
        self.is_up() && !self.is_to_stop
    }

    /// Whether a fault may end its process, which begins again.
    pub(super) fn may_begin_again(&self) -> bool {
        self.is_up() && self.setup.is_some()
    }

    pub(super) fn is_up(&self) -> bool {
        !matches!(self.pace, Pace::Stopped | Pace::Down(_))
    }
}
