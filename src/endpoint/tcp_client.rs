//! Hosts and ports to connect to, in descriptions. Owns what `tcp:` and `tcp6:` take; looks nothing up.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::client::ClientEndpoint;
use super::grammar::{Arguments, Escaped, Piece};
use super::port::{Port, is_digits};
use crate::error::EndpointError;
use crate::host_name::{is_v6, without_brackets};
use crate::limits::{LEAST_ATTEMPT_DELAY, MOST_ATTEMPT_DELAY};

/// A port of a host to connect to: `tcp:example.com:80`, `tcp:127.0.0.1:8007:timeout=5`, `tcp:[::1]:8007`; then
/// `timeout=SECONDS`, `bind=ADDRESS` (Twisted's `bindAddress`) and `attempt_delay=SECONDS` if wanted.
///
/// A colon in a piece is written `\:`, or an IPv6 address is put in brackets. `tcp6` takes IPv6 addresses only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpClientEndpoint {
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: Port,
    pub(crate) timeout: Option<Duration>,
    pub(crate) attempt_delay: Option<Duration>,
    pub(crate) bind: Option<SocketAddr>,
}

impl TcpClientEndpoint {
    pub(super) fn new(host: String, port: Port) -> Self {
        Self {
            host,
            port,
            timeout: None,
            attempt_delay: None,
            bind: None,
        }
    }

    /// How long it may take from the call of connect until the connection stands, the name's lookup included; above zero.
    /// The default is that of whoever connects.
    pub fn timeout(mut self, within: Duration) -> Self {
        self.timeout = Some(within);
        self
    }

    /// How long an address of a name has to itself, see [`Connect::attempt_delay`](crate::Connect::attempt_delay); held to 10 ms
    /// to 2 s.
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.attempt_delay = Some(delay.clamp(LEAST_ATTEMPT_DELAY, MOST_ATTEMPT_DELAY));
        self
    }

    /// The local address to connect from; port 0 lets the system choose one.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.bind = Some(address);
        self
    }
}

pub(super) const KEYS: &str = "timeout, bind, attempt_delay";

pub(super) fn tcp(arguments: &mut Arguments<'_>) -> Result<ClientEndpoint, EndpointError> {
    tcp_to(arguments, "a host's name or address", host_of)
}

pub(super) fn tcp6(arguments: &mut Arguments<'_>) -> Result<ClientEndpoint, EndpointError> {
    tcp_to(arguments, "an IPv6 address", |text| {
        Some(without_brackets(text)).filter(|host| is_v6(host))
    })
}

fn tcp_to(
    arguments: &mut Arguments<'_>,
    expected: &str,
    host_of: fn(&str) -> Option<&str>,
) -> Result<ClientEndpoint, EndpointError> {
    let host_piece = arguments.positional(expected)?;
    let Some(host) = host_of(&host_piece.text) else {
        return Err(arguments.expected(host_piece.at, expected));
    };
    let port = arguments.positional(Port::EXPECTED)?;
    let port = Port::read(&port, arguments)?;
    arguments.no_more_positional(
        "key=value, such as timeout=30, after the port (an IPv6 address goes in brackets)",
    )?;
    let timeout = read_timeout(arguments)?;
    let bind = arguments.keyed(&["bind", "bindAddress"])?;
    let bind = bind.map(|piece| read_bind(&piece, arguments));
    let attempt_delay = read_attempt_delay(arguments)?;
    Ok(ClientEndpoint::Tcp(TcpClientEndpoint {
        host: host.to_owned(),
        port,
        timeout,
        attempt_delay,
        bind: bind.transpose()?,
    }))
}

/// Names are not judged here, only what can't be one: brackets hold an IPv6 address, and nothing blank is in a name.
fn host_of(text: &str) -> Option<&str> {
    let host = without_brackets(text);
    if host.len() < text.len() {
        return Some(host).filter(|host| is_v6(host));
    }
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '[' | ']');
    (!host.is_empty() && !host.contains(is_odd)).then_some(host)
}

pub(super) fn read_timeout(
    arguments: &mut Arguments<'_>,
) -> Result<Option<Duration>, EndpointError> {
    let Some(piece) = arguments.keyed(&["timeout"])? else {
        return Ok(None);
    };
    let timeout = seconds(&piece.text).filter(|timeout| !timeout.is_zero());
    match timeout {
        Some(timeout) => Ok(Some(timeout)),
        None => Err(arguments.expected(piece.at, "seconds above 0, such as 30 or 0.5")),
    }
}

fn read_attempt_delay(arguments: &mut Arguments<'_>) -> Result<Option<Duration>, EndpointError> {
    let Some(piece) = arguments.keyed(&["attempt_delay", "attemptDelay"])? else {
        return Ok(None);
    };
    let allowed = LEAST_ATTEMPT_DELAY..=MOST_ATTEMPT_DELAY;
    match seconds(&piece.text).filter(|delay| allowed.contains(delay)) {
        Some(delay) => Ok(Some(delay)),
        None => Err(arguments.expected(piece.at, "seconds from 0.01 to 2, such as 0.25")),
    }
}

