//! Names of hosts: looked up beside the loop, by few threads, and not at all where an address is given. What becomes of the
//! call is in `cancelling`.

use std::net::SocketAddr;
use std::time::Duration;

use ropewalk::ConnectError;
use ropewalk::sim::Answer;

use crate::alone::alone;
use crate::calling::{Odd, Story, failure};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    a_call_given_up_during_its_lookup_is_never_made,
    an_address_that_refuses_is_one_failure,
}

contract! { simulated_bare:
    an_address_is_called_though_no_name_can_be_looked_up,
    the_loop_goes_on_while_a_name_is_looked_up,
    a_lookup_counts_from_when_it_was_asked_for,
}

contract! { real:
    names_are_looked_up_on_a_few_threads_and_addresses_on_none,
}

fn a_call_given_up_during_its_lookup_is_never_made(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours));
    let port = listener.address().port().expect("a TCP address has a port");
    for _ in 0..20 {
        let story = Story::default();
        let id = world.on(|reactor| story.begin(reactor.connect(format!("tcp:localhost:{port}"))));
        world.on(|reactor| reactor.abort_connection(id));
        assert_eq!(story.failure(world), ConnectError::Cancelled);
    }
    assert_eq!(log.lines(), [""; 0]);
}

/// The name has addresses of both families, and at none of them anybody listens.
fn an_address_that_refuses_is_one_failure(world: &World) {
    let odd = Odd::refuses(world);
    let port = odd.address.port().expect("a TCP address has a port");
    let endpoint = format!("tcp:localhost:{port}");
    let error = failure(world, &endpoint, |connect| connect);
    let refused = |error: &ConnectError| match error {
        ConnectError::Refused { address } => address.port() == Some(port),
        _ => false,
    };
    match &error {
        ConnectError::Several {
            endpoint: asked,
            attempts,
        } => {
            assert_eq!((asked, attempts.len()), (&endpoint, 2));
            assert!(attempts.iter().all(refused), "{attempts:?}");
        }
        // A machine without one of the families.
        one => assert!(refused(one) && world.simulated().is_none(), "{one:?}"),
    }
    assert!(refused(error.reason()));
    let counters = world.on(|reactor| reactor.counters().clone());
    assert_eq!(counters.connects_failed, 1);
}

fn an_address_is_called_though_no_name_can_be_looked_up(world: &World) {
    let listener = world.peer_listener();
    let sim = world.simulated().expect("this is played in simulation");
    let ip = listener.address().ip().expect("a TCP address has an IP");
    sim.name(&ip.to_string(), Answer::Busy);
    let story = Story::default();
    world.on(|reactor| story.begin(reactor.connect(format!("tcp:{}", listener.address()))));
    listener.accept().closes();
    world.run_until("it is over", || story.is_over());
    assert_eq!(story.log.lines()[0], "made");
    // Of the other family, with its brackets, there is no such host: but it was not asked for by name.
    sim.name("fd00::7", Answer::Busy);
    let error = failure(world, "tcp:[fd00::7]:7", |connect| connect);
    assert!(!matches!(error, ConnectError::Name { .. }), "{error:?}");
}

fn the_loop_goes_on_while_a_name_is_looked_up(world: &World) {
    world.on(|_| ());
    let sim = world.simulated().expect("this is played in simulation");
    sim.name("silent", Answer::Never);
    let listener = world.serve(|_| Spy::new(&Log::default()).echo());
    let stories = [(); 20].map(|()| Story::default());
    world.on(|reactor| {
        for story in &stories {
            story.begin(reactor.connect("tcp:silent:7"));
        }
    });
    let peer = world.peer(&listener);
    peer.send("hello").expect("hello");
    assert!(stories.iter().all(|story| !story.is_over()));
}

fn a_lookup_counts_from_when_it_was_asked_for(world: &World) {
    const WITHIN: Duration = Duration::from_secs(3);
    world.on(|_| ());
    let sim = world.simulated().expect("this is played in simulation");
    sim.name("silent", Answer::Never);
    let begin = world.now();
    let error = failure(world, "tcp:silent:7", |connect| connect.timeout(WITHIN));
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
    assert_eq!(world.now() - begin, WITHIN);
}

/// How many threads this process has. (A thread has no name of its own before it runs.)
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .expect("Linux lists them")
        .count()
}

fn names_are_looked_up_on_a_few_threads_and_addresses_on_none(world: &World) {
    const CALLS: usize = 200;
    let name = "names::names_are_looked_up_on_a_few_threads_and_addresses_on_none::on_real_sockets";
    if !alone(name, "true") {
        return;
    }
    let listener = world.serve(|_| Spy::new(&Log::default()));
    let address: SocketAddr = listener
        .address()
        .to_string()
        .parse()
        .expect("a TCP address");
    let call = |host: &str| {
        let story = Story::default();
        world.on(|reactor| {
            let connect = reactor.connect(format!("tcp:{host}:{}", address.port()));
            story.begin_with(connect, |transport| transport.abort_connection());
        });
        story
    };
    let before = threads();
    let by_address = [call("127.0.0.1"), call("[::1]")];
    world.run_until("both are over", || by_address.iter().all(Story::is_over));
    assert_eq!(threads(), before);
    let by_name: Vec<Story> = (0..CALLS).map(|_| call("localhost")).collect();
    let most = std::cell::Cell::new(0);
    world.run_until("all are over", || {
        most.set(most.get().max(threads() - before));
        by_name.iter().all(Story::is_over)
    });
    assert!(by_name.iter().all(|story| story.log.has("made")));
    assert!((1..=4).contains(&most.get()), "{} threads", most.get());
}
