//! Frames of which only the newest is wanted, sent to many.

use ropewalk::{Group, Lines, Slow};

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{Peer, World, contract};

contract! { everywhere:
    a_silent_member_has_one_frame_of_each_key_waiting_under_any_policy,
    a_members_own_frames_are_not_the_groups,
    each_member_is_sent_the_newest_frame_in_its_own_envelope,
}

/// More than the system takes of it, if the peer does not read.
const MUCH: usize = 1 << 19;

/// Some of a group, the first of whom does not read.
fn room(world: &World, group: &Group<usize>) -> (Known, Vec<Peer>) {
    let known = Known::default();
    let (ours, ids) = (group.clone(), known.clone());
    let listener = world.serve(move |_| {
        let (group, ids) = (ours.clone(), ids.clone());
        Spy::new(&Log::default())
            .made(move |transport| {
                transport.set_framing(if ids.count() == 2 {
                    Lines::lf()
                } else {
                    Lines::default()
                });
                ids.note(transport);
                assert!(group.join(transport, ids.count()));
            })
            .pause(|_| ())
    });
    let mut peers = Vec::new();
    for count in 1..=3 {
        peers.push(world.peer(&listener));
        world.run_until("it is made", || known.count() == count);
    }
    peers[0].stops_reading();
    let first = known.ids()[0];
    world.on(|reactor| reactor.write(first, text(MUCH)));
    world.settle();
    (known, peers)
}

fn a_silent_member_has_one_frame_of_each_key_waiting_under_any_policy(world: &World) {
    for slow in [
        Slow::Disconnect,
        Slow::DropOldest(1),
        Slow::DropNewest(0),
        Slow::LatestOnly,
    ] {
        let group = Group::with(slow);
        let (known, peers) = room(world, &group);
        let first = known.ids()[0];
        let before = world
            .on(|reactor| reactor.unsent(first))
            .expect("it is there");
        for n in 0..50 {
            for key in 0..3 {
                let frame = format!("{key} is {n:02}");
                world.on(|reactor| group.send_latest(reactor, key, &frame));
                peers[1].expect(&frame);
                peers[2].expect_bytes(frame + "\n");
            }
            let unsent = world.on(|reactor| reactor.unsent(first));
            assert!(unsent <= Some(before + 3 * "0 is 00\r\n".len()));
        }
        peers[0].reads_again().expect_bytes(text(MUCH));
        peers[0]
            .expect("0 is 49")
            .expect("1 is 49")
            .expect("2 is 49");
        assert_eq!(world.on(|reactor| reactor.counters().frames_dropped), 0);
    }
}

fn a_members_own_frames_are_not_the_groups(world: &World) {
    let (group, other) = (Group::new(), Group::new());
    let (known, peers) = room(world, &group);
    let first = known.ids()[0];
    world.on(|reactor| {
        assert!(other.add(reactor, 'x', first));
        for n in 0..3 {
            reactor.send_latest(first, 1, format!("its own {n}"));
            group.send_latest(reactor, 1, format!("the group's {n}"));
            other.send_latest(reactor, 1, format!("another's {n}"));
        }
    });
    peers[0].reads_again().expect_bytes(text(MUCH));
    peers[0]
        .expect("its own 2")
        .expect("the group's 2")
        .expect("another's 2");
}

fn each_member_is_sent_the_newest_frame_in_its_own_envelope(world: &World) {
    let group = Group::with(Slow::DropOldest(2));
    let (known, peers) = room(world, &group);
    world.on(|reactor| {
        for n in 0..3 {
            // What waits by the group's policy stays before the newest.
            group.send(reactor, format!("said {n}"));
            group.send_latest_except(reactor, &2, "position", format!("at {n}"));
        }
        assert!(reactor.is_connected(known.ids()[0]));
    });
    peers[1].expect("said 0").expect("said 1").expect("said 2");
    let third: Vec<&str> = if world.layered {
        vec![
            "said 0\n", "at 0\n", "said 1\n", "at 1\n", "said 2\n", "at 2\n",
        ]
    } else {
        vec!["said 0\n", "at 2\n", "said 1\n", "said 2\n"]
    };
    peers[2].expect_bytes(third.concat());
    peers[0].reads_again().expect_bytes(text(MUCH));
    peers[0].expect_bytes("at 2\r\nsaid 1\r\nsaid 2\r\n");
    let counters = world.on(|reactor| reactor.counters().clone());
    assert_eq!(counters.frames_dropped, 1);
}
