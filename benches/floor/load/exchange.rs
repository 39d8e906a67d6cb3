//! Blocks there and back: each connection sends one, and the next when it has it back. Owns the modes `echo`, `lines` and
//! `stream`, which differ in the block's size.

use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};

use super::text::Blocks;
use super::{Load, Round, connect, wait};
use crate::machine;

pub(crate) struct Exchange {
    epoll: OwnedFd,
    clients: Vec<Client>,
    blocks: Blocks,
    /// Operations a block.
    each: u64,
    events: Vec<Event>,
    buffer: Box<[u8]>,
}

struct Client {
    socket: OwnedFd,
    number: usize,
    sent: usize,
    received: usize,
}

impl Exchange {
    pub(crate) fn new(port: u16, connections: usize, blocks: Blocks, each: u64) -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("the system has epoll");
        let clients = (0..connections)
            .map(|place| {
                let socket = connect(port);
                let interest = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
                epoll::add(&epoll, &socket, EventData::new_u64(place as u64), interest)
                    .expect("a socket can be watched");
                Client {
                    socket,
                    number: place * 7,
                    sent: 0,
                    received: 0,
                }
            })
            .collect();
        Self {
            epoll,
            clients,
            blocks,
            each,
            events: Vec::with_capacity(512),
            buffer: vec![0; 256 * 1024].into_boxed_slice(),
        }
    }
}

impl Load for Exchange {
    fn round(&mut self, end: Instant) -> Round {
        let mut round = Round::default();
        let mut active = self.clients.len();
        for client in &mut self.clients {
            client.send(&self.blocks);
        }
        while active > 0 {
            let came = wait(&self.epoll, &mut self.events);
            assert!(came, "a server owes {active} clients a reply");
            let over = machine::now() >= end;
            for event in self.events.drain(..) {
                let client = &mut self.clients[event.data.u64() as usize];
                if client.sent < self.blocks.size() && client.sent > 0 {
                    client.send(&self.blocks);
                }
                if client.receive(&self.blocks, &mut self.buffer) {
                    round.operations += self.each;
                    if over {
                        active -= 1;
                    } else {
                        client.send(&self.blocks);
                    }
                }
            }
        }
        round
    }
}

impl Client {
    /// Sends what is left of the block, as much as the system takes.
    fn send(&mut self, blocks: &Blocks) {
        let rest = &blocks.block(self.number)[self.sent..];
        match net::send(&self.socket, rest, SendFlags::NOSIGNAL) {
            Ok(size) => self.sent += size,
            Err(Errno::AGAIN) => {}
            Err(error) => panic!("a server broke a connection: {error}"),
        }
    }

    /// Whether the block is back, whole.
    fn receive(&mut self, blocks: &Blocks, buffer: &mut [u8]) -> bool {
        loop {
            let size = match net::recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
                Ok((0, _)) => panic!("a server ended a connection"),
                Ok((size, _)) => size,
                Err(Errno::AGAIN) => return false,
                Err(error) => panic!("a server broke a connection: {error}"),
            };
            let expected = &blocks.block(self.number)[self.received..];
            assert!(
                expected.get(..size) == Some(&buffer[..size]),
                "a server sent other bytes back"
            );
            self.received += size;
            if self.received == blocks.size() {
                self.number += 1;
                (self.sent, self.received) = (0, 0);
                return true;
            }
            if size < buffer.len() {
                return false;
            }
        }
    }
}
