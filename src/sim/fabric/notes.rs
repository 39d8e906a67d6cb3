//! What a fabric writes into the story of its world. Owns who is told of and under which name; decides nothing.

use std::rc::Rc;

use super::Fabric;
use crate::network::SocketId;
use crate::sim::host::HostId;
use crate::sim::link::{EndId, PeerId};
use crate::sim::pipe::Segment;
use crate::sim::trace::{Callback, Entry, Flight, Party, Story, Trace, What, Who};

impl Fabric {
    pub(in crate::sim) fn story(&self) -> &Story {
        &self.story
    }

    pub(in crate::sim) fn set_trace(&mut self, trace: Trace) {
        self.story.set_mode(trace);
    }

    /// Notes what happened on a host.
    pub(in crate::sim) fn note(&mut self, host: HostId, what: What) {
        if !self.story.is_off() {
            let who = Who::Host(self.host(host).name.clone());
            self.tell_story(who, what);
        }
    }

    /// Notes what happened to one end of a connection.
    pub(super) fn note_end(&mut self, end: EndId, what: What) {
        if self.story.is_off() {
            return;
        }
        if let Some(link) = self.links.get(&end.link) {
            let who = Who::End(link.wire().clone(), end.side);
            self.tell_story(who, what);
        }
    }

    /// Notes a fault that strikes no connection in particular.
    pub(in crate::sim) fn note_fault(&mut self, what: &'static str) {
        self.tell_story(Who::World, What::Fault(what));
    }

    /// Notes that a protocol on a host was told something.
    pub(in crate::sim) fn note_callback(
        &mut self,
        host: HostId,
        socket: SocketId,
        callback: Callback,
    ) {
        let what = What::Callback(callback);
        match self.host(host).end_of(socket) {
            Some(end) => self.note_end(end, what),
            None => self.note(host, what),
        }
    }

    /// Notes that what an end has put in flight last is on its way.
    pub(super) fn note_departure(&mut self, from: EndId) {
        if self.story.is_off() {
            return;
        }
        let Some(link) = self.links.get(&from.link) else {
            return;
        };
        if let Some(segment) = link.outbound(from.side).last_in_flight() {
            let flight = Flight::of(segment, from.side);
            let who = Who::End(link.wire().clone(), from.side);
            self.tell_story(who, What::Departs(flight));
        }
    }

    pub(super) fn note_arrival(&mut self, at: EndId, segment: &Segment) {
        if !self.story.is_off() {
            let flight = Flight::of(segment, at.side.other());
            self.note_end(at, What::Arrives(flight));
        }
    }

    /// Notes that a segment has come, and nobody takes it.
    pub(super) fn note_lost(&mut self, at: EndId, segment: &Segment, why: &'static str) {
        if !self.story.is_off() {
            let flight = Flight::of(segment, at.side.other());
            self.note_end(at, What::Dropped(flight, why));
        }
    }

    pub(super) fn tell_story(&mut self, who: Who, what: What) {
        let at = self.now;
        self.story.note(Entry { at, who, what });
    }

    /// An end is now one of its host's connections, and counted among them: once.
    pub(super) fn appear(&mut self, id: EndId) {
        let Some(link) = self.links.get(&id.link) else {
            return;
        };
        if link.wire().party(id.side).number().is_none() {
            let host = &mut self.hosts[link.end(id.side).host.0];
            host.connections += 1;
            let (name, number) = (host.name.clone(), host.connections);
            link.wire().introduce(id.side, Party::Host { name, number });
        }
    }

    /// A call has come to a host, which may yet refuse it.
    pub(super) fn reach(&self, id: EndId) {
        if let Some(link) = self.links.get(&id.link)
            && link.wire().party(id.side).owner().is_none()
        {
            let name = self.host(link.end(id.side).host).name.clone();
            let party = Party::Host { name, number: 0 };
            link.wire().introduce(id.side, party);
        }
    }

    /// An end is a peer's.
    pub(super) fn introduce_peer(&self, id: EndId, peer: PeerId) {
        if let Some(link) = self.links.get(&id.link) {
            let name: Rc<str> = self.peers[peer.0].name.clone();
            link.wire().introduce(id.side, Party::Peer(name));
        }
    }

    /// Notes that a call gets lost: where it has come to, or on its way.
    pub(super) fn note_dropped_call(&mut self, at: EndId, why: &'static str) {
        self.note_end(at, What::Dropped(Flight::call(), why));
    }
}
