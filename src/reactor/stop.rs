//! Stopping: no new connections, time for the old ones to finish, then an end to all. Owns the phases of the reactor
//! itself; each connection ends by the rules of `close`.

use std::fmt;
use std::time::Duration;

use crate::connection::{Connection, Phase};
use crate::counters::Counters;
use crate::error::Lost;
use crate::network::{Farewell, Signal};

use super::Reactor;
use super::shutdown::ShutdownPhase;
use super::timed::Timed;

/// How far the reactor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Running {
    /// It was not asked to stop.
    Idle,
    /// It begins to stop at the end of this turn.
    Asked,
    /// It was asked to, and waits for what is to be done before.
    Held,
    /// It waits for its connections.
    Draining,
    /// Nothing is left.
    Done,
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "running",
            Self::Asked | Self::Held | Self::Draining => "stopping",
            Self::Done => "stopped",
        })
    }
}

impl Running {
    pub(super) fn is_stopping(self) -> bool {
        self != Self::Idle
    }

    /// Whether connects are refused. What is to be done before the stop may need some.
    pub(super) fn refuses_connects(self) -> bool {
        match self {
            Self::Idle | Self::Held => false,
            Self::Asked | Self::Draining | Self::Done => true,
        }
    }
}

/// What became of the connections when the reactor stopped, and all it has done before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The signal that stopped it.
    pub signal: Option<Signal>,
    /// Connections that ended in order while it stopped: all they were owed was handed over.
    pub finished: u64,
    /// Connections that were cut off.
    pub cut_off: u64,
    /// Hooks of the shutdown that panicked.
    pub hooks_panicked: u64,
    /// Holds of [`before_shutdown`](Reactor::before_shutdown) that were not dropped by the deadline, or when it was to stop at
    /// once.
    pub hooks_unfinished: u64,
    /// What has happened since it was made.
    pub counters: Counters,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            finished,
            cut_off,
            hooks_panicked,
            hooks_unfinished,
            counters,
            ..
        } = self;
        write!(
            f,
            "{finished} connections finished, {cut_off} cut off, {} bytes dropped",
            counters.bytes_dropped
        )?;
        if hooks_panicked + hooks_unfinished > 0 {
            write!(
                f,
                ", {hooks_panicked} hooks panicked, {hooks_unfinished} unfinished"
            )?;
        }
        Ok(())
    }
}

impl Reactor {
    /// Stops the loop in order: what is to be done [before](Self::before_shutdown) is done, then no more connections are
    /// taken, each protocol is told [`stopping`](crate::Protocol::stopping), and the loop ends when all have, or at the
    /// deadline ([`set_stop_deadline`](Self::set_stop_deadline)). Before the loop runs it means that it ends at once; a second call
    /// does nothing.
    pub fn stop(&mut self) {
        if self.running == Running::Idle {
            self.running = Running::Asked;
        }
    }

