//! Timers: their order, their end, and what they do to the turns. What needs a clock that leaps is in `clock`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Reactor, Time, TimerId};

use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    timers_of_one_moment_fire_in_the_order_of_arming,
    no_delay_means_the_next_turn,
    a_timer_cancelled_by_a_sibling_of_the_same_moment_does_not_fire,
    a_timer_that_is_over_can_not_be_cancelled_again,
    a_timer_that_is_reset_fires_at_its_new_time_only,
    a_repeated_call_can_cancel_itself,
    a_repeated_call_goes_on_from_where_it_is_reset_to,
    the_longest_delay_is_never,
    a_delay_of_less_than_a_millisecond_is_not_waited_for_in_circles,
    a_timer_never_fires_early,
    the_timers_of_a_protocol_end_with_it,
    the_timers_of_a_protocol_end_when_another_takes_over,
    a_protocol_can_cancel_its_timers,
}

// In simulation no time passes while a reactor has something to do, so nothing could arrive meanwhile.
contract! { real:
    a_timer_that_arms_itself_anew_starves_nobody,
}

contract! { bare:
    a_deadline_and_what_comes_at_the_same_moment_make_one_loss,
}

const SOON: Duration = Duration::from_millis(5);

fn armed(world: &World, act: impl FnOnce(&mut Reactor, &Log)) -> Log {
    let log = Log::default();
    world.on(|reactor| act(reactor, &log));
    log
}

fn note_later(reactor: &mut Reactor, delay: Duration, log: &Log, what: &str) -> TimerId {
    let (log, what) = (log.clone(), what.to_owned());
    reactor.call_later(delay, move |_| log.note(what))
}

fn timers_of_one_moment_fire_in_the_order_of_arming(world: &World) {
    let expected: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    let log = armed(world, |reactor, log| {
        note_later(reactor, SOON * 2, log, "last");
        for number in &expected {
            note_later(reactor, SOON, log, number);
        }
    });
    world.run_until("all have fired", || log.has("last"));
    assert_eq!(log.lines()[..50], expected);
}

fn no_delay_means_the_next_turn(world: &World) {
    let log = armed(world, |reactor, log| {
        let inner = log.clone();
        reactor.call_later(Duration::ZERO, move |reactor| {
            let turn = reactor.counters().turns;
            reactor.call_later(Duration::ZERO, move |reactor| {
                inner.note(format!("{} on", reactor.counters().turns - turn));
            });
        });
    });
    world.run_until("both have fired", || log.count("") == 1);
    assert_eq!(log.lines(), ["1 on"]);
}

fn a_timer_that_arms_itself_anew_starves_nobody(world: &World) {
    fn again(reactor: &mut Reactor, fired: Rc<Cell<u64>>) {
        fired.set(fired.get() + 1);
        reactor.call_later(Duration::ZERO, move |reactor| again(reactor, fired));
    }
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).echo());
    let peer = world.peer(&listener);
    let fired = Rc::new(Cell::new(0));
    let counted = Rc::clone(&fired);
    world.on(|reactor| again(reactor, counted));
    peer.send("hello").expect("hello");
    let turns = world.on(|reactor| reactor.counters().turns);
    assert!(fired.get() > 1 && fired.get() <= turns + 1);
    peer.closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
}

fn a_timer_cancelled_by_a_sibling_of_the_same_moment_does_not_fire(world: &World) {
    let log = armed(world, |reactor, log| {
        let victim: Rc<Cell<Option<TimerId>>> = Rc::default();
        let (aim, inner) = (Rc::clone(&victim), log.clone());
        reactor.call_later(SOON, move |reactor| {
            let victim = aim.get().expect("it was armed");
            inner.note(format!("cancelled {}", reactor.cancel(victim)));
        });
        victim.set(Some(note_later(reactor, SOON, log, "the victim fires")));
        note_later(reactor, SOON, log, "the next one fires");
    });
    world.run_until("the next one fires", || log.has("the next one fires"));
    assert_eq!(log.lines(), ["cancelled true", "the next one fires"]);
}

