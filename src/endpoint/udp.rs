//! UDP sockets in descriptions. Owns what `udp:` and `udp6:` take; binds nothing and looks nothing up.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::grammar::{self, Arguments};
use super::port::Port;
use super::tcp_client::{read_bind, write_bind};
use super::tcp_server::{read_interface, v4_interface, v6_interface, write_interface};

use crate::error::EndpointError;
use crate::host_name;

/// A UDP socket: `udp:8007`, which is bound to a port of 127.0.0.1, or `udp:192.0.2.7:53`, which is connected to another
/// socket. What can be said of both stands in a table of [the module's documentation](crate::endpoint).
///
/// ```
/// use ropewalk::UdpEndpoint;
/// let endpoint: UdpEndpoint = "udp:8007:interface=0.0.0.0".parse()?;
/// assert_eq!(endpoint.to_string(), "udp:8007:interface=*");
/// let peer: std::net::SocketAddr = "[::1]:53".parse().unwrap();
/// assert_eq!(UdpEndpoint::to(peer), "udp:[::1]:53".parse()?);
/// # Ok::<(), ropewalk::EndpointError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpEndpoint {
    /// The address that is bound, with port 0; it tells the family as well.
    pub(crate) interface: SocketAddr,
    pub(crate) port: Port,
    /// Likewise.
    pub(crate) peer: Option<(SocketAddr, Port)>,
}

impl UdpEndpoint {
    /// Bound to a port of 127.0.0.1, which [`interface`](Self::interface) opens to others; port 0: the system chooses one.
    pub fn new(port: impl Into<Port>) -> Self {
        Self {
            interface: (Ipv4Addr::LOCALHOST, 0).into(),
            port: port.into(),
            peer: None,
        }
    }

    /// Connected to another socket, from a port that the system chooses.
    pub fn to(peer: SocketAddr) -> Self {
        Self::connected(peer, peer.port().into())
    }

    fn connected(peer: SocketAddr, port: Port) -> Self {
        let peer: SocketAddr = match peer {
            SocketAddr::V4(peer) => (*peer.ip(), 0).into(),
            SocketAddr::V6(peer) => SocketAddrV6::new(*peer.ip(), 0, 0, peer.scope_id()).into(),
        };
        Self {
            interface: (any(peer.ip()), 0).into(),
            port: Port::Number(0),
            peer: Some((peer, port)),
        }
    }

    /// The address to bind, which tells the family as well. All addresses of the machine are `0.0.0.0` or `::`.
    pub fn interface(mut self, address: impl Into<IpAddr>) -> Self {
        self.interface = (address.into(), 0).into();
        self
    }
}

const PORT_KEYS: &str = "interface";
const PEER_KEYS: &str = "bind";

