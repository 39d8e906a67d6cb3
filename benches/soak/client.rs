//! One client on its way. Owns its socket and how far it is; waits for nothing.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags, Shutdown, sockopt};

use crate::text::Text;
use crate::ways::{Hears, Then, Way};

pub(crate) struct Client {
    socket: OwnedFd,
    way: &'static Way,
    number: usize,
    said: usize,
    heard: usize,
    /// What it has said to a server that has ended.
    more: u32,
}

/// Words that a server that has ended may take until it is gone: one every ten milliseconds.
const MOST_WORDS: u32 = 2000;

/// How far a client is after something has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Waits,
    /// It has come to its end, which is the right one.
    Gone,
    /// The server has ended, and the client does not.
    Stays,
}

/// What a client saw when it read.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    NoMore,
    End,
    Broken(Errno),
}

impl Client {
    pub(crate) fn new(socket: OwnedFd, way: &'static Way, number: usize) -> Self {
        Self {
            socket,
            way,
            number,
            said: 0,
            heard: 0,
            more: 0,
        }
    }

    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    pub(crate) fn name(&self) -> &'static str {
        self.way.name
    }

    /// Says what it says, and does what it does then.
    pub(crate) fn begin(&mut self, text: &Text) -> Progress {
        self.say(text);
        match self.way.then {
            Then::Listens => Progress::Waits,
            Then::Finishes => {
                self.finish();
                Progress::Waits
            }
            Then::Closes => Progress::Gone,
            Then::Resets => self.reset(),
        }
    }

    /// Something has happened to its socket.
    ///
    /// # Panics
    /// If it is not what happens on its way.
    pub(crate) fn proceed(&mut self, text: &Text, buffer: &mut [u8]) -> Progress {
        if matches!(self.way.hears, Hears::Ignores) {
            let error = sockopt::socket_error(&self.socket).expect("sockets have this");
            assert!(error.is_err(), "{self} was ended in order");
            return Progress::Gone;
        }
        self.say(text);
        let before = self.heard;
        let seen = self.listen(text, buffer);
        let all = self.heard == text.of(self.way.hears(), self.number).len();
        match (self.way.hears, seen) {
            (Hears::AndFinishes(_), Seen::NoMore) if all && self.heard > before => {
                self.finish();
                Progress::Waits
            }
            (Hears::AndCloses(_), Seen::NoMore) if all => Progress::Gone,
            (Hears::AndResets(_), Seen::NoMore) if all => self.reset(),
            (_, Seen::NoMore) => Progress::Waits,
            (Hears::ToTheEnd(_) | Hears::AndFinishes(_), Seen::End) if all => Progress::Gone,
            (Hears::AndStays(_), Seen::End) if all => Progress::Stays,
            (Hears::Reset, Seen::Broken(_)) => Progress::Gone,
            (_, seen) => panic!("{self} has met {seen:?} after {} bytes", self.heard),
        }
    }

    /// Says one word more to a server that has ended; whether it is still heard.
    ///
    /// # Panics
    /// If it is heard without end.
    pub(crate) fn says_more(&mut self) -> bool {
        self.more += 1;
        assert!(self.more < MOST_WORDS, "{self} is not let go of");
        net::send(&self.socket, b"?", SendFlags::NOSIGNAL).is_ok()
    }

    /// As much of the rest as the system takes.
    fn say(&mut self, text: &Text) {
        let rest = &text.of(self.way.says, self.number)[self.said..];
        if rest.is_empty() {
            return;
        }
        // An error is met in reading as well.
        if let Ok(size) = net::send(&self.socket, rest, SendFlags::NOSIGNAL) {
            self.said += size;
        }
    }

    fn listen(&mut self, text: &Text, buffer: &mut [u8]) -> Seen {
        let expected = text.of(self.way.hears(), self.number);
        loop {
            let size = match net::recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
                Ok((0, _)) => return Seen::End,
                Ok((size, _)) => size,
                Err(Errno::AGAIN) => return Seen::NoMore,
                Err(error) => return Seen::Broken(error),
            };
            assert!(
                expected[self.heard..].get(..size) == Some(&buffer[..size]),
                "{self} has got other bytes than it should"
            );
            self.heard += size;
        }
    }

    fn finish(&self) {
        // Where the server is gone already, the next look tells.
        let _ = net::shutdown(&self.socket, Shutdown::Write);
    }

    /// To close it is to reset it, from here on.
    fn reset(&self) -> Progress {
        sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO))
            .expect("TCP has this option");
        Progress::Gone
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "client {} ({})", self.number, self.way.name)
    }
}
