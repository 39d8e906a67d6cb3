//! Groups on loopback: who is a member, and whose a key is.

use std::cell::RefCell;
use std::rc::Rc;

use ropewalk::{Group, LineReceiver, Lost, Protocol, Reactor, Transport};

/// The first to be made has the key; the second breaks the first's connection and wants it.
#[derive(Clone, Default)]
struct Member {
    room: Group<String>,
    log: Rc<RefCell<Vec<String>>>,
}

impl Member {
    fn note(&self, what: impl Into<String>) {
        self.log.borrow_mut().push(what.into());
    }

    fn try_to_join(&mut self, transport: &mut Transport<'_>) -> bool {
        let joined = self.room.join(transport, "alice".to_owned());
        self.note(format!("second joined: {joined}"));
        joined
    }
}

impl LineReceiver for Member {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let Some(first) = self.room.get("alice") else {
            self.room.join(transport, "alice".to_owned());
            return self.note("first joined");
        };
        transport.reactor().abort_connection(first);
        self.room.send(transport, "goes to nobody");
        self.try_to_join(transport);
        let id = transport.id();
        transport.reactor().call_soon(move |reactor| {
            reactor.call_soon(move |reactor| reactor.tell(id, join_and_stop));
        });
    }

    fn line_received(&mut self, _transport: &mut Transport<'_>, _line: &[u8]) {}

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        if *reason == Lost::Aborted {
            let own = self.room.leave("alice") == Some(transport.id());
            self.note(format!("first lost, the key still its own: {own}"));
        }
    }
}

fn join_and_stop(member: &mut Member, transport: &mut Transport<'_>) {
    if member.try_to_join(transport) {
        transport.reactor().stop();
    } else {
        let id = transport.id();
        transport.reactor().tell(id, join_and_stop);
    }
}

struct Silent;

impl Protocol for Silent {
    fn data_received(&mut self, _transport: &mut Transport<'_>, _data: &[u8]) {}
}

#[test]
fn a_key_is_free_once_its_members_loss_was_told_and_not_before() {
    let mut reactor = Reactor::new().expect("a reactor");
    let member = Member::default();
    let log = Rc::clone(&member.log);
    let listener = reactor
        .listen("tcp:0")
        .serve(move |_peer| member.clone())
        .expect("a listener");
    for _ in 0..2 {
        reactor
            .connect(format!("tcp:{}", listener.address()))
            .with(Silent);
    }
    reactor.run().expect("a run");
    let mut log = log.take();
    log.dedup();
    assert_eq!(
        log,
        [
            "first joined",
            "second joined: false",
            "first lost, the key still its own: true",
            "second joined: true",
        ]
    );
}

/// Joins under a number of its own and never says anything.
struct Passerby {
    room: Group<u32>,
    number: u32,
}

impl Protocol for Passerby {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        assert!(self.room.join(transport, self.number));
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

#[test]
fn a_group_that_never_sends_does_not_keep_those_who_went() {
    use ropewalk::sim::{Faults, World};
    let world = World::new(0, Faults::None);
    let room = Group::new();
    let members = room.clone();
    world.host("server", move |reactor| {
        let mut number = 0;
        reactor.listen("tcp:7").serve(move |_peer| {
            number += 1;
            Passerby {
                room: members.clone(),
                number,
            }
        })
    });
    for _ in 0..200 {
        world.peer("tcp:server:7").resets();
        world.settle();
    }
    assert!(
        room.len() < 5,
        "{} members, and nobody is there",
        room.len()
    );
}
