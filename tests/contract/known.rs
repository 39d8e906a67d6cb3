//! Connections that a test knows by id, and bytes whose order shows. Owns the ids; asserts nothing.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use ropewalk::{ConnectionId, Limits, Transport};

use crate::spy::Spy;
use crate::world::World;

/// The ids of connections that were made, in order.
#[derive(Clone, Default)]
pub(crate) struct Known(Rc<RefCell<Vec<ConnectionId>>>);

impl Known {
    /// Notes a connection, and has the system take little for it, so that a peer that does not read is felt soon.
    pub(crate) fn note(&self, transport: &mut Transport<'_>) {
        let id = transport.id();
        if let Some(socket) = transport.reactor().socket_options(id) {
            socket
                .set_send_buffer_size(4096)
                .expect("a send buffer can be small");
        }
        self.0.borrow_mut().push(id);
    }

    /// The connection that was made last.
    pub(crate) fn id(&self) -> ConnectionId {
        *self.0.borrow().last().expect("it was made")
    }

    pub(crate) fn ids(&self) -> Vec<ConnectionId> {
        self.0.borrow().clone()
    }

    /// Gives the connection that was made last, which has a [`Spy`], other limits.
    pub(crate) fn set_limits(&self, world: &World, limits: Limits) {
        let id = self.id();
        world.on(|reactor| {
            reactor.tell(id, move |_: &mut Spy, transport| {
                transport.set_limits(limits);
            });
        });
        world.settle();
    }

    pub(crate) fn count(&self) -> usize {
        self.0.borrow().len()
    }

    pub(crate) fn unsent(&self, world: &World) -> usize {
        world.on(|reactor| reactor.unsent(self.id()).unwrap_or(0))
    }
}

/// Text in which no eight bytes come twice.
pub(crate) fn text(size: usize) -> Vec<u8> {
    text_between(0, size)
}

/// A part of that text.
pub(crate) fn text_between(begin: usize, end: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(end - begin + 16);
    for n in begin / 8..end.div_ceil(8) {
        write!(text, "{n:07} ").expect("a vector takes all");
    }
    text.truncate(end - begin / 8 * 8);
    text.drain(..begin % 8);
    text
}
