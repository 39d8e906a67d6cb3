//! From every callback everything can be asked of the reactor: to listen, to connect, to call, to reach others, to stop.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{ConnectError, ConnectionId, Error, Limits, Reactor, Transport};

use crate::spy::{Log, Spy};
use crate::world::{Peer, World, contract};

contract! { streams:
    everything_can_be_asked_for_from_every_callback,
    a_reactor_that_stops_takes_nothing_new_but_goes_on_with_the_rest,
    it_can_be_stopped_when_a_connection_is_made,
    it_can_be_stopped_when_data_comes,
    it_can_be_stopped_when_a_peer_ends,
    it_can_be_stopped_when_a_connection_is_lost,
    it_can_be_stopped_by_a_timer,
    it_can_be_stopped_by_a_posted_call,
    it_can_be_stopped_when_a_connect_fails,
}

/// Where users' code is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Made,
    Data,
    Eof,
    Pause,
    Resume,
    Lost,
    TimerOfProtocol,
    TimerOfReactor,
    Told,
    Posted,
    Failed,
}

impl Place {
    const ALL: [Self; 11] = [
        Self::Made,
        Self::Data,
        Self::Eof,
        Self::Pause,
        Self::Resume,
        Self::Lost,
        Self::TimerOfProtocol,
        Self::TimerOfReactor,
        Self::Told,
        Self::Posted,
        Self::Failed,
    ];
}

/// What is done, wherever it is.
type Deed = Rc<dyn Fn(&mut Reactor)>;

fn once(deed: impl Fn(&mut Reactor) + 'static) -> Deed {
    let done = Cell::new(false);
    Rc::new(move |reactor| {
        if !done.replace(true) {
            deed(reactor);
        }
    })
}

/// A protocol that does the deed at this place, if it is one of a protocol's.
fn doer(place: Place, deed: &Deed) -> Spy {
    let at = |here: Place| {
        let deed = (here == place).then(|| Rc::clone(deed));
        move |transport: &mut Transport<'_>| {
            if let Some(deed) = &deed {
                deed(transport.reactor());
            }
        }
    };
    let (made, told, timer) = (at(Place::Made), at(Place::Told), at(Place::TimerOfProtocol));
    let (data, lost, end) = (at(Place::Data), at(Place::Lost), at(Place::Eof));
    let writes = matches!(place, Place::Pause | Place::Resume);
    Spy::new(&Log::default())
        .made(move |transport| {
            let id = transport.id();
            if let Some(socket) = transport.reactor().socket_options(id) {
                socket.set_send_buffer_size(8192).expect("a socket option");
            }
            made(transport);
            let (told, timer) = (told.clone(), timer.clone());
            let reactor = transport.reactor();
            reactor.tell(id, move |_: &mut Spy, transport| told(transport));
            transport.call_later(Duration::ZERO, move |_: &mut Spy, t| timer(t));
        })
        .data(move |transport, _| {
            data(transport);
            if writes {
                transport.write(vec![b'.'; 900_000]);
            }
        })
        .eof(move |transport| {
            end(transport);
            transport.lose_connection();
        })
        .pause(at(Place::Pause))
        .resume(at(Place::Resume))
        .lost(move |transport, _| lost(transport))
}

/// Brings it about that the deed is done at this place.
fn bring_about(world: &World, place: Place, deed: Deed) {
    let (reactors, protocols) = (Rc::clone(&deed), deed);
    let limits = Limits::default().unsent(usize::MAX).linger(world.short());
    let listener = world.serve_with(limits, move |_| doer(place, &protocols));
    let peer = world.peer(&listener);
    match place {
        Place::Pause | Place::Resume => {
            peer.stops_reading().send("speak");
            world.settle();
            peer.reads_again();
            world.settle();
        }
        Place::TimerOfReactor => world.on(|reactor| {
            reactor.call_later(Duration::ZERO, move |reactor| reactors(reactor));
        }),
        Place::Posted => {
            world.on(|reactor| reactor.call_soon(move |reactor| reactors(reactor)));
        }
        Place::Failed => world.on(|reactor| {
            let connect = reactor.connect("tcp:this is no endpoint");
            let connect = connect.failed(move |reactor, _| reactors(reactor));
            connect.with(Spy::new(&Log::default()));
        }),
        _ => {}
    }
    peer.send("hello").half_closes();
}

