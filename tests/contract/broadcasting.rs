//! Speaking to many, of whom one does not listen: the others hear all, in time, and it costs a bounded amount.

use std::cell::RefCell;
use std::process::Command;
use std::rc::Rc;

use bytes::Bytes;
use ropewalk::{Group, Limits, Lines, Slow};

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{Peer, World, contract};

contract! { streams:
    a_member_that_does_not_read_is_lost_and_the_others_hear_all,
    the_oldest_frames_are_dropped_for_a_member_that_does_not_read,
    the_newest_frames_are_dropped_for_a_member_that_does_not_read,
    only_the_latest_frame_waits_for_a_member_that_does_not_read,
    a_member_that_keeps_up_misses_nothing_under_any_policy,
    what_waits_for_a_member_is_sent_before_its_connection_is_closed,
    what_waits_for_a_member_is_sent_before_our_end,
    each_member_gets_the_envelope_of_its_own_framing,
    a_member_whose_connection_is_closing_is_sent_nothing_more,
}

contract! { real:
    a_frame_for_many_is_held_once,
}

const FRAME: usize = 1000;
const COUNT: usize = 200;
const LOW: usize = 16 * 1024;

/// A group of three, the first of whom does not read.
struct Room {
    group: Group<usize>,
    known: Known,
    logs: Rc<RefCell<Vec<Log>>>,
    peers: Vec<Peer>,
    /// How many of them don't read.
    silent: usize,
    /// The most bytes that ever waited for the first.
    most: usize,
}

impl Room {
    fn new(world: &World, slow: Slow, limits: Limits) -> Self {
        let (group, known) = (Group::with(slow), Known::default());
        let logs = Rc::new(RefCell::new(Vec::new()));
        let (ours, ids, all) = (group.clone(), known.clone(), Rc::clone(&logs));
        let listener = world.serve_with(limits, move |_| {
            let (group, ids, log) = (ours.clone(), ids.clone(), Log::default());
            all.borrow_mut().push(log.clone());
            Spy::new(&log)
                .made(move |transport| {
                    transport.set_framing(Lines::default());
                    ids.note(transport);
                    assert!(group.join(transport, ids.count()));
                })
                .pause(|_| ())
                .resume(|_| ())
        });
        let mut peers = Vec::new();
        for count in 1..=3 {
            peers.push(world.peer(&listener));
            world.run_until("it is made", || known.count() == count);
        }
        peers[0].stops_reading();
        Self {
            group,
            known,
            logs,
            peers,
            silent: 1,
            most: 0,
        }
    }

    fn frame(n: usize) -> String {
        format!("{n:0FRAME$}")
    }

    /// Sends so many frames, each of which those who read have before the next.
    fn send(&mut self, world: &World, count: usize) {
        let first = self.known.ids()[0];
        for n in 0..count {
            world.on(|reactor| self.group.send(reactor, Self::frame(n)));
            let unsent = world.on(|reactor| reactor.unsent(first).unwrap_or(0));
            self.most = self.most.max(unsent);
            for peer in &self.peers[self.silent..] {
                peer.expect(Self::frame(n));
            }
        }
    }

    /// The numbers of the frames that the first one has when it reads after all.
    fn heard_by_the_first(&self, world: &World) -> Vec<usize> {
        self.peers[0].reads_again();
        world.settle();
        world.on(|reactor| reactor.lose_connection(self.known.ids()[0]));
        let heard = String::from_utf8(self.peers[0].read_until_eof()).expect("only digits");
        let number = |line: &str| {
            assert_eq!(line.len(), FRAME);
            line.parse().expect("only digits")
        };
        let heard: Vec<usize> = heard.lines().map(number).collect();
        assert_eq!(heard[0], 0);
        assert!(heard.is_sorted_by(|one, other| one < other), "{heard:?}");
        heard
    }

    fn log(&self, member: usize) -> Log {
        self.logs.borrow()[member].clone()
    }
}

fn dropped(world: &World) -> usize {
    let dropped = world.on(|reactor| reactor.counters().frames_dropped);
    usize::try_from(dropped).expect("a small number")
}

fn a_member_that_does_not_read_is_lost_and_the_others_hear_all(world: &World) {
    const LIMIT: usize = 64 * 1024;
    let limits = Limits::default().unsent(LIMIT);
    let mut room = Room::new(world, Slow::Disconnect, limits);
    room.send(world, COUNT);
    assert_eq!(
        room.log(0).lines().last().map(String::as_str),
        Some("lost too slow: the peer does not read")
    );
    assert!(
        room.most > LIMIT && room.most < LIMIT + 2 * FRAME,
        "{}",
        room.most
    );
    assert_eq!(room.group.keys(), [2, 3]);
    assert_eq!(room.log(1).lines(), ["made"]);
    assert_eq!(room.log(2).lines(), ["made"]);
}

fn the_oldest_frames_are_dropped_for_a_member_that_does_not_read(world: &World) {
    const WAIT: usize = 5;
    let mut room = Room::new(world, Slow::DropOldest(WAIT), Limits::default());
    room.send(world, COUNT);
    assert!(room.most < LOW + (WAIT + 2) * FRAME, "{}", room.most);
    let heard = room.heard_by_the_first(world);
    let last = &heard[heard.len() - WAIT..];
    assert!(last.iter().copied().eq(COUNT - WAIT..COUNT), "{heard:?}");
    assert_eq!(heard.len() + dropped(world), COUNT);
    assert!(dropped(world) > 0);
}

