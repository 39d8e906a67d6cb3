//! What is done before, during and after a shutdown: in which order, for how long, and what becomes of it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{ConnectError, Hold, Reactor, TriggerId};

use crate::calling::Story;
use crate::spy::{Log, Spy};
use crate::stopping::stop;
use crate::world::{World, contract};

contract! { everywhere:
    hooks_are_called_before_during_and_after_the_drain_in_the_order_in_which_they_were_added,
    the_stop_waits_for_what_is_to_be_done_before_it,
    who_is_to_be_waited_for_may_still_connect,
    at_the_deadline_the_stop_waits_no_longer,
    a_second_stop_at_once_waits_no_longer,
    a_stop_at_once_calls_the_hooks_and_waits_for_none,
    a_panic_in_a_hook_keeps_no_other_from_being_called,
    a_hook_that_was_removed_is_not_called,
    a_hook_that_comes_too_late_is_not_called,
    what_a_last_hook_asks_for_is_refused_and_told,
}

type Keeping = Rc<RefCell<Vec<Hold>>>;

fn note(log: &Log, what: &str) -> impl FnOnce(&mut Reactor) + use<> {
    let (log, what) = (log.clone(), what.to_owned());
    move |_| log.note(what)
}

fn note_before(world: &World, log: &Log, what: &str) -> TriggerId {
    let note = note(log, what);
    world.on(|reactor| reactor.before_shutdown(move |reactor, _| note(reactor)))
}

/// Something to be done before the stop, which is done when the hold is dropped.
fn keep(world: &World, log: &Log) -> Keeping {
    let (kept, note) = (Keeping::default(), note(log, "before"));
    let ours = Rc::clone(&kept);
    world.on(|reactor| {
        reactor.before_shutdown(move |reactor, hold| {
            note(reactor);
            ours.borrow_mut().push(hold);
        })
    });
    kept
}

fn unfinished(world: &World) -> (u64, u64) {
    let report = world.on(|reactor| reactor.report());
    (report.hooks_unfinished, report.hooks_panicked)
}

fn hooks_are_called_before_during_and_after_the_drain_in_the_order_in_which_they_were_added(
    world: &World,
) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours));
    let peer = world.peer(&listener);
    world.on(|reactor| {
        reactor.after_shutdown(note(&log, "after 1"));
        reactor.during_shutdown(note(&log, "during 1"));
        reactor.before_shutdown(|_, _| {});
        reactor.during_shutdown(note(&log, "during 2"));
        reactor.after_shutdown(note(&log, "after 2"));
    });
    note_before(world, &log, "before 1");
    note_before(world, &log, "before 2");
    stop(world);
    peer.expect_eof().closes();
    world.run_to_the_end();
    assert_eq!(
        log.lines(),
        [
            "made",
            "before 1",
            "before 2",
            "stopping",
            "during 1",
            "during 2",
            "lost done, ended by us",
            "after 1",
            "after 2"
        ]
    );
}

fn the_stop_waits_for_what_is_to_be_done_before_it(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).echo());
    let (first, second) = (keep(world, &log), keep(world, &log));
    stop(world);
    world.run_until("they are called", || log.count("before") == 2);
    // All goes on as ever.
    let peer = world.peer(&listener);
    peer.send("hello").expect("hello");
    first.take();
    world.run_for(Duration::from_millis(5));
    assert!(!log.has("stopping"));
    world.on(|_| drop(second.take()));
    world.run_until("the stop begins", || log.has("stopping"));
    peer.expect_eof().closes();
    world.run_to_the_end();
    assert_eq!(unfinished(world), (0, 0));
}

fn who_is_to_be_waited_for_may_still_connect(world: &World) {
    let (listener, story) = (world.peer_listener(), Story::default());
    let (ours, address, within) = (story.clone(), listener.address().clone(), world.clone());
    world.on(|reactor| {
        reactor.before_shutdown(move |reactor, hold| {
            let mut hold = Some(hold);
            let connect = within.connect(reactor, &address);
            ours.begin_with(connect, move |transport| {
                transport.write("we leave\r\n");
                transport.lose_connection();
                drop(hold.take());
            });
        });
        reactor.stop();
    });
    let peer = listener.accept();
    peer.expect("we leave").expect_eof().closes();
    world.run_to_the_end();
    assert!(!story.has_failed());
}

