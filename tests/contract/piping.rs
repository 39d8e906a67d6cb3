//! Pipes: what one peer says the other hears, and what becomes of one connection becomes of the other.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{ConnectionId, Listener};

use crate::known::{Known, text, text_between};
use crate::spy::{Log, Spy};
use crate::world::{Peer, PeerListener, World, contract};

contract! { streams:
    what_each_peer_sends_the_other_gets_in_whatever_pieces,
    what_was_sent_before_the_other_connection_stood_is_passed_on,
    what_was_given_back_goes_through_the_pipe_first,
    what_was_written_before_the_joining_is_sent_before_it,
    two_connections_of_a_listener_can_be_joined_from_anywhere,
    a_connection_joined_to_itself_echoes,
    who_does_not_read_keeps_the_other_from_being_read,
    a_pause_asked_for_holds_besides_that_of_the_pipe,
}

// A Unix stream knows no reset but of unread input.
contract! { everywhere:
    the_former_protocols_hear_no_more,
}

contract! { simulated:
    at_no_time_more_waits_than_the_high_mark_and_one_read,
}

/// Two peers, and a pipe between their connections to us.
pub(crate) struct Joined {
    /// Who called us, and who was called.
    pub(crate) ends: [Peer; 2],
    pub(crate) ids: [ConnectionId; 2],
}

/// The two ways through a pipe, each as (from, to).
pub(crate) const WAYS: [(usize, usize); 2] = [(0, 1), (1, 0)];

/// A listener that joins each connection with one to a peer.
pub(crate) struct Switchboard {
    pub(crate) listener: Listener,
    pub(crate) target: PeerListener,
    pub(crate) known: Known,
    pub(crate) far: Rc<Cell<Option<ConnectionId>>>,
    pub(crate) log: Log,
}

impl Switchboard {
    pub(crate) fn new(world: &World) -> Self {
        let (target, known, log) = (world.peer_listener(), Known::default(), Log::default());
        let (address, this) = (target.address().clone(), world.clone());
        let (ours, ids) = (log.clone(), known.clone());
        let far = Rc::new(Cell::new(None));
        let called = Rc::clone(&far);
        let listener = world.serve(move |_| {
            let (this, address) = (this.clone(), address.clone());
            let (ids, called) = (ids.clone(), Rc::clone(&called));
            Spy::new(&ours).made(move |transport| {
                ids.note(transport);
                let id = transport.id();
                called.set(Some(this.connect(transport.reactor(), &address).pipe(id)));
            })
        });
        Self {
            listener,
            target,
            known,
            far,
            log,
        }
    }

    #[track_caller]
    pub(crate) fn join(&self, world: &World) -> Joined {
        let ends = [world.peer(&self.listener), self.target.accept()];
        let far = self.far.take().expect("it was called");
        world.run_until("the call stands", || {
            world.on(|reactor| reactor.counters().connected) == self.known.count() as u64
        });
        takes_little(world, far);
        Joined {
            ends,
            ids: [self.known.id(), far],
        }
    }
}

pub(crate) fn joined(world: &World) -> Joined {
    Switchboard::new(world).join(world)
}

pub(crate) fn takes_little(world: &World, id: ConnectionId) {
    world.on(|reactor| {
        if let Some(socket) = reactor.socket_options(id) {
            socket.set_send_buffer_size(4096).expect("a socket option");
        }
    });
}

impl Joined {
    #[track_caller]
    pub(crate) fn is_over(&self, world: &World) {
        world.run_until("both are gone", || {
            world.on(|reactor| !self.ids.iter().any(|&id| reactor.is_connected(id)))
        });
    }

    pub(crate) fn unsent(&self, world: &World) -> [usize; 2] {
        self.ids
            .map(|id| world.on(|reactor| reactor.unsent(id).unwrap_or(0)))
    }
}

fn what_each_peer_sends_the_other_gets_in_whatever_pieces(world: &World) {
    let board = Switchboard::new(world);
    for (all, piece) in [
        (1, 1),
        (500, 1),
        (100_000, 999),
        (300_000, 70_000),
        (1 << 20, 1 << 20),
    ] {
        let Joined { ends, .. } = board.join(world);
        for begin in (0..all).step_by(piece) {
            let part = text_between(begin, all.min(begin + piece));
            ends[0].send_bytes(&part);
            ends[1].send_bytes(part.to_ascii_uppercase());
            world.step();
        }
        ends[1].expect_bytes(text(all));
        ends[0].expect_bytes(text(all).to_ascii_uppercase());
        ends[0].half_closes();
        ends[1].expect_eof().half_closes();
        ends[0].expect_eof();
    }
    world.run_until_all_are_gone();
    assert_eq!(board.log.lines(), ["made"; 5]);
    let dropped = world.on(|reactor| reactor.counters().bytes_dropped);
    assert_eq!(dropped, 0);
}