    /// Stops the loop without waiting for anybody: each connection is reset, and told that it is lost as
    /// [`Stopped`](Lost::Stopped).
    pub fn stop_now(&mut self) {
        self.stop();
        self.stop_timed_out();
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopping(&self) -> bool {
        self.running.is_stopping()
    }

    pub(super) fn signalled(&mut self, signals: &[Signal]) {
        for signal in signals {
            match signal {
                Signal::Interrupt | Signal::Terminate => self.asked_to_end(*signal),
                Signal::User1 => {}
            }
        }
        // However often it was asked for.
        if signals.contains(&Signal::User1) {
            self.log_dump();
        }
    }

    fn asked_to_end(&mut self, signal: Signal) {
        if self.running.is_stopping() {
            log::warn!("{signal} again: stopping at once");
            self.stop_now();
        } else {
            log::info!("{signal}: stopping");
            self.stopped.signal = Some(signal);
            self.stop();
        }
    }

    /// The part of each turn that a stop is: begins it, and notices when it is over.
    pub(super) fn go_on_stopping(&mut self) {
        if self.running == Running::Asked {
            self.hold_the_stop();
        }
        if self.running == Running::Held && !self.is_held() {
            self.begin_to_drain();
        }
        if self.running == Running::Draining
            && self.ended.is_empty()
            && self.datagrams.is_empty()
            && self.connections.all(Connection::is_connecting)
        {
            self.tell_the_refused();
            self.call_hooks(ShutdownPhase::After);
            // What the hooks have asked for.
            self.tell_the_refused();
            self.running = Running::Done;
            self.close_for_good();
        }
    }

    /// What still connects was refused in answer to a refusal. Each is told once; what is asked for in answer to that
    /// nobody hears of, or a hook that always connects again would keep the loop alive for ever.
    fn tell_the_refused(&mut self) {
        for id in self.connections.ids() {
            self.retire(id, Lost::Stopped, Farewell::Reset.into());
        }
        self.settle();
        for id in self.connections.ids() {
            self.release_output(id);
            if let Some(connection) = self.connections.remove(id) {
                self.leave_settings(connection.settings, Some(&connection.peer));
                self.discard((connection.protocol, connection.rare));
            }
        }
    }

    /// What is to be done before the stop begins. From here on its time is running.
    fn hold_the_stop(&mut self) {
        self.running = Running::Held;
        if let Some(within) = self.stop_within {
            let at = self.now + within;
            self.timers.arm(at, Timed::Stop);
        }
        self.call_hooks(ShutdownPhase::Before);
        self.drop_discarded();
    }

    /// Whether somebody is waited for before the stop begins.
    fn is_held(&self) -> bool {
        self.hooks.holds.len() > 0 && self.stop_within != Some(Duration::ZERO)
    }

    /// Whether the stop has something to do that needs no readiness.
    pub(super) fn stop_wants_turn(&self) -> bool {
        match self.running {
            Running::Asked => true,
            Running::Held => !self.is_held(),
            Running::Idle | Running::Draining | Running::Done => false,
        }
    }

    fn begin_to_drain(&mut self) {
        self.stopped.hooks_unfinished = self.hooks.holds.len() as u64;
        self.running = Running::Draining;
        self.close_all_listeners();
        for id in self.connections.ids() {
            match self.connections.get(id).map(|connection| connection.phase) {
                Some(Phase::Connecting | Phase::Opening) => {
                    self.retire(id, Lost::Stopped, Farewell::Reset.into())
                }
                Some(Phase::Open) => {
                    self.dispatch(id, |protocol, transport| protocol.stopping(transport));
                }
                Some(Phase::Lingering) => {
                    self.set_deadline(id, Some(crate::limits::LINGER_AT_STOP))
                }
                _ => {}
            }
        }
        self.tell_datagrams_stopping();
        self.call_hooks(ShutdownPhase::During);
        if self.stop_within == Some(Duration::ZERO) {
            self.cut_off_all();
        }
        self.settle();
    }

    /// The time is up, for those that are waited for before the stop as well.
    pub(super) fn stop_timed_out(&mut self) {
        self.stop_within = Some(Duration::ZERO);
        if self.running == Running::Draining {
            self.cut_off_all();
        }
    }

    fn cut_off_all(&mut self) {
        self.cut_off_datagrams();
        for id in self.connections.ids() {
            match self.connections.get(id).map(|connection| connection.phase) {
                Some(Phase::Lingering) => self.free(id, Farewell::Close),
                Some(_) => self.retire(id, Lost::Stopped, Farewell::Reset.into()),
                None => {}
            }
        }
    }

    /// Calls and timers that are left are dropped: nobody would make them.
    fn close_for_good(&mut self) {
        let mail = self.close_mailbox();
        for posted in mail {
            self.drop_guarded(posted);
        }
        while let Some(call) = self.calls.pop_front() {
            self.drop_guarded(call);
        }
        self.forget_works();
        self.forget_look_ups();
        self.forget_hooks();
        let timers = std::mem::replace(&mut self.timers, crate::timer::Timers::new());
        // One by one: a second panic while the first unwinds would end the process.
        for timed in timers.into_actions() {
            self.drop_guarded(timed);
        }
        self.drop_discarded();
        log::info!("stopped: {}", self.report());
    }

    pub(super) fn count_end(&mut self, reason: &Lost) {
        if self.running.is_stopping() {
            match reason {
                Lost::Done(_) => self.stopped.finished += 1,
                _ => self.stopped.cut_off += 1,
            }
        }
    }

    /// What was achieved so far, and by the stop; complete once it has stopped.
    pub fn report(&self) -> Report {
        Report {
            counters: self.counters(),
            ..self.stopped.clone()
        }
    }
}
