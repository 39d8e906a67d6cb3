//! Two toy layers for tests: one of bytes, with all that TLS has (a handshake, sizes that change, alerts, a farewell)
//! and none of its secrets; and one of messages; and a protocol to put them under. They own nothing but their own state.
#![allow(dead_code, reason = "each test that includes this uses a part of it")]

use ropewalk::{FrameError, Layer, LineReceiver, Lost, Transport, Up};

/// The first bytes of each side.
pub(crate) const CLIENT_HELLO: &[u8] = b"toy?";
pub(crate) const SERVER_HELLO: &[u8] = b"toy!";
/// Our side has said all.
pub(crate) const FAREWELL: u8 = 0x04;
/// Our side can't go on.
pub(crate) const ALERT: u8 = 0x07;
const ESCAPE: u8 = 0x1B;

/// The reasons for which the toy gives up.
pub(crate) const NO_HELLO: Lost = Lost::BadFrame(FrameError::Malformed("toy: no hello"));
pub(crate) const BAD_BYTE: Lost = Lost::BadFrame(FrameError::Malformed("toy: a bad byte"));
pub(crate) const ALERTED: Lost = Lost::BadFrame(FrameError::Malformed("toy: the peer's alert"));

/// Seeing this, in plain, the toy panics.
pub(crate) const BOMB: u8 = b'%';

/// A layer of bytes. The client speaks first; what is sent before the peer's hello waits for it.
#[derive(Debug)]
pub(crate) struct Toy {
    role: Role,
    state: State,
    /// How much of the peer's hello has come.
    greeted: usize,
    escaped: bool,
    waiting: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Open,
    /// The peer has said farewell.
    Ended,
    Failed,
}

impl Toy {
    pub(crate) fn client() -> Self {
        Self::new(Role::Client)
    }

    pub(crate) fn server() -> Self {
        Self::new(Role::Server)
    }

    fn new(role: Role) -> Self {
        Self {
            role,
            state: State::Greeting,
            greeted: 0,
            escaped: false,
            waiting: Vec::new(),
        }
    }

    fn fail(&mut self, reason: Lost, down: &mut Vec<u8>) -> Result<(), Lost> {
        self.state = State::Failed;
        down.push(ALERT);
        Err(reason)
    }

    fn receive_hello(&mut self, byte: u8, down: &mut Vec<u8>) -> Result<(), Lost> {
        let hello = match self.role {
            Role::Client => SERVER_HELLO,
            Role::Server => CLIENT_HELLO,
        };
        if byte != hello[self.greeted] {
            return self.fail(NO_HELLO, down);
        }
        self.greeted += 1;
        if self.greeted == hello.len() {
            if self.role == Role::Server {
                down.extend_from_slice(SERVER_HELLO);
            }
            self.state = State::Open;
            down.extend(sealed(std::mem::take(&mut self.waiting)));
        }
        Ok(())
    }

    fn receive_byte(&mut self, byte: u8, up: &mut Up, down: &mut Vec<u8>) -> Result<(), Lost> {
        let plain = match (self.escaped, byte) {
            (false, ESCAPE) => {
                self.escaped = true;
                return Ok(());
            }
            (false, FAREWELL) => {
                self.state = State::Ended;
                return Ok(());
            }
            (false, ALERT) => {
                self.state = State::Failed;
                return Err(ALERTED);
            }
            (false, byte) => byte ^ MASK,
            (true, b'e' | b'f' | b'a') => unescaped(byte) ^ MASK,
            (true, _) => return self.fail(BAD_BYTE, down),
        };
        self.escaped = false;
        assert_ne!(plain, BOMB, "the toy panics, as it should");
        up.bytes(&[plain]);
        Ok(())
    }
}

/// So that nothing looks on the wire as it is.
const MASK: u8 = 0x55;