fn at_the_deadline_the_stop_waits_no_longer(world: &World) {
    let log = Log::default();
    let kept = keep(world, &log);
    let begin = world.on(|reactor| {
        reactor.set_stop_deadline(world.short());
        reactor.during_shutdown(note(&log, "during"));
        reactor.after_shutdown(note(&log, "after"));
        reactor.stop();
        reactor.now()
    });
    world.run_to_the_end();
    assert!(world.now() - begin >= world.short());
    assert_eq!(log.lines(), ["before", "during", "after"]);
    assert_eq!(unfinished(world), (1, 0));
    drop(kept);
}

fn a_second_stop_at_once_waits_no_longer(world: &World) {
    let log = Log::default();
    let kept = keep(world, &log);
    world.on(|reactor| {
        reactor.set_stop_deadline(None);
        reactor.stop();
    });
    world.run_until("it is called", || log.has("before"));
    world.run_for(Duration::from_millis(5));
    world.on(Reactor::stop_now);
    world.run_to_the_end();
    assert_eq!(unfinished(world), (1, 0));
    drop(kept);
}

fn a_stop_at_once_calls_the_hooks_and_waits_for_none(world: &World) {
    let log = Log::default();
    let kept = keep(world, &log);
    world.on(|reactor| {
        reactor.during_shutdown(note(&log, "during"));
        reactor.after_shutdown(note(&log, "after"));
        reactor.stop_now();
    });
    world.run_to_the_end();
    assert_eq!(log.lines(), ["before", "during", "after"]);
    drop(kept);
}

fn a_panic_in_a_hook_keeps_no_other_from_being_called(world: &World) {
    let log = Log::default();
    world.on(|reactor| {
        reactor.before_shutdown(|_, hold| {
            let _held = hold;
            panic!("on purpose");
        });
        reactor.during_shutdown(|_| panic!("on purpose"));
        reactor.during_shutdown(note(&log, "during"));
        reactor.after_shutdown(|_| panic!("on purpose"));
        reactor.after_shutdown(note(&log, "after"));
    });
    note_before(world, &log, "before");
    stop(world);
    world.run_to_the_end();
    assert_eq!(log.lines(), ["before", "during", "after"]);
    assert_eq!(unfinished(world), (0, 3));
    assert_eq!(world.on(|reactor| reactor.counters().panics), 3);
}

fn a_hook_that_was_removed_is_not_called(world: &World) {
    let log = Log::default();
    let first = note_before(world, &log, "first");
    let later = Rc::new(RefCell::new(None));
    let ours = Rc::clone(&later);
    world.on(|reactor| {
        reactor.before_shutdown(move |reactor, _| {
            let trigger = ours.take().expect("it was added");
            assert!(reactor.remove_trigger(trigger));
        });
    });
    *later.borrow_mut() = Some(note_before(world, &log, "second"));
    note_before(world, &log, "third");
    world.on(|reactor| {
        assert!(reactor.remove_trigger(first));
        assert!(!reactor.remove_trigger(first));
    });
    stop(world);
    world.run_to_the_end();
    assert_eq!(log.lines(), ["third"]);
}

fn a_hook_that_comes_too_late_is_not_called(world: &World) {
    let log = Log::default();
    let (ours, early) = (note(&log, "too late"), note(&log, "in time"));
    world.on(|reactor| {
        reactor.during_shutdown(move |reactor| {
            let trigger = reactor.before_shutdown(move |reactor, _| ours(reactor));
            assert!(!reactor.remove_trigger(trigger));
            reactor.after_shutdown(early);
        });
        reactor.stop();
    });
    world.run_to_the_end();
    assert_eq!(log.lines(), ["in time"]);
}

fn what_a_last_hook_asks_for_is_refused_and_told(world: &World) {
    let (listener, story) = (world.peer_listener(), Story::default());
    let (ours, address, within) = (story.clone(), listener.address().clone(), world.clone());
    world.on(|reactor| {
        reactor.after_shutdown(move |reactor| {
            let connect = within.connect(reactor, &address);
            ours.begin(connect);
        });
        reactor.stop();
    });
    world.run_to_the_end();
    assert_eq!(story.failure(world), ConnectError::Stopping);
    assert_eq!(world.on(|reactor| reactor.connections()), 0);
}
