//! How a pipe ends: an end is passed on, a death too, and what a stop does to it.

use std::time::Duration;

use ropewalk::{Connect, Reactor};

use crate::calling::Odd;
use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{Peer, World, contract};

use crate::piping::{LOW, Switchboard, WAYS, joined, two_paused};

contract! { streams:
    an_end_is_passed_on_and_the_other_way_goes_on,
    an_end_that_was_heard_before_the_joining_is_passed_on,
    a_close_of_one_closes_the_other_behind_what_it_is_owed,
    who_leaves_for_another_pipe_has_its_partner_closed,
    a_stop_closes_a_quiet_pipe,
}

// A Unix stream knows no reset but of unread input.
contract! { everywhere:
    a_reset_of_one_is_a_reset_of_the_other,
    a_reset_is_noticed_while_the_other_peer_does_not_read,
    who_goes_away_while_the_other_is_called_ends_that_call,
    an_abort_of_one_aborts_the_other,
    joining_one_that_has_ended_aborts_the_other,
}

contract! { simulated:
    a_stop_lets_a_pipe_finish_through_which_something_comes,
    at_the_deadline_of_a_stop_a_pipe_is_cut_off,
}

fn an_end_is_passed_on_and_the_other_way_goes_on(world: &World) {
    let board = Switchboard::new(world);
    for (first, second) in WAYS {
        let pipe = board.join(world);
        let (first, second) = (&pipe.ends[first], &pipe.ends[second]);
        first.send_bytes(text(300_000)).half_closes();
        second.expect_bytes(text(300_000)).expect_eof();
        world.settle();
        assert!(world.on(|reactor| pipe.ids.iter().all(|&id| reactor.is_connected(id))));
        second.send_bytes(text(700_000));
        first.expect_bytes(text(700_000));
        second.half_closes();
        first.expect_eof();
        pipe.is_over(world);
        assert_eq!(world.on(|reactor| reactor.counters().bytes_dropped), 0);
    }
}

fn an_end_that_was_heard_before_the_joining_is_passed_on(world: &World) {
    let (log, known) = (Log::default(), Known::default());
    let (ours, ids) = (log.clone(), known.clone());
    let listener = world.serve(move |_| {
        let ids = ids.clone();
        Spy::new(&ours)
            .made(move |transport| ids.note(transport))
            .eof(|_| ())
    });
    let ends = [0, 1].map(|_| world.peer(&listener));
    ends[0].half_closes();
    world.run_until("the end is heard", || log.has("eof"));
    let [one, other] = known.ids()[..] else {
        panic!("two were made")
    };
    let who_ended = one;
    world.on(|reactor| reactor.pipe(who_ended, other));
    ends[1].expect_eof().send("goodbye").half_closes();
    ends[0].expect("goodbye").expect_eof();
    world.run_until_all_are_gone();
}

fn a_reset_of_one_is_a_reset_of_the_other(world: &World) {
    let board = Switchboard::new(world);
    for (one, other) in WAYS {
        let pipe = board.join(world);
        pipe.ends[one].send("so far");
        pipe.ends[other].expect("so far");
        pipe.ends[one].resets();
        pipe.ends[other].expect_reset();
        pipe.is_over(world);
    }
}

fn a_reset_is_noticed_while_the_other_peer_does_not_read(world: &World) {
    let board = Switchboard::new(world);
    for (one, other) in WAYS {
        let pipe = board.join(world);
        pipe.ends[other].stops_reading();
        pipe.ends[one].send_bytes(text(3 << 20));
        world.run_until("it is held up", || pipe.unsent(world)[other] > LOW);
        pipe.ends[one].resets();
        pipe.is_over(world);
        pipe.ends[other].reads_again().expect_reset();
        assert!(pipe.ends[other].received() < 3 << 20);
    }
}

/// A listener whose connections are joined with a call that `set` has a part in; its failure is noted.
pub(crate) fn joined_with_a_call(
    world: &World,
    endpoint: String,
    log: &Log,
    answer: &'static str,
    set: impl for<'a> Fn(Connect<'a>) -> Connect<'a> + Copy + 'static,
) -> Peer {
    let ours = log.clone();
    let listener = world.serve(move |_| {
        let (log, endpoint) = (ours.clone(), endpoint.clone());
        Spy::new(&ours).made(move |transport| {
            let (log, id) = (log.clone(), transport.id());
            let connect = set(transport.reactor().connect(endpoint.clone()));
            connect
                .failed(move |reactor, error| {
                    log.note(format!("failed {error:?}"));
                    reactor.write(id, answer);
                })
                .pipe(id);
        })
    });
    world.peer(&listener)
}