/// Bytes as they are on the wire, those that mean something escaped.
pub(crate) fn sealed(plain: impl AsRef<[u8]>) -> Vec<u8> {
    let mut wire = Vec::new();
    for byte in plain.as_ref() {
        match byte ^ MASK {
            ESCAPE => wire.extend([ESCAPE, b'e']),
            FAREWELL => wire.extend([ESCAPE, b'f']),
            ALERT => wire.extend([ESCAPE, b'a']),
            byte => wire.push(byte),
        }
    }
    wire
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'e' => ESCAPE,
        b'f' => FAREWELL,
        _ => ALERT,
    }
}

impl Layer for Toy {
    fn start(&mut self, down: &mut Vec<u8>) {
        if self.role == Role::Client {
            down.extend_from_slice(CLIENT_HELLO);
        }
    }

    fn receive(&mut self, wire: &[u8], up: &mut Up, down: &mut Vec<u8>) -> Result<(), Lost> {
        for &byte in wire {
            match self.state {
                State::Greeting => self.receive_hello(byte, down)?,
                State::Open => self.receive_byte(byte, up, down)?,
                State::Ended | State::Failed => break,
            }
        }
        Ok(())
    }

    fn send(&mut self, plain: &[u8], down: &mut Vec<u8>) {
        assert!(!plain.contains(&BOMB), "the toy panics, as it should");
        match self.state {
            State::Greeting => self.waiting.extend_from_slice(plain),
            State::Open | State::Ended => down.extend(sealed(plain)),
            State::Failed => {}
        }
    }

    fn finish(&mut self, down: &mut Vec<u8>) {
        if matches!(self.state, State::Open | State::Ended) {
            down.push(FAREWELL);
        }
    }

    fn wire_ended(&mut self, _: &mut Up) -> Result<(), Lost> {
        match self.state {
            State::Ended => Ok(()),
            _ => Err(Lost::Truncated),
        }
    }

    fn ended(&self) -> bool {
        self.state == State::Ended
    }

    fn is_ready(&self) -> bool {
        self.greeted == SERVER_HELLO.len()
    }
}

/// A layer of messages: a kind, a length, a body. `m` is a message, `b` a portion of a stream of bytes, and `!` the end
/// of all, after which nothing is understood.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    held: Vec<u8>,
}

/// A message as it is on the wire.
pub(crate) fn message(body: impl AsRef<[u8]>) -> Vec<u8> {
    piece(b'm', body.as_ref())
}

/// A portion of bytes as it is on the wire.
pub(crate) fn portion(body: impl AsRef<[u8]>) -> Vec<u8> {
    piece(b'b', body.as_ref())
}

fn piece(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).expect("toy messages are short");
    [&[kind, length], body].concat()
}

impl Layer for Messages {
    fn receive(&mut self, wire: &[u8], up: &mut Up, down: &mut Vec<u8>) -> Result<(), Lost> {
        self.held.extend_from_slice(wire);
        while let [kind, length, rest @ ..] = self.held.as_slice() {
            let Some(body) = rest.get(..usize::from(*length)) else {
                break;
            };
            match kind {
                b'm' => up.message(body),
                b'b' => up.bytes(body),
                _ => {
                    down.push(ALERT);
                    return Err(BAD_BYTE);
                }
            }
            self.held.drain(..2 + body.len());
        }
        Ok(())
    }

    fn send(&mut self, plain: &[u8], down: &mut Vec<u8>) {
        down.extend(portion(plain));
    }

    fn has_messages(&self) -> bool {
        true
    }

    fn send_message(&mut self, body: &[u8], down: &mut Vec<u8>) {
        down.extend(message(body));
    }
}

/// Says `<line>` for each line, and hello and goodbye.
#[derive(Debug)]
pub(crate) struct Says;

impl LineReceiver for Says {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.send("hello");
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        transport.send([b"<", line, b">"].concat());
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        transport.send("goodbye");
        transport.lose_connection();
    }
}

/// Bytes of several kinds, one after the other.
pub(crate) fn join<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    parts.concat()
}
