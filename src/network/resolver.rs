//! Resolvers: names to addresses, and back. Owns the trait, and the system's one with what its numbers mean as a [`NameError`];
//! that one blocks for as long as it takes, and caches nothing.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use dns_lookup::{AddrInfo, AddrInfoHints, LookupError, LookupErrorKind, SockType};

use super::asking::{Found, Question};
use super::work::let_go;
use crate::error::NameError;

/// Turns names into addresses, and back. It may block: it is asked on threads of its own, up to four at once, and what it
/// panics about is a failed lookup.
///
/// ```
/// use std::net::{IpAddr, SocketAddr};
/// use ropewalk::{NameError, Resolver, SystemResolver};
///
/// /// Knows one name more than the system.
/// struct WithHome(SystemResolver);
///
/// impl Resolver for WithHome {
///     fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, NameError> {
///         match host {
///             "home.example" => Ok(vec![([127, 0, 0, 1], 0).into()]),
///             other => self.0.addresses(other),
///         }
///     }
///
///     fn name(&self, address: IpAddr) -> Result<String, NameError> {
///         self.0.name(address)
///     }
/// }
///
/// # fn main() -> ropewalk::Result<()> {
/// let mut reactor = ropewalk::Reactor::new()?;
/// reactor.set_resolver(WithHome(SystemResolver));
/// reactor.look_up("home.example").then(|reactor, found| {
///     assert_eq!(found, Ok(vec![([127, 0, 0, 1], 0).into()]));
///     reactor.stop();
/// });
/// reactor.run()?;
/// # Ok(())
/// # }
/// ```
pub trait Resolver: Send + Sync {
    /// The addresses of a host, the best first; their ports mean nothing. The name is in ASCII: what people write otherwise was
    /// encoded. Names that are addresses never come here.
    ///
    /// # Errors
    /// Why there are none.
    fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, NameError>;

    /// The name of an address. The default knows none.
    ///
    /// # Errors
    /// Why there is none.
    fn name(&self, address: IpAddr) -> Result<String, NameError> {
        let _ = address;
        Err(NameError::Unknown)
    }
}

/// The system's resolver: its files, then DNS, as it is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, NameError> {
        addresses(host, None, Family::Any)
    }

    fn name(&self, address: IpAddr) -> Result<String, NameError> {
        name(address)
    }
}

/// Asks a resolver, and lets go of it. A panic is an outcome too, be it of its drop: whoever waits must hear of it.
pub(crate) fn ask(resolver: Arc<dyn Resolver>, question: &Question) -> Result<Found, NameError> {
    let asked = AssertUnwindSafe(move || match question {
        Question::Addresses(host) => resolver.addresses(host).map(Found::Addresses),
        Question::Name(address) => resolver.name(*address).map(Found::Name),
    });
    panic::catch_unwind(asked).unwrap_or_else(|cause| {
        let_go(cause);
        Err(NameError::Failed("the resolver panicked".to_owned()))
    })
}

impl fmt::Debug for dyn Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

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
        LookupErrorKind::Service => NameError::Service,
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
        assert_eq!(of(-8), NameError::Service);
        let NameError::Failed(text) = of(-4) else {
            panic!("a failure is not another kind");
        };
        assert!(!text.contains("failed to lookup"), "{text}");
    }
}