fn who_goes_away_while_the_other_is_called_ends_that_call(world: &World) {
    let (odd, log) = (Odd::is_silent(world), Log::default());
    let client = joined_with_a_call(world, odd.endpoint(), &log, "", |connect| connect);
    world.run_until("it is called", || log.has("made"));
    client.send("hello");
    world.settle();
    client.resets();
    world.run_until("the call fails", || log.count("failed") == 1);
    assert_eq!(log.lines(), ["made", "failed Cancelled"]);
    world.run_until_all_are_gone();
}

fn a_close_of_one_closes_the_other_behind_what_it_is_owed(world: &World) {
    const MUCH: usize = 1 << 20;
    let board = Switchboard::new(world);
    for (one, other) in WAYS {
        let pipe = board.join(world);
        pipe.ends[other].stops_reading();
        pipe.ends[one].send_bytes(text(MUCH));
        world.run_until("much waits", || pipe.unsent(world)[other] > LOW);
        let came = world.on(|reactor| {
            reactor.lose_connection(pipe.ids[one]);
            reactor.counters().bytes_in
        });
        pipe.ends[one].expect_eof();
        let rest = pipe.ends[other].reads_again().read_until_eof();
        // Under a layer more bytes come than it says.
        assert!(rest.len() > LOW && rest.len() <= came as usize);
        assert!(text(MUCH).starts_with(&rest));
        pipe.is_over(world);
        assert_eq!(world.on(|reactor| reactor.counters().bytes_dropped), 0);
    }
}

fn an_abort_of_one_aborts_the_other(world: &World) {
    let board = Switchboard::new(world);
    for (one, other) in WAYS {
        let pipe = board.join(world);
        world.on(|reactor| reactor.abort_connection(pipe.ids[one]));
        pipe.ends[one].expect_reset();
        pipe.ends[other].expect_reset();
        pipe.is_over(world);
    }
}

fn joining_one_that_has_ended_aborts_the_other(world: &World) {
    let log = Log::default();
    let (ends, ids) = two_paused(world, &log);
    ends[0].resets();
    world.run_until("the loss is told", || log.count("lost") == 1);
    world.on(|reactor| reactor.pipe(ids[0], ids[1]));
    ends[1].expect_reset();
    let lost = ["made", "made", "lost reset by the peer", "lost aborted"];
    world.run_until("both losses are told", || log.lines() == lost);
}

fn who_leaves_for_another_pipe_has_its_partner_closed(world: &World) {
    let log = Log::default();
    let pipe = joined(world);
    pipe.ends[0].send("hello");
    pipe.ends[1].expect("hello");
    let (others, ids) = two_paused(world, &log);
    world.on(|reactor| reactor.pipe(ids[0], pipe.ids[0]));
    pipe.ends[1].expect_eof();
    pipe.ends[0].send("who is there?");
    others[0].expect("who is there?").send("me");
    pipe.ends[0].expect("me").half_closes();
    others[0].expect_eof().half_closes();
    pipe.ends[0].expect_eof();
    pipe.is_over(world);
}

/// Has the reactor stop, within ten seconds.
fn stop(world: &World) {
    world.on(Reactor::stop);
}

fn a_stop_closes_a_quiet_pipe(world: &World) {
    let pipe = joined(world);
    pipe.ends[0].send("hello");
    pipe.ends[1].expect("hello");
    world.on(|reactor| reactor.set_stop_deadline(2 * world.short()));
    stop(world);
    for end in &pipe.ends {
        end.expect_eof().closes();
    }
    world.run_to_the_end();
}

fn a_stop_lets_a_pipe_finish_through_which_something_comes(world: &World) {
    let pipe = joined(world);
    stop(world);
    for n in 0..12 {
        let (from, to) = WAYS[n % 2];
        world.run_for(Duration::from_millis(600));
        pipe.ends[from].send("still here");
        pipe.ends[to].expect("still here");
    }
    pipe.ends[0].half_closes();
    pipe.ends[1].expect_eof().send("goodbye").half_closes();
    pipe.ends[0].expect("goodbye").expect_eof();
    world.run_to_the_end();
}

fn at_the_deadline_of_a_stop_a_pipe_is_cut_off(world: &World) {
    let pipe = joined(world);
    stop(world);
    for _ in 0..16 {
        world.run_for(Duration::from_millis(600));
        pipe.ends[0].send("still here");
        pipe.ends[1].expect("still here");
    }
    pipe.ends[0].send("and again");
    world.run_to_the_end();
    pipe.ends[0].expect_reset();
    pipe.ends[1].expect_reset();
}
