//! A chat room for people with a telnet: the third thing to read, for its clients talk with each other.
//!
//! ```text
//! $ cargo run --release --example chat
//! listening on 127.0.0.1:8007
//! ```
//!
//! Then `nc 127.0.0.1 8007` in two more terminals, and a name for each. Every line goes to the others; `/who`, `/me waves`,
//! `/msg bob hi` and `/quit` are commands.
//!
//! Look for what is missing: no threads, no locks, no channels, no `async`. All callbacks come from one thread, one after
//! the other, so the room is a value that the members share.

mod common;

use std::process::ExitCode;

use ropewalk::{Group, LineReceiver, Lost, Transport};

const HELP: &str = "
Usage: chat [ENDPOINT]... [--record FILE]
       chat --replay FILE
A chat room. Listens on each ENDPOINT, or on tcp:8007 (port 8007 of this machine only); all of them lead to one room.

  tcp:8007              port 8007 of 127.0.0.1; port 0: the system chooses one
  tcp:8007:interface=*  port 8007 of all addresses
  tcp6:8007             port 8007 of ::1
  unix:/path            a socket file, in the place of a dead one; unix:/path:mode=660: with this mode
  unix:@name            a name without a file (Linux)
  fd:3                  a listening socket that was inherited under this number
  systemd:index=0       one that systemd has passed; systemd:name=NAME: by its name
  --record FILE         writes all that happens to FILE, a tape; one that is there is kept, as FILE.1 or FILE.2 ...
  --replay FILE         does again what is on the tape, without a network, and tells the first difference
  --help                this text
";

/// One connection to the room.
pub(crate) struct Member {
    /// Everybody's connection, by name: a clone of a `Group` is the same group. It sends to all its members, and lets go of
    /// those who do not read, so that one suspended telnet cannot fill the server's memory.
    room: Group<String>,
    /// `None` until a good name was given, and again once the others need not be told of our leaving.
    name: Option<String>,
}

impl LineReceiver for Member {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.send("What is your name?");
    }

    /// A line is whatever bytes the peer chose. Past this method it is text, which can do no harm to anybody's terminal.
    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        let text = std::str::from_utf8(line)
            .ok()
            .filter(|text| !text.contains(|c: char| c.is_control() && c != '\t'));
        match (self.name.clone(), text) {
            (None, text) => self.enter(transport, text.unwrap_or_default()),
            (Some(_), None) => transport.send("* line refused"),
            (Some(_), Some("")) => {}
            (Some(name), Some(text)) => self.talk(transport, &name, text),
        }
    }

    /// The server stops, which is no news of ours: we go without a word. What we are owed is sent before.
    fn stopping(&mut self, transport: &mut Transport<'_>) {
        self.name = None;
        transport.lose_connection();
    }

    /// However a connection ends, it ends here, and once: the one place to tidy up.
    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        let too_slow = *reason == Lost::TooSlow;
        self.leave(transport, if too_slow { " (too slow)" } else { "" });
    }
}

impl Member {
    /// Somebody who has just connected, and has no name yet.
    pub(crate) fn new(room: &Group<String>) -> Self {
        Self {
            room: room.clone(),
            name: None,
        }
    }

    /// The first line is a name, as long as it takes. `join` refuses one that somebody else has.
    fn enter(&mut self, transport: &mut Transport<'_>, name: &str) {
        if !is_name(name) {
            transport.send("Please choose another name.");
        } else if !self.room.join(transport, name.to_owned()) {
            transport.send("That name is taken.");
        } else {
            self.name = Some(name.to_owned());
            self.tell_who_is_here(transport, name);
            let news = format!("* {name} joined");
            return self.room.send_except(transport, name, news);
        }
        transport.send("What is your name?");
    }

    /// A command is the first word of its line.
    fn talk(&mut self, transport: &mut Transport<'_>, name: &str, text: &str) {
        let (word, rest) = first_word(text);
        match word {
            "/who" => self.tell_who_is_here(transport, name),
            "/me" if rest.is_empty() => transport.send("* usage: /me TEXT"),
            "/me" => {
                let news = format!("* {name} {rest}");
                self.room.send_except(transport, name, news);
            }
            "/msg" => self.whisper(transport, name, rest),
            "/quit" => {
                self.leave(transport, "");
                transport.lose_connection();
            }
            _ if word.starts_with('/') => transport.send(format!("* no such command: {word}")),
            _ => {
                let said = format!("{name}: {text}");
                self.room.send_except(transport, name, said);
            }
        }
    }

    fn whisper(&self, transport: &mut Transport<'_>, name: &str, rest: &str) {
        let (to, text) = first_word(rest);
        match self.room.get(to) {
            _ if text.is_empty() => transport.send("* usage: /msg NAME TEXT"),
            None => transport.send(format!("* no such user: {to}")),
            Some(id) => transport.reactor().send(id, format!("[{name}] {text}")),
        }
    }

    fn tell_who_is_here(&self, transport: &mut Transport<'_>, name: &str) {
        let mut others = self.room.keys();
        others.retain(|other| other != name);
        if others.is_empty() {
            others.push("nobody".to_owned());
        }
        transport.send(format!("* here: {}", others.join(", ")));
    }

    /// Called by `/quit` and by every end of the connection; taking the name away makes it news only once.
    fn leave(&mut self, transport: &mut Transport<'_>, why: &str) {
        if let Some(name) = self.name.take() {
            self.room.leave(&name);
            self.room.send(transport, format!("* {name} left{why}"));
        }
    }
}

fn is_name(name: &str) -> bool {
    let strange = |c: char| c.is_whitespace() || c.is_control();
    (1..=32).contains(&name.chars().count()) && !name.starts_with('/') && !name.contains(strange)
}

fn first_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// One room for all endpoints; each connection begins as a member without a name.
fn main() -> ExitCode {
    let everybody = Group::new();
    common::serve(HELP, "tcp:8007", |listen| {
        let room = everybody.clone();
        listen.serve(move |_peer| Member::new(&room))
    })
}
