//! What a lookup of a name finds, and of a service. Owns the scripted answers; does not ask any resolver.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::error::NameError;
use crate::network::{Found, Question};

/// What a simulated resolver answers to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// These addresses, in this order.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    Unknown,
    /// The name has no address.
    NoData,
    /// The resolver can't tell now.
    Temporary,
    /// The resolver fails, and says this.
    Failed(String),
    /// Too many lookups wait already.
    Busy,
    /// Nothing, ever.
    Never,
    /// Another answer, so much later than the usual millisecond. See [`after`](Self::after).
    Late(Duration, Box<Self>),
}

impl Answer {
    /// This answer, so much later.
    pub fn after(self, delay: Duration) -> Self {
        Self::Late(delay, Box::new(self))
    }
}

/// What comes of a lookup, and how late.
pub(super) struct Outcome {
    pub(super) late: Duration,
    /// `None`: nothing, ever.
    pub(super) found: Option<Result<Found, NameError>>,
}

/// A table of names. Names are compared as DNS does, without regard to case or a final dot.
#[derive(Debug, Default)]
pub(super) struct Names {
    answers: BTreeMap<String, Answer>,
    of_addresses: BTreeMap<IpAddr, Result<String, NameError>>,
}

impl Names {
    pub(super) fn set(&mut self, name: &str, answer: Answer) {
        self.answers.insert(canonical(name), answer);
    }

    pub(super) fn set_name_of(&mut self, address: IpAddr, name: Result<String, NameError>) {
        self.of_addresses.insert(address, name);
    }

    /// Whether a lookup is refused at once.
    pub(super) fn is_busy(&self, question: &Question) -> bool {
        matches!(question, Question::Addresses(host)
            if self.answers.get(&canonical(host)) == Some(&Answer::Busy))
    }

    /// What comes of a lookup; `None`: the name is not in this table.
    pub(super) fn outcome(&self, question: &Question) -> Option<Outcome> {
        match question {
            Question::Addresses(host) => {
                let name = canonical(host);
                let answer = self.answers.get(&name).cloned();
                let both = || vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
                let local = || (name == "localhost").then(|| Answer::Addresses(both()));
                Some(answer.or_else(local)?.into())
            }
            Question::Name(address) => {
                let name = self.of_addresses.get(address).cloned();
                let local = || address.is_loopback().then(|| Ok("localhost".to_owned()));
                Some(Outcome::of(name.or_else(local)?.map(Found::Name)))
            }
        }
    }
}

impl Outcome {
    /// As soon as lookups are over.
    pub(super) fn of(found: Result<Found, NameError>) -> Self {
        Self {
            late: Duration::ZERO,
            found: Some(found),
        }
    }
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self::of(match answer {
            Answer::Addresses(addresses) => {
                let addresses = addresses.into_iter().map(|ip| SocketAddr::from((ip, 0)));
                Ok(Found::Addresses(addresses.collect()))
            }
            Answer::Unknown => Err(NameError::Unknown),
            Answer::NoData => Err(NameError::NoData),
            Answer::Temporary => Err(NameError::Temporary),
            Answer::Failed(what) => Err(NameError::Failed(what)),
            Answer::Busy => Err(NameError::Busy),
            Answer::Never => {
                return Self {
                    late: Duration::ZERO,
                    found: None,
                };
            }
            Answer::Late(delay, answer) => {
                let outcome = Self::from(*answer);
                return Self {
                    late: outcome.late + delay,
                    ..outcome
                };
            }
        })
    }
}

/// A few lines of the usual table of services; all of them are of TCP, and those marked so of UDP too.
const SERVICES: [(&str, u16, bool); 15] = [
    ("echo", 7, true),
    ("discard", 9, true),
    ("daytime", 13, true),
    ("qotd", 17, true),
    ("chargen", 19, true),
    ("ftp", 21, false),
    ("ssh", 22, false),
    ("telnet", 23, false),
    ("smtp", 25, false),
    ("time", 37, true),
    ("domain", 53, true),
    ("gopher", 70, false),
    ("finger", 79, false),
    ("http", 80, false),
    ("https", 443, false),
];

fn services(protocol: Option<&str>) -> impl Iterator<Item = (&'static str, u16)> {
    let of_udp = protocol == Some("udp");
    let known = matches!(protocol, None | Some("tcp" | "udp"));
    let rows = SERVICES.into_iter();
    rows.filter(move |(_, _, udp)| known && (*udp || !of_udp))
        .map(|(name, port, _)| (name, port))
}

pub(super) fn service_port(service: &str, protocol: Option<&str>) -> Option<u16> {
    let mut rows = services(protocol);
    rows.find(|(name, _)| *name == service)
        .map(|(_, port)| port)
}

pub(super) fn service_name(port: u16, protocol: Option<&str>) -> Option<String> {
    let mut rows = services(protocol);
    rows.find(|(_, other)| *other == port)
        .map(|(name, _)| name.to_owned())
}

fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}