/// Any address of the same family.
fn any(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// What a scheme takes for an interface.
type InterfaceOf = fn(&str) -> Option<IpAddr>;

/// Nothing stands before a datagram socket: there is no stream for a layer to be put on.
pub(super) fn parse(description: &str) -> Result<UdpEndpoint, EndpointError> {
    let mut pieces = grammar::split(description)?;
    let (is_v6, interface_of): (bool, InterfaceOf) = match pieces.first() {
        Some((None, scheme)) if scheme.text == "udp" => (false, v4_interface),
        Some((None, scheme)) if scheme.text == "udp6" => (true, v6_interface),
        _ => {
            let expected = "a scheme (udp, udp6) and a colon";
            return Err(grammar::error(description, 0, expected));
        }
    };
    let rest = pieces.split_off(1);
    let mut arguments = Arguments::of(description, rest)?;
    let (endpoint, keys) = if arguments.positionals() > 1 {
        (to_peer(&mut arguments, is_v6)?, PEER_KEYS)
    } else {
        (at_port(&mut arguments, interface_of)?, PORT_KEYS)
    };
    arguments.finish(keys)?;
    Ok(endpoint)
}

fn at_port(
    arguments: &mut Arguments<'_>,
    interface_of: InterfaceOf,
) -> Result<UdpEndpoint, EndpointError> {
    let port = arguments.positional(Port::EXPECTED)?;
    let port = Port::read(&port, arguments)?;
    Ok(UdpEndpoint {
        interface: (read_interface(arguments, interface_of)?, 0).into(),
        port,
        peer: None,
    })
}

fn to_peer(arguments: &mut Arguments<'_>, is_v6: bool) -> Result<UdpEndpoint, EndpointError> {
    let expected = if is_v6 {
        "an IPv6 address"
    } else {
        "an address (IPv6 in brackets): a name is not looked up for datagrams"
    };
    let piece = arguments.positional(expected)?;
    let peer = host_name::literal(&piece.text);
    let Some(peer) = peer.filter(|peer| !is_v6 || peer.is_ipv6()) else {
        return Err(arguments.expected(piece.at, expected));
    };
    let port = arguments.positional(Port::EXPECTED)?;
    let port = Port::read(&port, arguments)?;
    arguments.no_more_positional("key=value, such as bind=127.0.0.1, after the port")?;
    let mut endpoint = UdpEndpoint::connected(peer, port);
    if let Some(piece) = arguments.keyed(&["bind"])? {
        endpoint.interface = read_bind(&piece, arguments)?;
        endpoint.port = endpoint.interface.port().into();
        endpoint.interface.set_port(0);
    }
    Ok(endpoint)
}

/// The description that says the same, defaults left out.
impl fmt::Display for UdpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.peer {
            Some((SocketAddr::V4(peer), port)) => write!(f, "udp:{}:{port}", peer.ip())?,
            Some((SocketAddr::V6(peer), port)) => {
                write!(f, "udp:[{}", peer.ip())?;
                if peer.scope_id() != 0 {
                    write!(f, "%{}", peer.scope_id())?;
                }
                write!(f, "]:{port}")?;
            }
            None => {
                let version = if self.interface.is_ipv6() { "6" } else { "" };
                write!(f, "udp{version}:{}", self.port)?;
                return write_interface(f, self.interface.ip());
            }
        }
        let mut bind = self.interface;
        match &self.port {
            Port::Number(0) if bind.ip().is_unspecified() => return Ok(()),
            Port::Number(port) => bind.set_port(*port),
            // Only a type can say so, by way of its fields: no description can.
            Port::Service(_) => {}
        }
        write_bind(f, &bind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn is_refused(description: &str, at: usize, expected: &str) {
        let error = parse(description).expect_err(description);
        let found = (&*error.description, error.at, &*error.expected);
        assert_eq!(found, (description, at, expected));
    }

    fn peer(address: &str) -> UdpEndpoint {
        UdpEndpoint::to(address.parse().expect("an address"))
    }

    #[test]
    fn descriptions_are_read() {
        let v6 = |address: Ipv6Addr| UdpEndpoint::new(53).interface(address);
        for (description, endpoint) in [
            ("udp:53", UdpEndpoint::new(53)),
            ("udp:0", UdpEndpoint::new(0)),
            ("udp:53:interface=localhost", UdpEndpoint::new(53)),
            (
                "udp:53:interface=*",
                UdpEndpoint::new(53).interface(Ipv4Addr::UNSPECIFIED),
            ),
            ("udp:53:interface=[::1]", v6(Ipv6Addr::LOCALHOST)),
            ("udp6:53", v6(Ipv6Addr::LOCALHOST)),
            ("udp6:53:interface=*", v6(Ipv6Addr::UNSPECIFIED)),
            (
                "udp:domain",
                UdpEndpoint::new(Port::Service("domain".to_owned())),
            ),
            ("udp:192.0.2.7:53", peer("192.0.2.7:53")),
            ("udp:[::1]:53", peer("[::1]:53")),
            (r"udp:\:\:1:53", peer("[::1]:53")),
            ("udp6:[::1]:53", peer("[::1]:53")),
            ("udp:[fe80::1%2]:53", peer("[fe80::1%2]:53")),
            (
                "udp:192.0.2.7:53:bind=127.0.0.1",
                peer("192.0.2.7:53").interface(Ipv4Addr::LOCALHOST),
            ),
        ] {
            assert_eq!(description.parse(), Ok(endpoint), "{description}");
        }
    }

    #[test]
    fn refusals_say_where_and_what_was_expected() {
        let scheme = "a scheme (udp, udp6) and a colon";
        let address = "an address (IPv6 in brackets): a name is not looked up for datagrams";
        for (description, at, expected) in [
            ("", 0, scheme),
            ("53", 0, scheme),
            ("tcp:53", 0, scheme),
            ("toy:udp:53", 0, scheme),
            ("udp", 3, Port::EXPECTED),
            ("udp:", 4, Port::EXPECTED),
            ("udp:65536", 4, Port::EXPECTED),
            ("udp:example.com:53", 4, address),
            ("udp6:127.0.0.1:53", 5, "an IPv6 address"),
            ("udp:127.0.0.1:", 14, Port::EXPECTED),
            (
                "udp:127.0.0.1:53:9",
                17,
                "key=value, such as bind=127.0.0.1, after the port",
            ),
            ("udp:53:backlog=1", 7, "one of the keys interface"),
            ("udp:127.0.0.1:53:interface=*", 17, "one of the keys bind"),
            (
                "udp:53:interface=example.com",
                17,
                "an address of the scheme's family, localhost or *",
            ),
        ] {
            is_refused(description, at, expected);
        }
    }

    #[test]
    fn a_scope_is_kept_on_both_sides() {
        let description = r"udp:[fe80::1%2]:53:bind=[fe80::2%2]\:4000";
        let endpoint = parse(description).expect("it is one");
        assert_eq!(
            endpoint.interface,
            "[fe80::2%2]:0".parse().expect("an address")
        );
        assert_eq!(endpoint.to_string(), description);
    }

    proptest! {
        #[test]
        fn no_description_panics(description in r"(udp6?:)?([a-z0-9:=\\\[\]*.é]|interface=|bind=){0,24}") {
            if let Ok(endpoint) = UdpEndpoint::try_from(&description) {
                prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
            }
        }

        #[test]
        fn what_is_shown_is_read_back(interface: IpAddr, port: u16, peer: Option<(IpAddr, u16)>) {
            let endpoint = UdpEndpoint {
                interface: (interface, 0).into(),
                port: port.into(),
                peer: peer.map(|(peer, port)| ((peer, 0).into(), port.into())),
            };
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }
}
