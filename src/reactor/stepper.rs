//! Turning a reactor: by `run`, and by hand for simulation, for tests, for a loop of one's own. Owns the reactor and its
//! turn's buffers; what a turn is stands in `turn`.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::network::{Network, OsNetwork, Time};

use super::stop::Running;
use super::turn::Turn;
use super::{Reactor, Report};

/// A reactor, turned one turn at a time.
///
/// ```
/// use std::time::Duration;
/// use ropewalk::{Reactor, Stepper};
///
/// # fn main() -> ropewalk::Result<()> {
/// let mut reactor = Reactor::new()?;
/// reactor.call_soon(|reactor| reactor.stop());
/// let mut stepper = Stepper::new(reactor);
/// while stepper.turn(None)? {}
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Stepper {
    reactor: Reactor,
    turn: Turn,
    mine: bool,
}

impl Stepper {
    /// Takes a reactor to turn it.
    pub fn new(mut reactor: Reactor) -> Self {
        let mine = !std::mem::replace(&mut reactor.was_run, true);
        Self {
            reactor,
            turn: Turn::default(),
            mine,
        }
    }

    /// One turn: waits for something to happen, `timeout` at the longest (`None`: for ever), and does all that follows.
    /// It does not wait beyond the next timer, nor at all while something is left to do. `false` when the reactor has
    /// stopped and nothing of it is left.
    ///
    /// # Errors
    /// If the system's selector is broken, or the reactor was run before.
    pub fn turn(&mut self, timeout: Option<Duration>) -> Result<bool> {
        let timeout = match (timeout, self.timeout()) {
            (Some(most), Some(own)) => Some(most.min(own)),
            (most, own) => most.or(own),
        };
        self.advance(timeout)
    }

    /// One turn that waits for as long as it is told.
    fn advance(&mut self, timeout: Option<Duration>) -> Result<bool> {
        if !self.mine {
            return Err(Error::AlreadyRun);
        }
        if self.reactor.running != Running::Done {
            self.turn.run(&mut self.reactor, timeout)?;
        }
        Ok(self.reactor.running != Running::Done)
    }

    /// How long the next turn may wait: not at all if something is left to do, until the next timer, or for ever.
    pub fn timeout(&mut self) -> Option<Duration> {
        self.reactor.timeout(|reactor| reactor.network.now())
    }

    /// The reactor, between two turns. Its time is read anew, so that what is timed from outside counts from now.
    pub fn reactor(&mut self) -> &mut Reactor {
        self.reactor.now = self.reactor.network.now();
        &mut self.reactor
    }

    /// The reactor, as it is.
    pub(crate) fn glance(&self) -> &Reactor {
        &self.reactor
    }

    /// What was achieved; complete once [`turn`](Self::turn) has returned `false`.
    pub fn report(&self) -> Report {
        self.reactor.report()
    }
}

impl Reactor {
    /// How long the next turn may wait, by the clock as it stands `now`.
    fn timeout(&mut self, now: impl FnOnce(&mut Self) -> Time) -> Option<Duration> {
        if self.has_work() {
            return Some(Duration::ZERO);
        }
        let next = self.timers.next()?;
        Some(next.since(now(self)))
    }

    /// Turns until the reactor is stopped and all its connections have ended.
    ///
    /// # Errors
    /// If the system's selector is broken; [`Error::AlreadyRun`] if this reactor is being run, which can only be if a
    /// callback has put another in its place.
    pub fn run(self) -> Result<Report> {
        let mut stepper = Stepper::new(self);
        let mut timeout = stepper.timeout();
        while stepper.advance(timeout)? {
            // At the end of a turn its clock was read; nobody's code ran since.
            timeout = stepper.reactor.timeout(|reactor| reactor.last_turn_ended());
        }
        Ok(stepper.report())
    }
}

/// Runs a program on the machine's sockets: makes a reactor, lets `setup` listen, connect and call later on it, and turns
/// it until it is stopped. SIGINT and SIGTERM stop it in order: each protocol is told
/// [`stopping`](crate::Protocol::stopping), and has until the deadline to finish; a second signal stops at once. SIGUSR1
/// writes a [dump](Reactor::dump) to the log.
///
/// # Errors
/// What `setup` returns, or the system's refusal of what the loop needs.
///
/// ```no_run
/// # use ropewalk::{Protocol, Transport};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) { transport.write(data) }
/// # }
/// fn main() -> ropewalk::Result<()> {
///     ropewalk::run(|reactor| reactor.listen("tcp:8007").serve(|_peer| Echo).map(drop)).map(drop)
/// }
/// ```
pub fn run(setup: impl FnOnce(&mut Reactor) -> Result<()>) -> Result<Report> {
    run_on(OsNetwork::new()?, setup)
}

/// Runs a program as [`run`] does, on another network than the machine's own, or one put around that.
///
/// # Errors
/// As [`run`].
pub fn run_on(
    network: impl Network + 'static,
    setup: impl FnOnce(&mut Reactor) -> Result<()>,
) -> Result<Report> {
    let mut reactor = Reactor::on(Box::new(network));
    reactor.network.watch_signals().map_err(Error::from)?;
    setup(&mut reactor)?;
    reactor.run()
}
