//! The story of a world as packets for other tools to read. Owns sequence numbers, acknowledgements and times; bytes of
//! headers are `packet`'s.

mod packet;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use super::host::EPOCH;
use super::link::Side;
use super::trace::{Cargo, Entry, Flight, What, Who, Wire};
use super::world::World;
use crate::network::Time;
use packet::{ACK, Datagram, FIN, PSH, Packet, RST, SYN};

/// The most data of one packet, so that its length can be told in IPv4.
const MOST: usize = 65_535 - 20 - 20;

impl World {
    /// Writes what went over the wires so far, as far as it is kept, in the format of tcpdump (pcap): to be looked at with
    /// Wireshark or tshark. For a long run to be complete, [`Trace::All`](super::Trace::All) has to be set at its beginning.
    ///
    /// Bytes, their order and their times are those of the run: a packet is seen as it departs, and the world begins at
    /// 22:13:20 UTC on 14 November 2023. The headers are made up to fit: segments are as large as they were sent, windows
    /// always wide, all that arrives is acknowledged at once. Loopback addresses are told apart by the number of their host:
    /// 127.0.0.2 is the second one's. Unix streams are seen there too, as if they led to a port below 32,768.
    ///
    /// # Errors
    /// Those of `out`.
    ///
    /// ```
    /// use ropewalk::sim::{Faults, World};
    ///
    /// let world = World::new(0, Faults::None);
    /// let listener = world.peer_listener("server", 7);
    /// world.peer("tcp:server:7").send("hello").closes();
    /// listener.accept().expect("hello").expect_eof();
    ///
    /// let mut packets = Vec::new();
    /// world.write_pcap(&mut packets)?;
    /// assert!(packets.windows(7).any(|bytes| bytes == b"hello\r\n"));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn write_pcap(&self, mut out: impl io::Write) -> io::Result<()> {
        let fabric = self.fabric().borrow();
        let mut capture = Capture::new(&mut out);
        capture.out.write_all(&packet::file_header())?;
        for entry in fabric.story().entries() {
            capture.see(entry)?;
        }
        capture.acknowledge_all()?;
        out.flush()
    }
}

/// A tap on all wires.
struct Capture<'a> {
    out: &'a mut dyn io::Write,
    flows: BTreeMap<u64, [Flow; 2]>,
    /// Ends that have still to acknowledge something, and since when.
    owing: Vec<(Rc<Wire>, Side, Time)>,
}

/// What one end has sent and seen.
#[derive(Clone, Copy, Debug)]
struct Flow {
    /// The sequence number of its SYN.
    initial: u32,
    /// The sequence number of what it sends next.
    next: u32,
    /// What it has seen of the other's; `None` before anything came.
    seen: Option<u32>,
    is_reset: bool,
}

impl<'a> Capture<'a> {
    fn new(out: &'a mut dyn io::Write) -> Self {
        Self {
            out,
            flows: BTreeMap::new(),
            owing: Vec::new(),
        }
    }

    fn see(&mut self, entry: &Entry) -> io::Result<()> {
        let Who::End(wire, side) = &entry.who else {
            return Ok(());
        };
        if self.owing.iter().any(|(_, _, since)| *since < entry.at) {
            self.acknowledge_all()?;
        }
        match &entry.what {
            What::Departs(flight) => self.depart(entry.at, wire, *side, flight),
            What::Arrives(flight) => self.arrive(entry.at, wire, *side, flight),
            _ => Ok(()),
        }
    }

    fn depart(&mut self, at: Time, wire: &Rc<Wire>, side: Side, flight: &Flight) -> io::Result<()> {
        if let Cargo::Datagram(data) = &flight.cargo {
            return self.send_datagram(at, wire, side, data);
        }
        // It carries the acknowledgement that is owed.
        let is_other =
            |(other, end, _): &(Rc<Wire>, Side, Time)| other.id != wire.id || *end != side;
        self.owing.retain(is_other);
        let flow = self.flow(wire, side);
        let first = flow.initial.wrapping_add(1);
        let position = wrapped(flight.offset);
        match &flight.cargo {
            Cargo::Syn | Cargo::Welcome => {
                let (sequence, next) = (flow.initial, first);
                self.send(at, wire, side, sequence, next, SYN, &[])
            }
            Cargo::Data(data) => {
                let mut sequence = first.wrapping_add(position);
                let mut pieces = data.chunks(MOST).peekable();
                while let Some(piece) = pieces.next() {
                    let flags = if pieces.peek().is_some() { 0 } else { PSH };
                    let next = sequence.wrapping_add(wrapped(piece.len() as u64));
                    self.send(at, wire, side, sequence, next, flags, piece)?;
                    sequence = next;
                }
                Ok(())
            }
            Cargo::Fin => {
                let sequence = first.wrapping_add(position);
                let next = sequence.wrapping_add(1);
                self.send(at, wire, side, sequence, next, FIN, &[])
            }
            Cargo::Datagram(_) => Ok(()),
            Cargo::Rst => {
                let sequence = flow.next;
                self.flow_mut(wire, side).is_reset = true;
                self.send(at, wire, side, sequence, sequence, RST, &[])
            }
        }
    }

