//! How connections end: in order or at once, once, after all that was owed.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Address, ConnectionId, Limits, Reactor, Transport};

use crate::spy::{Log, Spy};
use crate::world::{Peer, World, contract};

contract! { streams:
    a_peer_that_ends_gets_all_it_is_owed_then_our_end,
    two_closings_in_one_callback_are_one_loss_and_abort_wins,
    a_second_closing_while_the_first_waits_is_one_loss_and_abort_wins,
    ends_that_cross_are_one_loss,
    a_reply_is_read_to_its_last_byte_though_we_read_no_more,
    a_closed_socket_waits_a_while_for_its_peer_to_end_and_nobody_sees_it,
    a_close_that_a_peer_holds_up_has_a_deadline,
    a_close_waits_for_a_peer_that_reads_late,
    who_has_closed_is_told_nothing_but_the_loss,
    both_addresses_are_valid_in_the_loss,
}

contract! { bare:
    an_abort_resets_the_peer,
}

contract! { real:
    a_peer_that_never_stops_sending_is_not_read_for_ever,
}

/// Enough for no kernel's or simulation's buffer to take it at once.
const MUCH: usize = 900_000;

fn shrink_buffer(transport: &mut Transport<'_>) {
    let id = transport.id();
    if let Some(socket) = transport.reactor().socket_options(id) {
        socket.set_send_buffer_size(8192).expect("a socket option");
    }
}

fn a_peer_that_ends_gets_all_it_is_owed_then_our_end(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).echo());
    let peer = world.peer(&listener);
    peer.send("hello").half_closes();
    assert_eq!(peer.read_until_eof(), b"hello\r\n");
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(
        log.without_data(),
        ["made", "eof", "lost done, ended by the peer"]
    );
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Lose,
    LoseWrite,
    Abort,
}

impl Closing {
    const ALL: [Self; 3] = [Self::Lose, Self::LoseWrite, Self::Abort];

    fn pairs() -> impl Iterator<Item = [Self; 2]> {
        let with_all = |first| Self::ALL.map(|second| [first, second]);
        Self::ALL.into_iter().flat_map(with_all)
    }

    fn does(self, reactor: &mut Reactor, id: ConnectionId) {
        match self {
            Self::Lose => reactor.lose_connection(id),
            Self::LoseWrite => reactor.lose_write_connection(id),
            Self::Abort => reactor.abort_connection(id),
        }
    }
}

/// How it ends after both closings, and that it does so once.
#[track_caller]
fn ends_as_it_should(world: &World, log: &Log, peer: &Peer, pair: [Closing; 2], owed: usize) {
    let lost = if pair.contains(&Closing::Abort) {
        peer.reads_again().expect_closed();
        "lost aborted"
    } else {
        peer.reads_again();
        assert_eq!(peer.read_until_eof().len(), owed, "{pair:?}");
        peer.half_closes();
        "lost done, ended by us"
    };
    world.run_until("the loss is told", || log.count("lost") == 1);
    world.settle();
    let told = log.without_data();
    assert_eq!(told.last().map(String::as_str), Some(lost), "{pair:?}");
    assert_eq!(log.count("lost"), 1, "{pair:?}");
    peer.closes();
    world.run_until_all_are_gone();
}

fn two_closings_in_one_callback_are_one_loss_and_abort_wins(world: &World) {
    for pair in Closing::pairs() {
        let log = Log::default();
        let ours = log.clone();
        let listener = world.serve(move |_| {
            Spy::new(&ours).data(move |transport, _| {
                transport.write("bye");
                for closing in pair {
                    let id = transport.id();
                    closing.does(transport.reactor(), id);
                }
            })
        });
        let peer = world.peer(&listener);
        peer.send_bytes("!");
        ends_as_it_should(world, &log, &peer, pair, 3);
    }
}

