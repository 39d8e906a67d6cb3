//! Listeners and accepting. Owns how a listener that is full or ran out of descriptors comes back; knows nothing of what
//! the connections do afterwards.

use std::io;
use std::time::Duration;

use crate::address::Address;
use crate::connection::{Connection, Parting, Phase};
use crate::error::Lost;
use crate::inspector::RarePath;
use crate::layer::LayerMaker;
use crate::limits::{ACCEPT_BUDGET, ACCEPT_RETRY, Overflow};
use crate::network::{Farewell, SocketId};
use crate::protocol::Protocol;
use crate::table::{ConnectionId, ListenerId, Owner};
use crate::timer::TimerId;

use super::Reactor;
use super::timed::Timed;
use super::verdict::{Verdict, lacks_descriptors, verdict};

/// A factory, its type forgotten.
pub(super) type Built = Box<dyn FnMut(&Address) -> Option<Box<dyn Protocol>>>;

/// A listener's own part of the table.
pub(super) struct ListenerState {
    pub(super) serial: u32,
    pub(super) socket: SocketId,
    pub(super) address: Address,
    /// Taken out while it is being called.
    pub(super) build: Option<Built>,
    pub(super) layers: Vec<LayerMaker>,
    pub(super) settings: u32,
    pub(super) accepting: Accepting,
    pub(super) queued: bool,
}

/// What keeps a listener from accepting. It is over when nobody waits in the backlog any more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepting {
    Ready,
    /// As many connections as there may be.
    Full,
    /// The system had no descriptor or memory: a timer tries again, and so does every close. The next timer is set to
    /// `pause`.
    Exhausted {
        timer: TimerId,
        pause: Duration,
    },
}

impl Reactor {
    pub(super) fn listener(&mut self, id: ListenerId) -> Option<&mut ListenerState> {
        self.listeners
            .get_mut(id.index as usize)
            .filter(|listener| listener.serial == id.serial)
    }

    /// A descriptor or a place is free again: listeners that waited for one look at their backlog.
    pub(super) fn wake_listeners(&mut self) {
        for (index, listener) in &mut self.listeners {
            if listener.accepting != Accepting::Ready && !listener.queued {
                listener.queued = true;
                self.ready.push_back(Owner::Listener(ListenerId {
                    index: index as u32,
                    serial: listener.serial,
                }));
            }
        }
    }

    pub(super) fn queue_listener(&mut self, id: ListenerId) {
        if let Some(listener) = self.listener(id)
            && !listener.queued
        {
            listener.queued = true;
            self.ready.push_back(Owner::Listener(id));
        }
    }

    /// The network says that somebody calls. One that is queued has its share later, and only one in a turn.
    pub(super) fn accept_unless_queued(&mut self, id: ListenerId) {
        if self.listener(id).is_some_and(|listener| !listener.queued) {
            self.accept(id);
        }
    }

    pub(super) fn accept_queued(&mut self, id: ListenerId) {
        if let Some(listener) = self.listener(id) {
            listener.queued = false;
            self.accept(id);
        }
    }

    /// Accepts what waits in the backlog, up to a turn's share.
    fn accept(&mut self, id: ListenerId) {
        for _ in 0..self.share(ACCEPT_BUDGET, RarePath::AcceptBudget) {
            let Some(socket) = self.listener(id).map(|listener| listener.socket) else {
                return;
            };
            let full = self.is_full(id);
            if full && self.lets_wait(id) {
                return;
            }
            match self.network.accept(socket) {
                Ok((socket, _)) if full => {
                    self.counters.overflowed += 1;
                    self.network.close(socket, Farewell::Close);
                }
                Ok((socket, peer)) if self.crowds_out(id, &peer) => {
                    self.counters.crowded_out += 1;
                    self.network.close(socket, Farewell::Close);
                }
                Ok((socket, peer)) => self.admit(id, socket, peer),
                Err(error) => match verdict(&error) {
                    Verdict::Done => return self.set_accepting(id, Accepting::Ready),
                    Verdict::Next if canary!(AcceptErrorEnds) => return,
                    Verdict::Next => self.counters.accepts_failed += 1,
                    Verdict::BackOff => return self.retry_accept_later(id, &error),
                },
            }
        }
        if !canary!(AcceptShareForgotten) {
            self.queue_listener(id);
        }
    }

    pub(super) fn set_accepting(&mut self, id: ListenerId, accepting: Accepting) {
        let Some(listener) = self.listener(id) else {
            return;
        };
        let before = std::mem::replace(&mut listener.accepting, accepting);
        if let Accepting::Exhausted { timer, .. } = before {
            self.timers.cancel(timer);
        }
    }

    /// Whether the listener, or the reactor, has as many connections as it may have.
    fn is_full(&mut self, id: ListenerId) -> bool {
        let Some(place) = self.listener(id).map(|listener| listener.settings as usize) else {
            return true;
        };
        let settings = &self.settings[place];
        let own = settings.connections();
        settings.limits.connections.is_some_and(|most| own >= most)
            || self.connections.len() >= self.max_connections
    }

