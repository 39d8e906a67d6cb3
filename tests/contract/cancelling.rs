//! How a call is given up, and how one goes from name to addresses.

use std::net::IpAddr;
use std::time::Duration;

use ropewalk::sim::{self, Answer};
use ropewalk::{ConnectError, NameError};

use crate::calling::{Odd, Story, failure};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    a_call_given_up_in_the_callback_that_made_it_fails_once,
    a_call_may_be_given_up_at_any_step,
    a_call_given_up_in_its_hook_changes_nothing,
    a_stop_fails_the_calls_under_way,
    a_name_is_looked_up,
}

contract! { simulated:
    a_lookup_that_fails_fails_the_call,
    a_lookup_that_is_not_answered_fails_at_the_calls_deadline,
    a_call_may_be_given_up_during_its_lookup,
    the_addresses_of_a_name_are_tried_in_turn,
    a_service_may_be_called_by_its_name,
}

fn simulated(world: &World) -> &sim::World {
    world.simulated().expect("this is played in simulation")
}

fn a_call_given_up_in_the_callback_that_made_it_fails_once(world: &World) {
    let listener = world.peer_listener();
    let [aborted, lost] = [(); 2].map(|()| Story::default());
    let (ours, theirs) = (aborted.clone(), lost.clone());
    let (copy, address) = (world.clone(), listener.address().clone());
    world.on(|reactor| {
        reactor.call_soon(move |reactor| {
            let id = ours.begin(copy.connect(reactor, &address));
            reactor.abort_connection(id);
            assert!(!reactor.is_connected(id));
            let id = theirs.begin(copy.connect(reactor, &address));
            reactor.lose_connection(id);
            reactor.abort_connection(id);
            assert!(!ours.has_failed() && !theirs.has_failed(), "not yet");
        });
    });
    assert_eq!(aborted.failure(world), ConnectError::Cancelled);
    assert_eq!(lost.failure(world), ConnectError::Cancelled);
}

fn a_call_may_be_given_up_at_any_step(world: &World) {
    let listener = world.serve(|_| Spy::new(&Log::default()));
    for steps in 0..12 {
        let story = Story::default();
        let id = world.on(|reactor| story.begin(world.connect(reactor, listener.address())));
        for _ in 0..steps {
            world.step();
        }
        world.on(|reactor| reactor.abort_connection(id));
        if story.log.has("made") {
            world.run_until("it is over", || story.is_over());
            world.settle();
            assert_eq!(story.log.lines(), ["made", "lost aborted"]);
            assert!(!story.has_failed());
        } else {
            assert_eq!(story.failure(world), ConnectError::Cancelled);
        }
    }
}

fn a_call_given_up_in_its_hook_changes_nothing(world: &World) {
    let odd = Odd::refuses(world);
    let story = Story::default();
    let ours = story.log.clone();
    world.on(|reactor| {
        let id = std::rc::Rc::new(std::cell::Cell::new(None));
        let known = std::rc::Rc::clone(&id);
        let connect = world.connect(reactor, &odd.address);
        let connect = connect.failed(move |reactor, error| {
            ours.note(format!("failed: {error}"));
            let id = known.get().expect("it was called before");
            reactor.abort_connection(id);
            reactor.write(id, "to nobody");
        });
        id.set(Some(connect.with(Spy::new(&story.log))));
    });
    world.run_until("it fails", || story.log.count("failed") > 0);
    world.settle();
    let address = &odd.address;
    let told = format!("failed: {address} refused: nobody listens there");
    assert_eq!(story.log.lines(), [told]);
}

fn a_stop_fails_the_calls_under_way(world: &World) {
    let odd = Odd::is_silent(world);
    let [early, late] = [(); 2].map(|()| Story::default());
    let (copy, ours, address) = (world.clone(), late.clone(), odd.address.clone());
    world.on(|reactor| {
        early.begin(world.connect(reactor, &odd.address));
        reactor.call_later(Duration::from_millis(1), move |reactor| {
            reactor.stop();
            ours.begin(copy.connect(reactor, &address));
        });
    });
    world.run_to_the_end();
    assert_eq!(early.failure(world), ConnectError::Stopping);
    assert_eq!(late.failure(world), ConnectError::Stopping);
}

