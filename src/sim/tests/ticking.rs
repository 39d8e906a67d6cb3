//! A server that answers and a client that asks every ten milliseconds: for tests of what happens between the two.

use std::cell::Cell;

use super::world::Log;
use super::*;
use crate::protocol::Protocol;
use crate::sim::World;
use crate::transport::Transport;
use crate::{Lost, Reactor};

pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// What has come through, in bytes, and how connections of the client ended.
#[derive(Clone, Default)]
pub(super) struct Heard {
    pub(super) by_server: Rc<Cell<usize>>,
    pub(super) by_client: Rc<Cell<usize>>,
    pub(super) log: Log,
}

impl Heard {
    pub(super) fn both(&self) -> (usize, usize) {
        (self.by_server.get(), self.by_client.get())
    }
}

struct Server(Heard);

impl Protocol for Server {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        let heard = &self.0.by_server;
        heard.set(heard.get() + data.len());
        transport.write(data);
    }
}

struct Client {
    heard: Heard,
    left: u32,
}

impl Client {
    fn tick(&mut self, transport: &mut Transport<'_>) {
        if self.left > 0 {
            self.left -= 1;
            transport.write("x");
            transport.call_later(PAUSE, Self::tick);
        }
    }
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.tick(transport);
    }

    fn data_received(&mut self, _: &mut Transport<'_>, data: &[u8]) {
        let heard = &self.heard.by_client;
        heard.set(heard.get() + data.len());
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        let now = transport.now();
        self.heard.log.note(format!("lost {reason} after {}", now));
    }
}

pub(super) fn serve(heard: &Heard) -> impl Fn(&mut Reactor) -> crate::Result<()> + 'static {
    let heard = heard.clone();
    move |reactor| {
        let heard = heard.clone();
        let server = move |_: &Address| Server(heard.clone());
        reactor.listen("tcp:7:interface=*").serve(server).map(drop)
    }
}

/// Puts both into a world; the client asks so many times.
pub(super) fn set_up(world: &World, times: u32) -> Heard {
    let heard = Heard::default();
    world.service("server", serve(&heard));
    let client = Client {
        heard: heard.clone(),
        left: times,
    };
    world.host("client", |reactor| {
        reactor.connect("tcp:server:7").with(client);
        Ok(())
    });
    heard
}
