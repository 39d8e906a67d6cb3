//! One packet of TCP or UDP in its bytes, and the file around it. Owns headers and checksums; knows no connection.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

/// pcap whose times are in nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;
const VERSION: [u16; 2] = [2, 4];
const SNAP_LENGTH: u32 = 262_144;
/// What follows is IP, of the version that it says.
const LINKTYPE_RAW: u32 = 101;

const TCP: u8 = 6;
const UDP: u8 = 17;
/// A window of 65,535 · 2^14 bytes: never in the way.
const WINDOW: u16 = u16::MAX;
/// Of a SYN: the largest segment, 65,495 bytes, and the scale of windows, 2^14.
const OPTIONS: [u8; 8] = [2, 4, 0xff, 0xd7, 1, 3, 3, 14];

pub(super) fn file_header() -> Vec<u8> {
    let mut header = MAGIC.to_le_bytes().to_vec();
    header.extend(VERSION.map(u16::to_le_bytes).as_flattened());
    // No time zone, no accuracy.
    header.extend([0; 8]);
    header.extend(SNAP_LENGTH.to_le_bytes());
    header.extend(LINKTYPE_RAW.to_le_bytes());
    header
}

pub(super) struct Packet<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) acknowledged: u32,
    pub(super) flags: u8,
    pub(super) data: &'a [u8],
}

/// One datagram of UDP.
pub(super) struct Datagram<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) data: &'a [u8],
}

/// As it stands in the file, captured at a wall time.
fn record(packet: &[u8], time: Duration) -> Vec<u8> {
    let size = u32::try_from(packet.len()).expect("a packet is small");
    // The format counts seconds in 32 bits: until 2106.
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let mut record = Vec::with_capacity(packet.len() + 16);
    for field in [seconds, time.subsec_nanos(), size, size] {
        record.extend(field.to_le_bytes());
    }
    record.extend(packet);
    record
}

/// A packet of IP with this in it.
fn packet(from: SocketAddr, to: SocketAddr, protocol: u8, content: &[u8]) -> Vec<u8> {
    let mut packet = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let size = u16::try_from(content.len() + 20).expect("it is cut to fit");
            let mut header = vec![0x45, 0];
            header.extend(size.to_be_bytes());
            // No identification, and not to be fragmented; 64 hops; the checksum to come.
            header.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            header.extend(from.octets());
            header.extend(to.octets());
            let sum = checksum(&[&header]);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            header
        }
        (from, to) => {
            let size = u16::try_from(content.len()).expect("it is cut to fit");
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(size.to_be_bytes());
            header.extend([protocol, 64]);
            header.extend(octets(from));
            header.extend(octets(to));
            header
        }
    };
    packet.extend(content);
    packet
}

/// The checksum of TCP and of UDP, over the addresses too.
fn checksum_between(from: SocketAddr, to: SocketAddr, protocol: u8, content: &[u8]) -> u16 {
    let size = u32::try_from(content.len()).expect("it is cut to fit");
    let ends = [octets(from.ip()), octets(to.ip())].concat();
    checksum(&[&ends, &size.to_be_bytes(), &[0, protocol], content])
}

impl Datagram<'_> {
    /// As it stands in the file, captured at a wall time.
    pub(super) fn record(&self, time: Duration) -> Vec<u8> {
        record(&packet(self.from, self.to, UDP, &self.content()), time)
    }

    fn content(&self) -> Vec<u8> {
        let size = u16::try_from(self.data.len() + 8).expect("no datagram is longer");
        let mut content = Vec::with_capacity(self.data.len() + 8);
        content.extend(self.from.port().to_be_bytes());
        content.extend(self.to.port().to_be_bytes());
        content.extend(size.to_be_bytes());
        content.extend([0; 2]);
        content.extend(self.data);
        // None at all would be 0, so a sum of 0 is written in its other form.
        let sum = match checksum_between(self.from, self.to, UDP, &content) {
            0 => u16::MAX,
            sum => sum,
        };
        content[6..8].copy_from_slice(&sum.to_be_bytes());
        content
    }
}

