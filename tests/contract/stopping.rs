//! Stopping: in which order, for how long, and by whom. What is refused meanwhile
//! is in `refused_at_the_stop`, whole reactors are in `reactors`.

use std::net::TcpStream;
use std::time::Duration;

use ropewalk::{Reactor, RemoteError};

use crate::spy::{Log, Spy};
use crate::world::{SERVER, World, contract};

contract! { streams:
    a_reactor_that_stops_tells_its_connections_and_waits_until_they_are_done,
    what_is_owed_is_sent_before_the_stop,
    a_stopping_reactor_still_hears_its_peers,
    without_a_deadline_a_stop_waits_for_everybody,
    a_reactor_stopped_before_it_runs_stops_at_once,
    a_reactor_stopped_twice_stops_once,
    a_reactor_can_be_stopped_from_a_callback,
    a_reactor_can_be_stopped_by_a_loss,
    a_reactor_can_be_stopped_through_a_remote,
}

// A Unix stream knows no reset but of unread input.
contract! { everywhere:
    who_does_not_finish_is_cut_off_at_the_deadline,
    a_stop_at_once_asks_nobody,
    a_stop_at_once_cuts_a_stop_in_order_short,
}

contract! { bare:
    a_reactor_that_stops_closes_its_listeners_first,
    a_peer_whose_layers_are_not_ready_is_not_waited_for,
}

const LATER: Duration = Duration::from_secs(3600);

pub(crate) fn stop(world: &World) {
    world.on(Reactor::stop);
}

fn a_reactor_that_stops_tells_its_connections_and_waits_until_they_are_done(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        let own = ours.clone();
        Spy::new(&ours).stopping(move |transport| {
            let own = own.clone();
            transport.write("closing soon\r\n");
            transport.call_later(Duration::from_millis(10), move |_: &mut Spy, transport| {
                own.note("done");
                transport.lose_connection();
            });
        })
    });
    let (one, two) = (world.peer(&listener), world.peer(&listener));
    stop(world);
    one.expect("closing soon").expect_eof().closes();
    two.expect("closing soon").expect_eof().closes();
    world.run_to_the_end();
    let told = log.lines();
    let count = |what| told.iter().filter(|line| *line == what).count();
    assert_eq!(&told[2..4], ["stopping", "stopping"]);
    assert_eq!((count("done"), count("lost done, ended by us")), (2, 2));
    assert_eq!(world.on(|reactor| reactor.connections()), 0);
}

fn what_is_owed_is_sent_before_the_stop(world: &World) {
    let size = if world.simulated().is_some() {
        1 << 18
    } else {
        16 << 20
    };
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours).data(move |transport, _| transport.write(vec![b'.'; size]))
    });
    let peer = world.peer(&listener);
    peer.stops_reading().send_bytes("x");
    world.run_until("it was asked for", || log.count("data") == 1);
    stop(world);
    world.run_until("the stop is told", || log.has("stopping"));
    peer.reads_again();
    assert_eq!(peer.read_until_eof().len(), size);
    peer.closes();
    world.run_to_the_end();
    assert!(log.has("lost done, ended by us"));
}

fn a_stopping_reactor_still_hears_its_peers(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).echo().stopping(|_| {}));
    let peer = world.peer(&listener);
    stop(world);
    world.run_until("the stop is told", || log.has("stopping"));
    peer.send("one more").expect("one more");
    peer.half_closes().expect_eof();
    world.run_to_the_end();
    assert_eq!(
        log.without_data(),
        ["made", "stopping", "eof", "lost done, ended by the peer"]
    );
}

fn who_does_not_finish_is_cut_off_at_the_deadline(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).stopping(|_| {}));
    let peer = world.peer(&listener);
    let begin = world.on(|reactor| {
        reactor.set_stop_deadline(world.short());
        reactor.stop();
        reactor.now()
    });
    world.run_to_the_end();
    assert!(world.now() - begin >= world.short());
    peer.expect_reset();
    assert_eq!(
        log.lines(),
        ["made", "stopping", "lost the reactor stopped"]
    );
}

fn without_a_deadline_a_stop_waits_for_everybody(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).echo().stopping(|_| {}));
    let peer = world.peer(&listener);
    world.on(|reactor| {
        reactor.set_stop_deadline(None);
        reactor.stop();
    });
    if world.simulated().is_some() {
        world.run_for(LATER);
    } else {
        world.settle();
    }
    peer.send("still here").expect("still here");
    peer.half_closes().expect_eof();
    world.run_to_the_end();
    assert!(log.has("lost done, ended by the peer"));
}

