//! The course of a service from one connection to the next. Owns its phases, and every change from one to another; calls users'
//! code only when no callback is under way.

use std::rc::Rc;
use std::time::Duration;

use crate::address::Address;
use crate::error::{ConnectError, Lost};
use crate::protocol::Protocol;
use crate::reactor::{Keeper, Reactor};
use crate::table::ConnectionId;
use crate::timer::TimerId;

use super::event::{ClientEvent, NotConnected};
use super::{ClientService, Preparing};

/// How far a service is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// It was never started.
    New,
    /// An attempt is to begin.
    Due,
    /// An attempt is under way.
    Connecting(ConnectionId),
    /// The connection stands, and is being prepared; until when.
    Preparing(ConnectionId, Option<TimerId>),
    /// The preparing failed, and the connection is not gone yet.
    Unprepared(ConnectError),
    /// The connection stands.
    Connected(ConnectionId),
    /// The next attempt begins with this timer.
    Waiting(TimerId),
    /// It was stopped, and its connection is not gone yet; which was told as connected, or not.
    Stopping(Before),
    /// The same, and was started again.
    Restarting(Before),
    /// It was stopped.
    Stopped,
    /// It stopped by itself, after an attempt that failed as this.
    GaveUp(ConnectError),
}

/// What a connection was before the service was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    Attempt,
    Connection,
}

impl Phase {
    pub(super) fn is_running(&self) -> bool {
        match self {
            Self::New | Self::Stopping(_) | Self::Stopped | Self::GaveUp(_) => false,
            Self::Due
            | Self::Connecting(_)
            | Self::Preparing(..)
            | Self::Unprepared(_)
            | Self::Connected(_)
            | Self::Waiting(_)
            | Self::Restarting(_) => true,
        }
    }
}

// What users ask for: it changes the phase, and what follows is told later.
impl ClientService {
    pub(super) fn begin(&self, reactor: &mut Reactor) {
        match self.phase() {
            Phase::New | Phase::Stopped | Phase::GaveUp(_) => {}
            Phase::Stopping(before) => return self.enter(Phase::Restarting(before)),
            _ => return,
        }
        self.begin_anew(reactor);
        let service = self.clone();
        reactor.call_soon(move |reactor| service.attempt(reactor));
    }

    fn begin_anew(&self, reactor: &mut Reactor) {
        self.shared.failures.set(0);
        self.shared.waits.set(0);
        self.enter(Phase::Due);
        if !reactor.is_stopping() {
            self.watch_for_the_stop(reactor);
        }
    }

    pub(super) fn end(&self, reactor: &mut Reactor) {
        let before = match self.phase() {
            Phase::Connecting(id) => {
                reactor.lose_connection(id);
                Before::Attempt
            }
            Phase::Preparing(id, timer) => {
                cancel(reactor, timer);
                reactor.lose_connection(id);
                Before::Attempt
            }
            Phase::Unprepared(_) => Before::Attempt,
            Phase::Connected(id) => {
                reactor.lose_connection(id);
                Before::Connection
            }
            Phase::Restarting(before) | Phase::Stopping(before) => before,
            Phase::Waiting(timer) => {
                reactor.cancel(timer);
                self.has_ended(reactor, Phase::Stopped, ClientEvent::Stopped);
                return self.tell_the_end_soon(reactor);
            }
            Phase::Due | Phase::New => {
                self.has_ended(reactor, Phase::Stopped, ClientEvent::Stopped);
                return self.tell_the_end_soon(reactor);
            }
            Phase::Stopped | Phase::GaveUp(_) => return self.tell_the_end_soon(reactor),
        };
        self.enter(Phase::Stopping(before));
    }

    /// Nothing of it is left, which is to be told.
    fn has_ended(&self, reactor: &mut Reactor, phase: Phase, event: ClientEvent) {
        self.enter(phase);
        self.shared.untold.replace(Some(event));
        if let Some(trigger) = self.shared.trigger.take() {
            reactor.remove_trigger(trigger);
        }
    }

    fn tell_the_end_soon(&self, reactor: &mut Reactor) {
        let service = self.clone();
        reactor.call_soon(move |reactor| service.tell_the_end(reactor));
    }

    pub(super) fn not_prepared(&self, reactor: &mut Reactor, id: ConnectionId, why: ConnectError) {
        if let Phase::Preparing(preparing, timer) = self.phase()
            && preparing == id
        {
            cancel(reactor, timer);
            self.enter(Phase::Unprepared(why));
            reactor.abort_connection(id);
        }
    }

