//! What follows from what without end: each step comes after the one before, never inside it, so no stack grows.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ropewalk::{ConnectionId, Lines, Reactor};

use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    calls_between_two_connections_go_back_and_forth_without_end,
    writes_between_two_connections_go_back_and_forth_without_end,
    a_posted_call_posts_the_next_without_end,
    a_pause_undone_in_the_same_callback_does_not_nest,
    lines_and_raw_bytes_take_turns_without_end,
    a_hook_tries_again_what_fails_at_once_without_end,
    a_protocol_hands_over_at_each_byte_without_end,
}

/// Deeper than any stack, if each step were inside the one before. With faults it is not the depth that counts.
fn deep(world: &World) -> u32 {
    match world.simulated() {
        Some(simulated) if simulated.seed() > 0 => 1000,
        _ => 100_000,
    }
}

fn toss(reactor: &mut Reactor, to: [ConnectionId; 2], left: u32, log: Log) {
    reactor.tell(to[0], move |_: &mut Spy, transport| match left {
        0 => log.note("done"),
        _ => toss(transport.reactor(), [to[1], to[0]], left - 1, log),
    });
}

fn calls_between_two_connections_go_back_and_forth_without_end(world: &World) {
    let (log, ids): (_, Rc<RefCell<Vec<_>>>) = (Log::default(), Rc::default());
    let (ours, all) = (log.clone(), Rc::clone(&ids));
    let listener = world.serve(move |_| {
        let ids = Rc::clone(&all);
        Spy::new(&ours).made(move |transport| ids.borrow_mut().push(transport.id()))
    });
    let _peers = [world.peer(&listener), world.peer(&listener)];
    world.run_until("both are made", || ids.borrow().len() == 2);
    let to = [ids.borrow()[0], ids.borrow()[1]];
    world.on(|reactor| toss(reactor, to, deep(world), log.clone()));
    world.run_until("it has come to its end", || log.has("done"));
}

/// A protocol that answers each byte by one, on the socket that it came from.
fn volley(log: &Log, hits: &Rc<Cell<u32>>, most: u32) -> Spy {
    let hits = Rc::clone(hits);
    Spy::new(log).data(move |transport, data| {
        assert_eq!(data, b"o");
        hits.set(hits.get() + 1);
        if hits.get() < most {
            transport.write(data);
        } else {
            transport.lose_connection();
        }
    })
}

fn writes_between_two_connections_go_back_and_forth_without_end(world: &World) {
    let most = deep(world) / 10;
    let (log, hits) = (Log::default(), Rc::default());
    let (ours, all) = (log.clone(), Rc::clone(&hits));
    let listener = world.serve(move |_| volley(&ours, &all, most));
    world.on(|reactor| {
        let first = world
            .connect(reactor, listener.address())
            .with(volley(&log, &hits, most));
        reactor.write(first, "o");
    });
    world.run_until("both are lost", || log.count("lost") == 2);
    assert_eq!(hits.get(), most);
}

fn post(reactor: &mut Reactor, left: u32, log: Log) {
    reactor.call_soon(move |reactor| match left {
        0 => log.note("done"),
        _ => post(reactor, left - 1, log),
    });
}

fn a_posted_call_posts_the_next_without_end(world: &World) {
    let log = Log::default();
    world.on(|reactor| post(reactor, deep(world), log.clone()));
    world.run_until("it has come to its end", || log.has("done"));
}

fn a_pause_undone_in_the_same_callback_does_not_nest(world: &World) {
    let lines = deep(world);
    let heard = Rc::new(Cell::new(0));
    let count = Rc::clone(&heard);
    let listener = world.serve(move |_| {
        let count = Rc::clone(&count);
        Spy::new(&Log::default())
            .made(|transport| transport.set_framing(Lines::default()))
            .data(move |transport, _| {
                transport.pause_reading();
                transport.resume_reading();
                count.set(count.get() + 1);
            })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("\n".repeat(lines as usize));
    world.run_until("all lines are heard", || heard.get() == lines);
}

fn lines_and_raw_bytes_take_turns_without_end(world: &World) {
    let most = deep(world);
    let (heard, raw) = <(Rc<Cell<u32>>, Rc<Cell<u32>>)>::default();
    let (lines, bytes) = (Rc::clone(&heard), Rc::clone(&raw));
    let listener = world.serve(move |_| {
        let (lines, bytes) = (Rc::clone(&lines), Rc::clone(&bytes));
        Spy::new(&Log::default())
            .made(|transport| transport.set_framing(Lines::lf()))
            .data(move |transport, data| match data {
                b"line" => {
                    lines.set(lines.get() + 1);
                    transport.expect_raw(1);
                }
                raw => {
                    assert_eq!(raw, b"!");
                    bytes.set(bytes.get() + 1);
                }
            })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("line\n!".repeat(most as usize));
    world.run_until("all is heard", || raw.get() == most);
    assert_eq!(heard.get(), most);
}

fn try_to_connect(reactor: &mut Reactor, left: u32, log: Log) {
    let connect = reactor.connect("tcp:this is no endpoint");
    let connect = connect.failed(move |reactor, _| match left {
        0 => log.note("gave up"),
        _ => try_to_connect(reactor, left - 1, log),
    });
    connect.with(Spy::new(&Log::default()));
}

fn a_hook_tries_again_what_fails_at_once_without_end(world: &World) {
    let log = Log::default();
    world.on(|reactor| try_to_connect(reactor, deep(world), log.clone()));
    world.run_until("it has given up", || log.has("gave up"));
    world.on(|reactor| {
        assert_eq!(
            reactor.counters().connects_failed,
            u64::from(deep(world)) + 1
        );
    });
}

/// Takes one byte and leaves the others to the next of its kind.
fn relay(log: &Log, taken: &Rc<Cell<u32>>) -> Spy {
    let (next, taken) = (log.clone(), Rc::clone(taken));
    Spy::new(&Log::default()).data(move |transport, data| {
        taken.set(taken.get() + 1);
        transport.unread(data.len() - 1);
        transport.switch_protocol(relay(&next, &taken));
    })
}

fn a_protocol_hands_over_at_each_byte_without_end(world: &World) {
    // Each handover may move what is left, so many are slow before they are deep.
    let most = deep(world) / 10;
    let (log, taken) = (Log::default(), Rc::default());
    let (ours, all) = (log.clone(), Rc::clone(&taken));
    let listener = world.serve(move |_| relay(&ours, &all));
    let peer = world.peer(&listener);
    peer.send_bytes(vec![b'.'; most as usize]);
    world.run_until("all bytes are taken", || taken.get() == most);
}
