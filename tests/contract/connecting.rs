//! How calls go: those that succeed, and every way to fail, each told once.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::Call;
use ropewalk::{Address, ConnectError, OsError};

use crate::calling::{Odd, Story, failure};
use crate::spy::{Log, Spy};
use crate::world::{SERVER, World, contract};

contract! { everywhere:
    what_was_written_before_the_connection_stood_is_sent,
    what_a_protocol_is_told_before_its_connection_stands_waits_until_then,
    a_call_that_is_refused_fails_once,
    a_call_that_is_not_answered_fails_at_its_deadline,
    a_bad_endpoint_fails_later_and_not_inside_the_call,
    a_call_comes_from_the_address_it_was_told,
    a_local_address_that_cant_be_had_is_told_as_such,
}

contract! { simulated:
    an_answer_that_has_not_come_is_not_made_up,
    an_answer_that_comes_after_the_deadline_changes_nothing,
    without_a_deadline_the_systems_own_holds,
    a_host_that_cant_be_reached_fails_with_what_the_system_said,
    a_want_of_local_ports_is_told_apart_from_a_forbidden_call,
}

contract! { real:
    a_socket_that_met_itself_is_not_a_connection,
}

fn what_was_written_before_the_connection_stood_is_sent(world: &World) {
    let listener = world.peer_listener();
    let story = Story::default();
    world.on(|reactor| {
        let id = story.begin(world.connect(reactor, listener.address()));
        reactor.write(id, "early ");
        assert_eq!(reactor.peer(id), None);
    });
    let peer = listener.accept();
    peer.expect_bytes("early ");
    peer.send("hello").closes();
    world.run_until("it is over", || story.is_over());
    assert_eq!(story.log.lines()[0], "made");
    assert!(story.log.count("data") > 0 && !story.has_failed());
}

fn what_a_protocol_is_told_before_its_connection_stands_waits_until_then(world: &World) {
    let (listener, log) = (world.peer_listener(), Log::default());
    let stories = [Story::default(), Story::default()];
    let ids = stories.each_ref().map(|story| {
        world.on(|reactor| {
            let id = story.begin(world.connect(reactor, listener.address()));
            let (log, made) = (log.clone(), story.log.clone());
            reactor.tell(id, move |_: &mut Spy, transport| {
                log.note(format!("told after {:?}", made.lines()));
                transport.write("told");
            });
            id
        })
    });
    world.on(|reactor| reactor.abort_connection(ids[1]));
    stories[1].failure(world);
    listener.accept().expect_bytes("told");
    assert_eq!(log.lines(), ["told after [\"made\"]"]);
    assert_eq!(world.on(|reactor| reactor.counters().stale_calls), 1);
}

fn a_call_that_is_refused_fails_once(world: &World) {
    let odd = Odd::refuses(world);
    let story = Story::default();
    world.on(|reactor| {
        story.begin(world.connect(reactor, &odd.address));
    });
    let address = odd.address.clone();
    assert_eq!(story.failure(world), ConnectError::Refused { address });
    let counters = world.on(|reactor| reactor.counters().clone());
    assert_eq!((counters.connects_failed, counters.connected), (1, 0));
}

fn a_call_that_is_not_answered_fails_at_its_deadline(world: &World) {
    let odd = Odd::is_silent(world);
    let (within, begin) = (world.short(), world.now());
    let error = failure(world, &odd.endpoint(), |connect| connect.timeout(within));
    assert!(world.now() - begin >= within);
    let timed_out = |endpoint: String, after: Duration| ConnectError::TimedOut {
        endpoint,
        after: Some(after),
    };
    assert_eq!(error, timed_out(odd.endpoint(), within));
    let endpoint = format!("{}:timeout=0.06", odd.endpoint());
    let error = failure(world, &endpoint, |connect| connect);
    assert_eq!(error, timed_out(endpoint, Duration::from_millis(60)));
}

fn an_answer_that_has_not_come_is_not_made_up(world: &World) {
    let odd = Odd::is_silent(world);
    // Turns in which the network may say, for no reason, that the socket is ready.
    world.on(|reactor| {
        reactor.call_every(Duration::from_millis(1), |_| {});
    });
    let within = Duration::from_secs(1);
    let error = failure(world, &odd.endpoint(), |connect| connect.timeout(within));
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
}

fn an_answer_that_comes_after_the_deadline_changes_nothing(world: &World) {
    let listener = world.peer_listener();
    let sim = world.simulated().expect("only there calls take long");
    sim.set_latency(Duration::from_millis(100));
    let endpoint = format!("tcp:{}", listener.address());
    // The call arrives and is taken; the answer to it is under way.
    let within = Duration::from_millis(150);
    let error = failure(world, &endpoint, |connect| connect.timeout(within));
    let timed_out = ConnectError::TimedOut {
        endpoint,
        after: Some(within),
    };
    assert_eq!(error, timed_out);
}

fn without_a_deadline_the_systems_own_holds(world: &World) {
    let odd = Odd::is_silent(world);
    let begin = world.now();
    let error = failure(world, &odd.endpoint(), |connect| connect.timeout(None));
    let timed_out = ConnectError::TimedOut {
        endpoint: odd.address.to_string(),
        after: None,
    };
    assert_eq!(error, timed_out);
    assert!(world.now() - begin > Duration::from_secs(100));
}