    /// A stopping reactor does not wait for one that only waits itself.
    fn watch_for_the_stop(&self, reactor: &mut Reactor) {
        if self.shared.trigger.get().is_none() {
            let service = self.clone();
            let trigger = reactor.before_shutdown(move |reactor, _| {
                service.shared.trigger.set(None);
                if let Phase::Waiting(_) | Phase::Due = service.phase() {
                    service.end(reactor);
                    service.tell_the_end(reactor);
                }
            });
            self.shared.trigger.set(Some(trigger));
        }
    }
}

// What the loop tells, outside of any callback.
impl ClientService {
    fn attempt(&self, reactor: &mut Reactor) {
        if self.phase() != Phase::Due {
            return;
        }
        if reactor.is_stopping() {
            self.has_ended(reactor, Phase::Stopped, ClientEvent::Stopped);
            return self.tell_the_end(reactor);
        }
        let endpoint = self.shared.endpoint.to_string();
        self.tell(reactor, &ClientEvent::Started { endpoint });
        if self.phase() != Phase::Due {
            return;
        }
        let connecting = self.shared.settings.borrow().connecting.clone();
        let (endpoint, keeper) = (self.shared.endpoint.clone(), Rc::new(self.clone()));
        let begun = reactor.call_guarded("the settings of a connect", |reactor| {
            let connect = reactor.connect(endpoint);
            let connect = match connecting {
                Some(set) => set(connect),
                None => connect,
            };
            connect.keep(keeper)
        });
        match begun {
            Some(id) => self.enter(Phase::Connecting(id)),
            None => self.attempt_failed(reactor, &ConnectError::Panicked),
        }
    }

    pub(super) fn prepared(&self, reactor: &mut Reactor, id: ConnectionId) {
        if let Phase::Preparing(preparing, timer) = self.phase()
            && preparing == id
            && let Some(peer) = reactor.peer(id).filter(|_| reactor.is_connected(id))
        {
            cancel(reactor, timer);
            self.connected(reactor, id, peer);
        }
    }

    fn connected(&self, reactor: &mut Reactor, id: ConnectionId, peer: Address) {
        self.shared.failures.set(0);
        self.shared.waits.set(0);
        self.enter(Phase::Connected(id));
        self.tell(reactor, &ClientEvent::Connected { id, peer });
        self.tell_waiting(reactor);
    }

    fn attempt_failed(&self, reactor: &mut Reactor, error: &ConnectError) {
        let failures = self.shared.failures.get().saturating_add(1);
        self.shared.failures.set(failures);
        self.enter(Phase::Due);
        self.tell(reactor, &ClientEvent::Failed(error.clone()));
        for (told, why) in self.shared.waiting.fail(error) {
            reactor.call_guarded("a call that waits for a connection", |reactor| {
                told(reactor, Err(why));
            });
        }
        let most = self.shared.settings.borrow().give_up_after;
        if self.phase() == Phase::Due
            && !reactor.is_stopping()
            && most.is_some_and(|most| failures >= most)
        {
            let phase = Phase::GaveUp(error.clone());
            self.has_ended(reactor, phase, ClientEvent::GaveUp);
            reactor.counters.clients_gave_up += 1;
            return self.tell_the_end(reactor);
        }
        self.wait(reactor);
    }

    /// Waits for the next attempt, unless it was stopped while it told of the last one.
    fn wait(&self, reactor: &mut Reactor) {
        if self.phase() != Phase::Due {
            return;
        }
        if reactor.is_stopping() {
            return self.attempt(reactor);
        }
        let waits = self.shared.waits.get();
        self.shared.waits.set(waits.saturating_add(1));
        let random = reactor.random();
        let delay = self.shared.settings.borrow().backoff.delay(waits, random);
        self.wait_for(reactor, delay);
        self.tell(reactor, &ClientEvent::Retry(delay));
    }

    fn wait_for(&self, reactor: &mut Reactor, delay: Duration) {
        let service = self.clone();
        let timer = reactor.call_later(delay, move |reactor| {
            service.enter(Phase::Due);
            reactor.counters.client_retries += 1;
            service.attempt(reactor);
        });
        self.enter(Phase::Waiting(timer));
    }

