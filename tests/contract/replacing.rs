//! Frames of which only the newest is wanted: which one a newer takes the place of, what waits, and what it may cost.

use ropewalk::sim::Faults;
use ropewalk::{Limits, Lines, Transport};

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{Peer, World, contract};

contract! { streams:
    a_newer_frame_takes_the_place_of_an_unsent_older_one,
    a_peer_that_keeps_up_misses_nothing_but_what_is_replaced_in_one_turn,
    a_frame_of_which_a_part_was_sent_is_sent_to_its_end,
    what_is_sent_in_one_callback_to_a_peer_that_reads_keeps_its_order,
    what_waits_is_sent_before_a_close_and_before_our_end,
    a_frame_in_another_envelope_replaces_nothing,
    a_successors_frames_replace_nothing_of_its_predecessors,
    more_keys_than_may_wait_are_too_many_but_not_more_frames,
    after_a_close_it_goes_nowhere_and_is_counted,
}

contract! { bare:
    the_newer_frame_stands_where_the_older_one_stood,
    frames_that_wait_count_as_unsent_bytes,
}

/// More than the system takes of it, if the peer does not read.
const MUCH: usize = 1 << 19;

/// A connection with lines, whose peer has stopped reading and is owed `MUCH`.
struct Blocked {
    world: World,
    log: Log,
    known: Known,
    peer: Peer,
    before: usize,
}

impl Blocked {
    fn new(world: &World, limits: Limits) -> Self {
        let (log, known) = (Log::default(), Known::default());
        let (ours, ids) = (log.clone(), known.clone());
        let listener = world.serve_with(limits, move |_| {
            let ids = ids.clone();
            Spy::new(&ours).made(move |transport| {
                transport.set_framing(Lines::default());
                ids.note(transport);
            })
        });
        let peer = world.peer(&listener);
        world.run_until("it is made", || known.count() == 1);
        peer.stops_reading();
        world.on(|reactor| reactor.write(known.id(), text(MUCH)));
        world.settle();
        let before = known.unsent(world);
        assert!(before > 0);
        Self {
            world: world.clone(),
            log,
            known,
            peer,
            before,
        }
    }

    /// Sends what a key stands for now, in a turn of its own.
    fn send(&self, key: &'static str, frame: impl AsRef<[u8]> + 'static) {
        let id = self.known.id();
        self.world.on(|reactor| reactor.send_latest(id, key, frame));
        self.world.step();
    }

    /// The system may have taken a little more meanwhile.
    fn waiting(&self) -> usize {
        self.known.unsent(&self.world).saturating_sub(self.before)
    }

    fn replaced(&self) -> u64 {
        self.world.on(|reactor| reactor.counters().frames_replaced)
    }

    /// All that comes after what the peer was owed first, to the end.
    fn heard(&self) -> String {
        self.peer.reads_again();
        self.world.settle();
        self.world
            .on(|reactor| reactor.lose_connection(self.known.id()));
        self.heard_to_the_end()
    }

    fn heard_to_the_end(&self) -> String {
        let heard = self.peer.reads_again().read_until_eof();
        assert!(heard.starts_with(&text(MUCH)));
        String::from_utf8(heard[MUCH..].to_vec()).expect("only text")
    }
}

fn a_newer_frame_takes_the_place_of_an_unsent_older_one(world: &World) {
    let scene = Blocked::new(world, Limits::default());
    for n in 0..100 {
        scene.send("b", format!("b is {n:03}"));
        if n % 2 == 0 {
            scene.send("a", format!("a is {n:03}"));
        }
        assert!(scene.waiting() <= 2 * "a is 000\r\n".len());
    }
    assert_eq!(scene.replaced(), 99 + 49);
    assert_eq!(scene.heard(), "b is 099\r\na is 098\r\n");
}

