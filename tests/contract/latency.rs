//! What programs ask for in which microseconds count: when bytes came, and not to sleep. How long anything takes is for the
//! benchmark; here nothing is measured.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use ropewalk::{Arrival, Reactor, StampedBy, Stepper, Time, Transport};

use crate::spy::{Log, Spy};
use crate::world::{PATIENCE, SERVER, World, contract};

contract! { everywhere:
    bytes_are_not_stamped_unless_asked,
    bytes_are_stamped_before_they_are_delivered,
    what_a_pause_held_back_keeps_the_time_at_which_it_came,
    stamps_can_be_given_up_again,
    stamps_stay_when_another_protocol_takes_over,
    a_loop_that_spins_serves_peers_and_timers_as_one_that_sleeps,
    a_timer_for_which_the_loop_spins_is_not_early,
}

// Elsewhere no peer can be sure to speak while the reactor does not listen.
contract! { simulated:
    bytes_are_stamped_when_they_come_though_the_reactor_stands_still,
}

contract! { real:
    the_kernel_stamps_what_it_receives_where_it_can,
    a_loop_that_spins_for_ever_hears_of_posts,
    a_loop_looks_in_vain_only_if_it_spins,
}

type Stamps = Rc<RefCell<Vec<Arrival>>>;

/// Asks for stamps, and keeps that of each callback.
fn stamped(log: &Log, stamps: &Stamps) -> Spy {
    let stamps = Rc::clone(stamps);
    Spy::new(log)
        .made(|transport| transport.set_time_stamps(true))
        .data(move |transport, _| {
            let arrival = transport.received_at();
            stamps.borrow_mut().push(arrival.expect("it was asked for"));
        })
}

fn bytes_are_not_stamped_unless_asked(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours)
            .made(|transport| assert_eq!(transport.received_at(), None))
            .data(|transport, data| {
                assert_eq!(transport.received_at(), None);
                transport.write(data);
            })
    });
    world.peer(&listener).send("hello").expect("hello").closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.count("lost panicked"), 0);
}

fn bytes_are_stamped_before_they_are_delivered(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        let begin: Cell<Option<Time>> = Cell::new(None);
        Spy::new(&ours)
            .made(|transport| {
                transport.set_time_stamps(true);
                assert_eq!(transport.received_at(), None, "nothing has come yet");
            })
            .data(move |transport, data| {
                let arrival = transport.received_at().expect("it was asked for");
                let wall_clock = transport.reactor().wall_clock();
                assert!(arrival.wall_clock <= wall_clock);
                assert!(begin.get() <= Some(arrival.time), "time goes on");
                begin.set(Some(arrival.time));
                transport.write(data);
            })
    });
    let peer = world.peer(&listener);
    for word in ["one", "two", "three"] {
        peer.send(word).expect(word);
    }
    peer.closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.count("lost panicked"), 0);
}

fn bytes_are_stamped_when_they_come_though_the_reactor_stands_still(world: &World) {
    const STANDSTILL: Duration = Duration::from_secs(10);
    let (log, stamps) = (Log::default(), Stamps::default());
    let (ours, theirs) = (log.clone(), Rc::clone(&stamps));
    let listener = world.serve(move |_| stamped(&ours, &theirs));
    let peer = world.peer(&listener);
    peer.send("hello");
    world.run_until("it is heard", || log.count("data") > 0);
    world.settle();
    stamps.borrow_mut().clear();
    let sim = world.simulated().expect("only a simulation stands still");
    let begin = world.now();
    sim.freeze(SERVER, STANDSTILL);
    peer.send("still there?");
    let heard = log.count("data");
    world.run_until("it is heard", || log.count("data") > heard);
    assert!(world.now() >= begin + STANDSTILL);
    let first = stamps.borrow()[0];
    assert!(first.time < begin + STANDSTILL, "{first:?}");
    assert_eq!(first.stamped_by, StampedBy::Kernel);
    let start = world.on(Reactor::wall_clock) - (world.now() - Time::START);
    assert_eq!(first.wall_clock, start + (first.time - Time::START));
}

fn what_a_pause_held_back_keeps_the_time_at_which_it_came(world: &World) {
    let (log, stamps) = (Log::default(), Stamps::default());
    let (ours, theirs) = (log.clone(), Rc::clone(&stamps));
    let id = Rc::new(Cell::new(None));
    let made = Rc::clone(&id);
    let listener = world.serve(move |_| {
        let (stamps, made) = (Rc::clone(&theirs), Rc::clone(&made));
        Spy::new(&ours)
            .made(move |transport| {
                made.set(Some(transport.id()));
                transport.set_time_stamps(true);
            })
            .data(move |transport, data| {
                let arrival = transport.received_at().expect("it was asked for");
                let is_first = stamps.borrow().is_empty();
                stamps.borrow_mut().push(arrival);
                if is_first {
                    transport.unread(data.len());
                    transport.pause_reading();
                }
            })
    });
    let peer = world.peer(&listener);
    peer.send("hello");
    world.run_until("it is given back", || log.count("data") == 1);
    world.run_for(world.short());
    world.on(|reactor| reactor.resume_reading(id.get().expect("it was made")));
    world.run_until("it is given again", || log.count("data") > 1);
    let stamps = stamps.borrow();
    assert_eq!(stamps[0], stamps[1]);
}

