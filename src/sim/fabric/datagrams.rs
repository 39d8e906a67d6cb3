//! The way of a datagram: lost, doubled, overtaken, delivered or refused. Owns the routes and what befalls it on them; what a socket is
//! asked for is answered in `udp_calls`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use bytes::Bytes;

use super::calls::Route;
use super::{Event, Fabric, LENGTHS, length};
use crate::network::{SocketId, Time};
use crate::sim::choose::Site;
use crate::sim::errno;
use crate::sim::host::HostId;
use crate::sim::link::{LinkId, Side};
use crate::sim::trace::{Cargo, Flight, Party, What, Who, Wire};
use crate::sim::udp::is_broadcast;

/// All ways that datagrams have gone.
pub(super) type Flows = BTreeMap<Way, Flow>;

/// From one address to another, and the host that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub(super) host: HostId,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

/// How such a way is told of, and what keeps its order.
#[derive(Debug)]
pub(super) struct Flow {
    wire: Rc<Wire>,
    sent: u64,
    /// When the last one arrives that nothing delays: others do not overtake it.
    last: Time,
}

/// A datagram under way, or the word that nobody takes it.
#[derive(Debug)]
pub(super) struct Parcel {
    way: Way,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Datagram {
        serial: u64,
        data: Bytes,
    },
    /// ICMP, on its way back to who sent a datagram.
    Refusal {
        by: HostId,
    },
}

impl Fabric {
    pub(super) fn send_off(&mut self, way: Way, data: &[u8]) {
        let data = Bytes::copy_from_slice(data);
        let serial = self.depart_datagram(way, &data);
        if self.choose(Site::Lost, 2) == 1 {
            return self.drop_datagram(way, serial, data, "the network loses it");
        }
        if self.choose(Site::Doubled, 2) == 1 {
            let serial = self.depart_datagram(way, &data);
            self.carry(way, serial, data.clone());
        }
        self.carry(way, serial, data);
    }

    fn flow(&mut self, way: Way) -> &mut Flow {
        let Way { host, from, to } = way;
        let name = self.host(host).name.clone();
        let next_link = &mut self.next_link;
        self.flows.entry(way).or_insert_with(|| {
            let wire = Wire::new(LinkId(*next_link), host, from, to);
            *next_link += 1;
            wire.introduce(Side::Caller, Party::Host { name, number: 0 });
            Flow {
                wire: Rc::new(wire),
                sent: 0,
                last: Time::START,
            }
        })
    }

    /// One more has left.
    fn depart_datagram(&mut self, way: Way, data: &Bytes) -> u64 {
        let flow = self.flow(way);
        flow.sent += 1;
        let serial = flow.sent;
        self.note_datagram(way, Side::Caller, |flight| {
            What::Departs(flight(serial, data.clone()))
        });
        serial
    }

    /// It arrives behind those that were sent before it, unless it is held up.
    fn carry(&mut self, way: Way, serial: u64, data: Bytes) {
        let at = self.arrival();
        let held_up = self.choose(Site::Overtaken, LENGTHS);
        let flow = self.flow(way);
        let at = match held_up {
            0 => {
                flow.last = at.max(flow.last);
                flow.last
            }
            number => at.max(flow.last) + length(number),
        };
        let content = Content::Datagram { serial, data };
        self.dispatch_parcel(at, way, content);
    }

    fn dispatch_parcel(&mut self, at: Time, way: Way, content: Content) {
        let parcel = Parcel { way, content };
        self.queue.push(at, Event::Parcel(Box::new(parcel)));
    }

    pub(super) fn parcel_arrives(&mut self, parcel: Parcel) {
        let Parcel { way, content } = parcel;
        match content {
            // What is cut off by then is so for this as well.
            Content::Refusal { by } if by != way.host && self.is_cut(by, way.host) => {}
            Content::Refusal { .. } => self.refusal_arrives(way),
            Content::Datagram { serial, data } if is_for_many(way.to.ip()) => {
                for target in 0..self.hosts.len() {
                    self.deliver_to_many(way, HostId(target), serial, &data);
                }
            }
            Content::Datagram { serial, data } => {
                self.datagram_arrives(way, serial, data);
            }
        }
    }

