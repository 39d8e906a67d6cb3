//! The last things that happened in a world. Owns a bounded log of them and how a line reads; judges nothing.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;

use super::link::LinkId;
use crate::network::Time;

/// How many events are kept.
const KEPT: usize = 200;
/// How much of the data a line shows.
const SHOWN: usize = 48;

/// One thing that happened, in words only when somebody asks.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: Time,
    pub(super) who: Rc<str>,
    pub(super) link: Option<LinkId>,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Listens(SocketAddr),
    Connects { from: SocketAddr, to: SocketAddr },
    Connected,
    Arrived(SocketAddr),
    Dropped(&'static str),
    Failed(i32),
    Data(Bytes),
    Fin,
    Reset,
    ShutsDown,
    Closes,
    Aborts,
    LooksUp(String),
    Note(&'static str),
}

#[derive(Debug, Default)]
pub(super) struct Trace {
    entries: VecDeque<Entry>,
}

impl Trace {
    pub(super) fn note(&mut self, entry: Entry) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.entries.iter().map(Entry::to_string).collect()
    }
}

/// `t=12.004ms server c3 data 7B "hello\r\n"`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t={} {}", self.at, self.who)?;
        if let Some(link) = self.link {
            write!(f, " c{}", link.0)?;
        }
        write!(f, " {}", self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listens(address) => write!(f, "listens on {address}"),
            Self::Connects { from, to } => write!(f, "connects from {from} to {to}"),
            Self::Connected => f.write_str("is connected"),
            Self::Arrived(from) => write!(f, "has a connection of {from} waiting"),
            Self::Dropped(why) => write!(f, "drops a connection: {why}"),
            Self::Failed(number) => write!(f, "fails: {}", super::errno::error(*number)),
            Self::Data(data) => {
                let shown = &data[..data.len().min(SHOWN)];
                let rest = if data.len() > SHOWN { "…" } else { "" };
                write!(f, "data {}B \"{}\"{rest}", data.len(), shown.escape_ascii())
            }
            Self::Fin => f.write_str("FIN"),
            Self::Reset => f.write_str("RST"),
            Self::ShutsDown => f.write_str("shuts down writing"),
            Self::Closes => f.write_str("closes"),
            Self::Aborts => f.write_str("aborts"),
            Self::LooksUp(host) => write!(f, "looks up {host}"),
            Self::Note(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(data: &'static [u8]) -> Entry {
        Entry {
            at: Time::from_nanos(12_004_000),
            who: "server".into(),
            link: Some(LinkId(3)),
            what: What::Data(Bytes::from_static(data)),
        }
    }

    #[test]
    fn a_line_tells_when_who_and_what() {
        assert_eq!(
            entry(b"hello\r\n").to_string(),
            r#"t=12.004ms server c3 data 7B "hello\r\n""#
        );
        assert!(entry(&[b'x'; 49]).to_string().ends_with("x\"…"));
    }

    #[test]
    fn only_the_last_are_kept() {
        let mut trace = Trace::default();
        for _ in 0..KEPT {
            trace.note(entry(b"old"));
        }
        trace.note(entry(b"new"));
        let lines = trace.lines();
        assert_eq!(lines.len(), KEPT);
        assert!(lines[KEPT - 1].contains("new"));
    }
}
