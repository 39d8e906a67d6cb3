//! The clients: they send, and compare what they get, when they are told to. Owns their sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use crate::modes::{Mode, Script};
use crate::text::Blocks;

/// Bytes of what is said in a room at once.
pub(crate) const LINE: usize = 32;

pub(crate) struct Clients {
    port: u16,
    clients: Vec<Client>,
    count: usize,
    script: Script,
    rounds: usize,
}

struct Client {
    stream: TcpStream,
    blocks: Blocks,
    sent: usize,
    received: Vec<u8>,
}

impl Clients {
    pub(crate) fn new(port: u16, mode: &Mode) -> Self {
        let mut clients = Self {
            port,
            clients: Vec::new(),
            count: mode.clients,
            script: mode.script,
            rounds: 0,
        };
        if !matches!(mode.script, Script::Come) {
            clients.connect();
        }
        clients
    }

    fn connect(&mut self) {
        for place in 0..self.count {
            let blocks = match self.script {
                Script::Exchange { block, line } => Blocks::lines(block, line, 3),
                Script::Speak(_) => {
                    let mut lines = Blocks::lines(LINE, LINE, 3);
                    lines.sign(u8::try_from(place).unwrap_or(0) + 128);
                    lines
                }
                Script::Come => Blocks::lines(64, 64, 3),
            };
            let client = Client::new(self.port, blocks);
            self.clients.push(client);
        }
    }

    pub(crate) fn connected(&self) -> usize {
        self.clients.len()
    }

    /// How many of them send.
    fn senders(&self) -> usize {
        match self.script {
            Script::Speak(speakers) => speakers,
            Script::Exchange { .. } | Script::Come => self.count,
        }
    }

    /// Begins a round, or goes on with it: sends as much as the system takes, and reads all there is.
    pub(crate) fn go_on(&mut self) {
        if self.clients.is_empty() {
            self.connect();
        }
        let senders = self.senders();
        for (place, client) in self.clients.iter_mut().enumerate() {
            if place < senders {
                client.send(self.rounds);
            }
            client.receive();
        }
    }

    /// The server has sent all it should: each client has what is due to it, to the byte.
    pub(crate) fn compare(&mut self) {
        for place in 0..self.clients.len() {
            let due = self.due(place);
            let client = &mut self.clients[place];
            client.wait_for(due.len());
            client.receive();
            if matches!(self.script, Script::Speak(_)) {
                client.sort_lines();
            }
            assert!(
                client.received == due,
                "a server sent other bytes than it should"
            );
            client.received.clear();
            client.sent = 0;
        }
        self.rounds += 1;
        if matches!(self.script, Script::Come) {
            self.clients.clear();
        }
    }

    fn due(&self, place: usize) -> Vec<u8> {
        let blocks = |client: &Client| client.blocks.block(self.rounds).to_vec();
        match self.script {
            Script::Speak(speakers) => {
                let others = (0..speakers).filter(|speaker| *speaker != place);
                others
                    .flat_map(|speaker| blocks(&self.clients[speaker]))
                    .collect()
            }
            Script::Exchange { .. } | Script::Come => blocks(&self.clients[place]),
        }
    }
}

impl Client {
    fn new(port: u16, blocks: Blocks) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server listens");
        stream.set_nodelay(true).expect("TCP has this option");
        stream
            .set_nonblocking(true)
            .expect("sockets can be non-blocking");
        Self {
            stream,
            blocks,
            sent: 0,
            received: Vec::new(),
        }
    }

    fn send(&mut self, round: usize) {
        let rest = &self.blocks.block(round)[self.sent..];
        if rest.is_empty() {
            return;
        }
        match self.stream.write(rest) {
            Ok(size) => self.sent += size,
            Err(error) => assert_eq!(
                error.kind(),
                ErrorKind::WouldBlock,
                "a server broke a connection"
            ),
        }
    }

    fn receive(&mut self) {
        let error = self
            .stream
            .read_to_end(&mut self.received)
            .map(|_| ErrorKind::UnexpectedEof);
        let kind = error.unwrap_or_else(|error| error.kind());
        assert_eq!(kind, ErrorKind::WouldBlock, "a server ended a connection");
    }

    /// What a server has sent may still be on its way through the system.
    fn wait_for(&mut self, size: usize) {
        let missing = size.saturating_sub(self.received.len()) as u64;
        let blocking = |on: bool| self.stream.set_nonblocking(!on);
        blocking(true).expect("sockets can block");
        let rest = (&self.stream).take(missing).read_to_end(&mut self.received);
        rest.expect("a server broke a connection");
        blocking(false).expect("sockets can be non-blocking");
    }

    /// In a room the order of speakers is the server's affair.
    fn sort_lines(&mut self) {
        let mut lines: Vec<&[u8]> = self.received.chunks(LINE).collect();
        lines.sort_unstable();
        self.received = lines.concat();
    }
}