fn a_timer_that_is_over_can_not_be_cancelled_again(world: &World) {
    let log = Log::default();
    let (fired, cancelled) = world.on(|reactor| {
        let fired = note_later(reactor, Duration::ZERO, &log, "fired");
        let cancelled = note_later(reactor, Duration::ZERO, &log, "never");
        assert!(reactor.cancel(cancelled));
        (fired, cancelled)
    });
    world.run_until("it fires", || log.has("fired"));
    world.on(|reactor| {
        // Its place may be another's by now.
        let other = note_later(reactor, Duration::ZERO, &log, "the other");
        for over in [fired, cancelled] {
            assert!(!reactor.cancel(over));
            assert!(!reactor.reset(over, SOON));
            assert_eq!(reactor.due(over), None);
        }
        assert!(reactor.due(other).is_some());
    });
    world.run_until("the other fires", || log.has("the other"));
    assert_eq!(log.lines(), ["fired", "the other"]);
}

fn a_timer_that_is_reset_fires_at_its_new_time_only(world: &World) {
    let log = armed(world, |reactor, log| {
        let later = note_later(reactor, SOON, log, "made later");
        let sooner = note_later(reactor, SOON * 100, log, "made sooner");
        note_later(reactor, SOON * 2, log, "as it was");
        assert!(reactor.reset(later, SOON * 3));
        assert!(reactor.reset(sooner, SOON));
        assert_eq!(reactor.due(later), Some(reactor.now() + SOON * 3));
    });
    world.run_until("the last one fires", || log.has("made later"));
    world.settle();
    assert_eq!(log.lines(), ["made sooner", "as it was", "made later"]);
}

fn a_repeated_call_can_cancel_itself(world: &World) {
    let log = armed(world, |reactor, log| {
        let own: Rc<Cell<Option<TimerId>>> = Rc::default();
        let (itself, inner) = (Rc::clone(&own), log.clone());
        let timer = reactor.call_every(SOON, move |reactor| {
            inner.note("beat");
            if inner.count("beat") == 3 {
                let itself = itself.get().expect("it was armed");
                inner.note(format!("cancelled {}", reactor.cancel(itself)));
            }
        });
        own.set(Some(timer));
        note_later(reactor, SOON * 10, log, "the end");
    });
    world.run_until("the end", || log.has("the end"));
    assert_eq!(
        log.lines(),
        ["beat", "beat", "beat", "cancelled true", "the end"]
    );
}

fn a_repeated_call_goes_on_from_where_it_is_reset_to(world: &World) {
    let beats: Rc<RefCell<Vec<Time>>> = Rc::default();
    let times = Rc::clone(&beats);
    let (moved, begin) = (SOON * 15 / 2, world.on(|reactor| reactor.now()));
    world.on(|reactor| {
        let timer = reactor.call_every(SOON, move |reactor| times.borrow_mut().push(reactor.now()));
        assert!(reactor.reset(timer, moved));
    });
    world.run_until("three beats", || beats.borrow().len() == 3);
    let beats = beats.borrow();
    let due = [
        begin + moved,
        begin + moved + SOON,
        begin + moved + SOON * 2,
    ];
    if world.simulated().is_some() {
        assert_eq!(*beats, due);
    } else {
        assert!(beats.iter().zip(due).all(|(beat, due)| *beat >= due));
    }
}

fn the_longest_delay_is_never(world: &World) {
    let log = armed(world, |reactor, log| {
        for delay in [
            Duration::MAX,
            Duration::from_secs(u64::MAX),
            // More than the 2^31 milliseconds of some selectors.
            Duration::from_secs(30 * 24 * 3600),
        ] {
            note_later(reactor, delay, log, "the far future");
            let far = log.clone();
            let timer = reactor.call_every(delay, move |_| far.note("the far future"));
            assert!(reactor.due(timer) >= reactor.due(timer).map(|_| reactor.now() + delay));
        }
        assert!(reactor.now() + Duration::MAX == Time::NEVER);
        note_later(reactor, SOON, log, "soon");
    });
    world.run_until("the near one fires", || log.has("soon"));
    world.settle();
    assert_eq!(log.lines(), ["soon"]);
}

fn a_delay_of_less_than_a_millisecond_is_not_waited_for_in_circles(world: &World) {
    const DELAY: Duration = Duration::from_micros(300);
    let fired: Rc<Cell<u64>> = Rc::default();
    let turns: Rc<Cell<u64>> = Rc::default();
    let (count, then) = (Rc::clone(&fired), Rc::clone(&turns));
    world.settle();
    let before = world.on(|reactor| {
        reactor.call_every(DELAY, move |reactor| {
            count.set(count.get() + 1);
            then.set(reactor.counters().turns);
        });
        reactor.counters().turns
    });
    world.run_until("it beats", || fired.get() == 20);
    // One turn a beat; some more for what else may wake a loop.
    let turns = turns.get() - before;
    assert!(turns <= 3 * fired.get(), "{turns} turns");
}