/// Decimals are read one by one: a float would not give back what it was given.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}");
    Some(Duration::new(
        whole.parse().ok()?,
        nanoseconds.parse().ok()?,
    ))
}

pub(super) fn read_bind(
    piece: &Piece,
    arguments: &Arguments<'_>,
) -> Result<SocketAddr, EndpointError> {
    let alone = without_brackets(&piece.text).parse::<IpAddr>();
    alone
        .map(|address| SocketAddr::new(address, 0))
        .or_else(|_| piece.text.parse())
        .map_err(|_| {
            let expected = "a local address, with \\: and a port if one is wanted";
            arguments.expected(piece.at, expected)
        })
}

impl fmt::Display for TcpClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_v6(&self.host) {
            write!(f, "tcp:[{}]:{}", self.host, self.port)?;
        } else {
            write!(f, "tcp:{}:{}", Escaped(&self.host), self.port)?;
        }
        write_timeout(f, self.timeout)?;
        if let Some(bind) = &self.bind {
            write_bind(f, bind)?;
        }
        write_seconds(f, "attempt_delay", self.attempt_delay)
    }
}

pub(super) fn write_timeout(f: &mut fmt::Formatter<'_>, timeout: Option<Duration>) -> fmt::Result {
    write_seconds(f, "timeout", timeout)
}

fn write_seconds(f: &mut fmt::Formatter<'_>, key: &str, time: Option<Duration>) -> fmt::Result {
    let Some(time) = time else {
        return Ok(());
    };
    write!(f, ":{key}={}", time.as_secs())?;
    let decimals = format!("{:09}", time.subsec_nanos());
    match decimals.trim_end_matches('0') {
        "" => Ok(()),
        decimals => write!(f, ".{decimals}"),
    }
}

