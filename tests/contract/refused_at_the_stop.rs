//! What a stopping reactor refuses, and what becomes of the calls it was to make.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Address, Error, Lost, Reactor};

use crate::spy::{Log, Spy};
use crate::stopping::stop;
use crate::world::{World, contract};

contract! { everywhere:
    a_reactor_that_stops_takes_no_new_listener,
    a_reactor_that_stops_makes_no_new_connection,
    a_connect_under_way_fails_when_the_reactor_stops,
    a_connection_lost_at_the_stop_can_not_be_made_again,
    timers_and_calls_go_on_until_the_reactor_has_stopped,
    timers_and_calls_that_are_left_are_dropped_uncalled,
}

const LATER: Duration = Duration::from_secs(3600);

fn a_reactor_that_stops_takes_no_new_listener(world: &World) {
    let outcomes: Rc<RefCell<Vec<Option<Error>>>> = Rc::default();
    let seen = Rc::clone(&outcomes);
    let listener = world.serve(move |_| {
        let seen = Rc::clone(&seen);
        Spy::new(&Log::default()).stopping(move |transport| {
            let listened = transport
                .reactor()
                .listen("tcp:0")
                .serve(|_| Spy::new(&Log::default()));
            seen.borrow_mut().push(listened.err());
            transport.lose_connection();
        })
    });
    let peer = world.peer(&listener);
    world.on(|reactor| {
        reactor.stop();
        let listened = reactor.listen("tcp:0").serve(|_| Spy::new(&Log::default()));
        outcomes.borrow_mut().push(listened.err());
    });
    peer.expect_eof().closes();
    world.run_to_the_end();
    assert_eq!(
        *outcomes.borrow(),
        [Some(Error::Stopping), Some(Error::Stopping)]
    );
}

fn connects_in_vain(reactor: &mut Reactor, world: &World, to: &Address, log: &Log) {
    let failed = log.clone();
    world
        .connect(reactor, to)
        .failed(move |_, error| failed.note(format!("failed: {error}")))
        .with(Spy::new(log));
}

fn a_reactor_that_stops_makes_no_new_connection(world: &World) {
    let log = Log::default();
    let (ours, outer, target) = (log.clone(), world.clone(), world.peer_listener());
    let address = target.address().clone();
    let listener = world.serve(move |_| {
        let (log, world, address) = (ours.clone(), outer.clone(), address.clone());
        Spy::new(&Log::default()).stopping(move |transport| {
            connects_in_vain(transport.reactor(), &world, &address, &log);
            transport.lose_connection();
        })
    });
    let peer = world.peer(&listener);
    world.on(|reactor| {
        reactor.stop();
        connects_in_vain(reactor, world, target.address(), &log);
    });
    peer.expect_eof().closes();
    world.run_to_the_end();
    assert_eq!(log.lines(), ["failed: the reactor is stopping"; 2]);
}

fn a_connect_under_way_fails_when_the_reactor_stops(world: &World) {
    let log = Log::default();
    let target = world.peer_listener();
    world.on(|reactor| {
        connects_in_vain(reactor, world, target.address(), &log);
        reactor.stop();
    });
    world.run_to_the_end();
    assert_eq!(log.lines(), ["failed: the reactor is stopping"]);
}

/// A protocol that calls again whenever it is lost must not keep a reactor from stopping.
fn a_connection_lost_at_the_stop_can_not_be_made_again(world: &World) {
    fn calls(reactor: &mut Reactor, world: &World, to: &Address, log: &Log) {
        let again = (world.clone(), to.clone(), log.clone());
        let failed = again.clone();
        world
            .connect(reactor, to)
            .failed(move |reactor, error| {
                let (world, to, log) = &failed;
                log.note(format!("failed: {error}"));
                calls(reactor, world, to, log);
            })
            .with(Spy::new(log).lost(move |transport, _: &Lost| {
                let (world, to, log) = &again;
                calls(transport.reactor(), world, to, log);
            }));
    }
    let log = Log::default();
    let target = world.peer_listener();
    world.on(|reactor| calls(reactor, world, target.address(), &log));
    let peer = target.accept();
    world.run_until("it is made", || log.has("made"));
    stop(world);
    peer.expect_eof().closes();
    world.run_to_the_end();
    assert_eq!(
        log.lines()[..3],
        ["made", "stopping", "lost done, ended by us"]
    );
    assert!(log.count("failed: the reactor is stopping") > 0);
    assert_eq!(world.on(|reactor| reactor.connections()), 0);
}

fn timers_and_calls_go_on_until_the_reactor_has_stopped(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        let own = ours.clone();
        Spy::new(&ours).stopping(move |transport| {
            let (id, own) = (transport.id(), own.clone());
            transport.reactor().call_soon(move |reactor| {
                own.note("call");
                reactor.call_later(Duration::from_millis(5), move |reactor| {
                    own.note("timer");
                    reactor.lose_connection(id);
                });
            });
        })
    });
    let peer = world.peer(&listener);
    stop(world);
    peer.expect_eof().closes();
    world.run_to_the_end();
    assert_eq!(
        log.lines(),
        [
            "made",
            "stopping",
            "call",
            "timer",
            "lost done, ended by us"
        ]
    );
}

fn timers_and_calls_that_are_left_are_dropped_uncalled(world: &World) {
    let called = Rc::new(Cell::new(0));
    world.on(|reactor| {
        for _ in 0..3 {
            let (timer, beat) = (Rc::clone(&called), Rc::clone(&called));
            reactor.call_later(LATER, move |_| timer.set(1));
            reactor.call_every(LATER, move |_| beat.set(1));
        }
        let call = Rc::clone(&called);
        reactor.call_soon(move |reactor| reactor.call_soon(move |_| call.set(1)));
        reactor.stop();
    });
    world.run_to_the_end();
    assert_eq!((called.get(), Rc::strong_count(&called)), (0, 1));
}
