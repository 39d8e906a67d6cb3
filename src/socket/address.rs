//! Where a socket is to go: a host and a port, as Python's tuple. Owns what the host may be; the resolver is asked by whoever
//! needs the addresses.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::error::{Error, Result};
use crate::host_name;
use crate::network::resolver::{self, Family};

/// A host and a port: `("localhost", 70)`, or an address that a call returned.
///
/// The host is a name, or an address as text. As in Python, the empty host is all of this machine's addresses, and
/// `<broadcast>` everybody on its network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Named(String, u16),
    Known(SocketAddr),
}

impl HostPort {
    /// All addresses, in the resolver's order; at least one. May block.
    pub(super) fn resolve(&self, family: Family) -> Result<Vec<SocketAddr>> {
        match &self.0 {
            Kind::Known(address) if !fits(*address, family) => {
                look_up(&address.ip().to_string(), address.port(), family)
            }
            Kind::Known(address) => Ok(vec![*address]),
            Kind::Named(host, port) => look_up(host, *port, family),
        }
    }

    /// One address, of IPv4 if there is one: where Python has a socket made for one family, and that by default.
    pub(super) fn resolve_one(&self) -> Result<SocketAddr> {
        let addresses = self.resolve(Family::Any)?;
        let v4 = addresses.iter().find(|address| address.is_ipv4());
        Ok(*v4.unwrap_or(&addresses[0]))
    }
}

fn fits(address: SocketAddr, family: Family) -> bool {
    match family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    }
}

fn look_up(host: &str, port: u16, family: Family) -> Result<Vec<SocketAddr>> {
    let special: IpAddr = match (host, family) {
        ("", Family::V6) => Ipv6Addr::UNSPECIFIED.into(),
        ("", _) => Ipv4Addr::UNSPECIFIED.into(),
        ("<broadcast>", _) => Ipv4Addr::BROADCAST.into(),
        _ => {
            let mut found =
                resolver::addresses(&in_ascii(host)?, None, family).map_err(Error::Gaierror)?;
            found.iter_mut().for_each(|address| address.set_port(port));
            return Ok(found);
        }
    };
    Ok(vec![SocketAddr::new(special, port)])
}

/// Only what is beyond ASCII is put otherwise: all else is for the resolver to judge.
pub(super) fn in_ascii(host: &str) -> Result<Cow<'_, str>> {
    if host.is_ascii() {
        return Ok(host.into());
    }
    host_name::to_ascii(host)
        .map(Cow::Owned)
        .map_err(Error::Gaierror)
}

impl From<(&str, u16)> for HostPort {
    fn from((host, port): (&str, u16)) -> Self {
        Self(Kind::Named(host.to_owned(), port))
    }
}

impl From<(String, u16)> for HostPort {
    fn from((host, port): (String, u16)) -> Self {
        Self(Kind::Named(host, port))
    }
}

impl From<(IpAddr, u16)> for HostPort {
    fn from(address: (IpAddr, u16)) -> Self {
        Self(Kind::Known(address.into()))
    }
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        Self(Kind::Known(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::NameError;

    fn texts(host: &str, family: Family) -> Vec<String> {
        let found = HostPort::from((host, 7)).resolve(family).unwrap();
        found.iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    fn special_hosts_are_addresses() {
        assert_eq!(texts("", Family::Any), ["0.0.0.0:7"]);
        assert_eq!(texts("", Family::V6), ["[::]:7"]);
        assert_eq!(texts("<broadcast>", Family::V4), ["255.255.255.255:7"]);
        assert_eq!(texts("127.0.0.1", Family::Any), ["127.0.0.1:7"]);
    }

    #[test]
    fn letters_beyond_ascii_are_encoded_or_told_as_no_name() {
        assert_eq!(in_ascii("a..b"), Ok("a..b".into()));
        match in_ascii("bücher.example") {
            Ok(name) => assert_eq!(name, "xn--bcher-kva.example"),
            Err(error) => assert!(
                !cfg!(feature = "idna") && matches!(error, Error::Gaierror(NameError::NotAName(_)))
            ),
        }
    }

    #[test]
    fn an_address_of_the_other_family_is_no_address() {
        let v6 = HostPort::from((IpAddr::from(Ipv6Addr::LOCALHOST), 7));
        assert!(matches!(v6.resolve(Family::V4), Err(Error::Gaierror(_))));
        assert_eq!(v6.resolve_one().unwrap().to_string(), "[::1]:7");
    }
}