fn a_timer_never_fires_early(world: &World) {
    let early: Rc<Cell<u32>> = Rc::default();
    let fired: Rc<Cell<u32>> = Rc::default();
    world.on(|reactor| {
        for micros in (1..4000).step_by(77) {
            let (early, fired) = (Rc::clone(&early), Rc::clone(&fired));
            let due = reactor.now() + Duration::from_micros(micros);
            reactor.call_later(Duration::from_micros(micros), move |reactor| {
                fired.set(fired.get() + 1);
                early.set(early.get() + u32::from(reactor.now() < due));
            });
        }
    });
    world.run_until("all have fired", || fired.get() == 52);
    assert_eq!(early.get(), 0);
}

fn the_timers_of_a_protocol_end_with_it(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        let own = ours.clone();
        Spy::new(&ours).made(move |transport| {
            let (once, often) = (own.clone(), own.clone());
            transport.call_later(SOON, move |_: &mut Spy, _| once.note("once"));
            transport.call_every(SOON, move |_: &mut Spy, _| often.note("often"));
            transport.lose_connection();
        })
    });
    let peer = world.peer(&listener);
    peer.expect_eof().closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    world.run_for(SOON * 4);
    assert_eq!(log.lines(), ["made", "lost done, ended by us"]);
    assert_eq!(world.on(|reactor| reactor.counters().stale_calls), 0);
}

fn the_timers_of_a_protocol_end_when_another_takes_over(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        let (old, new) = (ours.clone(), ours.clone());
        Spy::new(&Log::default()).made(move |transport| {
            let heard = old.clone();
            transport.call_every(SOON, move |_: &mut Spy, _| heard.note("the old one's"));
            let heard = new.clone();
            transport.switch_protocol(Spy::new(&new).made(move |transport| {
                let heard = heard.clone();
                transport.call_later(SOON * 4, move |_: &mut Spy, transport| {
                    heard.note("the new one's");
                    transport.lose_connection();
                });
            }));
        })
    });
    let peer = world.peer(&listener);
    peer.expect_eof();
    assert_eq!(
        log.lines(),
        ["made", "the new one's", "lost done, ended by us"]
    );
}

fn a_protocol_can_cancel_its_timers(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        let own = ours.clone();
        Spy::new(&ours).made(move |transport| {
            let heard = own.clone();
            let timer = transport.call_every(SOON, move |_: &mut Spy, _| heard.note("cancelled"));
            assert!(transport.cancel(timer));
            assert!(!transport.cancel(timer));
            let heard = own.clone();
            transport.call_later(SOON * 3, move |_: &mut Spy, transport| {
                heard.note("not cancelled");
                transport.lose_connection();
            });
        })
    });
    world.peer(&listener).expect_eof();
    assert_eq!(
        log.lines(),
        ["made", "not cancelled", "lost done, ended by us"]
    );
}

/// The peer reads again, ends, or says something, just when the deadline is there.
fn a_deadline_and_what_comes_at_the_same_moment_make_one_loss(world: &World) {
    let lost = |log: &Log| log.count("lost") == 1;
    for late in 0..8 {
        let log = Log::default();
        let ours = log.clone();
        let limits = ropewalk::Limits::default().close(world.short());
        let listener = world.serve_with(limits, move |_| {
            Spy::new(&ours).data(|transport, _| {
                transport.write(vec![b'.'; 8 << 20]);
                transport.lose_connection();
            })
        });
        let peer = world.peer(&listener);
        peer.stops_reading().send("all of it");
        world.run_until("it is closing", || log.count("data") == 1);
        world.run_for(world.short() - Duration::from_micros(200 * late));
        peer.reads_again().send("more");
        world.run_until("the loss is told", || lost(&log));
        world.settle();
        let told = log.without_data();
        assert!(
            told == ["made", "lost done, ended by us"]
                || told == ["made", "lost timed out: closing"],
            "{told:?}"
        );
        world.on(|reactor| reactor.stop_listening(&listener));
    }
}