fn a_second_closing_while_the_first_waits_is_one_loss_and_abort_wins(world: &World) {
    for pair in Closing::pairs() {
        let log = Log::default();
        let id = Rc::new(Cell::new(None));
        let (ours, here) = (log.clone(), Rc::clone(&id));
        let listener = world.serve_with(Limits::default().unsent(2 * MUCH), move |_| {
            let here = Rc::clone(&here);
            Spy::new(&ours)
                .made(shrink_buffer)
                .data(move |transport, _| {
                    here.set(Some(transport.id()));
                    transport.write(vec![b'.'; MUCH]);
                    let id = transport.id();
                    pair[0].does(transport.reactor(), id);
                })
        });
        let peer = world.peer(&listener);
        peer.stops_reading().send_bytes("!");
        world.run_until("the first is done", || id.get().is_some());
        world.settle();
        let id = id.get().expect("it was made");
        world.on(|reactor| pair[1].does(reactor, id));
        ends_as_it_should(world, &log, &peer, pair, MUCH);
    }
}

fn an_abort_resets_the_peer(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours).data(|transport, _| {
            transport.write("never sent");
            transport.abort_connection();
        })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("!").expect_reset();
    assert_eq!(peer.received(), 0);
    assert_eq!(log.lines(), ["made", "data 1", "lost aborted"]);
    world.on(|reactor| {
        assert_eq!(reactor.connections(), 0);
        assert_eq!(reactor.counters().bytes_dropped, 10);
    });
}

fn ends_that_cross_are_one_loss(world: &World) {
    let log = Log::default();
    let id = Rc::new(Cell::new(None));
    let (ours, here) = (log.clone(), Rc::clone(&id));
    let listener = world.serve(move |_| {
        let here = Rc::clone(&here);
        Spy::new(&ours).made(move |transport| here.set(Some(transport.id())))
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || id.get().is_some());
    peer.half_closes();
    world.on(|reactor| reactor.lose_connection(id.get().expect("it was made")));
    peer.expect_eof();
    world.settle();
    // The peer's end has not been heard when we close, and is not heard after that.
    assert_eq!(log.lines(), ["made", "lost done, ended by us"]);
    assert_eq!(world.on(|reactor| reactor.connections()), 0);
}

fn a_reply_is_read_to_its_last_byte_though_we_read_no_more(world: &World) {
    for reads_late in [false, true] {
        let log = Log::default();
        let ours = log.clone();
        let listener = world.serve(move |_| {
            Spy::new(&ours).data(|transport, _| {
                transport.write(vec![b'.'; 100_000]);
                transport.lose_connection();
            })
        });
        let peer = world.peer(&listener);
        if reads_late {
            peer.stops_reading();
        }
        peer.send_bytes(vec![b'?'; 1 << 20]);
        world.settle();
        peer.reads_again();
        assert_eq!(peer.read_until_eof(), vec![b'.'; 100_000]);
        assert_eq!(log.count("data"), 1);
        assert_eq!(log.without_data(), ["made", "lost done, ended by us"]);
        peer.closes();
        world.run_until_all_are_gone();
    }
}

fn a_closed_socket_waits_a_while_for_its_peer_to_end_and_nobody_sees_it(world: &World) {
    let log = Log::default();
    let id = Rc::new(Cell::new(None));
    let (ours, here) = (log.clone(), Rc::clone(&id));
    let limits = Limits::default().linger(world.short());
    let listener = world.serve_with(limits, move |_| {
        let here = Rc::clone(&here);
        Spy::new(&ours).data(move |transport, _| {
            here.set(Some(transport.id()));
            transport.lose_connection();
        })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("!");
    world.run_until("the loss is told", || log.count("lost") == 1);
    let lost_at = world.now();
    let id = id.get().expect("it was made");
    world.on(|reactor| {
        assert_eq!(reactor.connections(), 1);
        assert!(!reactor.is_connected(id));
    });
    peer.expect_eof().send("nobody hears this");
    world.run_until_all_are_gone();
    assert!(world.now() - lost_at >= world.short());
    assert_eq!(log.lines(), ["made", "data 1", "lost done, ended by us"]);
}

/// Its data is dropped, but each byte of it costs us something.
fn a_peer_that_never_stops_sending_is_not_read_for_ever(world: &World) {
    const HOUR: Duration = Duration::from_secs(3600);
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve_with(Limits::default().linger(HOUR), move |_| {
        Spy::new(&ours).made(|transport| transport.lose_connection())
    });
    let Address::Tcp(address) = *listener.address() else {
        panic!("it is TCP")
    };
    let flood = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("the listener is there");
        while stream.write_all(&[b'.'; 65536]).is_ok() {}
    });
    world.run_until("the loss is told", || log.count("lost") == 1);
    world.run_until_all_are_gone();
    flood.join().expect("the peer was cut off, no more");
}

/// A protocol that closes while much is unsent, and its peer, which reads nothing.
fn closes_with_much_unsent(world: &World, log: &Log, limits: Limits) -> Peer {
    let ours = log.clone();
    let listener = world.serve_with(limits, move |_| {
        Spy::new(&ours).made(shrink_buffer).data(|transport, _| {
            transport.write(vec![b'.'; MUCH]);
            transport.lose_connection();
        })
    });
    let peer = world.peer(&listener);
    peer.stops_reading().send_bytes("!");
    world.run_until("it has closed", || log.count("data") == 1);
    peer
}

fn a_close_that_a_peer_holds_up_has_a_deadline(world: &World) {
    let log = Log::default();
    let limits = Limits::default().close(world.short());
    let peer = closes_with_much_unsent(world, &log, limits);
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.lines(), ["made", "data 1", "lost timed out: closing"]);
    world.on(|reactor| {
        assert_eq!(reactor.connections(), 0);
        assert_eq!(reactor.counters().timed_out, 1);
        assert!(reactor.counters().bytes_dropped > 0);
    });
    peer.reads_again().expect_closed();
    assert!(peer.received() < MUCH);
}

