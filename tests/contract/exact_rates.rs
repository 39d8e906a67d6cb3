//! Rates in a simulation: to the nanosecond, and not taken for somebody's silence.

use std::time::Duration;

use ropewalk::sim::{Call, Faults};
use ropewalk::{Direction, Limits, Rate, Reactor, Time};

use crate::known::{text, text_between};
use crate::rates::{Course, HARDLY, act, received, sent, serve};
use crate::spy::{Log, Spy};
use crate::world::{Peer, SERVER, World, contract};

contract! { simulated:
    a_rate_is_not_taken_for_a_stalled_peer,
    a_stalled_peer_is_found_out_under_a_rate,
    the_silence_of_a_rate_is_not_the_peers,
    who_has_its_share_and_pauses_is_silent,
    a_write_that_fails_while_a_rate_is_used_up_is_the_end,
}

contract! { simulated_bare:
    bytes_are_received_at_their_rate_to_the_nanosecond,
    bytes_are_sent_at_their_rate_to_the_nanosecond,
    shared_bytes_go_at_their_rate_to_the_nanosecond,
    nothing_is_done_while_a_rate_has_nothing_to_wait_for,
}

fn who_has_its_share_and_pauses_is_silent(world: &World) {
    let limits = Limits::default()
        .shared_rate(Direction::Received, Rate::per_second(1000).burst(1000))
        .silence(ropewalk::Silence::Receiving, Duration::from_secs(2));
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve_with(limits, move |_| {
        // When it stands in the line, and before it is called.
        Spy::new(&ours).made(|transport| {
            transport.call_later(Duration::from_millis(50), |_: &mut Spy, transport| {
                transport.pause_reading();
            });
        })
    });
    let peer = world.peer(&listener);
    peer.send_bytes(text(5_000));
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert!(
        log.lines()
            .pop()
            .is_some_and(|last| last.contains("timed out"))
    );
}

fn a_write_that_fails_while_a_rate_is_used_up_is_the_end(world: &World) {
    const EPIPE: i32 = 32;
    let served = serve(world, received(HARDLY), |_| ());
    let peer = served.peer(world);
    peer.send_bytes(text(20_000));
    world.run_until("the burst has come", || served.received() > 900);
    world.settle();
    let simulation = world
        .simulated()
        .expect("its calls fail when they are told to");
    simulation.fail_next(SERVER, Call::Write, &[EPIPE]);
    let begin = world.now();
    act(world, &served.known, |transport| {
        transport.write("never sent")
    });
    world.run_until("the loss is told", || served.log.count("lost") == 1);
    assert!(world.now() - begin < Duration::from_secs(1));
}

fn a_rate_is_not_taken_for_a_stalled_peer(world: &World) {
    let rate = Rate::per_second(100).burst(100);
    let limits = sent(rate)
        .write(Duration::from_millis(5))
        .close(Duration::from_millis(5));
    let served = serve(world, limits, |transport| transport.write(text(500)));
    let peer = served.peer(world);
    peer.expect_bytes(text(300));
    act(world, &served.known, |transport| {
        transport.lose_connection();
    });
    peer.expect_bytes(text_between(300, 500)).expect_eof();
    world.run_until("the loss is told", || served.log.count("lost") == 1);
    assert_eq!(served.log.lines(), ["made", "lost done, ended by us"]);
}

fn a_stalled_peer_is_found_out_under_a_rate(world: &World) {
    let limits = sent(Rate::per_second(10_000_000)).write(Duration::from_secs(20));
    let served = serve(world, limits, |transport| transport.write(text(1 << 20)));
    let peer = served.peer(world);
    peer.stops_reading();
    world.run_until("the loss is told", || served.log.count("lost") == 1);
    assert!(served.log.has("lost timed out: the peer takes nothing"));
}

fn the_silence_of_a_rate_is_not_the_peers(world: &World) {
    let rate = Rate::per_second(1).burst(10);
    let limits = received(rate).silence(ropewalk::Silence::Receiving, Duration::from_millis(150));
    let served = serve(world, limits, |_| ());
    let peer = served.peer(world);
    let begin = world.now();
    peer.send_bytes(text(14));
    world.run_until("all has come", || served.received() == 14);
    assert!(world.now() - begin > Duration::from_secs(3));
    world.run_until("the loss is told", || served.log.count("lost") == 1);
    assert_eq!(
        served.log.without_data(),
        ["made", "lost timed out: nothing was received"]
    );
}