    /// The connection is gone, though it was stopped before. `true` if that is so.
    fn was_stopped(&self, reactor: &mut Reactor, reason: Option<&Lost>) -> bool {
        let (before, again) = match self.phase() {
            Phase::Stopping(before) => (before, false),
            Phase::Restarting(before) => (before, true),
            _ => return false,
        };
        if again {
            self.enter(Phase::New);
        } else {
            self.has_ended(reactor, Phase::Stopped, ClientEvent::Stopped);
        }
        if let (Before::Connection, Some(reason)) = (before, reason) {
            self.tell(reactor, &ClientEvent::Lost(reason.clone()));
        }
        self.tell_the_end(reactor);
        if again && self.phase() == Phase::New {
            self.begin_anew(reactor);
            self.attempt(reactor);
        }
        true
    }

    /// Tells all who wait for a connection that there is one, or that there will be none.
    pub(super) fn tell_waiting(&self, reactor: &mut Reactor) {
        for _ in 0..self.shared.waiting.len().0 {
            let outcome = match self.phase() {
                Phase::Connected(id) if reactor.is_connected(id) => Ok(id),
                Phase::Stopped => Err(NotConnected::Stopped),
                Phase::GaveUp(error) => Err(NotConnected::GaveUp(error)),
                _ => return,
            };
            let Some(told) = self.shared.waiting.next() else {
                return;
            };
            reactor.call_guarded("a call that waits for a connection", |reactor| {
                told(reactor, outcome);
            });
        }
    }

    fn tell_the_end(&self, reactor: &mut Reactor) {
        if let Some(event) = self.shared.untold.take() {
            self.tell(reactor, &event);
        }
        self.tell_waiting(reactor);
        for _ in 0..self.shared.waiting.len().1 {
            let Some(stopped) = self.shared.waiting.next_of_end() else {
                return;
            };
            reactor.call_guarded("a call that waits for the end of a service", stopped);
        }
    }

    /// The hook is taken out while it is called: it may set another one.
    fn tell(&self, reactor: &mut Reactor, event: &ClientEvent) {
        log::debug!("{}: {event}", self.shared.endpoint);
        let told = self.shared.events.take();
        if let Some(mut told) = told {
            reactor.call_guarded("a hook for a service's events", |reactor| {
                told(reactor, self, event);
            });
            self.shared.events.borrow_mut().get_or_insert(told);
        }
    }

    fn phase(&self) -> Phase {
        self.shared.phase.borrow().clone()
    }

    fn enter(&self, phase: Phase) {
        self.shared.phase.replace(phase);
    }
}

impl Keeper for ClientService {
    fn build_protocol(&self, peer: &Address) -> Option<Box<dyn Protocol>> {
        (self.shared.factory.borrow_mut())(peer)
    }

    fn made(&self, reactor: &mut Reactor, id: ConnectionId) {
        let Some(peer) = reactor.peer(id) else {
            return;
        };
        if self.phase() != Phase::Connecting(id) {
            return;
        }
        let Some(mut prepare) = self.shared.prepare.take() else {
            return self.connected(reactor, id, peer);
        };
        let within = self.shared.settings.borrow().prepare_within;
        let timer = within.map(|within| {
            let service = self.clone();
            reactor.call_later(within, move |reactor| {
                let why = ConnectError::Unprepared(format!("not within {within:?}"));
                service.not_prepared(reactor, id, why);
            })
        });
        self.enter(Phase::Preparing(id, timer));
        reactor.call_protocol(id, |protocol, transport| {
            let service = self.clone();
            prepare(protocol, transport, Preparing { service, id });
        });
        self.shared.prepare.borrow_mut().get_or_insert(prepare);
    }

    fn failed(&self, reactor: &mut Reactor, error: &ConnectError) {
        if !self.was_stopped(reactor, None) {
            self.attempt_failed(reactor, error);
        }
    }

    fn lost(&self, reactor: &mut Reactor, reason: &Lost) {
        if self.was_stopped(reactor, Some(reason)) {
            return;
        }
        match self.phase() {
            Phase::Connected(_) => {
                self.enter(Phase::Due);
                self.tell(reactor, &ClientEvent::Lost(reason.clone()));
                self.wait(reactor);
            }
            Phase::Unprepared(why) => self.attempt_failed(reactor, &why),
            Phase::Preparing(_, timer) => {
                cancel(reactor, timer);
                self.attempt_failed(reactor, &ConnectError::Lost(reason.clone()));
            }
            _ => self.attempt_failed(reactor, &ConnectError::Lost(reason.clone())),
        }
    }
}

fn cancel(reactor: &mut Reactor, timer: Option<TimerId>) {
    if let Some(timer) = timer {
        reactor.cancel(timer);
    }
}