impl Packet<'_> {
    /// As it stands in the file, captured at a wall time.
    pub(super) fn record(&self, time: Duration) -> Vec<u8> {
        record(&self.bytes(), time)
    }

    fn bytes(&self) -> Vec<u8> {
        packet(self.from, self.to, TCP, &self.segment())
    }

    fn segment(&self) -> Vec<u8> {
        let options: &[u8] = if self.flags & SYN != 0 { &OPTIONS } else { &[] };
        let words = u8::try_from(5 + options.len() / 4).expect("few options");
        let mut segment = Vec::with_capacity(20 + options.len() + self.data.len());
        segment.extend(self.from.port().to_be_bytes());
        segment.extend(self.to.port().to_be_bytes());
        segment.extend(self.sequence.to_be_bytes());
        segment.extend(self.acknowledged.to_be_bytes());
        segment.extend([words << 4, self.flags]);
        segment.extend(WINDOW.to_be_bytes());
        // The checksum to come, nothing urgent.
        segment.extend([0; 4]);
        segment.extend(options);
        segment.extend(self.data);
        let sum = checksum_between(self.from, self.to, TCP, &segment);
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        segment
    }
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The internet's checksum over parts that are, but for the last, of even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |&low| u32::from(low)))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).expect("it is folded")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(from: &str, to: &str, flags: u8, data: &'static [u8]) -> Packet<'static> {
        Packet {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            sequence: 0x0102_0304,
            acknowledged: 0x0506_0708,
            flags,
            data,
        }
    }

    #[test]
    fn a_packet_of_version_4() {
        let packet = packet("10.0.0.1:7", "10.0.0.2:32768", PSH | ACK, b"hello");
        let header = [
            0x45, 0, 0, 45, 0, 0, 0x40, 0, 64, 6, 0x26, 0xc9, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        let segment = [
            0, 7, 0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0, b'h', b'e',
            b'l', b'l', b'o',
        ];
        let mut bytes = packet.bytes();
        assert_eq!(bytes[..20], header);
        bytes[36..38].fill(0);
        assert_eq!(bytes[20..], segment);
    }

    #[test]
    fn checksums_add_up_to_nothing() {
        for (from, to) in [("10.0.0.1:7", "10.0.0.2:9"), ("[fd00::1]:7", "[fd00::2]:9")] {
            for data in [&b"hello"[..], b"four", b""] {
                let packet = packet(from, to, SYN, data);
                let (segment, [from, to]) = (packet.segment(), [packet.from, packet.to]);
                let ends = [octets(from.ip()), octets(to.ip())].concat();
                let size = u32::try_from(28 + data.len()).unwrap().to_be_bytes();
                assert_eq!(checksum(&[&ends, &size, &[0, TCP], &segment]), 0);
            }
        }
    }

    #[test]
    fn a_datagram_has_its_length_and_a_checksum() {
        for (from, to) in [("10.0.0.1:7", "10.0.0.2:9"), ("[fd00::1]:7", "[fd00::2]:9")] {
            for data in [&b"hello"[..], b"four", b""] {
                let [from, to] = [from, to].map(|address| address.parse().unwrap());
                let content = Datagram { from, to, data }.content();
                assert_eq!(content[..4], [0, 7, 0, 9]);
                assert_eq!(usize::from(content[5]), data.len() + 8);
                assert_eq!(checksum_between(from, to, UDP, &content), 0);
            }
        }
    }

    #[test]
    fn a_packet_of_version_6_tells_the_length_after_its_header() {
        let bytes = packet("[fd00::1]:7", "[fd00::2]:9", ACK, b"hello").bytes();
        assert_eq!(bytes[..8], [0x60, 0, 0, 0, 0, 25, 6, 64]);
        assert_eq!(bytes.len(), 40 + 25);
    }

    #[test]
    fn the_file_says_what_it_is() {
        let header = file_header();
        let read = [0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(header[..16], read);
        assert_eq!(header[16..], [0, 0, 4, 0, 101, 0, 0, 0]);
        let record = packet("10.0.0.1:7", "10.0.0.2:9", ACK, b"").record(Duration::new(5, 6));
        assert_eq!(
            record[..16],
            [5, 0, 0, 0, 6, 0, 0, 0, 40, 0, 0, 0, 40, 0, 0, 0]
        );
        assert_eq!(record.len(), 16 + 40);
    }
}