/// In a world in which nothing is unusual.
fn is_fair(world: &World) -> bool {
    world
        .simulated()
        .expect("only there is time exact")
        .faults()
        == Faults::None
}

fn milliseconds(course: &[(Time, usize)]) -> Vec<(u128, usize)> {
    let begin = course[0].0;
    course
        .iter()
        .map(|&(time, total)| ((time - begin).as_nanos() / 1_000_000, total))
        .collect()
}

fn bytes_are_received_at_their_rate_to_the_nanosecond(world: &World) {
    let course = Course::default();
    let seen = course.clone();
    let rate = Rate::per_second(1000).burst(500);
    let listener = world.serve_with(received(rate), move |_| {
        let seen = seen.clone();
        Spy::new(&Log::default())
            .data(move |transport, data| seen.note(transport.now(), data.len()))
    });
    let peer = world.peer(&listener);
    peer.send_bytes(text(950));
    world.run_until("all has come", || course.total() == 950);
    course.keeps_to(500, 1000);
    if is_fair(world) {
        let course = course.0.borrow();
        assert_eq!(
            milliseconds(&course),
            [
                (0, 500),
                (100, 600),
                (200, 700),
                (300, 800),
                (400, 900),
                (500, 950)
            ]
        );
        assert!(
            course
                .windows(2)
                .skip(1)
                .all(|pair| pair[1].0 - pair[0].0 == Duration::from_millis(100)),
            "{course:?}"
        );
    }
}

/// What its peers have received, in all, whenever that was more.
fn watch(world: &World, peers: &[Peer], all: usize) -> Course {
    let course = Course::default();
    world.run_until("all has come", || {
        let total = peers.iter().map(Peer::received).sum::<usize>();
        if total > course.total() {
            course.note(
                world.simulated().expect("a world").now(),
                total - course.total(),
            );
        }
        total == all
    });
    course
}

fn bytes_are_sent_at_their_rate_to_the_nanosecond(world: &World) {
    let rate = Rate::per_second(1000).burst(500);
    let served = serve(world, sent(rate), |transport| transport.write(text(950)));
    let peers = [served.peer(world)];
    let course = watch(world, &peers, 950);
    if is_fair(world) {
        assert_eq!(
            milliseconds(&course.0.borrow()),
            [
                (0, 500),
                (100, 600),
                (200, 700),
                (300, 800),
                (400, 900),
                (450, 950)
            ]
        );
    }
}

fn shared_bytes_go_at_their_rate_to_the_nanosecond(world: &World) {
    let rate = Rate::per_second(1000).burst(100);
    let limits = Limits::default().shared_rate(Direction::Sent, rate);
    let served = serve(world, limits, |_| ());
    let peers: Vec<Peer> = (0..3).map(|_| served.peer(world)).collect();
    world.run_until("all are made", || served.known.count() == 3);
    for id in served.known.ids() {
        world.on(|reactor| reactor.write(id, text(300)));
    }
    let begin = world.now();
    let course = watch(world, &peers, 900);
    if is_fair(world) {
        let last = course.0.borrow().last().expect("some came").0;
        // What was saved goes at once, the rest in eight tenths of a second; and the wire takes its time.
        assert_eq!((last - begin).as_millis(), 800, "{:?}", course.0);
    }
}

fn nothing_is_done_while_a_rate_has_nothing_to_wait_for(world: &World) {
    let served = serve(
        world,
        received(HARDLY).rate(Direction::Sent, HARDLY),
        |_| (),
    );
    let peer = served.peer(world);
    peer.send_bytes("hello");
    world.run_until("it has come", || served.received() == 5);
    world.settle();
    let turns = |reactor: &mut Reactor| (reactor.counters().turns, reactor.counters().timers);
    let (before, timers) = world.on(turns);
    assert_eq!(timers, 0);
    world.run_for(Duration::from_secs(3600));
    let (after, _) = world.on(turns);
    assert!(after - before < 10, "{} turns", after - before);
}
