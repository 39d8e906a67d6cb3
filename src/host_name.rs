//! Hosts as people write them. Owns which texts are an address, and how a name is put into the letters that resolvers take; asks
//! no resolver.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::error::NameError;

/// What DNS allows, in bytes, without a final dot.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// The address that a host is, with port 0: of IPv4, or of IPv6, in brackets or not, its scope by number or not at all. A scope
/// by name is for the resolver to find, for only the system knows its interfaces.
pub(crate) fn literal(host: &str) -> Option<SocketAddr> {
    let bare = without_brackets(host);
    if let Ok(ip) = bare.parse::<IpAddr>()
        && (bare.len() == host.len() || ip.is_ipv6())
    {
        return Some((ip, 0).into());
    }
    let (ip, scope) = bare.split_once('%')?;
    let digits = scope.bytes().all(|byte| byte.is_ascii_digit());
    let scope = scope.parse().ok().filter(|_| digits)?;
    Some(SocketAddrV6::new(ip.parse().ok()?, 0, 0, scope).into())
}

/// Whether it is an address of IPv6 without brackets, with a scope or without.
pub(crate) fn is_v6(host: &str) -> bool {
    let (ip, scope) = host.split_once('%').unwrap_or((host, "0"));
    let is_odd = |c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c);
    ip.parse::<Ipv6Addr>().is_ok() && !scope.is_empty() && !scope.contains(is_odd)
}

/// What stands in brackets, or the whole where there are none.
pub(crate) fn without_brackets(text: &str) -> &str {
    text.strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text)
}

/// The name as resolvers take it: in ASCII, of a length that DNS can say.
pub(crate) fn to_ascii(host: &str) -> Result<String, NameError> {
    let host = without_brackets(host);
    if is_v6(host) {
        return Ok(host.to_owned());
    }
    let name = if host.is_ascii() {
        host.to_owned()
    } else {
        encode(host)?
    };
    match fault_of(&name) {
        None => Ok(name),
        Some(fault) => Err(NameError::NotAName(fault)),
    }
}

fn fault_of(name: &str) -> Option<String> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    if bare.is_empty() {
        return Some("it is empty".to_owned());
    }
    if bare.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Some("there is a blank or a control character in it".to_owned());
    }
    if bare.len() > LONGEST_NAME {
        let size = bare.len();
        return Some(format!(
            "it has {size} bytes, and {LONGEST_NAME} are the most"
        ));
    }
    let faulty = |label: &&str| label.is_empty() || label.len() > LONGEST_LABEL;
    match bare.split('.').find(faulty)? {
        "" => Some("there is nothing between two dots".to_owned()),
        label => Some(format!(
            "{label} has {} bytes, and {LONGEST_LABEL} are the most between two dots",
            label.len()
        )),
    }
}

#[cfg(feature = "idna")]
fn encode(host: &str) -> Result<String, NameError> {
    use std::borrow::Cow;

    use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

    let encode = |text: &str| {
        // Lengths are judged afterwards, as those of any name.
        let lengths = DnsLength::Ignore;
        let encoded =
            Uts46::new().to_ascii(text.as_bytes(), AsciiDenyList::URL, Hyphens::Allow, lengths);
        encoded.map(Cow::into_owned)
    };
    encode(host).map_err(|_| {
        let mut labels = host.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']);
        let faulty = labels.find(|label| encode(label).is_err()).unwrap_or(host);
        let faulty = faulty.escape_debug();
        NameError::NotAName(format!("IDNA does not allow \"{faulty}\""))
    })
}

#[cfg(not(feature = "idna"))]
fn encode(host: &str) -> Result<String, NameError> {
    let letter = host.chars().find(|c| !c.is_ascii());
    let letter = letter.map(|c| c.escape_debug().to_string());
    Err(NameError::NotAName(format!(
        "\"{}\" is not of ASCII, for which the feature idna is needed",
        letter.unwrap_or_default()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_no_names() {
        for (host, address) in [
            ("127.0.0.1", "127.0.0.1:0"),
            ("::1", "[::1]:0"),
            ("[::1]", "[::1]:0"),
            ("fe80::1%2", "[fe80::1%2]:0"),
            ("[fe80::1%2]", "[fe80::1%2]:0"),
        ] {
            assert_eq!(literal(host), Some(address.parse().unwrap()), "{host}");
        }
        for host in [
            "",
            "localhost",
            "[127.0.0.1]",
            "1.2.3",
            "fe80::1%eth0",
            "fe80::1%",
            "fe80::1%+2",
            "1.2.3.4%2",
            "%2",
        ] {
            assert_eq!(literal(host), None, "{host}");
        }
        assert!(is_v6("fe80::1%eth0") && is_v6("::1"));
        for host in ["fe80::1%", "fe80::1%a/b", "fe80%2", "[::1]", "1.2.3.4"] {
            assert!(!is_v6(host), "{host}");
        }
    }

    fn fault(host: &str) -> String {
        match to_ascii(host) {
            Err(NameError::NotAName(fault)) => fault,
            other => panic!("{host:?}: {other:?}"),
        }
    }

    #[test]
    fn what_dns_can_not_say_is_no_name() {
        let label = "a".repeat(64);
        let long = [&label[1..]; 4].join(".");
        assert_eq!(to_ascii("Host.Example."), Ok("Host.Example.".to_owned()));
        assert_eq!(to_ascii("_srv._tcp"), Ok("_srv._tcp".to_owned()));
        assert_eq!(to_ascii("[fe80::1%eth0]"), Ok("fe80::1%eth0".to_owned()));
        assert_eq!(to_ascii(&long[2..]), Ok(long[2..].to_owned()));
        for (host, told) in [
            ("", "it is empty"),
            (".", "it is empty"),
            ("a..b", "there is nothing between two dots"),
            (".a", "there is nothing between two dots"),
            ("a b", "there is a blank or a control character in it"),
            ("a\0", "there is a blank or a control character in it"),
            (&long, "it has 255 bytes, and 253 are the most"),
        ] {
            assert_eq!(fault(host), told, "{host:?}");
        }
        let told = fault(&format!("{label}.example"));
        assert!(told.contains("has 64 bytes, and 63 are the most"), "{told}");
    }

    #[cfg(feature = "idna")]
    #[test]
    fn letters_beyond_ascii_are_encoded() {
        for (host, encoded) in [
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.Example.", "xn--bcher-kva.example."),
            ("日本。example", "xn--wgv71a.example"),
            ("faß.example", "xn--fa-hia.example"),
        ] {
            assert_eq!(to_ascii(host), Ok(encoded.to_owned()), "{host}");
        }
        let told = fault("fine.a\u{ad}\u{2028}ü.example");
        assert_eq!(told, r#"IDNA does not allow "a\u{ad}\u{2028}ü""#);
        // Encoded it is too long.
        let told = fault(&"ü".repeat(63));
        assert!(told.contains("63 are the most"), "{told}");
    }

    #[cfg(not(feature = "idna"))]
    #[test]
    fn letters_beyond_ascii_need_the_feature() {
        let told = r#""ü" is not of ASCII, for which the feature idna is needed"#;
        assert_eq!(fault("bücher.example"), told);
    }
}