fn a_stop_at_once_asks_nobody(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).stopping(|_| {}));
    let peer = world.peer(&listener);
    let begin = world.on(|reactor| {
        reactor.stop_now();
        reactor.now()
    });
    world.run_to_the_end();
    assert!(world.now() - begin < Duration::from_secs(10));
    peer.expect_reset();
    assert_eq!(
        log.lines().last().map(String::as_str),
        Some("lost the reactor stopped")
    );
    assert_eq!(log.count("lost"), 1);
}

fn a_stop_at_once_cuts_a_stop_in_order_short(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).stopping(|_| {}));
    let peer = world.peer(&listener);
    world.on(|reactor| {
        reactor.set_stop_deadline(None);
        reactor.stop();
    });
    world.run_until("the stop is told", || log.has("stopping"));
    world.on(Reactor::stop_now);
    world.run_to_the_end();
    peer.expect_reset();
    assert_eq!(
        log.lines(),
        ["made", "stopping", "lost the reactor stopped"]
    );
}

fn a_reactor_stopped_before_it_runs_stops_at_once(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    world.on(|reactor| {
        assert!(!reactor.is_stopping());
        let listened = world.listen(reactor, "tcp:0", ropewalk::Limits::default(), move |_| {
            Spy::new(&ours)
        });
        listened.expect("a free port");
        reactor.stop();
        assert!(reactor.is_stopping());
    });
    world.run_to_the_end();
    assert_eq!(log.lines(), [""; 0]);
    assert_eq!(world.on(|reactor| reactor.counters().turns), 1);
}

fn a_reactor_stopped_twice_stops_once(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours).stopping(|transport| {
            transport.reactor().stop();
            transport.lose_connection();
        })
    });
    let peer = world.peer(&listener);
    stop(world);
    stop(world);
    peer.expect_eof().closes();
    stop(world);
    world.run_to_the_end();
    stop(world);
    assert_eq!(log.lines(), ["made", "stopping", "lost done, ended by us"]);
}

fn a_reactor_can_be_stopped_from_a_callback(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours).data(|transport, data| {
            transport.reactor().stop();
            // What is written after the call is owed as well.
            transport.write(data);
        })
    });
    let (one, two) = (world.peer(&listener), world.peer(&listener));
    one.send_bytes("x").expect_bytes("x");
    one.expect_eof().closes();
    two.expect_eof().closes();
    world.run_to_the_end();
    assert_eq!(log.count("stopping"), 2);
    assert_eq!(log.count("lost done, ended by us"), 2);
}

fn a_reactor_can_be_stopped_by_a_loss(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener =
        world.serve(move |_| Spy::new(&ours).lost(|transport, _| transport.reactor().stop()));
    let (first, second) = (world.peer(&listener), world.peer(&listener));
    first.half_closes().expect_eof();
    second.expect_eof().closes();
    world.run_to_the_end();
    assert_eq!((log.count("stopping"), log.count("lost")), (1, 2));
}

fn a_reactor_can_be_stopped_through_a_remote(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours));
    let peer = world.peer(&listener);
    let remote = world.on(Reactor::remote);
    assert_eq!(remote.stop(), Ok(()));
    peer.expect_eof().closes();
    world.run_to_the_end();
    assert_eq!(log.lines(), ["made", "stopping", "lost done, ended by us"]);
    assert_eq!(remote.stop(), Err(RemoteError::Stopped));
    assert_eq!(
        remote.post(|_| unreachable!("it has stopped")),
        Err(RemoteError::Stopped)
    );
}

fn a_reactor_that_stops_closes_its_listeners_first(world: &World) {
    let log = Log::default();
    let (ours, inside) = (log.clone(), world.clone());
    let listener = world.serve(move |_| {
        let (own, world) = (ours.clone(), inside.clone());
        Spy::new(&ours).stopping(move |transport| {
            let at = transport.local().expect("a connection has an address");
            let open = match world.simulated() {
                Some(world) => world.descriptors(SERVER) > 1,
                None => TcpStream::connect(at.to_string()).is_ok(),
            };
            own.note(format!("open {open}"));
            transport.lose_connection();
        })
    });
    let peer = world.peer(&listener);
    stop(world);
    peer.expect_eof().closes();
    world.run_to_the_end();
    assert_eq!(
        log.lines(),
        ["made", "stopping", "open false", "lost done, ended by us"]
    );
}

fn a_peer_whose_layers_are_not_ready_is_not_waited_for(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.on(|reactor| {
        let listen = reactor.listen("tcp:0").through(crate::toy::Toy::server);
        listen.serve(move |_| Spy::new(&ours))
    });
    let peer = world.bare_peer(&listener.expect("a free port"));
    world.settle();
    let begin = world.now();
    stop(world);
    world.run_to_the_end();
    assert!(world.now() - begin < Duration::from_secs(10));
    peer.expect_reset();
    assert_eq!(log.lines(), [""; 0]);
}
