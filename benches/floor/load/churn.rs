//! Clients that come, say one thing, hear it back and go. Owns the mode `churn`.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::net::{self, RecvFlags, SendFlags};

use super::text::Blocks;
use super::{Load, Round, connect_from, wait};
use crate::machine;

/// At one time.
const CLIENTS: usize = 16;

pub(crate) struct Churn {
    epoll: OwnedFd,
    port: u16,
    blocks: Blocks,
    made: usize,
    clients: Vec<(OwnedFd, usize)>,
    events: Vec<Event>,
}

impl Churn {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).expect("the system has epoll"),
            port,
            blocks: Blocks::lines(64, 64, 61),
            made: 0,
            clients: Vec::with_capacity(CLIENTS),
            events: Vec::with_capacity(CLIENTS),
        }
    }

    /// A client that has said its word.
    fn come(&mut self, place: usize) -> (OwnedFd, usize) {
        let number = self.made;
        self.made += 1;
        // A port that was used rests for a minute; there are more of them at more addresses.
        let host = 2 + u8::try_from(number % 250).expect("below 250");
        let from = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, host), 0);
        let socket = connect_from(Some(from), self.port);
        let token = EventData::new_u64(place as u64);
        epoll::add(&self.epoll, &socket, token, EventFlags::IN).expect("a socket can be watched");
        let block = self.blocks.block(number);
        let sent = net::send(&socket, block, SendFlags::NOSIGNAL);
        assert!(sent == Ok(block.len()), "a server broke a connection");
        (socket, number)
    }
}

impl Load for Churn {
    fn round(&mut self, end: Instant) -> Round {
        let mut round = Round::default();
        for place in 0..CLIENTS {
            let client = self.come(place);
            self.clients.push(client);
        }
        let mut active = CLIENTS;
        while active > 0 {
            let came = wait(&self.epoll, &mut self.events);
            assert!(came, "a server owes {active} clients a reply");
            let over = machine::now() >= end;
            let mut events = std::mem::take(&mut self.events);
            for event in events.drain(..) {
                let place = event.data.u64() as usize;
                let (socket, number) = &self.clients[place];
                let mut reply = [0; 65];
                let size = net::recv(socket, &mut reply, RecvFlags::empty());
                let (size, _) = size.expect("a server broke a connection");
                assert!(
                    &reply[..size] == self.blocks.block(*number),
                    "a server sent other bytes back"
                );
                round.operations += 1;
                if over {
                    epoll::delete(&self.epoll, socket).expect("it was watched");
                    active -= 1;
                } else {
                    self.clients[place] = self.come(place);
                }
            }
            self.events = events;
        }
        self.clients.clear();
        round
    }
}