fn a_peer_that_keeps_up_misses_nothing_but_what_is_replaced_in_one_turn(world: &World) {
    let known = Known::default();
    let ids = known.clone();
    let listener = world.serve(move |_| {
        let ids = ids.clone();
        Spy::new(&Log::default()).made(move |transport| {
            transport.set_framing(Lines::default());
            ids.note(transport);
        })
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || known.count() == 1);
    for n in 0..20 {
        world.on(|reactor| {
            reactor.send_latest(known.id(), 1, format!("never {n}"));
            reactor.send_latest(known.id(), 1, format!("one {n}"));
            reactor.send_latest(known.id(), 2, format!("two {n}"));
        });
        // A layer can't take back what it was given.
        if world.layered {
            peer.expect(format!("never {n}"));
        }
        peer.expect(format!("one {n}")).expect(format!("two {n}"));
    }
}

fn a_frame_of_which_a_part_was_sent_is_sent_to_its_end(world: &World) {
    let scene = Blocked::new(world, Limits::default().unsent(8 * MUCH));
    scene.peer.reads_again().expect_bytes(text(MUCH));
    scene.peer.stops_reading();
    let (first, second) = ("1".repeat(MUCH), "2".repeat(MUCH));
    scene.send("key", first.clone());
    world.settle();
    let unsent = scene.known.unsent(world);
    let begun = unsent < MUCH;
    // A network may take nothing for a while, but not one without faults.
    let faults = world
        .simulated()
        .map_or(Faults::None, |world| world.faults());
    assert!(unsent > 0 && (begun || faults != Faults::None));
    scene.send("key", second);
    scene.send("key", "3");
    scene.send("key", "4");
    assert!(scene.known.unsent(world) <= unsent + 3);
    let begun = begun || world.layered;
    let first = if begun { first + "\r\n" } else { String::new() };
    scene.peer.reads_again().expect_bytes(first + "4\r\n");
}

fn what_is_sent_in_one_callback_to_a_peer_that_reads_keeps_its_order(world: &World) {
    let listener = world.serve(|_| {
        Spy::new(&Log::default()).made(|transport| {
            transport.set_framing(Lines::default());
            for n in 0..3 {
                transport.send(format!("a{n}"));
                transport.send_latest(n, format!("b{n}"));
                transport.write(format!("c{n}\r\n"));
                transport.send_latest(format!("other {n}").as_str(), format!("d{n}"));
            }
            transport.lose_connection();
        })
    });
    let peer = world.peer(&listener);
    let heard = peer.read_until_eof();
    let expected = "a0 b0 c0 d0 a1 b1 c1 d1 a2 b2 c2 d2 ".replace(' ', "\r\n");
    assert_eq!(String::from_utf8_lossy(&heard), expected);
}

fn the_newer_frame_stands_where_the_older_one_stood(world: &World) {
    let scene = Blocked::new(world, Limits::default());
    scene.send("a", "a, old");
    world.on(|reactor| reactor.send(scene.known.id(), "between"));
    scene.send("b", "b, old");
    world.on(|reactor| reactor.write(scene.known.id(), "and behind\r\n"));
    scene.send("a", "a, which is longer now");
    scene.send("b", "b");
    scene.send("c", "c");
    assert_eq!(
        scene.heard(),
        "a, which is longer now\r\nbetween\r\nb\r\nand behind\r\nc\r\n"
    );
}

fn what_waits_is_sent_before_a_close_and_before_our_end(world: &World) {
    for half in [false, true] {
        let scene = Blocked::new(world, Limits::default());
        scene.send("a", "a, old");
        scene.send("b", "b");
        scene.send("a", "a");
        let id = scene.known.id();
        world.on(|reactor| match half {
            true => reactor.lose_write_connection(id),
            false => reactor.lose_connection(id),
        });
        assert_eq!(scene.heard_to_the_end(), "a\r\nb\r\n");
    }
}

fn a_frame_in_another_envelope_replaces_nothing(world: &World) {
    let scene = Blocked::new(world, Limits::default());
    scene.send("a", "with CR, old");
    scene.send("a", "with CR");
    let id = scene.known.id();
    world.on(|reactor| {
        reactor.tell(id, |_: &mut Spy, transport| {
            transport.set_framing(Lines::lf());
            transport.send_latest("a", "without, old");
        });
    });
    world.step();
    scene.send("a", "without");
    assert_eq!(scene.heard(), "with CR\r\nwithout\n");
}

fn a_successors_frames_replace_nothing_of_its_predecessors(world: &World) {
    let scene = Blocked::new(world, Limits::default());
    scene.send("a", "the first's");
    let id = scene.known.id();
    world.on(|reactor| {
        reactor.tell(id, |_: &mut Spy, transport| {
            transport.switch_protocol(Spy::new(&Log::default()).made(
                |transport: &mut Transport<'_>| {
                    transport.send_latest("a", "the second's, old ");
                    transport.send_latest("a", "the second's");
                },
            ));
        });
    });
    world.step();
    assert_eq!(scene.heard(), "the first's\r\nthe second's");
}