    fn datagram_arrives(&mut self, way: Way, serial: u64, data: Bytes) {
        let target = match self.route(way.host, way.to.ip()) {
            Route::Host(target) => target,
            Route::Nowhere => {
                return self.drop_datagram(way, serial, data, "nobody answers");
            }
            Route::NoHost => {
                return self.drop_datagram(way, serial, data, "there is no such host");
            }
        };
        self.introduce_target(way, target);
        self.note_datagram(way, Side::Callee, |flight| {
            What::Arrives(flight(serial, data.clone()))
        });
        match self.host(target).udp_socket_for(way.from, way.to) {
            Some(socket) => self.hand_in(target, socket, way.from, data),
            None => self.refuse_datagram(way, target),
        }
    }

    /// A broadcast, or what goes to a group: whoever listens gets one, and nobody refuses.
    fn deliver_to_many(&mut self, way: Way, target: HostId, serial: u64, data: &Bytes) {
        let Way { host, from, to } = way;
        let is_far = to.ip().is_loopback() || from.ip().is_loopback();
        let is_reached = target == host || !is_far && !self.is_cut(host, target);
        if !is_reached || self.host(target).is_off {
            return;
        }
        let listeners = self.host(target).udp_sockets_for(from, to);
        if !listeners.is_empty() {
            self.introduce_target(way, target);
            self.note_datagram(way, Side::Callee, |flight| {
                What::Arrives(flight(serial, data.clone()))
            });
        }
        for socket in listeners {
            self.hand_in(target, socket, way.from, data.clone());
        }
    }

    /// Puts a datagram in a socket's buffer, if there is room, and has it told of.
    fn hand_in(&mut self, on: HostId, id: SocketId, from: SocketAddr, data: Bytes) {
        let extra = self.choose(Site::ExtraEdge, 2) == 1;
        let Ok(socket) = self.udp_socket(on, id) else {
            return;
        };
        if !socket.deliver(from, data) {
            return self.note(on, What::Note("has no room for a datagram"));
        }
        if std::mem::replace(&mut socket.awaits_input, false) || extra {
            self.host_mut(on).mark(id);
        }
    }

    /// Nobody listens there, which a kernel says to the one who sent it, unless that gets lost too.
    fn refuse_datagram(&mut self, way: Way, by: HostId) {
        if self.choose(Site::Lost, 2) == 0 {
            let at = self.arrival();
            self.dispatch_parcel(at, way, Content::Refusal { by });
        }
    }

    /// Only a socket that is connected to who refused is told.
    fn refusal_arrives(&mut self, way: Way) {
        let Way { host, from, to } = way;
        let sockets = self.host(host).udp_sockets_for(to, from);
        for id in sockets {
            if let Ok(socket) = self.udp_socket(host, id)
                && socket.peer == Some(to)
            {
                socket.error = Some(errno::ECONNREFUSED);
                self.note(host, What::Failed(errno::ECONNREFUSED));
                self.host_mut(host).mark(id);
            }
        }
    }

    fn introduce_target(&mut self, way: Way, target: HostId) {
        let name = self.host(target).name.clone();
        let flow = self.flow(way);
        let party = Party::Host { name, number: 0 };
        flow.wire.introduce(Side::Callee, party);
    }

    fn drop_datagram(&mut self, way: Way, serial: u64, data: Bytes, why: &'static str) {
        self.note_datagram(way, Side::Caller, |flight| {
            What::Dropped(flight(serial, data), why)
        });
    }

    fn note_datagram(
        &mut self,
        way: Way,
        side: Side,
        what: impl FnOnce(fn(u64, Bytes) -> Flight) -> What,
    ) {
        if self.story().is_off() {
            return;
        }
        let wire = self.flow(way).wire.clone();
        let flight = |serial, data| Flight {
            from: Side::Caller,
            serial,
            offset: 0,
            cargo: Cargo::Datagram(data),
        };
        self.tell_story(Who::End(wire, side), what(flight));
    }
}

pub(super) fn is_for_many(ip: IpAddr) -> bool {
    ip.is_multicast() || is_broadcast(ip)
}
