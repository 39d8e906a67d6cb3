//! Unix streams: whose a socket file is, when it comes and goes, and who is at the other end.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use ropewalk::sim::World as Simulation;
use ropewalk::{
    Address, ClientEndpoint, ConnectError, Credentials, Error, Limits, Listener, Result,
    ServerEndpoint, UnixAddress,
};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::calling::Story;
use crate::spy::{Log, Spy};
use crate::world::{Ground, SERVER, World, contract};

contract! { bare:
    a_socket_file_comes_with_its_listener_and_goes_with_it,
    a_socket_file_goes_when_the_reactor_stops,
    a_dead_sockets_file_is_replaced,
    a_live_sockets_file_is_left_alone,
    what_is_no_socket_is_left_alone,
    a_file_in_the_place_of_ours_is_not_removed,
    a_file_that_has_gone_does_not_keep_a_reactor_from_stopping,
    a_file_has_the_mode_that_was_asked_for,
    a_path_that_is_too_long_is_an_error_at_once,
    a_name_without_a_file_is_in_use_as_long_as_its_listener,
    a_zero_byte_in_a_name_is_a_byte_like_others,
    a_call_of_nobody_is_refused,
    a_caller_has_no_address_and_a_listener_has_its_name,
    a_peer_that_leaves_input_unread_has_reset_us,
    an_abort_is_an_end_to_the_peer,
    peers_are_who_the_system_says,
    tcp_and_unix_streams_are_one_service,
}

contract! { simulated_bare:
    a_crash_leaves_a_dead_file_that_the_next_process_replaces,
}

contract! { real:
    a_symbolic_link_is_no_socket,
    a_call_beyond_the_backlog_fails_at_once,
}

fn listen<E: Into<ServerEndpoint>>(world: &World, endpoint: E, log: &Log) -> Result<Listener> {
    let (endpoint, log) = (endpoint.into(), log.clone());
    let build = move |_: &Address| Spy::new(&log).echo();
    world.on(|reactor| world.listen(reactor, endpoint, Limits::default(), build))
}

#[track_caller]
fn listen_well<E: Into<ServerEndpoint>>(world: &World, endpoint: E) -> Listener {
    listen(world, endpoint, &Log::default()).expect("it can be listened on")
}

/// The kind of error with which an endpoint can't be listened on.
#[track_caller]
fn refusal<E: Into<ServerEndpoint>>(world: &World, endpoint: E) -> ErrorKind {
    match listen(world, endpoint, &Log::default()) {
        Err(Error::Listen { error, .. }) => error.kind,
        other => panic!("{other:?}"),
    }
}

fn exists(world: &World, path: &Path) -> bool {
    match &world.ground {
        Ground::Real(_) => path.exists(),
        Ground::Simulated(simulation) => simulation.has_file(SERVER, path),
    }
}

fn remove(world: &World, path: &Path) {
    match &world.ground {
        Ground::Real(_) => fs::remove_file(path).expect("it is there"),
        Ground::Simulated(simulation) => simulation.remove_file(SERVER, path),
    }
}

/// A file that is no socket.
fn put_file(world: &World, path: &Path) {
    match &world.ground {
        Ground::Real(_) => fs::write(path, "precious").expect("a file can be written"),
        Ground::Simulated(simulation) => simulation.put_file(SERVER, path),
    }
}

/// A socket file whose process is gone.
fn leave_a_dead_one(world: &World, path: &Path) {
    match &world.ground {
        // The standard library's does not remove it.
        Ground::Real(_) => drop(UnixListener::bind(path).expect("it is free")),
        Ground::Simulated(simulation) => simulation.put_dead_socket(SERVER, path),
    }
}

#[track_caller]
fn is_answered(world: &World, listener: &Listener) {
    world.peer(listener).send("hello").expect("hello").closes();
}

fn a_socket_file_comes_with_its_listener_and_goes_with_it(world: &World) {
    let path = world.path("chat");
    let listener = listen_well(world, ServerEndpoint::unix(&path));
    assert_eq!(
        *listener.address(),
        Address::Unix(UnixAddress::Path(path.clone()))
    );
    let shown = format!("unix:{}", path.display());
    assert_eq!(listener.address().to_string(), shown);
    assert!(exists(world, &path));
    let peer = world.peer(&listener);
    peer.send("a").expect("a");
    world.on(|reactor| reactor.stop_listening(&listener));
    assert!(!exists(world, &path));
    // The connection lives on, and the name is free.
    peer.send("b").expect("b");
    is_answered(world, &listen_well(world, ServerEndpoint::unix(&path)));
}

