//! What happens when a segment or a window update arrives. Owns the receiving half of the kernel's rules; sends nothing
//! but the RST that answers data for which there is nobody.

use super::Fabric;
use crate::sim::choose::Site;
use crate::sim::link::{EndId, Holder, Phase};
use crate::sim::pipe::Payload;

impl Fabric {
    pub(super) fn arrive(&mut self, id: EndId) {
        if self.is_held_up(id) {
            return self.parked.push(id);
        }
        let Some(link) = self.links.get_mut(&id.link) else {
            return;
        };
        let Some(segment) = link.inbound_mut(id.side).land(self.now) else {
            return;
        };
        let (holder, phase) = (link.end(id.side).holder, link.end(id.side).phase);
        if holder == Holder::Nobody && self.is_without_power(id) {
            self.note_lost(id, &segment, "it has no power");
            return self.bury(id.link);
        }
        self.note_arrival(id, &segment);
        match holder {
            _ if phase == Phase::Broken => self.arrive_at_broken(id, segment.payload),
            Holder::Nobody => self.arrive_at_nobody(id, segment.payload),
            _ => self.arrive_at_holder(id, segment.payload),
        }
        self.bury(id.link);
    }

    fn is_without_power(&self, id: EndId) -> bool {
        let link = self.links.get(&id.link);
        link.is_some_and(|link| self.host(link.end(id.side).host).is_off)
    }

    /// The connection is no more, and who does not know it yet is told.
    fn arrive_at_broken(&mut self, id: EndId, payload: Payload) {
        match payload {
            Payload::Data(_) | Payload::Welcome => self.depart(id, Payload::Rst),
            Payload::Fin | Payload::Rst => {}
        }
    }

    /// Nobody can read it any more, so the sender is told by RST.
    fn arrive_at_nobody(&mut self, id: EndId, payload: Payload) {
        match payload {
            Payload::Data(_) | Payload::Welcome => self.reset(id),
            Payload::Fin => {}
            Payload::Rst => {
                let link = self
                    .links
                    .get_mut(&id.link)
                    .expect("a segment of it arrived");
                link.outbound_mut(id.side).break_off();
                link.end_mut(id.side).phase = Phase::Broken;
            }
        }
    }

    fn arrive_at_holder(&mut self, id: EndId, payload: Payload) {
        let link = self
            .links
            .get_mut(&id.link)
            .expect("a segment of it arrived");
        let news = match payload {
            Payload::Welcome => {
                link.end_mut(id.side).phase = Phase::Open;
                News::Change
            }
            Payload::Data(data) => {
                let now = self.now;
                link.inbound_mut(id.side).deliver(data, now);
                News::Input
            }
            Payload::Fin => {
                link.inbound_mut(id.side).deliver_fin();
                News::Change
            }
            Payload::Rst => {
                let error = link.error_of_reset(id.side);
                link.inbound_mut(id.side).deliver_rst();
                link.break_end(id.side, error);
                self.lose_received(id);
                News::Change
            }
        };
        self.tell(id, news);
    }

    /// Tells a holder of an arrival. That bytes arrived is told only after a read said that there was nothing more: a
    /// kernel may tell more often, and a reactor that needs that is wrong elsewhere.
    fn tell(&mut self, id: EndId, news: News) {
        let link = self
            .links
            .get_mut(&id.link)
            .expect("a segment of it arrived");
        let end = link.end_mut(id.side);
        if let Holder::Peer(peer) = end.holder {
            self.pump(peer);
            return;
        }
        let told = match news {
            News::Change => true,
            News::Input => {
                let awaited = std::mem::replace(&mut end.awaits_input, false);
                awaited || self.choose(Site::ExtraEdge, 2) == 1
            }
        };
        if told {
            self.mark(id);
        }
    }

    pub(super) fn tell_change(&mut self, id: EndId) {
        if self.links.contains_key(&id.link) {
            self.tell(id, News::Change);
        }
    }

    pub(super) fn credit(&mut self, id: EndId, size: usize) {
        if let Some(link) = self.links.get_mut(&id.link) {
            link.outbound_mut(id.side).grant(size);
            self.transmit(id);
            self.bury(id.link);
        }
    }

    /// Has the next poll of the holder's host tell of it.
    pub(super) fn mark(&mut self, id: EndId) {
        let Some(link) = self.links.get(&id.link) else {
            return;
        };
        let end = link.end(id.side);
        if let Holder::Socket(socket) = end.holder {
            self.hosts[end.host.0].mark(socket);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// Bytes, which need not be told of each time.
    Input,
    /// The connection stands, or has ended in one way or another.
    Change,
}
