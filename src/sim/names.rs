//! What a lookup of a name finds. Owns the scripted answers; does not ask any resolver.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::NameError;

/// What a simulated resolver answers to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// These addresses, in this order.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    Unknown,
    /// The resolver fails, and says this.
    Failed(String),
    /// Too many lookups wait already.
    Busy,
    /// Nothing, ever.
    Never,
}

/// A table of names. Names are compared as DNS does, without regard to case or a final dot.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, Answer>);

impl Names {
    pub(super) fn set(&mut self, name: &str, answer: Answer) {
        self.0.insert(canonical(name), answer);
    }

    /// The outcome of a lookup; `None`: it never comes.
    pub(super) fn outcome(&self, name: &str) -> Option<Result<Vec<IpAddr>, NameError>> {
        let name = canonical(name);
        Some(match self.0.get(&name) {
            Some(Answer::Addresses(addresses)) => Ok(addresses.clone()),
            Some(Answer::Failed(what)) => Err(NameError::Failed(what.clone())),
            Some(Answer::Busy) => Err(NameError::Busy),
            Some(Answer::Never) => return None,
            None if name == "localhost" => {
                Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
            }
            Some(Answer::Unknown) | None => Err(NameError::Unknown),
        })
    }
}

/// A few lines of the usual table of services.
pub(super) fn service_port(service: &str) -> Option<u16> {
    Some(match service {
        "echo" => 7,
        "discard" => 9,
        "daytime" => 13,
        "qotd" => 17,
        "chargen" => 19,
        "ftp" => 21,
        "ssh" => 22,
        "telnet" => 23,
        "smtp" => 25,
        "time" => 37,
        "domain" => 53,
        "gopher" => 70,
        "finger" => 79,
        "http" => 80,
        "https" => 443,
        _ => return None,
    })
}

fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}