fn a_socket_file_goes_when_the_reactor_stops(world: &World) {
    let path = world.path("chat");
    let listener = listen_well(world, ServerEndpoint::unix(&path));
    is_answered(world, &listener);
    world.on(|reactor| reactor.stop());
    world.run_to_the_end();
    assert!(!exists(world, &path));
}

fn a_dead_sockets_file_is_replaced(world: &World) {
    let path = world.path("chat");
    world.on(|_| ());
    leave_a_dead_one(world, &path);
    assert!(exists(world, &path));
    let listener = listen_well(world, ServerEndpoint::unix(&path));
    is_answered(world, &listener);
    world.on(|reactor| reactor.stop_listening(&listener));
    assert!(!exists(world, &path));
}

fn a_live_sockets_file_is_left_alone(world: &World) {
    let path = world.path("chat");
    let listener = listen_well(world, ServerEndpoint::unix(&path));
    assert_eq!(
        refusal(world, ServerEndpoint::unix(&path)),
        ErrorKind::AddrInUse
    );
    assert!(exists(world, &path));
    is_answered(world, &listener);
}

fn what_is_no_socket_is_left_alone(world: &World) {
    let path = world.path("chat");
    world.on(|_| ());
    put_file(world, &path);
    assert_eq!(
        refusal(world, ServerEndpoint::unix(&path)),
        ErrorKind::AlreadyExists
    );
    assert!(exists(world, &path));
    if let Ground::Real(_) = &world.ground {
        assert_eq!(fs::read(&path).expect("it is there"), b"precious");
    }
}

fn a_symbolic_link_is_no_socket(world: &World) {
    let (path, link) = (world.path("chat"), world.path("link"));
    leave_a_dead_one(world, &path);
    symlink(&path, &link).expect("a link can be made");
    assert_eq!(
        refusal(world, ServerEndpoint::unix(&link)),
        ErrorKind::AlreadyExists
    );
    assert!(path.exists() && link.is_symlink());
}

fn a_file_in_the_place_of_ours_is_not_removed(world: &World) {
    let path = world.path("chat");
    let first = listen_well(world, ServerEndpoint::unix(&path));
    remove(world, &path);
    let second = listen_well(world, ServerEndpoint::unix(&path));
    world.on(|reactor| reactor.stop_listening(&first));
    assert!(exists(world, &path));
    is_answered(world, &second);
    remove(world, &path);
    put_file(world, &path);
    world.on(|reactor| reactor.stop_listening(&second));
    assert!(exists(world, &path));
}

fn a_file_that_has_gone_does_not_keep_a_reactor_from_stopping(world: &World) {
    let path = world.path("chat");
    let listener = listen_well(world, ServerEndpoint::unix(&path));
    let peer = world.peer(&listener);
    remove(world, &path);
    world.on(|reactor| reactor.stop());
    peer.expect_eof().closes();
    world.run_to_the_end();
}

fn a_file_has_the_mode_that_was_asked_for(world: &World) {
    // More than most umasks leave, and less.
    for mode in [0o600, 0o666, 0o777] {
        let path = world.path("chat");
        let listener = listen_well(world, ServerEndpoint::unix(&path).mode(mode));
        let is = match &world.ground {
            Ground::Real(_) => fs::metadata(&path)
                .expect("it is there")
                .permissions()
                .mode(),
            Ground::Simulated(simulation) => {
                simulation.file_mode(SERVER, &path).expect("it is there")
            }
        };
        assert_eq!(is & 0o777, mode, "{:o} in place of {mode:o}", is & 0o777);
        world.on(|reactor| reactor.stop_listening(&listener));
    }
}

fn a_path_that_is_too_long_is_an_error_at_once(world: &World) {
    let path = world.path(&"x".repeat(200));
    assert_eq!(
        refusal(world, ServerEndpoint::unix(&path)),
        ErrorKind::InvalidInput
    );
    let story = Story::default();
    world.on(|reactor| {
        story.begin(reactor.connect(ClientEndpoint::unix(&path)));
    });
    let ConnectError::Failed { error, .. } = story.failure(world) else {
        panic!("it is no name")
    };
    assert_eq!(error.kind, ErrorKind::InvalidInput);
}