pub(super) fn write_bind(f: &mut fmt::Formatter<'_>, bind: &SocketAddr) -> fmt::Result {
    match bind {
        // An address with a scope is only read with a port.
        SocketAddr::V6(bind) if bind.scope_id() != 0 => {
            write!(f, ":bind=[{}%{}]", bind.ip(), bind.scope_id())?;
            return write!(f, "\\:{}", bind.port());
        }
        SocketAddr::V6(bind) => write!(f, ":bind=[{}]", bind.ip())?,
        SocketAddr::V4(bind) => write!(f, ":bind={}", bind.ip())?,
    }
    match bind.port() {
        0 => Ok(()),
        port => write!(f, "\\:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::is_refused;
    use proptest::prelude::*;

    fn connecting(host: &str, port: u16) -> ClientEndpoint {
        ClientEndpoint::tcp(host, port).into()
    }

    #[track_caller]
    fn read(description: &str) -> TcpClientEndpoint {
        let ClientEndpoint::Tcp(endpoint) = description.parse().unwrap() else {
            panic!("it is a TCP endpoint")
        };
        endpoint
    }

    #[track_caller]
    fn timeout_and_bind(description: &str) -> (Option<Duration>, Option<SocketAddr>) {
        let endpoint = read(description);
        (endpoint.timeout, endpoint.bind)
    }

    #[test]
    fn hosts_are_read() {
        for (description, endpoint) in [
            ("tcp:example.com:80", connecting("example.com", 80)),
            ("tcp:127.0.0.1:8007", connecting("127.0.0.1", 8007)),
            ("tcp:[::1]:8007", connecting("::1", 8007)),
            (r"tcp:\:\:1:8007", connecting("::1", 8007)),
            ("tcp6:[::1]:8007", connecting("::1", 8007)),
            (r"tcp6:\:\:1:8007", connecting("::1", 8007)),
            (r"tcp:a\=b:1", connecting("a=b", 1)),
        ] {
            assert_eq!(description.parse(), Ok(endpoint), "{description}");
        }
        let port = read("tcp:example.com:http").port;
        assert_eq!(port, Port::Service("http".to_owned()));
    }

    #[test]
    fn timeouts_are_seconds_with_decimals() {
        for (text, nanoseconds) in [
            ("30", 30_000_000_000),
            ("0.5", 500_000_000),
            ("2.000000001", 2_000_000_001),
        ] {
            let (timeout, _) = timeout_and_bind(&format!("tcp:h:1:timeout={text}"));
            assert_eq!(timeout, Some(Duration::from_nanos(nanoseconds)), "{text}");
        }
    }

    #[test]
    fn an_address_may_have_a_scope_and_a_name_a_delay() {
        for scope in ["2", "eth0"] {
            let endpoint = read(&format!("tcp:[fe80::1%{scope}]:80"));
            assert_eq!(endpoint.host, format!("fe80::1%{scope}"));
            assert_eq!(endpoint.to_string(), format!("tcp:[fe80::1%{scope}]:80"));
        }
        let endpoint = read("tcp:h:1:attemptDelay=0.01");
        assert_eq!(endpoint.attempt_delay, Some(LEAST_ATTEMPT_DELAY));
        let held = endpoint.attempt_delay(Duration::from_secs(3));
        assert_eq!(held.to_string(), "tcp:h:1:attempt_delay=2");
    }

    #[test]
    fn a_local_address_may_have_a_port() {
        for (text, address) in [
            ("bind=127.0.0.1", "127.0.0.1:0"),
            ("bindAddress=127.0.0.1", "127.0.0.1:0"),
            (r"bind=127.0.0.1\:5000", "127.0.0.1:5000"),
            ("bind=[::1]", "[::1]:0"),
            (r"bind=\:\:1", "[::1]:0"),
            (r"bind=[::1]\:5000", "[::1]:5000"),
            (r"bind=[fe80::1%2]\:0", "[fe80::1%2]:0"),
        ] {
            let (_, bind) = timeout_and_bind(&format!("tcp:h:1:{text}"));
            assert_eq!(bind, Some(address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn refusals_say_where_and_what_was_expected() {
        let host = "a host's name or address";
        let seconds = "seconds above 0, such as 30 or 0.5";
        let delay = "seconds from 0.01 to 2, such as 0.25";
        let local = "a local address, with \\: and a port if one is wanted";
        for (description, at, expected) in [
            ("ssl:h:1", 0, "a scheme (tcp, tcp6, unix) and a colon"),
            ("tcp", 3, host),
            ("tcp::80", 4, host),
            ("tcp:a b:80", 4, host),
            ("tcp:[h]:80", 4, host),
            ("tcp:[fe80::1%]:80", 4, host),
            ("tcp6:example.com:80", 5, "an IPv6 address"),
            ("tcp6:127.0.0.1:80", 5, "an IPv6 address"),
            ("tcp:h", 5, Port::EXPECTED),
            ("tcp:h:timeout=3", 6, Port::EXPECTED),
            ("tcp:h:-1", 6, Port::EXPECTED),
            (
                "tcp:h:1:2",
                8,
                "key=value, such as timeout=30, after the port (an IPv6 address goes in brackets)",
            ),
            ("tcp:h:1:timeout=0", 16, seconds),
            ("tcp:h:1:timeout=0.0", 16, seconds),
            ("tcp:h:1:timeout=", 16, seconds),
            ("tcp:h:1:timeout=1.", 16, seconds),
            ("tcp:h:1:timeout=-1", 16, seconds),
            ("tcp:h:1:timeout=1e9", 16, seconds),
            ("tcp:h:1:timeout=0.0000000001", 16, seconds),
            ("tcp:h:1:timeout=99999999999999999999", 16, seconds),
            ("tcp:h:1:attempt_delay=0.009", 22, delay),
            ("tcp:h:1:attemptDelay=2.1", 21, delay),
            ("tcp:h:1:bind=h", 13, local),
            ("tcp:h:1:bind=127.0.0.1\\:65536", 13, local),
            (
                "tcp:h:1:bind=::",
                14,
                "key=value (a colon in a value is written \\:, an IPv6 address in brackets)",
            ),
            ("tcp:h:1:bind=[::1]:bindAddress=[::1]", 19, "bind only once"),
            (
                "tcp:h:1:interface=*",
                8,
                "one of the keys timeout, bind, attempt_delay",
            ),
        ] {
            is_refused::<ClientEndpoint>(description, at, expected);
        }
    }

    proptest! {
        #[test]
        fn no_description_panics(description in r"(tcp6?:)?([a-z0-9:=\\\[\]*.é]|:timeout=|:bind=){0,24}") {
            if let Ok(endpoint) = ClientEndpoint::try_from(&description) {
                prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
            }
        }

        #[test]
        fn what_is_shown_is_read_back(
            host in prop_oneof![
                r"[a-z0-9.:=\\é%-]{1,20}",
                any::<IpAddr>().prop_map(|address| address.to_string()),
            ],
            port: u16,
            timeout in prop::option::of((any::<u64>(), 1..1_000_000_000_u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos))),
            attempt_delay in prop::option::of((10_000_000..=2_000_000_000_u64).prop_map(Duration::from_nanos)),
            bind: Option<SocketAddr>,
        ) {
            let bind = bind.map(|bind| match bind {
                // What no description can say.
                SocketAddr::V6(mut bind) => {
                    bind.set_flowinfo(0);
                    bind.into()
                }
                bind => bind,
            });
            let endpoint = ClientEndpoint::Tcp(TcpClientEndpoint { host, port: port.into(), timeout, attempt_delay, bind });
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }
}
