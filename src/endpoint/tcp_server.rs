//! TCP ports to listen on, in descriptions. Owns what `tcp:` and `tcp6:` take; binds nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::grammar::{Arguments, Piece};
use super::port::Port;
use super::server::ServerEndpoint;
use crate::error::EndpointError;
use crate::host_name::without_brackets;

pub(super) use super::port::is_digits;

/// A TCP port to listen on: `tcp:8007`, `tcp6:8007`, `tcp:http:interface=*:backlog=50`.
///
/// Without an interface it is loopback that is listened on, unlike in Twisted: reachable from other machines only if that
/// is said, by `interface=*` (all of the scheme's family) or an address. A colon in a value is written `\:`, or the address
/// is put in brackets: `interface=[::1]`. An interface is an address, `localhost` or `*`, never a name to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpServerEndpoint {
    /// The address to listen on; it tells the family as well.
    pub(crate) interface: IpAddr,
    pub(crate) port: Port,
    pub(crate) backlog: Option<u32>,
}

impl TcpServerEndpoint {
    pub(super) fn new(port: Port) -> Self {
        Self {
            interface: Ipv4Addr::LOCALHOST.into(),
            port,
            backlog: None,
        }
    }

    /// The address to listen on; it tells the family as well.
    pub fn interface(mut self, address: impl Into<IpAddr>) -> Self {
        self.interface = address.into();
        self
    }

    /// How many connections the kernel may hold for us before we accept them. The default is that of
    /// [`ListenOptions`](crate::network::ListenOptions).
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = Some(connections);
        self
    }
}

pub(super) const KEYS: &str = "interface, backlog";

pub(super) fn tcp(arguments: &mut Arguments<'_>) -> Result<ServerEndpoint, EndpointError> {
    tcp_by(arguments, v4_interface)
}

pub(super) fn tcp6(arguments: &mut Arguments<'_>) -> Result<ServerEndpoint, EndpointError> {
    tcp_by(arguments, v6_interface)
}

/// What `interface=` may say where a scheme has no version of its own.
pub(super) fn v4_interface(text: &str) -> Option<IpAddr> {
    match text {
        "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        address => address.parse().ok(),
    }
}

pub(super) fn v6_interface(text: &str) -> Option<IpAddr> {
    match text {
        "*" => Some(Ipv6Addr::UNSPECIFIED.into()),
        "localhost" => Some(Ipv6Addr::LOCALHOST.into()),
        address => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
    }
}

fn tcp_by(
    arguments: &mut Arguments<'_>,
    interface_of: fn(&str) -> Option<IpAddr>,
) -> Result<ServerEndpoint, EndpointError> {
    let port = arguments.positional(Port::EXPECTED)?;
    // First, for whoever writes an address before the port is to be told of this.
    arguments.no_more_positional("key=value, such as interface=127.0.0.1, after the port")?;
    let port = Port::read(&port, arguments)?;
    Ok(ServerEndpoint::Tcp(TcpServerEndpoint {
        interface: read_interface(arguments, interface_of)?,
        port,
        backlog: read_backlog(arguments)?,
    }))
}

/// Without a word about it, it is loopback.
pub(super) fn read_interface(
    arguments: &mut Arguments<'_>,
    interface_of: fn(&str) -> Option<IpAddr>,
) -> Result<IpAddr, EndpointError> {
    let localhost = Piece {
        at: 0,
        text: "localhost".to_owned(),
    };
    let interface = arguments.keyed(&["interface"])?.unwrap_or(localhost);
    interface_of(without_brackets(&interface.text)).ok_or_else(|| {
        let expected = "an address of the scheme's family, localhost or *";
        arguments.expected(interface.at, expected)
    })
}

pub(super) fn read_backlog(arguments: &mut Arguments<'_>) -> Result<Option<u32>, EndpointError> {
    let Some(piece) = arguments.keyed(&["backlog"])? else {
        return Ok(None);
    };
    let count = is_digits(&piece.text).then(|| piece.text.parse().ok());
    match count.flatten() {
        Some(count) => Ok(Some(count)),
        None => Err(arguments.expected(piece.at, "a number of connections")),
    }
}

impl fmt::Display for TcpServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.interface.is_ipv6() {
            "tcp6"
        } else {
            "tcp"
        };
        write!(f, "{scheme}:{}", self.port)?;
        write_interface(f, self.interface)?;
        write_backlog(f, self.backlog)
    }
}

pub(super) fn write_interface(f: &mut fmt::Formatter<'_>, interface: IpAddr) -> fmt::Result {
    match interface {
        IpAddr::V4(Ipv4Addr::LOCALHOST) | IpAddr::V6(Ipv6Addr::LOCALHOST) => Ok(()),
        any if any.is_unspecified() => f.write_str(":interface=*"),
        IpAddr::V4(address) => write!(f, ":interface={address}"),
        IpAddr::V6(address) => write!(f, ":interface=[{address}]"),
    }
}

