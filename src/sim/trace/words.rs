//! How entries read, each as a line and as a label. Owns the wording, which is the same on every machine and in every
//! build; knows nothing but the entry.

use std::fmt;

use super::entry::{Callback, Cargo, Entry, Excerpt, Flight, What, Who};
use crate::sim::errno;

/// How much of the data a line shows.
const SHOWN: usize = 48;

/// `t=12.004ms server#3 data 7B "hello\r\n"`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t={} {} ", self.at, self.who)?;
        let Who::End(wire, side) = &self.who else {
            return self.what.fmt(f);
        };
        let other = wire.name(side.other());
        match &self.what {
            What::Departs(flight) => {
                write!(f, "-> {other} {}", flight.cargo)?;
                if let Cargo::Syn | Cargo::Datagram(_) = flight.cargo {
                    let [from, to] = [*side, side.other()].map(|side| wire.shown(side));
                    write!(f, " {from} to {to}")?;
                }
                position(f, flight)
            }
            What::Arrives(flight) => {
                write!(f, "<- {other} {}", flight.cargo)?;
                position(f, flight)
            }
            What::Dropped(flight, why) if flight.from == *side => {
                write!(f, "-> {other} {} is lost: {why}", flight.cargo)
            }
            What::Dropped(flight, why) => write!(f, "drops {} of {other}: {why}", flight.cargo),
            what => what.fmt(f),
        }
    }
}

/// Where in the stream data belongs, unless it is the beginning.
fn position(f: &mut fmt::Formatter<'_>, flight: &Flight) -> fmt::Result {
    match flight.cargo {
        Cargo::Data(_) if flight.offset > 0 => write!(f, " at {}", flight.offset),
        _ => Ok(()),
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::World => f.write_str("world"),
            Self::Host(name) => f.write_str(name),
            Self::End(wire, side) => wire.name(*side).fmt(f),
        }
    }
}

/// As it reads beside the one whom it happened to.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listens(address) => write!(f, "listens on {address}"),
            Self::LooksUp(host) => write!(f, "looks up {host}"),
            Self::Departs(flight) | Self::Arrives(flight) => flight.cargo.fmt(f),
            Self::Dropped(flight, why) => write!(f, "{}: {why}", flight.cargo),
            Self::Failed(number) => write!(f, "fails: {}", ErrorNumber(*number)),
            Self::ShutsDown => f.write_str("shuts down writing"),
            Self::Closes => f.write_str("closes"),
            Self::Aborts => f.write_str("aborts"),
            Self::Callback(callback) => callback.fmt(f),
            Self::Fault(what) | Self::Note(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Cargo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syn => f.write_str("SYN"),
            Self::Welcome => f.write_str("SYN-ACK"),
            Self::Data(data) => quote(f, "data", data.len(), data),
            Self::Datagram(data) => quote(f, "datagram", data.len(), data),
            Self::Fin => f.write_str("FIN"),
            Self::Rst => f.write_str("RST"),
        }
    }
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let excerpt = |f: &mut _, what, data: &Excerpt| quote(f, what, data.size, data.beginning());
        match self {
            Self::Made => f.write_str("made"),
            Self::Data(data) => excerpt(f, "data", data),
            Self::Frame(frame) => excerpt(f, "frame", frame),
            Self::Datagram(data) => excerpt(f, "datagram", data),
            Self::Other(name) => f.write_str(name),
            Self::Lost(reason) => write!(f, "lost ({reason})"),
        }
    }
}

/// By its name: systems word errors differently.
struct ErrorNumber(i32);

impl fmt::Display for ErrorNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            errno::ETIMEDOUT => f.write_str("ETIMEDOUT"),
            errno::EHOSTUNREACH => f.write_str("EHOSTUNREACH"),
            errno::ENETUNREACH => f.write_str("ENETUNREACH"),
            errno::ECONNREFUSED => f.write_str("ECONNREFUSED"),
            errno::ECONNRESET => f.write_str("ECONNRESET"),
            number => write!(f, "error {number}"),
        }
    }
}

fn quote(f: &mut fmt::Formatter<'_>, what: &str, size: usize, data: &[u8]) -> fmt::Result {
    let shown = &data[..data.len().min(SHOWN)];
    let rest = if size > shown.len() { "…" } else { "" };
    write!(f, "{what} {size}B \"{}\"{rest}", shown.escape_ascii())
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use bytes::Bytes;

    use super::*;
    use crate::error::Lost;
    use crate::network::Time;
    use crate::sim::host::HostId;
    use crate::sim::link::{LinkId, Side};
    use crate::sim::trace::{Party, Wire};

    fn line(what: What) -> String {
        let address = |text: &str| text.parse().unwrap();
        let (from, to) = (address("10.0.255.1:32768"), address("10.0.0.1:7"));
        let wire = Wire::new(LinkId(9), HostId(0), from, to);
        wire.introduce(Side::Caller, Party::Peer("peer1".into()));
        let name = "server".into();
        wire.introduce(Side::Callee, Party::Host { name, number: 3 });
        let entry = Entry {
            at: Time::from_nanos(12_004_000),
            who: Who::End(Rc::new(wire), Side::Callee),
            what,
        };
        entry.to_string()
    }

    fn flight(from: Side, offset: u64, cargo: Cargo) -> Flight {
        Flight {
            from,
            serial: 1,
            offset,
            cargo,
        }
    }

    #[test]
    fn a_line_tells_when_who_and_what() {
        let data = || Cargo::Data(Bytes::from_static(b"hello\r\n"));
        let (here, there) = (Side::Callee, Side::Caller);
        assert_eq!(
            line(What::Departs(flight(here, 14, data()))),
            r#"t=12.004ms server#3 -> peer1 data 7B "hello\r\n" at 14"#
        );
        assert_eq!(
            line(What::Arrives(flight(there, 0, data()))),
            r#"t=12.004ms server#3 <- peer1 data 7B "hello\r\n""#
        );
        assert_eq!(
            line(What::Dropped(flight(there, 0, Cargo::Syn), "it is full")),
            "t=12.004ms server#3 drops SYN of peer1: it is full"
        );
        assert_eq!(
            line(What::Dropped(flight(here, 0, Cargo::Fin), "partition")),
            "t=12.004ms server#3 -> peer1 FIN is lost: partition"
        );
    }

    #[test]
    fn callbacks_read_as_the_protocol_knows_them() {
        let told = |callback| line(What::Callback(callback));
        let data = told(Callback::Data(Excerpt::of(b"hello\r\n")));
        assert_eq!(data, r#"t=12.004ms server#3 data 7B "hello\r\n""#);
        assert_eq!(told(Callback::Made), "t=12.004ms server#3 made");
        let lost = told(Callback::Lost(Lost::Reset));
        assert_eq!(lost, "t=12.004ms server#3 lost (reset by the peer)");
        let frame = told(Callback::Frame(Excerpt::of(&[b'x'; 49])));
        assert!(frame.ends_with("x\"…"), "{frame}");
        assert_eq!(told(Callback::Other("idle")), "t=12.004ms server#3 idle");
    }
}