fn more_keys_than_may_wait_are_too_many_but_not_more_frames(world: &World) {
    const FRAME: usize = 1000;
    let scene = Blocked::new(world, Limits::default().unsent(2 * MUCH));
    let id = scene.known.id();
    for n in 0..2000 {
        world.on(|reactor| reactor.send_latest(id, n % 10, "x".repeat(FRAME)));
        world.step();
    }
    assert!(scene.waiting() <= 10 * (FRAME + 2));
    assert_eq!(scene.log.lines(), ["made", "pause"]);
    for n in 0..2000 {
        world.on(|reactor| reactor.send_latest(id, n, "x".repeat(FRAME)));
        world.step();
    }
    assert_eq!(
        scene.log.lines().last().map(String::as_str),
        Some("lost too slow: the peer does not read")
    );
    assert_eq!(world.on(|reactor| reactor.counters().too_slow), 1);
}

fn frames_that_wait_count_as_unsent_bytes(world: &World) {
    let log = Log::default();
    let known = Known::default();
    let (ours, ids) = (log.clone(), known.clone());
    let listener = world.serve(move |_| {
        let ids = ids.clone();
        Spy::new(&ours).made(move |transport| ids.note(transport))
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || known.count() == 1);
    peer.stops_reading();
    world.on(|reactor| reactor.write(known.id(), text(MUCH)));
    world.run_until("it is told to pause", || log.has("pause"));
    let before = known.unsent(world);
    world.on(|reactor| {
        reactor.send_latest(known.id(), 1, text(3000));
        assert_eq!(reactor.unsent(known.id()), Some(before + 3000));
        reactor.send_latest(known.id(), 1, text(1000));
        assert_eq!(reactor.unsent(known.id()), Some(before + 1000));
    });
    peer.reads_again();
    world.run_until("it is told to resume", || log.has("resume"));
    peer.expect_bytes(text(MUCH)).expect_bytes(text(1000));
}

fn after_a_close_it_goes_nowhere_and_is_counted(world: &World) {
    let log = Log::default();
    let (ours, known) = (log.clone(), Known::default());
    let ids = known.clone();
    let listener = world.serve(move |_| {
        let ids = ids.clone();
        Spy::new(&ours)
            .made(move |transport| {
                ids.note(transport);
                transport.send_latest(1, "");
                transport.send_latest(1, "last words");
                transport.lose_connection();
                transport.send_latest(1, "too late");
            })
            .lost(|transport, _| transport.send_latest(1, "far too late"))
    });
    let peer = world.peer(&listener);
    assert_eq!(peer.read_until_eof(), b"last words");
    world.run_until("the loss is told", || log.count("lost") == 1);
    let id = known.id();
    world.on(|reactor| reactor.send_latest(id, 1, "nobody"));
    assert_eq!(world.on(|reactor| reactor.counters().stale_writes), 3);
}
