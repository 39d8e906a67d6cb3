//! What is written to a connection that is ending or has ended: it goes nowhere, is counted, and reaches nobody else.

use bytes::Bytes;
use ropewalk::{ConnectionId, Reactor};

use crate::known::Known;
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    writes_after_a_close_go_nowhere_and_are_counted,
    writes_after_an_abort_go_nowhere_and_are_counted,
    writes_after_our_end_go_nowhere_and_are_counted,
    writes_in_the_loss_and_after_it_go_nowhere_and_are_counted,
}

/// Five writes, none of which may arrive.
fn write_in_vain(reactor: &mut Reactor, id: ConnectionId) {
    reactor.write(id, "in vain");
    reactor.write_shared(id, Bytes::from_static(b"in vain"));
    reactor.send(id, "in vain");
    assert_eq!(reactor.try_send(id, "in vain"), Ok(()));
    reactor.write(id, vec![b'x'; 10_000]);
}

const IN_VAIN: u64 = 5;

fn stale_writes(world: &World) -> u64 {
    world.on(|reactor| reactor.counters().stale_writes)
}

fn writes_after_a_close_go_nowhere_and_are_counted(world: &World) {
    let listener = world.serve(|_| {
        Spy::new(&Log::default()).made(|transport| {
            transport.write("goodbye");
            transport.lose_connection();
            transport.write("in vain");
            let id = transport.id();
            write_in_vain(transport.reactor(), id);
        })
    });
    assert_eq!(world.peer(&listener).read_until_eof(), b"goodbye");
    assert_eq!(stale_writes(world), IN_VAIN + 1);
}

fn writes_after_an_abort_go_nowhere_and_are_counted(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours).data(|transport, _| {
            transport.abort_connection();
            transport.write("in vain");
            let id = transport.id();
            write_in_vain(transport.reactor(), id);
        })
    });
    let peer = world.peer(&listener);
    peer.send("go away").expect_reset();
    assert_eq!(peer.received(), 0);
    assert_eq!(log.without_data(), ["made", "lost aborted"]);
    assert_eq!(stale_writes(world), IN_VAIN + 1);
}

fn writes_after_our_end_go_nowhere_and_are_counted(world: &World) {
    let (log, known) = (Log::default(), Known::default());
    let (ours, id) = (log.clone(), known.clone());
    let listener = world.serve(move |_| {
        let id = id.clone();
        Spy::new(&ours).made(move |transport| {
            id.note(transport);
            transport.write("that was all");
            transport.lose_write_connection();
            transport.write("in vain");
        })
    });
    let peer = world.peer(&listener);
    assert_eq!(peer.read_until_eof(), b"that was all");
    world.on(|reactor| write_in_vain(reactor, known.id()));
    peer.send("I go on");
    world.run_until("it is heard", || log.count("data ") > 0);
    peer.half_closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(
        log.without_data(),
        ["made", "eof", "lost done, ended by us"]
    );
    assert_eq!(stale_writes(world), IN_VAIN + 1);
}

fn writes_in_the_loss_and_after_it_go_nowhere_and_are_counted(world: &World) {
    let (log, known) = (Log::default(), Known::default());
    let (ours, id) = (log.clone(), known.clone());
    let listener = world.serve(move |_| {
        let id = id.clone();
        Spy::new(&ours)
            .made(move |transport| id.note(transport))
            .lost(|transport, _| transport.write("in vain"))
    });
    let first = world.peer(&listener);
    first.half_closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    let gone = known.id();
    first.expect_eof();
    // The next one may stand in the same place of every table.
    let second = world.peer(&listener);
    world.run_until("it is made", || known.count() == 2);
    world.on(|reactor| {
        write_in_vain(reactor, gone);
        assert_eq!(reactor.unsent(gone), None);
    });
    world.settle();
    assert_eq!(second.received(), 0);
    assert_eq!(stale_writes(world), IN_VAIN + 1);
}