fn a_name_is_looked_up(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).echo());
    let port = listener.address().port().expect("a TCP address has a port");
    let story = Story::default();
    world.on(|reactor| {
        let connect = reactor.connect(format!("tcp:localhost:{port}"));
        // The address is known in `connection_made`: it is the one that answered.
        let address = listener.address().clone();
        story.begin_with(connect, move |transport| {
            assert_eq!(transport.peer(), address);
            transport.abort_connection();
        });
    });
    world.run_until("it is over", || story.is_over());
    assert_eq!(story.log.lines(), ["made", "lost aborted"]);
}

fn a_lookup_that_fails_fails_the_call(world: &World) {
    world.on(|_| ());
    let sim = simulated(world);
    let says = "the resolver is ill".to_owned();
    sim.name("ill", Answer::Failed(says.clone()));
    sim.name("busy", Answer::Busy);
    sim.name("empty", Answer::Addresses(Vec::new()));
    sim.name("no-address", Answer::NoData);
    sim.name("tired", Answer::Temporary);
    let blank = "there is nothing between two dots".to_owned();
    for (host, error) in [
        ("nobody", NameError::Unknown),
        ("empty", NameError::NoData),
        ("no-address", NameError::NoData),
        ("tired", NameError::Temporary),
        ("no..name", NameError::NotAName(blank)),
        ("ill", NameError::Failed(says)),
        ("busy", NameError::Busy),
    ] {
        let told = failure(world, &format!("tcp:{host}:7"), |connect| connect);
        let host = host.to_owned();
        assert_eq!(told, ConnectError::Name { host, error });
    }
}

fn a_lookup_that_is_not_answered_fails_at_the_calls_deadline(world: &World) {
    world.on(|_| ());
    simulated(world).name("silent", Answer::Never);
    let begin = world.now();
    let told = failure(world, "tcp:silent:7", |connect| connect);
    let after = Some(world.now() - begin);
    assert_eq!(after, Some(Duration::from_secs(30)));
    let endpoint = "tcp:silent:7".to_owned();
    assert_eq!(told, ConnectError::TimedOut { endpoint, after });
}

fn a_call_may_be_given_up_during_its_lookup(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours));
    let port = listener.address().port().expect("a TCP address has a port");
    simulated(world).name("silent", Answer::Never);
    for host in ["silent", "localhost"] {
        let story = Story::default();
        let id = world.on(|reactor| story.begin(reactor.connect(format!("tcp:{host}:{port}"))));
        world.step();
        world.on(|reactor| reactor.abort_connection(id));
        assert_eq!(story.failure(world), ConnectError::Cancelled);
    }
    world.run_for(Duration::from_secs(60));
    assert_eq!(log.count("made"), 0);
}

const NO_ROUTE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 9, 1));
const NO_HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 9, 2));

fn the_addresses_of_a_name_are_tried_in_turn(world: &World) {
    let listener = world.peer_listener();
    let sim = simulated(world);
    sim.cut_off(NO_ROUTE);
    let right = listener.address().ip().expect("a TCP address has an IP");
    let in_turn = vec![NO_ROUTE, NO_HOST, NO_ROUTE, right, NO_HOST];
    sim.name("several", Answer::Addresses(in_turn));
    let story = Story::default();
    let address = listener.address().clone();
    world.on(|reactor| {
        let connect = reactor.connect("tcp:several:9000");
        story.begin_with(connect, move |transport| {
            assert_eq!(transport.peer(), address);
            transport.abort_connection();
        });
    });
    world.run_until("it is over", || story.is_over());
    assert_eq!(story.log.lines(), ["made", "lost aborted"]);
    assert!(!story.has_failed());
}

fn a_service_may_be_called_by_its_name(world: &World) {
    let sim = simulated(world);
    world.on(|_| ());
    let listener = sim.peer_listener("target", 7);
    let story = Story::default();
    world.on(|reactor| story.begin(reactor.connect("tcp:target:echo")));
    listener.accept().closes();
    world.run_until("it is over", || story.is_over());
    assert_eq!(story.log.lines()[0], "made");
}