    /// Whether the listener has as many connections of an address as it may have.
    fn crowds_out(&mut self, id: ListenerId, peer: &Address) -> bool {
        let place = self.listener(id).map(|listener| listener.settings as usize);
        place.is_none_or(|place| self.settings[place].crowds_out(peer))
    }

    /// Whether connections too many stay in the backlog of the listener, which is full.
    fn lets_wait(&mut self, id: ListenerId) -> bool {
        let Some(listener) = self.listener(id) else {
            return true;
        };
        let (place, accepting) = (listener.settings as usize, listener.accepting);
        let address = listener.address.clone();
        if self.settings[place].limits.overflow == Overflow::Refuse {
            return false;
        }
        if accepting != Accepting::Full {
            self.set_accepting(id, Accepting::Full);
            self.counters.listeners_full += 1;
            let count = self.connections.len();
            self.warn_of(format_args!(
                "{address}: full at {count} connections; more have to wait"
            ));
        }
        true
    }

    /// Out of descriptors or memory: one log line an episode, then a timer with growing pauses.
    fn retry_accept_later(&mut self, id: ListenerId, error: &io::Error) {
        self.counters.accepts_failed += 1;
        if canary!(ListenerDeaf) {
            return;
        }
        let Some(listener) = self.listener(id) else {
            return;
        };
        let (socket, accepting) = (listener.socket, listener.accepting);
        let address = listener.address.clone();
        let (first, longest) = ACCEPT_RETRY;
        let pause = match accepting {
            // Woken before its time, by a close or a call: that does not bring a second timer to life.
            Accepting::Exhausted { timer, .. } if self.timers.deadline(timer).is_some() => None,
            Accepting::Exhausted { pause, .. } => Some(pause),
            Accepting::Ready | Accepting::Full => {
                self.warn_of(format_args!(
                    "{address}: can't accept: {error}; trying again from time to time"
                ));
                Some(first)
            }
        };
        if let Some(pause) = pause {
            let timer = self.timers.arm(self.now + pause, Timed::Accept(id));
            let pause = (pause * 2).min(longest);
            self.set_accepting(id, Accepting::Exhausted { timer, pause });
        }
        if lacks_descriptors(error) {
            self.turn_away(id, socket);
        }
    }

    /// Whoever waits in the backlog is turned away with the descriptor kept in reserve for that, rather than left without
    /// an answer. A want of memory has no such reserve, and is sooner over.
    fn turn_away(&mut self, id: ListenerId, socket: SocketId) {
        for _ in 0..ACCEPT_BUDGET {
            if self.network.refuse(socket).is_err() {
                return;
            }
            self.counters.overflowed += 1;
        }
        self.queue_listener(id);
    }

    /// A connection was accepted: a protocol is built for it, or it is closed.
    fn admit(&mut self, listener: ListenerId, socket: SocketId, peer: Address) {
        self.counters.accepted += 1;
        let Some(protocol) = self.build(listener, &peer) else {
            self.counters.unwanted += 1;
            return self.network.close(socket, Farewell::Close);
        };
        let Some(settings) = self.listener(listener).map(|listener| listener.settings) else {
            return;
        };
        let shared = &mut self.settings[settings as usize];
        shared.enter(&peer);
        let policed = shared.limits.policies.follow_bytes();
        let mut connection = Connection::new(Some(socket), peer.into(), settings, Phase::Opening);
        connection.protocol = Some(self.beginning(protocol));
        let id = self.connections.insert(connection);
        if policed {
            self.police(id);
        }
        if let Err(error) = self.network.register(socket, id.token()) {
            self.warn(id, format_args!("can't be watched: {error}"));
            return self.retire(id, Lost::from(error), Parting::At(Farewell::Reset));
        }
        super::wire::event(id, &self.connections, format_args!("-- accepted"));
        self.put_layers_in(listener, id);
        self.open_if_ready(id);
    }

    fn put_layers_in(&mut self, listener: ListenerId, id: ConnectionId) {
        let Some(state) = self
            .listener(listener)
            .filter(|state| !state.layers.is_empty())
        else {
            return;
        };
        let mut makers = std::mem::take(&mut state.layers);
        for make in &mut makers {
            match self.guarded("a layer's maker", |_| make()) {
                Some(layer) => self.push_layer(id, layer),
                None => self.retire(id, Lost::Panicked, Farewell::Reset.into()),
            }
        }
        if let Some(state) = self.listener(listener) {
            state.layers = makers;
        }
        let within = self.limits(id).handshake;
        self.set_deadline(id, within);
    }

    fn build(&mut self, listener: ListenerId, peer: &Address) -> Option<Box<dyn Protocol>> {
        let mut build = self.listener(listener)?.build.take()?;
        let built = self.guarded("a factory", |_| build(peer)).flatten();
        match self.listener(listener) {
            Some(state) => state.build = Some(build),
            None => self.discard(build),
        }
        built
    }
}