    fn arrive(&mut self, at: Time, wire: &Rc<Wire>, side: Side, flight: &Flight) -> io::Result<()> {
        let other = self.flow(wire, side.other());
        let first = other.initial.wrapping_add(1);
        let seen = match &flight.cargo {
            Cargo::Syn | Cargo::Welcome => first,
            Cargo::Data(data) => {
                let end = flight.offset + data.len() as u64;
                first.wrapping_add(wrapped(end))
            }
            Cargo::Fin => first.wrapping_add(wrapped(flight.offset)).wrapping_add(1),
            // Nobody acknowledges it.
            Cargo::Datagram(_) => return Ok(()),
            Cargo::Rst => {
                self.flow_mut(wire, side).is_reset = true;
                return Ok(());
            }
        };
        self.flow_mut(wire, side).seen = Some(seen);
        match flight.cargo {
            // SYN-ACK answers it, or RST.
            Cargo::Syn => Ok(()),
            Cargo::Welcome => self.acknowledge(at, wire, side),
            _ => {
                self.owing.push((wire.clone(), side, at));
                Ok(())
            }
        }
    }

    fn send_datagram(&mut self, at: Time, wire: &Wire, side: Side, data: &[u8]) -> io::Result<()> {
        let datagram = Datagram {
            from: address(wire, side),
            to: address(wire, side.other()),
            data,
        };
        self.out.write_all(&datagram.record(wall_time(at)))
    }

    fn acknowledge_all(&mut self) -> io::Result<()> {
        let mut owing = std::mem::take(&mut self.owing);
        owing.dedup_by(|(a, side, _), (b, end, _)| a.id == b.id && side == end);
        owing
            .iter()
            .try_for_each(|(wire, side, at)| self.acknowledge(*at, wire, *side))
    }

    fn acknowledge(&mut self, at: Time, wire: &Wire, side: Side) -> io::Result<()> {
        let flow = self.flow(wire, side);
        if flow.is_reset {
            return Ok(());
        }
        self.send(at, wire, side, flow.next, flow.next, 0, &[])
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a packet has as many fields, and more"
    )]
    fn send(
        &mut self,
        at: Time,
        wire: &Wire,
        side: Side,
        sequence: u32,
        next: u32,
        flags: u8,
        data: &[u8],
    ) -> io::Result<()> {
        let flow = self.flow_mut(wire, side);
        flow.next = next;
        let seen = flow.seen;
        let packet = Packet {
            from: address(wire, side),
            to: address(wire, side.other()),
            sequence,
            acknowledged: seen.unwrap_or(0),
            flags: if seen.is_some() { flags | ACK } else { flags },
            data,
        };
        self.out.write_all(&packet.record(wall_time(at)))
    }

    fn flow(&mut self, wire: &Wire, side: Side) -> Flow {
        *self.flow_mut(wire, side)
    }

    fn flow_mut(&mut self, wire: &Wire, side: Side) -> &mut Flow {
        let id = wire.id.0;
        let flows = self.flows.entry(id).or_insert_with(|| {
            [0, 1].map(|side| {
                // Far apart, so that a port which is used again begins elsewhere.
                let initial = wrapped(id * 2 + side).wrapping_mul(0x0101_0101);
                Flow {
                    initial,
                    next: initial,
                    seen: None,
                    is_reset: false,
                }
            })
        });
        &mut flows[side as usize]
    }
}

/// As sequence numbers count.
fn wrapped(count: u64) -> u32 {
    (count & u64::from(u32::MAX)) as u32
}

fn wall_time(at: Time) -> Duration {
    EPOCH + at.since(Time::START)
}

/// Where an end is. Every host has the same loopback addresses, but one file can't.
fn address(wire: &Wire, side: Side) -> SocketAddr {
    let mut address = wire.address(side);
    if address.ip().is_loopback() {
        let number = u16::try_from(wire.host.0).unwrap_or(u16::MAX);
        let [high, low] = number.to_be_bytes();
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::new(127, 0, high, low).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, number).into(),
        });
    }
    address
}
