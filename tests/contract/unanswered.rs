//! Requests that get no reply: their time, the loss, and panics of those who are told.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::Faults;
use ropewalk::{RequestError, Transport, Unanswered};

use crate::asking::{Asker, LONG, SOON, Scene};
use crate::world::{SERVER, World, contract};

contract! { everywhere:
    a_request_without_a_reply_times_out_and_its_late_reply_is_nobodys,
    each_request_has_a_deadline_of_its_own,
    one_may_ask_again_when_told_that_there_is_no_reply,
    a_request_without_any_time_can_be_asked_again_and_again,
    all_that_are_unanswered_hear_of_the_loss_in_order_before_the_protocol,
    a_panic_over_one_request_does_not_keep_the_others_from_hearing,
    a_panic_over_the_loss_does_not_keep_the_others_from_hearing,
}

contract! { simulated:
    a_reply_that_has_arrived_in_time_is_in_time,
    the_time_is_kept_exactly,
}

fn a_request_without_a_reply_times_out_and_its_late_reply_is_nobodys(world: &World) {
    let scene = Scene::new(world);
    scene.ask(&[1, 2], SOON);
    assert_eq!(
        scene.told(2),
        ["1: no reply in time", "2: no reply in time"]
    );
    scene.peer.send("1 one").send("1 one");
    assert_eq!(scene.told(4)[2..], ["1 GivenUp", "1 Unknown"]);
    world.run_for(SOON * 3);
    assert_eq!(scene.log.lines().len(), 4);
    let counters = world.on(|reactor| reactor.counters().clone());
    assert_eq!((counters.requests_timed_out, counters.late_replies), (2, 1));
    scene.tell(|asker, _| assert_eq!(asker.requests.late(), 1));
}

fn each_request_has_a_deadline_of_its_own(world: &World) {
    let scene = Scene::new(world);
    let begin = world.now();
    scene.ask(&[1], LONG);
    scene.ask(&[2], SOON * 3);
    scene.ask(&[3], SOON);
    scene.ask(&[4], SOON * 2);
    assert_eq!(scene.told(1)[0], "3: no reply in time");
    scene.peer.send("4 four");
    let told = scene.told(3);
    assert!(told.contains(&"2: no reply in time".to_owned()));
    // On a slow machine the reply may have come too late.
    assert!(
        told[1..].iter().any(|line| line.starts_with("4: ")),
        "{told:?}"
    );
    assert!(world.now() - begin >= SOON * 3);
    scene.peer.send("1 one");
    assert!(scene.told(4).contains(&"1: one".to_owned()));
}

fn one_may_ask_again_when_told_that_there_is_no_reply(world: &World) {
    fn persist(asker: &mut Asker, transport: &mut Transport<'_>, within: Duration) {
        let key = asker.requests.next_key();
        let asked = asker.try_ask(transport, key, within, move |this, transport, outcome| {
            let failed = outcome.is_err();
            this.note(key, outcome);
            if failed {
                persist(this, transport, if key == 2 { LONG } else { SOON });
            }
        });
        assert_eq!(asked, Ok(()));
    }
    let scene = Scene::new(world);
    scene.tell(|asker, transport| persist(asker, transport, SOON));
    scene
        .peer
        .expect("1 what?")
        .expect("2 what?")
        .expect("3 what?");
    scene.peer.send("3 that.");
    assert_eq!(
        scene.told(3),
        ["1: no reply in time", "2: no reply in time", "3: that."]
    );
}

/// It is told of in the next turn, never in the same.
fn a_request_without_any_time_can_be_asked_again_and_again(world: &World) {
    fn persist(asker: &mut Asker, transport: &mut Transport<'_>, told: u64) {
        let key = asker.requests.next_key();
        let within = Duration::ZERO;
        let asked = asker.try_ask(transport, key, within, move |this, transport, outcome| {
            let turn = transport.reactor().counters().turns;
            assert!(turn > told);
            this.note(key, outcome);
            if key < 100 {
                persist(this, transport, turn);
            }
        });
        assert_eq!(asked, Ok(()));
    }
    let scene = Scene::new(world);
    scene.tell(|asker, transport| persist(asker, transport, 0));
    scene.peer.send("still heard");
    world.run_until("it is heard", || scene.log.has("still heard"));
    let overdue = |line: &&String| line.ends_with("no reply in time");
    assert_eq!(scene.told(101).iter().filter(overdue).count(), 100);
}