pub(super) fn write_backlog(f: &mut fmt::Formatter<'_>, backlog: Option<u32>) -> fmt::Result {
    match backlog {
        Some(backlog) => write!(f, ":backlog={backlog}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::is_refused;
    use proptest::prelude::*;

    fn listening(interface: &str, port: u16) -> ServerEndpoint {
        let interface: IpAddr = interface.parse().expect("an address");
        ServerEndpoint::tcp(port).interface(interface).into()
    }

    #[test]
    fn descriptions_are_read() {
        for (description, endpoint) in [
            ("tcp:8007", listening("127.0.0.1", 8007)),
            ("tcp:0", listening("127.0.0.1", 0)),
            ("tcp:8007:interface=*", listening("0.0.0.0", 8007)),
            (
                "tcp:8007:interface=192.168.1.5",
                listening("192.168.1.5", 8007),
            ),
            ("tcp:8007:interface=localhost", listening("127.0.0.1", 8007)),
            ("tcp:8007:interface=[::1]", listening("::1", 8007)),
            ("tcp6:8007", listening("::1", 8007)),
            (r"tcp6:8007:interface=\:\:1", listening("::1", 8007)),
            ("tcp6:8007:interface=[::1]", listening("::1", 8007)),
            ("tcp6:8007:interface=localhost", listening("::1", 8007)),
            ("tcp6:8007:interface=*", listening("::", 8007)),
        ] {
            assert_eq!(description.parse(), Ok(endpoint), "{description}");
        }
    }

    #[test]
    fn backlogs_and_services_are_read() {
        assert_eq!(
            String::from("tcp:http:backlog=50:interface=*").try_into(),
            Ok(ServerEndpoint::Tcp(TcpServerEndpoint {
                interface: Ipv4Addr::UNSPECIFIED.into(),
                port: Port::Service("http".to_owned()),
                backlog: Some(50),
            }))
        );
        assert_eq!(
            ServerEndpoint::try_from(&String::from("tcp:1")),
            Ok(listening("127.0.0.1", 1))
        );
    }

    #[test]
    fn refusals_say_where_and_what_was_expected() {
        let scheme = "a scheme (tcp, tcp6, unix, fd, systemd) and a colon";
        let after = "key=value, such as interface=127.0.0.1, after the port";
        let interface = "an address of the scheme's family, localhost or *";
        for (description, at, expected) in [
            ("", 0, scheme),
            ("8007", 0, scheme),
            ("udp:53", 0, scheme),
            ("a=b", 0, scheme),
            ("tcp", 3, Port::EXPECTED),
            ("tcp:", 4, Port::EXPECTED),
            ("tcp:65536", 4, Port::EXPECTED),
            ("tcp:interface=*", 4, Port::EXPECTED),
            ("tcp:127.0.0.1:8007", 14, after),
            ("tcp6:[::1]:8007", 11, after),
            ("tcp:8007:", 9, after),
            ("tcp:80:interface=example.com", 17, interface),
            ("tcp6:80:interface=127.0.0.1", 18, interface),
            ("tcp:80:interface=", 17, interface),
            ("tcp:80:backlog=-1", 15, "a number of connections"),
            ("tcp:80:backlog=4294967296", 15, "a number of connections"),
            ("tcp:80:backlog=1:backlog=2", 17, "backlog only once"),
            ("tcp:80:reuse=1", 7, "one of the keys interface, backlog"),
            (
                "tcp6:80:interface=::1",
                19,
                "key=value (a colon in a value is written \\:, an IPv6 address in brackets)",
            ),
        ] {
            is_refused::<ServerEndpoint>(description, at, expected);
        }
    }

    #[test]
    fn a_refusal_reads_well() {
        assert_eq!(
            ServerEndpoint::try_from("tcp:x y").unwrap_err().to_string(),
            "bad endpoint \"tcp:x y\": expected a port (0 to 65535, or a service's name) at byte 4"
        );
    }

    proptest! {
        #[test]
        fn no_description_panics(description in r"(tcp6?:)?([a-z0-9:=\\\[\]*.é]|interface=|backlog=){0,24}") {
            if let Ok(endpoint) = ServerEndpoint::try_from(&description) {
                prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
            }
        }

        #[test]
        fn what_is_shown_is_read_back(
            interface: IpAddr,
            port in prop_oneof![
                any::<u16>().prop_map(Port::Number),
                "[0-9*+/_.-]{0,3}[a-z][a-z0-9+-]{0,9}".prop_map(Port::Service),
            ],
            backlog: Option<u32>,
        ) {
            let endpoint = ServerEndpoint::Tcp(TcpServerEndpoint { interface, port, backlog });
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }
}
