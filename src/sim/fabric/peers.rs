//! The scripted peers as the fabric sees them: ends without a reactor. Owns what they have received; what they expect is
//! their script's business.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};

use super::Fabric;
use super::calls::loopback;
use crate::network::Farewell;
use crate::sim::errno;
use crate::sim::host::HostId;
use crate::sim::link::{EndId, Holder, PeerId, Phase};
use crate::sim::pipe::Receiving;
use crate::sim::trace::What;
use crate::sim::unix_names::is_unix;

#[derive(Debug)]
pub(in crate::sim) struct PeerState {
    pub(in crate::sim) name: Rc<str>,
    pub(in crate::sim) end: EndId,
    /// What has come and was not yet expected.
    pub(in crate::sim) received: BytesMut,
    pub(in crate::sim) ending: Ending,
    appetite: Appetite,
    /// By a fault it does not read, and this is the number of that fault.
    stall: Option<u64>,
}

/// How the other side has ended, as far as the peer has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Ending {
    NotYet,
    Eof,
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Appetite {
    Reads,
    /// What comes stays in the receive window.
    Stopped,
    /// It has closed: nothing comes any more.
    Gone,
}

impl Fabric {
    /// Calls on behalf of a new peer. It calls from outside; but what listens on the loopback address alone can only be
    /// called from the host itself, so then it stands there.
    pub(in crate::sim) fn peer_calls(
        &mut self,
        host: HostId,
        to: SocketAddr,
    ) -> io::Result<PeerId> {
        let loopback = SocketAddr::new(loopback(to.ip()), to.port());
        let callee = self.host(host);
        let local = callee.listener_at(to).is_none() && callee.listener_at(loopback).is_some();
        let (from, to) = if is_unix(to) {
            (host, to)
        } else if local {
            (host, loopback)
        } else {
            (Self::OUTSIDE, to)
        };
        let peer = PeerId(self.peers.len());
        let end = self.prepare_call(from, to, None)?;
        self.seat(end);
        self.send_call(end);
        Ok(peer)
    }

    /// Takes a call off a peer listener's backlog.
    pub(in crate::sim) fn peer_accepts(&mut self, end: EndId) -> PeerId {
        let peer = PeerId(self.peers.len());
        self.seat(end);
        self.pump(peer);
        peer
    }

    fn seat(&mut self, end: EndId) {
        let peer = PeerId(self.peers.len());
        let link = self
            .links
            .get_mut(&end.link)
            .expect("its end was just made");
        link.end_mut(end.side).holder = Holder::Peer(peer);
        link.outbound_mut(end.side).lift_bound();
        self.peers.push(PeerState {
            name: format!("peer{}", peer.0 + 1).into(),
            end,
            received: BytesMut::new(),
            ending: Ending::NotYet,
            appetite: Appetite::Reads,
            stall: None,
        });
        self.introduce_peer(end, peer);
    }

    pub(in crate::sim) fn peer(&self, id: PeerId) -> &PeerState {
        &self.peers[id.0]
    }

    pub(in crate::sim) fn peer_mut(&mut self, id: PeerId) -> &mut PeerState {
        &mut self.peers[id.0]
    }

    /// How a peer's connection stands; `None` once it is gone.
    pub(in crate::sim) fn peer_phase(&self, id: PeerId) -> Option<Phase> {
        let end = self.peer(id).end;
        Some(self.link(end.link)?.end(end.side).phase)
    }

    pub(in crate::sim) fn peer_sends(&mut self, id: PeerId, data: Bytes) {
        let end = self.peer(id).end;
        if self.peer_phase(id) == Some(Phase::Open) && !data.is_empty() {
            self.send(end, data);
        }
    }

    pub(in crate::sim) fn peer_half_closes(&mut self, id: PeerId) {
        let end = self.peer(id).end;
        // A connection that broke meanwhile has nothing left to shut down.
        let _ = self.shut_down(end);
    }

    pub(in crate::sim) fn peer_closes(&mut self, id: PeerId, farewell: Farewell) {
        let peer = self.peer_mut(id);
        peer.appetite = Appetite::Gone;
        let end = peer.end;
        self.close(end, farewell);
    }

    pub(in crate::sim) fn peer_stops_reading(&mut self, id: PeerId) {
        self.peer_changes_appetite(id, Appetite::Stopped, "stops reading");
    }

    pub(in crate::sim) fn peer_reads_again(&mut self, id: PeerId) {
        self.peer_changes_appetite(id, Appetite::Reads, "reads again");
        self.pump(id);
    }

    fn peer_changes_appetite(&mut self, id: PeerId, appetite: Appetite, what: &'static str) {
        let peer = self.peer_mut(id);
        if peer.appetite != Appetite::Gone {
            peer.appetite = appetite;
            peer.stall = None;
            let end = peer.end;
            self.note_end(end, What::Note(what));
        }
    }

    pub(super) fn reading_peers(&self) -> Vec<PeerId> {
        self.peers_that(|peer| peer.appetite == Appetite::Reads && peer.ending == Ending::NotYet)
    }

    /// A fault has a peer stop reading. What its script says of that afterwards is the last word.
    pub(super) fn stall_peer(&mut self, id: PeerId, number: u64) {
        self.peer_stops_reading(id);
        self.peer_mut(id).stall = Some(number);
    }

    pub(super) fn end_stall(&mut self, id: PeerId, number: u64) {
        if self.peer(id).stall == Some(number) {
            self.peer_reads_again(id);
        }
    }

    pub(super) fn end_all_stalls(&mut self) {
        for peer in self.peers_that(|peer| peer.stall.is_some()) {
            self.peer_reads_again(peer);
        }
    }

    fn peers_that(&self, suits: impl Fn(&PeerState) -> bool) -> Vec<PeerId> {
        let peers = self.peers.iter().enumerate();
        peers
            .filter(|(_, peer)| suits(peer))
            .map(|(index, _)| PeerId(index))
            .collect()
    }

    /// Moves what has arrived to where the script sees it. A reset is seen even by who does not read.
    pub(in crate::sim) fn pump(&mut self, id: PeerId) {
        let peer = &mut self.peers[id.0];
        let end = peer.end;
        let Some(link) = self.links.get_mut(&end.link) else {
            return;
        };
        let broken = link.end(end.side).phase == Phase::Broken;
        let before = peer.ending;
        let inbound = link.inbound_mut(end.side);
        if peer.appetite == Appetite::Reads {
            while inbound.waiting() > 0 {
                let data = inbound.lend(inbound.waiting_first());
                peer.received.extend_from_slice(&data);
            }
            if inbound.receiving() == Receiving::Ended {
                peer.ending = Ending::Eof;
            }
        }
        if broken && peer.ending == Ending::NotYet && peer.appetite != Appetite::Gone {
            peer.ending = Ending::Reset;
        }
        if before == Ending::NotYet && peer.ending == Ending::Eof {
            self.check_all_read(end);
        }
        self.return_credit(end);
    }

    /// Why a peer's call came to nothing.
    pub(in crate::sim) fn peer_error(&self, id: PeerId) -> Option<io::Error> {
        let end = self.peer(id).end;
        let error = self.link(end.link)?.end(end.side).error?;
        Some(errno::error(error))
    }
}
