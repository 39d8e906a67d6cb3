//! What the servers serve, and how the bare one cuts lines. Owns the names of the services; no socket.

use memchr::memchr_iter;
use ropewalk::Slow;

/// What a server does with what it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    // `bench_server`'s modes.
    Echo,
    Lines,
    Chat,
    /// As chat, with the limits that everybody has, and this for the slow. Ours alone.
    Room(Slow),
}

const NAMES: [(&str, Service); 5] = [
    ("echo", Service::Echo),
    ("lines", Service::Lines),
    ("chat", Service::Chat),
    ("room", Service::Room(Slow::Disconnect)),
    ("room-that-drops", Service::Room(Slow::DropOldest(100))),
];

impl Service {
    pub(crate) fn name(self) -> &'static str {
        let name = NAMES.iter().find(|(_, service)| *service == self);
        name.map(|(name, _)| name)
            .expect("every service in use has a name")
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let service = NAMES.iter().find(|(of, _)| *of == name);
        service.map(|(_, service)| *service)
    }
}

/// The longest line, as in `bench_server`.
const LONGEST: usize = 16_384;

/// Cuts lines that end with CRLF; `tail` is what earlier pieces left over. `false` if a line is too long.
pub(crate) fn cut(tail: &mut Vec<u8>, data: &[u8], mut line: impl FnMut(&[u8])) -> bool {
    let mut begin = 0;
    for end in memchr_iter(b'\n', data) {
        let piece = &data[begin..end];
        if tail.is_empty() {
            if let Some(whole) = piece.strip_suffix(b"\r") {
                if whole.len() > LONGEST {
                    return false;
                }
                line(whole);
                begin = end + 1;
            }
            continue;
        }
        tail.extend_from_slice(piece);
        begin = end + 1;
        let Some(whole) = tail.strip_suffix(b"\r") else {
            // A lone LF belongs to the line.
            tail.push(b'\n');
            continue;
        };
        if whole.len() > LONGEST {
            return false;
        }
        line(whole);
        tail.clear();
    }
    tail.extend_from_slice(&data[begin..]);
    tail.len() <= LONGEST + 1
}