/// Names without a file are the machine's, so those of a test have its process in them.
fn name(what: &str) -> String {
    format!("ropewalk-contract-{}-{what}", std::process::id())
}

fn a_name_without_a_file_is_in_use_as_long_as_its_listener(world: &World) {
    let name = name("in-use");
    let listener = listen_well(world, ServerEndpoint::unix_abstract(&*name));
    assert_eq!(listener.address().to_string(), format!("unix:@{name}"));
    assert_eq!(
        refusal(world, ServerEndpoint::unix_abstract(&*name)),
        ErrorKind::AddrInUse
    );
    is_answered(world, &listener);
    world.on(|reactor| reactor.stop_listening(&listener));
    is_answered(
        world,
        &listen_well(world, ServerEndpoint::unix_abstract(&*name)),
    );
}

fn a_zero_byte_in_a_name_is_a_byte_like_others(world: &World) {
    let names = [name("zero"), name("zero\0"), name("zero\0a")];
    let listeners = names
        .each_ref()
        .map(|name| listen_well(world, ServerEndpoint::unix_abstract(&**name)));
    for (listener, name) in listeners.iter().zip(&names) {
        let address = UnixAddress::Abstract(name.clone().into());
        assert_eq!(*listener.address(), Address::Unix(address));
        let log = Log::default();
        let caller = Spy::new(&log).made(|transport| transport.write("x"));
        world.on(|reactor| {
            world.connect(reactor, listener.address()).with(caller);
        });
        world.run_until("an answer", || log.has("data 1"));
    }
}

fn a_call_of_nobody_is_refused(world: &World) {
    let [nothing, dead, file] = ["nothing", "dead", "file"].map(|name| world.path(name));
    world.on(|_| ());
    leave_a_dead_one(world, &dead);
    put_file(world, &file);
    for endpoint in [
        ClientEndpoint::unix(&nothing),
        ClientEndpoint::unix(&dead),
        ClientEndpoint::unix(&file),
        ClientEndpoint::unix_abstract(name("nobody")),
    ] {
        let (story, shown) = (Story::default(), ClientEndpoint::from(endpoint.clone()));
        world.on(|reactor| {
            story.begin(reactor.connect(endpoint));
        });
        let ConnectError::Refused { address } = story.failure(world) else {
            panic!("{shown} was not refused")
        };
        assert_eq!(address.to_string(), shown.to_string());
    }
}

fn a_call_beyond_the_backlog_fails_at_once(world: &World) {
    let path = world.path("full");
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    let address = SockAddr::unix(&path).expect("a short path");
    listener.bind(&address).expect("it is free");
    listener.listen(0).expect("it is bound");
    let _waits = UnixStream::connect(&path).expect("there is room for one");
    let story = Story::default();
    world.on(|reactor| {
        story.begin(reactor.connect(ClientEndpoint::unix(&path)));
    });
    let ConnectError::Failed { error, .. } = story.failure(world) else {
        panic!("nobody refused it")
    };
    assert_eq!(error.kind, ErrorKind::WouldBlock);
    // And whoever would listen there sees that somebody does.
    assert_eq!(
        refusal(world, ServerEndpoint::unix(&path)),
        ErrorKind::AddrInUse
    );
}

fn a_caller_has_no_address_and_a_listener_has_its_name(world: &World) {
    let log = Log::default();
    let (path, ours) = (world.path("chat"), log.clone());
    let endpoint = ServerEndpoint::unix(&path);
    let build = move |peer: &Address| {
        let log = ours.clone();
        log.note(format!("accepted {peer}"));
        Spy::new(&Log::default()).made(move |transport| {
            let local = transport.local().expect("it stands");
            log.note(format!("server {local} {}", transport.peer()));
        })
    };
    world.on(|reactor| {
        let listener = world.listen(reactor, endpoint, Limits::default(), build);
        let ours = log.clone();
        let caller = Spy::new(&Log::default()).made(move |transport| {
            let local = transport.local().expect("it stands");
            ours.note(format!("client {local} {}", transport.peer()));
        });
        let listener = listener.expect("it is free");
        world.connect(reactor, listener.address()).with(caller);
    });
    world.run_until("both were told", || log.lines().len() == 3);
    let mut lines = log.lines();
    lines.sort();
    let chat = format!("unix:{}", path.display());
    assert_eq!(
        lines,
        [
            "accepted unix:".to_owned(),
            format!("client unix: {chat}"),
            format!("server {chat} unix:")
        ]
    );
}