fn the_newest_frames_are_dropped_for_a_member_that_does_not_read(world: &World) {
    const WAIT: usize = 5;
    let mut room = Room::new(world, Slow::DropNewest(WAIT), Limits::default());
    room.send(world, COUNT);
    assert!(room.most < LOW + (WAIT + 2) * FRAME, "{}", room.most);
    let heard = room.heard_by_the_first(world);
    let (last, most) = (&heard[heard.len() - WAIT..], COUNT - 1 - WAIT);
    assert!(
        last.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{heard:?}"
    );
    assert!(last[0] < most, "{heard:?}");
    assert_eq!(heard.len() + dropped(world), COUNT);
    assert!(dropped(world) > 0);
}

fn only_the_latest_frame_waits_for_a_member_that_does_not_read(world: &World) {
    let mut room = Room::new(world, Slow::LatestOnly, Limits::default());
    room.send(world, COUNT);
    assert!(room.most < LOW + 3 * FRAME, "{}", room.most);
    let heard = room.heard_by_the_first(world);
    let last = &heard[heard.len() - 2..];
    assert!(last[0] < COUNT - 2 && last[1] == COUNT - 1, "{heard:?}");
    assert_eq!(heard.len() + dropped(world), COUNT);
    assert!(dropped(world) > 0);
}

fn a_member_that_keeps_up_misses_nothing_under_any_policy(world: &World) {
    for slow in [Slow::DropOldest(1), Slow::DropNewest(0), Slow::LatestOnly] {
        let mut room = Room::new(world, slow, Limits::default());
        room.peers[0].reads_again();
        room.silent = 0;
        room.send(world, COUNT);
    }
    assert_eq!(dropped(world), 0);
}

fn what_waits_for_a_member_is_sent_before_its_connection_is_closed(world: &World) {
    let mut room = Room::new(world, Slow::DropOldest(COUNT), Limits::default());
    room.send(world, COUNT);
    world.on(|reactor| reactor.lose_connection(room.known.ids()[0]));
    let heard = room.heard_by_the_first(world);
    assert!(heard.into_iter().eq(0..COUNT));
}

fn what_waits_for_a_member_is_sent_before_our_end(world: &World) {
    let mut room = Room::new(world, Slow::DropOldest(COUNT), Limits::default());
    room.send(world, COUNT);
    world.on(|reactor| reactor.lose_write_connection(room.known.ids()[0]));
    let heard = room.heard_by_the_first(world);
    assert!(heard.into_iter().eq(0..COUNT));
}

fn each_member_gets_the_envelope_of_its_own_framing(world: &World) {
    let (group, known) = (Group::<usize>::new(), Known::default());
    let (ours, ids) = (group.clone(), known.clone());
    let listener = world.serve(move |_| {
        let (group, ids) = (ours.clone(), ids.clone());
        Spy::new(&Log::default()).made(move |transport| {
            match ids.count() {
                0 => transport.set_framing(Lines::default()),
                1 => transport.set_framing(Lines::lf()),
                _ => {}
            }
            ids.note(transport);
            group.join(transport, ids.count());
        })
    });
    let mut peers = Vec::new();
    for count in 1..=3 {
        peers.push(world.peer(&listener));
        world.run_until("it is made", || known.count() == count);
    }
    world.on(|reactor| {
        group.send(reactor, "one");
        group.send_except(reactor, &2, "not for the second");
        group.send(reactor, "three");
    });
    peers[0].expect_bytes("one\r\nnot for the second\r\nthree\r\n");
    peers[1].expect_bytes("one\nthree\n");
    peers[2].expect_bytes("onenot for the secondthree");
}

fn a_member_whose_connection_is_closing_is_sent_nothing_more(world: &World) {
    let mut room = Room::new(world, Slow::DropOldest(COUNT), Limits::default());
    room.send(world, COUNT);
    world.on(|reactor| {
        reactor.lose_connection(room.known.ids()[0]);
        room.group.send(reactor, "too late for the first");
    });
    room.peers[1].expect("too late for the first");
    let heard = room.heard_by_the_first(world);
    assert!(heard.into_iter().eq(0..COUNT));
}

/// In a process of its own, for what others hold can't be told apart.
fn a_frame_for_many_is_held_once(world: &World) {
    const ALONE: &str = "ROPEWALK_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let name = "broadcasting::a_frame_for_many_is_held_once::on_real_sockets";
        let status = Command::new(std::env::current_exe().expect("this runs"))
            .args(["--exact", name])
            .env(ALONE, "1")
            .status()
            .expect("this can run again");
        return assert!(status.success());
    }
    const FRAME: usize = 4 << 20;
    const MEMBERS: usize = 50;
    let group = Group::<usize>::new();
    let (ours, known) = (group.clone(), Known::default());
    let ids = known.clone();
    let limits = Limits::default().unsent(4 * FRAME);
    let listener = world.serve_with(limits, move |_| {
        let (group, ids) = (ours.clone(), ids.clone());
        Spy::new(&Log::default()).made(move |transport| {
            ids.note(transport);
            group.join(transport, ids.count());
        })
    });
    let peers: Vec<Peer> = (0..MEMBERS).map(|_| world.peer(&listener)).collect();
    for peer in &peers {
        peer.stops_reading();
    }
    world.run_until("all are made", || known.count() == MEMBERS);
    let frame = Bytes::from(text(FRAME));
    world.on(|reactor| group.send(reactor, &frame));
    world.settle();
    assert!(known.unsent(world) > FRAME / 2, "it waits for all of them");
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells of itself");
    let most = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok())
        .expect("the most memory is among it");
    assert!(most * 1024 < MEMBERS * FRAME / 2, "{most} KiB");
}