fn a_close_waits_for_a_peer_that_reads_late(world: &World) {
    let log = Log::default();
    let peer = closes_with_much_unsent(world, &log, Limits::default());
    world.settle();
    assert_eq!(log.lines(), ["made", "data 1"]);
    peer.reads_again();
    assert_eq!(peer.read_until_eof().len(), MUCH);
    assert_eq!(log.lines(), ["made", "data 1", "lost done, ended by us"]);
    assert_eq!(world.on(|reactor| reactor.counters().bytes_dropped), 0);
}

fn who_has_closed_is_told_nothing_but_the_loss(world: &World) {
    let log = Log::default();
    let id = Rc::new(Cell::new(None));
    let (ours, here) = (log.clone(), Rc::clone(&id));
    let listener = world.serve(move |_| {
        let here = Rc::clone(&here);
        Spy::new(&ours)
            .made(move |transport| {
                here.set(Some(transport.id()));
                shrink_buffer(transport);
                transport.write(vec![b'.'; MUCH]);
            })
            .pause(|_| ())
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    world.run_until("it is held up", || log.has("pause"));
    world.on(|reactor| reactor.lose_connection(id.get().expect("it was made")));
    peer.send("more").half_closes();
    world.settle();
    peer.reads_again();
    assert_eq!(peer.read_until_eof().len(), MUCH);
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.lines(), ["made", "pause", "lost done, ended by us"]);
}

fn both_addresses_are_valid_in_the_loss(world: &World) {
    let ends: [fn(&Peer); 3] = [
        |peer| {
            peer.half_closes();
        },
        |peer| {
            peer.resets();
        },
        |peer| {
            peer.send("abort");
        },
    ];
    for end in ends {
        let log = Log::default();
        let ours = log.clone();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let (at_first, at_last) = (Rc::clone(&seen), Rc::clone(&seen));
        let listener = world.serve(move |_| {
            let (at_first, at_last) = (Rc::clone(&at_first), Rc::clone(&at_last));
            let addresses = |transport: &mut Transport<'_>| (transport.peer(), transport.local());
            Spy::new(&ours)
                .made(move |transport| at_first.borrow_mut().push(addresses(transport)))
                .data(|transport, _| transport.abort_connection())
                .lost(move |transport, _| at_last.borrow_mut().push(addresses(transport)))
        });
        let peer = world.peer(&listener);
        world.run_until("it is made", || log.has("made"));
        end(&peer);
        world.run_until("the loss is told", || log.count("lost") == 1);
        let seen = seen.borrow();
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[1].1.as_ref(), Some(listener.address()));
    }
}