/// A connection that nobody touches but the deed, which is given its id.
fn bystander(world: &World, log: &Log) -> (Peer, ConnectionId) {
    let (ours, id) = (log.clone(), Rc::new(Cell::new(None)));
    let here = Rc::clone(&id);
    let limits = Limits::default().linger(world.short());
    let listener = world.serve_with(limits, move |_| {
        let here = Rc::clone(&here);
        Spy::new(&ours).made(move |transport| here.set(Some(transport.id())))
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || id.get().is_some());
    (peer, id.get().expect("it was made"))
}

fn asks_for_everything(reactor: &mut Reactor, log: &Log, other: ConnectionId) {
    let echoes = |_: &_| Spy::new(&Log::default()).echo();
    let listener = reactor.listen("tcp:0").serve(echoes);
    let listener = listener.expect("a free port can be listened on");
    assert_ne!(listener.address().port(), Some(0));
    let answered = log.clone();
    let asks = Spy::new(&Log::default())
        .made(|transport| transport.write("?"))
        .data(move |transport, _| {
            answered.note("answered");
            transport.lose_connection();
        });
    let connect = reactor.connect(format!("tcp:{}", listener.address()));
    connect.with(asks);
    let fired = log.clone();
    reactor.call_later(Duration::from_millis(1), move |_| fired.note("timer"));
    let called = log.clone();
    reactor.call_soon(move |_| called.note("soon"));
    reactor.write(other, "written\r\n");
    reactor.tell(other, |_: &mut Spy, transport| {
        transport.write("told\r\n");
        transport.lose_connection();
    });
}

fn everything_can_be_asked_for_from_every_callback(world: &World) {
    for place in Place::ALL {
        let log = Log::default();
        let (peer, other) = bystander(world, &log);
        let asks = log.clone();
        let deed = once(move |reactor| asks_for_everything(reactor, &asks, other));
        bring_about(world, place, deed);
        peer.expect("written").expect("told").expect_eof();
        world.run_until(&format!("all comes of it, at {place:?}"), || {
            log.has("answered") && log.has("timer") && log.has("soon")
        });
        assert_eq!(log.count("lost done, ended by us"), 1, "{place:?}");
    }
    assert_eq!(world.on(|reactor| reactor.counters().panics), 0);
}

/// As in [`asks_for_everything`], of a reactor that stops.
fn asks_at_the_end(transport: &mut Transport<'_>, log: &Log, other: ConnectionId) {
    let reactor = transport.reactor();
    let refused = reactor.listen("tcp:0").serve(|_| Spy::new(&Log::default()));
    assert_eq!(refused.err(), Some(Error::Stopping));
    let failed = log.clone();
    let connect = reactor.connect("tcp:127.0.0.1:1").failed(move |_, error| {
        assert_eq!(*error, ConnectError::Stopping);
        failed.note("failed");
    });
    connect.with(Spy::new(&Log::default()));
    let called = log.clone();
    reactor.call_soon(move |_| called.note("soon"));
    reactor.write(other, "written\r\n");
    reactor.stop();
    let fired = log.clone();
    transport.call_later(Duration::from_millis(1), move |_: &mut Spy, transport| {
        fired.note("timer");
        let reactor = transport.reactor();
        reactor.tell(other, |_: &mut Spy, transport| {
            transport.write("told\r\n");
            transport.lose_connection();
        });
        transport.lose_connection();
    });
}

fn a_reactor_that_stops_takes_nothing_new_but_goes_on_with_the_rest(world: &World) {
    let log = Log::default();
    let other = Rc::new(Cell::new(None));
    let limits = Limits::default().linger(world.short());
    let (ours, here) = (log.clone(), Rc::clone(&other));
    let waits = world.serve_with(limits.clone(), move |_| {
        let here = Rc::clone(&here);
        Spy::new(&ours)
            .made(move |transport| here.set(Some(transport.id())))
            .stopping(|_| ())
    });
    let peer = world.peer(&waits);
    world.run_until("it is made", || other.get().is_some());
    let other = other.get().expect("it was made");
    let asks = log.clone();
    let listener = world.serve_with(limits, move |_| {
        let asks = asks.clone();
        Spy::new(&asks).stopping(move |transport| asks_at_the_end(transport, &asks, other))
    });
    let _second = world.peer(&listener);
    world.run_until("both are made", || log.count("made") == 2);
    world.on(Reactor::stop);
    peer.expect("written").expect("told").expect_eof();
    world.run_to_the_end();
    assert!(log.has("failed") && log.has("soon") && log.has("timer"));
    assert_eq!(log.count("lost done, ended by us"), 2);
    assert_eq!(world.on(|reactor| reactor.counters().panics), 0);
}

/// A stop from there is heard by all, and all ends in order.
#[track_caller]
fn stops_from(world: &World, place: Place) {
    let log = Log::default();
    let (peer, _) = bystander(world, &log);
    bring_about(world, place, once(Reactor::stop));
    world.run_to_the_end();
    peer.expect_eof();
    assert_eq!(log.lines(), ["made", "stopping", "lost done, ended by us"]);
    assert_eq!(world.on(|reactor| reactor.connections()), 0);
}

fn it_can_be_stopped_when_a_connection_is_made(world: &World) {
    stops_from(world, Place::Made);
}

fn it_can_be_stopped_when_data_comes(world: &World) {
    stops_from(world, Place::Data);
}

fn it_can_be_stopped_when_a_peer_ends(world: &World) {
    stops_from(world, Place::Eof);
}

fn it_can_be_stopped_when_a_connection_is_lost(world: &World) {
    stops_from(world, Place::Lost);
}

fn it_can_be_stopped_by_a_timer(world: &World) {
    stops_from(world, Place::TimerOfReactor);
}

fn it_can_be_stopped_by_a_posted_call(world: &World) {
    stops_from(world, Place::Posted);
}

fn it_can_be_stopped_when_a_connect_fails(world: &World) {
    stops_from(world, Place::Failed);
}