fn what_was_sent_before_the_other_connection_stood_is_passed_on(world: &World) {
    let (target, log) = (world.peer_listener(), Log::default());
    let (address, this, ours) = (target.address().clone(), world.clone(), log.clone());
    let listener = world.serve(move |_| {
        let (this, address) = (this.clone(), address.clone());
        Spy::new(&ours).data(move |transport, data| {
            transport.unread(data.len());
            let id = transport.id();
            this.connect(transport.reactor(), &address).pipe(id);
        })
    });
    let client = world.peer(&listener);
    client.send("first").send("second").half_closes();
    let target = target.accept();
    target.expect("first").expect("second").expect_eof();
    target.send("an answer").half_closes();
    client.expect("an answer").expect_eof();
    world.run_until_all_are_gone();
}

fn what_was_given_back_goes_through_the_pipe_first(world: &World) {
    let (target, log) = (world.peer_listener(), Log::default());
    let (address, this, ours) = (target.address().clone(), world.clone(), log.clone());
    let listener = world.serve(move |_| {
        let (this, address) = (this.clone(), address.clone());
        Spy::new(&ours)
            .made(|transport| transport.set_framing(ropewalk::Lines::default()))
            .data(move |transport, line| {
                assert_eq!(line, b"CONNECT");
                let id = transport.id();
                this.connect(transport.reactor(), &address).pipe(id);
            })
    });
    let client = world.peer(&listener);
    client.send_bytes("CONNECT\r\nbehind it, and an unfinished ");
    let target = target.accept();
    target.expect_bytes("behind it, and an unfinished ");
    client.send("line");
    target.expect("line");
    target.send_bytes("no\nframing\r\n");
    client.expect_bytes("no\nframing\r\n");
    assert_eq!(log.lines(), ["made", "data 7"]);
}

fn what_was_written_before_the_joining_is_sent_before_it(world: &World) {
    let target = world.peer_listener();
    let (address, this) = (target.address().clone(), world.clone());
    let listener = world.serve(move |_| {
        let (this, address) = (this.clone(), address.clone());
        Spy::new(&Log::default()).made(move |transport| {
            transport.write("200 OK\r\n");
            let id = transport.id();
            let far = this.connect(transport.reactor(), &address).pipe(id);
            transport.reactor().write(far, "PROXY\r\n");
        })
    });
    let client = world.peer(&listener);
    client.send("hello").expect("200 OK");
    let target = target.accept();
    target.expect("PROXY").expect("hello").send("hi");
    client.expect("hi");
}

/// A listener whose connections only write down what they hear, and pause; and two peers of it.
pub(crate) fn two_paused(world: &World, log: &Log) -> ([Peer; 2], [ConnectionId; 2]) {
    let (ours, known) = (log.clone(), Known::default());
    let ids = known.clone();
    let listener = world.serve(move |_| {
        let ids = ids.clone();
        Spy::new(&ours).made(move |transport| {
            ids.note(transport);
            transport.pause_reading();
        })
    });
    let peers = [0, 1].map(|_| world.peer(&listener));
    world.run_until("both are made", || known.count() == 2);
    (peers, [known.ids()[0], known.ids()[1]])
}

fn two_connections_of_a_listener_can_be_joined_from_anywhere(world: &World) {
    for from_a_callback in [false, true] {
        let log = Log::default();
        let (ends, ids) = two_paused(world, &log);
        ends[0].send("before");
        world.settle();
        world.on(|reactor| {
            if from_a_callback {
                reactor.call_soon(move |reactor| reactor.pipe(ids[1], ids[0]));
            } else {
                reactor.pipe(ids[0], ids[1]);
                reactor.pipe(ids[0], ids[1]);
            }
        });
        ends[1].expect("before").send("answer");
        ends[0].expect("answer").send("after").half_closes();
        ends[1].expect("after").expect_eof().half_closes();
        ends[0].expect_eof();
        world.run_until_all_are_gone();
        assert_eq!(log.lines(), ["made"; 2]);
    }
}

