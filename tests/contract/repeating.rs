//! Repeated calls: their beat, what is missed of it, and calls that can be started, held and stopped.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Beat, Hold, LoopingCall, Reactor, Time, Transport};

use crate::spy::{Log, Spy};
use crate::world::{SERVER, World, contract};

contract! { everywhere:
    a_looping_call_is_made_at_once_and_then_at_each_beat,
    one_that_is_started_later_waits_for_its_first_beat,
    one_that_was_stopped_can_be_started_again,
    one_can_stop_itself,
    a_protocols_ends_with_the_protocol,
    one_that_panics_goes_on,
}

contract! { simulated:
    what_was_missed_is_counted_and_not_made_up_for,
    while_it_is_held_it_is_not_called_and_then_goes_on_in_its_beat,
    a_reset_leaves_the_next_call_out_and_begins_the_beat_anew,
}

const BEAT: Duration = Duration::from_millis(5);

fn notes(log: &Log) -> impl FnMut(&mut Reactor, &mut Beat<'_>) + 'static {
    let log = log.clone();
    move |_, beat| log.note(format!("beat {}", beat.count()))
}

fn beats(world: &World, log: &Log, count: usize) {
    world.run_until("it beats", || log.count("beat") >= count);
}

fn a_looping_call_is_made_at_once_and_then_at_each_beat(world: &World) {
    let times: Rc<RefCell<Vec<Time>>> = Rc::default();
    let ours = Rc::clone(&times);
    let call = LoopingCall::new(move |reactor, _| ours.borrow_mut().push(reactor.now()));
    let begin = world.on(|reactor| {
        assert!(!call.is_running(reactor));
        call.start(reactor, BEAT);
        assert!(call.is_running(reactor));
        reactor.now()
    });
    world.run_until("three calls", || times.borrow().len() >= 3);
    let times = times.borrow();
    assert!(times[1] >= begin + BEAT && times[2] >= begin + 2 * BEAT);
    if world.simulated().is_some() {
        assert_eq!(times[..3], [begin, begin + BEAT, begin + 2 * BEAT]);
    }
}

fn one_that_is_started_later_waits_for_its_first_beat(world: &World) {
    let log = Log::default();
    let call = LoopingCall::new(notes(&log));
    let begin = world.on(|reactor| {
        call.start_later(reactor, BEAT);
        reactor.now()
    });
    beats(world, &log, 1);
    assert!(world.now() >= begin + BEAT);
}

fn one_that_was_stopped_can_be_started_again(world: &World) {
    let log = Log::default();
    let call = LoopingCall::new(notes(&log));
    world.on(|reactor| call.start(reactor, BEAT));
    beats(world, &log, 2);
    world.on(|reactor| {
        assert!(call.stop(reactor));
        assert!(!call.stop(reactor) && !call.is_running(reactor) && !call.reset(reactor));
    });
    let before = log.count("beat");
    world.run_for(4 * BEAT);
    assert_eq!(log.count("beat"), before);
    world.on(|reactor| call.start(reactor, BEAT));
    beats(world, &log, before + 2);
    assert!(log.lines()[before] == "beat 1");
}

fn one_can_stop_itself(world: &World) {
    let (log, clone) = (Log::default(), Rc::new(RefCell::new(None)));
    let ours = log.clone();
    let call = LoopingCall::new(move |_, beat| {
        ours.note("beat");
        if ours.count("beat") == 2 {
            beat.stop();
        }
    });
    world.on(|reactor| call.start(reactor, BEAT));
    *clone.borrow_mut() = Some(call);
    beats(world, &log, 2);
    world.run_for(4 * BEAT);
    assert_eq!(log.count("beat"), 2);
}

fn a_protocols_ends_with_the_protocol(world: &World) {
    let log = Log::default();
    let (ours, call) = (log.clone(), Rc::new(RefCell::new(None)));
    let started = Rc::clone(&call);
    let listener = world.serve(move |_| {
        let (log, started) = (ours.clone(), Rc::clone(&started));
        Spy::new(&Log::default()).made(move |transport| {
            let log = log.clone();
            let call = LoopingCall::of(
                transport,
                move |_: &mut Spy, transport: &mut Transport<'_>, _: &mut Beat<'_>| {
                    log.note("beat");
                    transport.write(".");
                },
            );
            call.start(transport, BEAT);
            *started.borrow_mut() = Some(call);
        })
    });
    let peer = world.peer(&listener);
    peer.expect_bytes("..").closes();
    let call = call.borrow().clone().expect("it was started");
    world.run_until("it ends", || !world.on(|reactor| call.is_running(reactor)));
    let before = log.count("beat");
    world.run_for(4 * BEAT);
    assert_eq!(log.count("beat"), before);
}

fn one_that_panics_goes_on(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let call = LoopingCall::new(move |_, _| {
        ours.note("beat");
        assert!(ours.count("beat") > 1, "the first one");
    });
    world.on(|reactor| call.start(reactor, BEAT));
    beats(world, &log, 3);
    assert_eq!(world.on(|reactor| reactor.counters().panics), 1);
}

fn what_was_missed_is_counted_and_not_made_up_for(world: &World) {
    let (log, counted) = (Log::default(), Log::default());
    let ours = counted.clone();
    let call = LoopingCall::new(notes(&log));
    world.on(|reactor| {
        call.start_later(reactor, BEAT);
        reactor.call_every_with_count(BEAT, move |_, count| ours.note(format!("beat {count}")));
    });
    let simulated = world.simulated().expect("only a simulation stands still");
    simulated.freeze(SERVER, 10 * BEAT + BEAT / 2);
    world.run_for(12 * BEAT);
    assert_eq!(log.lines(), ["beat 10", "beat 1", "beat 1"]);
    assert_eq!(counted.lines(), log.lines());
}

fn while_it_is_held_it_is_not_called_and_then_goes_on_in_its_beat(world: &World) {
    let (log, held) = (Log::default(), Rc::new(RefCell::new(None::<Hold>)));
    let (ours, kept) = (log.clone(), Rc::clone(&held));
    let call = LoopingCall::new(move |_, beat| {
        ours.note(format!("beat {}", beat.count()));
        *kept.borrow_mut() = (ours.count("beat") == 1).then(|| beat.hold());
    });
    world.on(|reactor| call.start_later(reactor, BEAT));
    world.run_for(4 * BEAT + BEAT / 2);
    assert!(call.is_held());
    assert_eq!(log.lines(), ["beat 1"]);
    drop(held.take());
    world.run_for(BEAT / 4);
    assert_eq!(log.lines(), ["beat 1"], "not before the next beat");
    world.run_for(BEAT);
    assert_eq!(log.lines(), ["beat 1", "beat 4"]);
}

fn a_reset_leaves_the_next_call_out_and_begins_the_beat_anew(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let call = LoopingCall::new(move |reactor, _| ours.note(format!("beat {}", reactor.now())));
    let begin = world.on(|reactor| {
        call.start_later(reactor, BEAT);
        reactor.now()
    });
    world.run_for(BEAT + BEAT / 2);
    world.on(|reactor| assert!(call.reset(reactor)));
    world.run_for(2 * BEAT);
    let at = |time: Time| format!("beat {time}");
    assert_eq!(
        log.lines(),
        [
            at(begin + BEAT),
            at(begin + 2 * BEAT + BEAT / 2),
            at(begin + 3 * BEAT + BEAT / 2)
        ]
    );
}