fn a_host_that_cant_be_reached_fails_with_what_the_system_said(world: &World) {
    world.on(|_| ());
    let sim = world.simulated().expect("only there routes can be cut");
    sim.cut_off([10, 9, 9, 1].into());
    let cases = [
        ("10.9.9.1:7", ErrorKind::NetworkUnreachable),
        ("10.9.9.2:7", ErrorKind::HostUnreachable),
    ];
    for (target, right) in cases {
        match failure(world, &format!("tcp:{target}"), |connect| connect) {
            ConnectError::Unreachable { address, error } => {
                assert_eq!((address.to_string().as_str(), error.kind), (target, right));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn a_bad_endpoint_fails_later_and_not_inside_the_call(world: &World) {
    for endpoint in [
        "",
        "tcp:localhost",
        "tcp:localhost:70000",
        "udp:localhost:7",
    ] {
        let error = failure(world, endpoint, |connect| connect);
        let ConnectError::Endpoint(error) = error else {
            panic!("{endpoint:?}: {error:?}")
        };
        assert_eq!(error.description, endpoint);
    }
    let error = failure(world, "tcp:localhost:no-such-service", |connect| connect);
    let service = "no-such-service".to_owned();
    assert_eq!(error, ConnectError::Service { service });
}

fn a_call_comes_from_the_address_it_was_told(world: &World) {
    let from: SocketAddr = ([127, 0, 0, 2], 0).into();
    let seen = Rc::new(Cell::new(None));
    let ours = Rc::clone(&seen);
    let log = Log::default();
    let listener = world.serve(move |peer| {
        ours.set(peer.ip());
        Spy::new(&log)
    });
    let local = Rc::new(Cell::new(None));
    let ours = Rc::clone(&local);
    let story = Story::default();
    world.on(|reactor| {
        let connect = world.connect(reactor, listener.address()).bind(from);
        story.begin_with(connect, move |transport| {
            ours.set(transport.local().and_then(|address| address.ip()));
            transport.lose_connection();
        });
    });
    world.run_until("it is over", || story.is_over());
    assert_eq!(
        (seen.get(), local.get()),
        (Some(from.ip()), Some(from.ip()))
    );
}

fn a_local_address_that_cant_be_had_is_told_as_such(world: &World) {
    let listener = world.serve(|_| Spy::new(&Log::default()));
    let Address::Tcp(taken) = *listener.address() else {
        unreachable!("it is a TCP listener")
    };
    let somebody_elses: SocketAddr = ([192, 0, 2, 1], 0).into();
    for (bind, kind) in [
        (taken, ErrorKind::AddrInUse),
        (somebody_elses, ErrorKind::AddrNotAvailable),
    ] {
        let story = Story::default();
        world.on(|reactor| {
            let connect = world.connect(reactor, listener.address());
            story.begin(connect.bind(bind));
        });
        match story.failure(world) {
            ConnectError::Bind { address, error } => {
                assert_eq!((&address, error.kind), (listener.address(), kind));
            }
            other => panic!("{bind}: {other:?}"),
        }
    }
}

fn a_want_of_local_ports_is_told_apart_from_a_forbidden_call(world: &World) {
    const EACCES: i32 = 13;
    const EADDRNOTAVAIL: i32 = 99;
    let sim = world.simulated().expect("only there errors can be had");
    let address: Address = Address::Tcp(([127, 0, 0, 1], 7).into());
    let local = SocketAddr::from(([127, 0, 0, 1], 7));
    let call = |number: i32, bind: Option<SocketAddr>| {
        world.on(|_| ());
        sim.fail_next(SERVER, Call::Connect, &[number]);
        failure(world, &format!("tcp:{address}"), |connect| match bind {
            Some(bind) => connect.bind(bind),
            None => connect,
        })
    };
    let bind = |number: i32| ConnectError::Bind {
        address: address.clone(),
        error: OsError::from(std::io::Error::from_raw_os_error(number)),
    };
    assert_eq!(call(EADDRNOTAVAIL, None), bind(EADDRNOTAVAIL));
    assert_eq!(call(EACCES, Some(local)), bind(EACCES));
    let error = OsError::from(std::io::Error::from_raw_os_error(EACCES));
    let address = address.clone();
    assert_eq!(call(EACCES, None), ConnectError::Failed { address, error });
}

/// A socket bound to the port that it calls: what the kernel does by itself once in a while, when it chooses the port.
fn a_socket_that_met_itself_is_not_a_connection(world: &World) {
    for _ in 0..20 {
        let odd = Odd::refuses(world);
        let address = odd.address.clone();
        let endpoint = odd.endpoint();
        drop(odd);
        match failure(world, &endpoint, |connect| connect.bind(address.clone())) {
            // Somebody took the port meanwhile.
            ConnectError::Bind { .. } => {}
            error => return assert_eq!(error, ConnectError::SelfConnected { address }),
        }
    }
    panic!("no port was free twice");
}
