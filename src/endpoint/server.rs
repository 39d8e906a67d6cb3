//! Where to listen. Owns the schemes of servers.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::grammar::{Arguments, Piece};
use super::port::{Port, is_digits};
use super::{Scheme, without_brackets};
use crate::error::EndpointError;

/// Where to listen, in Twisted's words: `tcp:8007`, `tcp6:8007`, `tcp:http:interface=*:backlog=50`.
///
/// Without an interface it is loopback that is listened on, unlike in Twisted: reachable from other machines only if that
/// is said, by `interface=*` (all of the scheme's family) or an address. A colon in a value is written `\:`, or the address
/// is put in brackets: `interface=[::1]`. An interface is an address, `localhost` or `*`, never a name to look up.
///
/// ```
/// use ropewalk::ServerEndpoint;
/// let endpoint: ServerEndpoint = "tcp:8007:interface=0.0.0.0".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp:8007:interface=*");
/// # Ok::<(), ropewalk::EndpointError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEndpoint {
    /// `tcp:PORT` or `tcp6:PORT`, then `interface=ADDRESS` and `backlog=CONNECTIONS` if wanted.
    Tcp {
        /// The address to listen on; it tells the family as well.
        interface: IpAddr,
        /// The port to listen on.
        port: Port,
        /// Connections the kernel may hold for us before we accept them; `None`: the default of
        /// [`ListenOptions`](crate::network::ListenOptions).
        backlog: Option<u32>,
    },
}

const TCP_KEYS: &str = "interface, backlog";

pub(super) const SCHEMES: &[Scheme<ServerEndpoint>] =
    &[("tcp", tcp, TCP_KEYS), ("tcp6", tcp6, TCP_KEYS)];

fn tcp(arguments: &mut Arguments<'_>) -> Result<ServerEndpoint, EndpointError> {
    tcp_by(arguments, |text| match text {
        "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        address => address.parse().ok(),
    })
}

fn tcp6(arguments: &mut Arguments<'_>) -> Result<ServerEndpoint, EndpointError> {
    tcp_by(arguments, |text| match text {
        "*" => Some(Ipv6Addr::UNSPECIFIED.into()),
        "localhost" => Some(Ipv6Addr::LOCALHOST.into()),
        address => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
    })
}

fn tcp_by(
    arguments: &mut Arguments<'_>,
    interface_of: fn(&str) -> Option<IpAddr>,
) -> Result<ServerEndpoint, EndpointError> {
    let port = arguments.positional(Port::EXPECTED)?;
    // First, for whoever writes an address before the port is to be told of this.
    arguments.no_more_positional("key=value, such as interface=127.0.0.1, after the port")?;
    let port = Port::read(&port, arguments)?;
    let localhost = Piece {
        at: 0,
        text: "localhost".to_owned(),
    };
    let interface = arguments.keyed(&["interface"])?.unwrap_or(localhost);
    let Some(interface_address) = interface_of(without_brackets(&interface.text)) else {
        let expected = "an address of the scheme's family, localhost or *";
        return Err(arguments.expected(interface.at, expected));
    };
    let backlog = arguments.keyed(&["backlog"])?;
    let backlog = backlog.map(|piece| read_backlog(&piece, arguments));
    Ok(ServerEndpoint::Tcp {
        interface: interface_address,
        port,
        backlog: backlog.transpose()?,
    })
}

fn read_backlog(piece: &Piece, arguments: &Arguments<'_>) -> Result<u32, EndpointError> {
    let count = is_digits(&piece.text).then(|| piece.text.parse().ok());
    count
        .flatten()
        .ok_or_else(|| arguments.expected(piece.at, "a number of connections"))
}

/// The description that says the same, defaults left out.
impl fmt::Display for ServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp {
                interface,
                port,
                backlog,
            } => {
                let scheme = if interface.is_ipv6() { "tcp6" } else { "tcp" };
                write!(f, "{scheme}:{port}")?;
                match interface {
                    IpAddr::V4(Ipv4Addr::LOCALHOST) | IpAddr::V6(Ipv6Addr::LOCALHOST) => {}
                    any if any.is_unspecified() => f.write_str(":interface=*")?,
                    IpAddr::V4(address) => write!(f, ":interface={address}")?,
                    IpAddr::V6(address) => write!(f, ":interface=[{address}]")?,
                }
                match backlog {
                    Some(backlog) => write!(f, ":backlog={backlog}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn listening(interface: &str, port: u16) -> ServerEndpoint {
        ServerEndpoint::Tcp {
            interface: interface.parse().expect("an address"),
            port: Port::Number(port),
            backlog: None,
        }
    }

    #[track_caller]
    fn refused(description: &str) -> (usize, String) {
        let error = ServerEndpoint::try_from(description).unwrap_err();
        assert_eq!(error.description, description);
        (error.at, error.expected)
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
            Ok(ServerEndpoint::Tcp {
                interface: Ipv4Addr::UNSPECIFIED.into(),
                port: Port::Service("http".to_owned()),
                backlog: Some(50),
            })
        );
        assert_eq!(
            ServerEndpoint::try_from(&String::from("tcp:1")),
            Ok(listening("127.0.0.1", 1))
        );
    }

    #[test]
    fn refusals_say_where_and_what_was_expected() {
        let scheme = "a scheme (tcp, tcp6) and a colon";
        let after = "key=value, such as interface=127.0.0.1, after the port";
        let interface = "an address of the scheme's family, localhost or *";
        for (description, at, expected) in [
            ("", 0, scheme),
            ("8007", 0, scheme),
            ("udp:53", 0, scheme),
            ("a=b", 0, "a scheme and a colon"),
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
            assert_eq!(
                refused(description),
                (at, expected.to_owned()),
                "{description}"
            );
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
            let endpoint = ServerEndpoint::Tcp { interface, port, backlog };
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }
}