fn stamps_can_be_given_up_again(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        let asked = Cell::new(true);
        Spy::new(&ours)
            .made(|transport| transport.set_time_stamps(true))
            .data(move |transport, data| {
                assert_eq!(transport.received_at().is_some(), asked.take());
                transport.set_time_stamps(false);
                assert_eq!(transport.received_at(), None);
                transport.write(data);
            })
    });
    let peer = world.peer(&listener);
    peer.send("one").expect("one").send("two").expect("two");
    peer.closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.count("lost panicked"), 0);
}

fn stamps_stay_when_another_protocol_takes_over(world: &World) {
    let (log, stamps) = (Log::default(), Stamps::default());
    let (ours, theirs) = (log.clone(), Rc::clone(&stamps));
    let listener = world.serve(move |_| {
        let (log, stamps) = (ours.clone(), Rc::clone(&theirs));
        Spy::new(&ours).made(move |transport| {
            transport.set_time_stamps(true);
            let stamps = Rc::clone(&stamps);
            transport.switch_protocol(Spy::new(&log).data(move |transport, _| {
                stamps.borrow_mut().extend(transport.received_at());
            }));
        })
    });
    world.peer(&listener).send("hello");
    world.run_until("it is stamped", || !stamps.borrow().is_empty());
}

#[cfg(all(feature = "precise", any(target_os = "linux", target_os = "android")))]
const STAMPED_BY: StampedBy = StampedBy::Kernel;
#[cfg(not(all(feature = "precise", any(target_os = "linux", target_os = "android"))))]
const STAMPED_BY: StampedBy = StampedBy::Loop;

/// The kernel may begin with it a while after it was asked.
fn the_kernel_stamps_what_it_receives_where_it_can(world: &World) {
    let (log, stamps) = (Log::default(), Stamps::default());
    let (ours, theirs) = (log.clone(), Rc::clone(&stamps));
    let listener = world.serve(move |_| stamped(&ours, &theirs));
    let peer = world.peer(&listener);
    let begin = world.now();
    loop {
        let heard = stamps.borrow().len();
        peer.send("hello");
        world.run_until("it is heard", || stamps.borrow().len() > heard);
        let last = *stamps.borrow().last().expect("one was heard");
        assert!(last.time >= begin);
        if last.stamped_by == STAMPED_BY {
            return;
        }
        assert!(world.now() - begin < PATIENCE, "{last:?}");
    }
}

fn a_loop_that_spins_serves_peers_and_timers_as_one_that_sleeps(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours).data(|transport, data| {
            let data = data.to_vec();
            let reply = move |_: &mut Spy, transport: &mut Transport<'_>| transport.write(data);
            transport.call_later(Duration::from_micros(700), reply);
        })
    });
    world.on(|reactor| reactor.set_spin(Duration::MAX));
    let peer = world.peer(&listener);
    peer.send("hello").expect("hello").closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    world.on(|reactor| reactor.set_spin(Duration::ZERO));
    world.peer(&listener).send("again").expect("again");
}

fn a_timer_for_which_the_loop_spins_is_not_early(world: &World) {
    let early: Rc<Cell<u32>> = Rc::default();
    let fired: Rc<Cell<u32>> = Rc::default();
    for spin in [1, 200, 5_000].map(Duration::from_micros) {
        fired.set(0);
        world.on(|reactor| {
            reactor.set_spin(spin);
            for micros in (1..4000).step_by(177) {
                let (early, fired) = (Rc::clone(&early), Rc::clone(&fired));
                let due = reactor.now() + Duration::from_micros(micros);
                reactor.call_later(Duration::from_micros(micros), move |reactor| {
                    fired.set(fired.get() + 1);
                    early.set(early.get() + u32::from(reactor.now() < due));
                });
            }
        });
        world.run_until("all have fired", || fired.get() == 23);
        assert_eq!(early.get(), 0);
    }
}

/// Nothing else happens, so only the posts can end its look.
fn a_loop_that_spins_for_ever_hears_of_posts(_: &World) {
    let mut reactor = Reactor::new().expect("the system has a selector");
    reactor.set_spin(Duration::MAX);
    let remote = reactor.remote();
    let mut posters = Vec::new();
    reactor.call_every(Duration::from_millis(1), move |reactor| {
        if reactor.counters().spins > 0 && posters.is_empty() {
            let (remote, again) = (remote.clone(), remote.clone());
            let call = move |_: &mut Reactor| again.stop().expect("it has not stopped");
            posters.push(thread::spawn(move || remote.post(call)));
        }
    });
    let gave_up: Rc<Cell<bool>> = Rc::default();
    let gives_up = Rc::clone(&gave_up);
    reactor.call_later(PATIENCE, move |reactor| {
        gives_up.set(true);
        reactor.stop();
    });
    reactor.run().expect("the selector works");
    assert!(!gave_up.get(), "a post was not heard");
}

fn a_loop_looks_in_vain_only_if_it_spins(_: &World) {
    let mut stepper = Stepper::new(Reactor::new().expect("the system has a selector"));
    let wait = Some(Duration::from_millis(1));
    stepper.turn(wait).expect("the selector works");
    assert_eq!(stepper.reactor().counters().spins, 0);
    stepper.reactor().set_spin(Duration::from_micros(100));
    stepper
        .turn(Some(Duration::ZERO))
        .expect("the selector works");
    assert_eq!(
        stepper.reactor().counters().spins,
        0,
        "it had something to do"
    );
    stepper.turn(wait).expect("the selector works");
    assert!(stepper.reactor().counters().spins > 0);
}