fn all_that_are_unanswered_hear_of_the_loss_in_order_before_the_protocol(world: &World) {
    let scene = Scene::new(world);
    scene.ask(&[5, 4, 6], LONG);
    scene.tell(|asker, _| {
        asker.lost = Some(|asker, transport| {
            let refused = asker.try_ask(transport, 7, LONG, |_, _, _| unreachable!());
            assert_eq!(refused, Err(RequestError::Ended));
            asker.log.note("refused");
        });
    });
    scene.peer.send("4 four");
    scene.told(1);
    scene.peer.half_closes();
    let lost = "done, ended by the peer";
    let without = |key| format!("{key}: the connection was lost: {lost}");
    assert_eq!(
        scene.told(5),
        [
            "4: four",
            &without(5),
            &without(6),
            &format!("lost {lost}"),
            "refused"
        ]
    );
    world.run_until_all_are_gone();
    assert_eq!(scene.log.lines().len(), 5);
}

/// The one that panics and another come due at the same moment, a third later.
fn a_panic_over_one_request_does_not_keep_the_others_from_hearing(world: &World) {
    let scene = Scene::new(world);
    scene.tell(|asker, transport| {
        let asked = asker.try_ask(transport, 1, SOON, |_, _, _| panic!("a test's panic"));
        assert_eq!(asked, Ok(()));
        asker.ask(transport, 2, SOON);
        asker.ask(transport, 3, LONG);
    });
    assert_eq!(
        scene.told(3),
        [
            "2: the connection was lost: the protocol panicked",
            "3: the connection was lost: the protocol panicked",
            "lost the protocol panicked"
        ]
    );
}

fn a_panic_over_the_loss_does_not_keep_the_others_from_hearing(world: &World) {
    let scene = Scene::new(world);
    scene.tell(|asker, transport| {
        asker.ask(transport, 1, LONG);
        let asked = asker.try_ask(transport, 2, LONG, |_, _, _| panic!("a test's panic"));
        assert_eq!(asked, Ok(()));
        asker.ask(transport, 3, LONG);
    });
    scene
        .peer
        .expect("1 what?")
        .expect("2 what?")
        .expect("3 what?")
        .half_closes();
    let told = scene.told(3);
    assert!(told[0].starts_with("1: the") && told[1].starts_with("3: the"));
    assert_eq!(told[2], "lost done, ended by the peer");
    assert_eq!(world.on(|reactor| reactor.counters().panics), 1);
}

/// The process stands still, and meanwhile the peer answers.
fn a_reply_that_has_arrived_in_time_is_in_time(world: &World) {
    let scene = Scene::new(world);
    scene.ask(&[1, 2, 3], Duration::from_secs(60));
    let simulated = world.simulated().expect("only a simulation stands still");
    if simulated.faults() != Faults::None {
        // A network that says of what has arrived that it has not is believed.
        return;
    }
    simulated.freeze(SERVER, Duration::from_secs(3600));
    scene.peer.send("1 one").send("2 two");
    world.run_for(Duration::from_secs(3700));
    assert_eq!(scene.told(3), ["1: one", "2: two", "3: no reply in time"]);
}

fn the_time_is_kept_exactly(world: &World) {
    let scene = Scene::new(world);
    let times = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&times);
    scene.tell(move |asker, transport| {
        for n in [7, 3, 9, 1, 5, 2, 8, 4, 6_u16] {
            let (times, due) = (Rc::clone(&told), transport.now() + SOON * n.into());
            let asked = asker.try_ask(
                transport,
                n,
                SOON * n.into(),
                move |_, transport, outcome| {
                    assert_eq!(outcome, Err(Unanswered::TimedOut));
                    assert_eq!(transport.now(), due);
                    times.borrow_mut().push(n);
                },
            );
            assert_eq!(asked, Ok(()));
        }
    });
    world.run_for(SOON * 20);
    assert_eq!(*times.borrow(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}