fn the_former_protocols_hear_no_more(world: &World) {
    let log = Log::default();
    let (ends, ids) = two_paused(world, &log);
    let ours = log.clone();
    world.on(|reactor| {
        for id in ids {
            let ours = ours.clone();
            reactor.tell(id, move |_: &mut Spy, transport| {
                transport.call_later(Duration::from_millis(1), move |_: &mut Spy, _| {
                    ours.note("a timer");
                });
            });
        }
        reactor.call_soon(move |reactor| {
            reactor.pipe(ids[0], ids[1]);
            reactor.tell(ids[0], |_: &mut Spy, _| panic!("it is dropped"));
        });
    });
    ends[0].send("hello");
    ends[1].expect("hello");
    world.run_for(Duration::from_millis(20));
    ends[1].resets();
    ends[0].expect_reset();
    world.run_until_all_are_gone();
    assert_eq!(log.lines(), ["made"; 2]);
    assert_eq!(world.on(|reactor| reactor.counters().stale_calls), 1);
}

fn a_connection_joined_to_itself_echoes(world: &World) {
    let listener = world.serve(|_| {
        Spy::new(&Log::default()).made(|transport| {
            let id = transport.id();
            transport.reactor().pipe(id, id);
        })
    });
    let peer = world.peer(&listener);
    peer.send_bytes(text(200_000)).half_closes();
    peer.expect_bytes(text(200_000)).expect_eof();
    world.run_until_all_are_gone();
}

pub(crate) const HIGH: usize = 64 * 1024;
pub(crate) const LOW: usize = 16 * 1024;
/// What one read may bring.
const READ: usize = 256 * 1024;

fn who_does_not_read_keeps_the_other_from_being_read(world: &World) {
    const ALL: usize = 1 << 20;
    let board = Switchboard::new(world);
    for (from, to) in WAYS {
        let pipe = board.join(world);
        let (from, to, there) = (&pipe.ends[from], &pipe.ends[to], to);
        to.stops_reading();
        from.send_bytes(text(ALL));
        // A machine that is busy takes its time.
        world.run_until("it is held back", || pipe.unsent(world)[there] >= LOW);
        world.settle();
        let before = world.on(|reactor| reactor.counters().bytes_in);
        let unsent = pipe.unsent(world);
        assert_eq!(unsent[1 - there], 0);
        assert!((LOW..=HIGH + READ).contains(&unsent[there]), "{unsent:?}");
        world.run_for(Duration::from_millis(20));
        // A kernel makes its buffers larger as it likes.
        if world.simulated().is_some() {
            assert_eq!(world.on(|reactor| reactor.counters().bytes_in), before);
        }
        // The other way is open meanwhile.
        to.send("are you there?");
        from.expect("are you there?");
        to.reads_again().expect_bytes(text(ALL));
        from.half_closes();
        to.expect_eof().half_closes();
        pipe.is_over(world);
    }
}

fn at_no_time_more_waits_than_the_high_mark_and_one_read(world: &World) {
    const ALL: usize = 400_000;
    let sim = world.simulated().expect("only there each step is seen");
    let board = Switchboard::new(world);
    for window in [4 * 1024, 64 * 1024, 1 << 20] {
        sim.set_window(window);
        let pipe = board.join(world);
        for end in &pipe.ends {
            end.stops_reading();
            end.send_bytes(text(ALL));
        }
        let mut most = 0;
        let mut turn = |end: &Peer| {
            for _ in 0..20 {
                world.run_for(Duration::from_micros(100));
                most = pipe.unsent(world).into_iter().max().unwrap_or(0).max(most);
            }
            end.reads_again().received()
        };
        while WAYS.map(|(_, to)| turn(&pipe.ends[to])) != [ALL; 2] {}
        let bound = HIGH + window.min(READ) * 2;
        assert!(most <= bound, "{most} with windows of {window}");
        for end in &pipe.ends {
            end.expect_bytes(text(ALL));
        }
    }
}

fn a_pause_asked_for_holds_besides_that_of_the_pipe(world: &World) {
    let pipe = joined(world);
    pipe.ends[0].send("one");
    pipe.ends[1].expect("one");
    world.on(|reactor| reactor.pause_reading(pipe.ids[0]));
    pipe.ends[0].send("two");
    pipe.ends[1].stops_reading().send_bytes(text(400_000));
    world.settle();
    pipe.ends[0].expect_bytes(text(400_000));
    pipe.ends[1].reads_again();
    world.settle();
    assert_eq!(pipe.ends[1].received(), 0);
    world.on(|reactor| reactor.resume_reading(pipe.ids[0]));
    pipe.ends[1].expect("two");
}