fn a_peer_that_leaves_input_unread_has_reset_us(world: &World) {
    let log = Log::default();
    let listener = listen(world, ServerEndpoint::unix(world.path("chat")), &log);
    let peer = world.peer(&listener.expect("it is free"));
    peer.stops_reading().send("hello");
    world.run_until("it is heard", || log.count("data") > 0);
    world.settle();
    peer.closes();
    world.run_until("it is over", || log.count("lost") == 1);
    assert!(log.has("lost reset by the peer"), "{log:?}");
}

fn an_abort_is_an_end_to_the_peer(world: &World) {
    let log = Log::default();
    let (path, ours) = (world.path("chat"), log.clone());
    let build = move |_: &Address| {
        Spy::new(&ours).data(|transport, _| {
            transport.abort_connection();
        })
    };
    let endpoint = ServerEndpoint::unix(path);
    let listener = world.on(|reactor| world.listen(reactor, endpoint, Limits::default(), build));
    let peer = world.peer(&listener.expect("it is free"));
    peer.send_bytes("x").expect_eof();
    world.run_until("it is over", || log.count("lost") == 1);
    assert!(log.has("lost aborted"), "{log:?}");
}

fn peers_are_who_the_system_says(world: &World) {
    let log = Log::default();
    let expected = match &world.ground {
        Ground::Real(_) => Credentials {
            pid: std::process::id(),
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        },
        Ground::Simulated(simulation) => {
            let [pid, uid, gid] = [41, 42, 43];
            let credentials = Credentials { pid, uid, gid };
            world.on(|_| ());
            simulation.set_credentials(SERVER, credentials);
            credentials
        }
    };
    let unix = ServerEndpoint::from(ServerEndpoint::unix(world.path("chat")));
    for (endpoint, expected) in [
        (unix, cfg!(feature = "unix").then_some(expected)),
        (ServerEndpoint::tcp(0).into(), None),
    ] {
        let ours = log.clone();
        let build = move |_: &Address| {
            let log = ours.clone();
            Spy::new(&Log::default())
                .made({
                    let log = log.clone();
                    move |transport| log.note(format!("{:?}", transport.peer_credentials()))
                })
                .lost(move |transport, _| log.note(format!("{:?}", transport.peer_credentials())))
        };
        let listener =
            world.on(|reactor| world.listen(reactor, endpoint, Limits::default(), build));
        let before = log.lines().len();
        let peer = world.peer(&listener.expect("it is free"));
        world.run_until("it was told", || log.lines().len() == before + 1);
        peer.closes();
        world.run_until("the loss was told", || log.lines().len() == before + 2);
        let shown = format!("{expected:?}");
        assert_eq!(log.lines()[before..], [shown.clone(), shown]);
    }
}

fn tcp_and_unix_streams_are_one_service(world: &World) {
    let log = Log::default();
    let unix = ServerEndpoint::unix(world.path("chat"));
    let listeners = [
        listen(world, unix, &log).expect("it is free"),
        listen(world, ServerEndpoint::tcp(0), &log).expect("a free port"),
    ];
    let peers = listeners.each_ref().map(|listener| world.peer(listener));
    for peer in &peers {
        peer.send("hello").expect("hello");
    }
    world.on(|reactor| reactor.stop_listening(&listeners[0]));
    for peer in &peers {
        peer.send("again").expect("again");
    }
}

fn a_crash_leaves_a_dead_file_that_the_next_process_replaces(world: &World) {
    let simulation: &Simulation = world.simulated().expect("only there a process can crash");
    simulation.service("phoenix", |reactor| {
        let endpoint = "unix:/run/phoenix:mode=600";
        let listen = reactor.listen(endpoint);
        listen.serve(|_| Spy::new(&Log::default()).echo()).map(drop)
    });
    let call = "unix:phoenix:/run/phoenix";
    let peer = simulation.peer(call);
    peer.send("a").expect("a");
    simulation.crash("phoenix", Duration::from_secs(1));
    peer.expect_closed();
    assert!(simulation.has_file("phoenix", "/run/phoenix"));
    assert!(simulation.try_peer(call).is_none());
    simulation.run_for(Duration::from_secs(2));
    simulation.peer(call).send("b").expect("b");
    assert_eq!(simulation.file_mode("phoenix", "/run/phoenix"), Some(0o600));
}
