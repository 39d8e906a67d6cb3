//! The system's resolver, asked at once: names to addresses, and back. Owns what its numbers mean as a [`NameError`]; blocks
//! for as long as the resolver does, and caches nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};

use dns_lookup::{AddrInfo, AddrInfoHints, LookupError, LookupErrorKind, SockType};

use crate::error::NameError;

/// Which addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Any,
    V4,
    V6,
}

/// The addresses of a host, in the resolver's order, each once. A service is a name or a number, and may be in the table of
/// services under TCP.
pub(crate) fn addresses(
    host: &str,
    service: Option<&str>,
    family: Family,
) -> Result<Vec<SocketAddr>, NameError> {
    let hints = AddrInfoHints {
        address: match family {
            Family::Any => 0,
            Family::V4 => dns_lookup::AddrFamily::Inet.into(),
            Family::V6 => dns_lookup::AddrFamily::Inet6.into(),
        },
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let found = dns_lookup::getaddrinfo(Some(host), service, Some(hints)).map_err(name_error)?;
    let found: io::Result<Vec<AddrInfo>> = found.collect();
    let found = found.map_err(|error| NameError::Failed(error.to_string()))?;
    let mut addresses = Vec::new();
    for address in found.into_iter().map(|info| info.sockaddr) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(NameError::NoData);
    }
    Ok(addresses)
}

/// The name of an address, its first one if it has several.
pub(crate) fn name(address: IpAddr) -> Result<String, NameError> {
    dns_lookup::lookup_addr(&address).map_err(name_error)
}

fn name_error(error: LookupError) -> NameError {
    match error.kind() {
        LookupErrorKind::NoName => NameError::Unknown,
        LookupErrorKind::NoData => NameError::NoData,
        LookupErrorKind::Again => NameError::Temporary,
        _ => NameError::Failed(words_of(&io::Error::from(error).to_string())),
    }
}

/// The text that came with the number, without what every such text begins with.
fn words_of(text: &str) -> String {
    const BEGIN: &str = "failed to lookup address information: ";
    text.strip_prefix(BEGIN).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_its_own_name() {
        let v4 = addresses("127.0.0.1", Some("80"), Family::Any);
        assert_eq!(v4, Ok(vec!["127.0.0.1:80".parse().unwrap()]));
        let v6 = addresses("::1", None, Family::V6);
        assert_eq!(v6, Ok(vec!["[::1]:0".parse().unwrap()]));
        assert!(addresses("::1", None, Family::V4).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_resolvers_numbers_become_kinds() {
        // From `netdb.h`.
        let of = |number| name_error(LookupError::new(number));
        assert_eq!(of(-2), NameError::Unknown);
        assert_eq!(of(-3), NameError::Temporary);
        assert_eq!(of(-5), NameError::NoData);
        let NameError::Failed(text) = of(-4) else {
            panic!("a failure is not another kind");
        };
        assert!(!text.contains("failed to lookup"), "{text}");
    }
}
