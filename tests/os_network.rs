//! The machine's network kept to its contract, on loopback and by polling alone.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use ropewalk::Address;
use ropewalk::network::{
    Batch, ConnectOptions, Farewell, Found, ListenOptions, LookupId, Network, OsNetwork, Question,
    Readiness, Received, SocketId, Token,
};

const LISTENER: Token = Token(1);
const CONNECTION: Token = Token(2);

/// Long enough never to matter to a test that passes.
const LONG: Duration = Duration::from_secs(20);

fn network() -> OsNetwork {
    OsNetwork::new().expect("a network")
}

fn address(text: &str) -> Address {
    Address::Tcp(text.parse().expect("an address"))
}

fn std_address(address: &Address) -> SocketAddr {
    address.to_string().parse().expect("an address")
}

#[track_caller]
fn listen(network: &mut OsNetwork, on: &str) -> (SocketId, Address) {
    network
        .listen(&address(on), &ListenOptions::default(), LISTENER)
        .expect("a listener")
}

/// Polls until something under `token` satisfies `wanted`.
#[track_caller]
fn poll_until(network: &mut OsNetwork, token: Token, wanted: fn(&Readiness) -> bool) -> Readiness {
    let mut batch = Batch::default();
    let start = network.now();
    while network.now() - start < LONG {
        batch.clear();
        network.poll(Some(LONG), &mut batch).expect("a poll");
        let found = batch.ready.iter().find(|r| r.token == token && wanted(r));
        if let Some(readiness) = found {
            return *readiness;
        }
    }
    panic!("nothing came");
}

/// Accepts, polling as long as there is nobody.
#[track_caller]
fn accept(network: &mut OsNetwork, listener: SocketId) -> (SocketId, Address) {
    loop {
        match network.accept(listener) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll_until(network, LISTENER, |r| r.readable);
            }
            accepted => return accepted.expect("a connection"),
        }
    }
}

/// A listener of the network's, a std peer, and the connection accepted from it.
fn connected(network: &mut OsNetwork) -> (SocketId, TcpStream) {
    let (listener, bound) = listen(network, "127.0.0.1:0");
    let peer = TcpStream::connect(std_address(&bound)).expect("a peer");
    let (socket, _) = accept(network, listener);
    network.register(socket, CONNECTION).expect("registered");
    (socket, peer)
}

/// Reads to the end, polling between.
#[track_caller]
fn read_to_end(network: &mut OsNetwork, socket: SocketId) -> Vec<u8> {
    let mut buffer = [0; 8];
    let mut bytes = Vec::new();
    loop {
        match network.read(socket, &mut buffer) {
            Ok(Received::Filled { size, .. }) => bytes.extend_from_slice(&buffer[..size]),
            Ok(Received::Lent { data, .. }) => bytes.extend_from_slice(&data),
            Ok(Received::Ended) => return bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll_until(network, CONNECTION, |r| r.readable);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Both families: the network connects to itself, and each end tells the other's address.
#[track_caller]
fn echo_on(interface: &str) -> io::Result<()> {
    let network = &mut network();
    let (listener, bound) = listen(network, interface);
    assert_ne!(bound.port(), Some(0));
    assert_eq!(network.local_address(listener)?, bound);

    let client = Token(3);
    let ours = network.connect(&bound, &ConnectOptions::default(), client)?;
    let (theirs, peer) = accept(network, listener);
    network.register(theirs, CONNECTION)?;
    while !network.finish_connect(ours)? {
        poll_until(network, client, |r| r.writable);
    }
    assert_eq!(peer, network.local_address(ours)?);
    assert_eq!(network.local_address(theirs)?, bound);

    let pieces = [IoSlice::new(b"many "), IoSlice::new(b"pieces")];
    assert_eq!(network.write(ours, &pieces)?, 11);
    assert_eq!(network.write(ours, &[IoSlice::new(b", one")])?, 5);
    network.shutdown_write(ours)?;
    assert_eq!(read_to_end(network, theirs), b"many pieces, one");
    network.close(theirs, Farewell::Close);
    poll_until(network, client, |r| r.ended);
    Ok(())
}

#[test]
fn v4_listens_connects_and_echoes() -> io::Result<()> {
    echo_on("127.0.0.1:0")
}

#[test]
fn v6_listens_connects_and_echoes() -> io::Result<()> {
    echo_on("[::1]:0")
}

#[test]
fn both_families_may_listen_on_one_port() {
    let network = &mut network();
    let (_, six) = listen(network, "[::]:0");
    let four = format!("0.0.0.0:{}", six.port().unwrap());
    listen(network, &four);
}

#[test]
fn an_address_in_use_is_refused_at_once() {
    let network = &mut network();
    let (_, bound) = listen(network, "127.0.0.1:0");
    let again = network.listen(&bound, &ListenOptions::default(), LISTENER);
    assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn a_connection_inherits_the_listeners_options() {
    let network = &mut network();
    let (socket, _peer) = connected(network);
    let options = network.socket_options(socket).unwrap();
    assert!(options.tcp_nodelay().unwrap());
    assert!(options.keepalive().unwrap());
    assert_eq!(
        Some(options.tcp_keepalive_time().unwrap()),
        ListenOptions::default().keep_alive
    );
}

#[test]
fn a_keep_alive_of_any_length_is_taken() {
    let network = &mut network();
    for idle in [Duration::ZERO, Duration::MAX] {
        let mut options = ListenOptions::default();
        options.keep_alive = Some(idle);
        options.backlog = u32::MAX;
        network
            .listen(&address("127.0.0.1:0"), &options, LISTENER)
            .unwrap();
    }
}

#[test]
fn a_refused_connect_is_told_by_its_finish() {
    let network = &mut network();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let nobody = Address::Tcp(nobody.unwrap());
    let socket = network
        .connect(&nobody, &ConnectOptions::default(), CONNECTION)
        .unwrap();
    let readiness = poll_until(network, CONNECTION, |r| r.writable);
    assert!(readiness.failed && readiness.ended);
    let refused = network.finish_connect(socket).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_connect_that_goes_on_is_not_done() {
    let network = &mut network();
    let listener = std_listener_with_a_full_backlog();
    let full = Address::Tcp(listener.0.local_addr().unwrap());
    let socket = network
        .connect(&full, &ConnectOptions::default(), CONNECTION)
        .unwrap();
    assert!(!network.finish_connect(socket).unwrap());
    assert!(network.take_error(socket).is_none());
}

/// With its connections, the first of those that the kernel still takes.
fn std_listener_with_a_full_backlog() -> (TcpListener, Vec<OsNetwork>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    socket2::SockRef::from(&listener)
        .listen(0)
        .expect("a short backlog");
    let bound = Address::Tcp(listener.local_addr().expect("its address"));
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = network();
        client
            .connect(&bound, &ConnectOptions::default(), CONNECTION)
            .expect("a connect");
        clients.push(client);
    }
    (listener, clients)
}

#[test]
fn a_connection_may_be_bound() {
    let network = &mut network();
    let (listener, bound) = listen(network, "127.0.0.1:0");
    let mut options = ConnectOptions::default();
    options.bind = Some(address("127.0.0.1:0"));
    network.connect(&bound, &options, CONNECTION).unwrap();
    let (_, peer) = accept(network, listener);
    assert_ne!(peer.port(), Some(0));

    // From the range for documentation: no machine has it.
    options.bind = Some(address("192.0.2.1:0"));
    let error = network.connect(&bound, &options, CONNECTION).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    options.bind = Some(bound.clone());
    let error = network.connect(&bound, &options, CONNECTION).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn a_short_read_has_drained_the_socket() {
    let network = &mut network();
    let (socket, mut peer) = connected(network);
    peer.write_all(b"twelve bytes").unwrap();
    poll_until(network, CONNECTION, |r| r.readable);
    let mut buffer = [0; 8];
    let mut drained_after = Vec::new();
    for _ in 0..2 {
        match network.read(socket, &mut buffer).unwrap() {
            Received::Filled { size, drained } => drained_after.push((size, drained)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(drained_after, [(8, false), (4, cfg!(target_os = "linux"))]);
    let error = network.read(socket, &mut buffer).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_fin_that_was_there_before_is_told_with_the_data() {
    let network = &mut network();
    let (listener, bound) = listen(network, "127.0.0.1:0");
    let mut peer = TcpStream::connect(std_address(&bound)).unwrap();
    peer.write_all(b"bye").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let (socket, _) = accept(network, listener);
    network.register(socket, CONNECTION).unwrap();
    poll_until(network, CONNECTION, |r| r.readable && r.ended);
    assert_eq!(read_to_end(network, socket), b"bye");
}

#[test]
fn a_reset_is_seen_as_one_by_the_peer() {
    let network = &mut network();
    let (socket, mut peer) = connected(network);
    network.close(socket, Farewell::Reset);
    let error = peer.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_close_is_seen_as_an_end_after_all_that_was_written() {
    let network = &mut network();
    let (socket, mut peer) = connected(network);
    network.write(socket, &[IoSlice::new(b"last")]).unwrap();
    network.close(socket, Farewell::Close);
    let mut text = String::new();
    peer.read_to_string(&mut text).unwrap();
    assert_eq!(text, "last");
}

#[test]
fn a_peers_reset_is_told_and_taken_once() {
    let network = &mut network();
    let (socket, peer) = connected(network);
    socket2::SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(peer);
    poll_until(network, CONNECTION, |r| r.ended && r.failed);
    let error = network.take_error(socket).unwrap();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert!(network.take_error(socket).is_none());
}

#[test]
fn a_write_to_a_peer_that_went_is_an_error_and_no_signal() {
    let network = &mut network();
    let (socket, peer) = connected(network);
    drop(peer);
    let pieces = [IoSlice::new(b"a"), IoSlice::new(b"b")];
    let error = loop {
        match network.write(socket, &pieces) {
            Ok(_) => poll_until(network, CONNECTION, |r| r.ended),
            Err(error) => break error,
        };
    };
    assert!(matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    ));
}

#[test]
fn more_pieces_than_the_system_takes_are_a_short_write() {
    let network = &mut network();
    let (socket, _peer) = connected(network);
    let pieces = vec![IoSlice::new(b"x"); 3000];
    assert_eq!(network.write(socket, &pieces).unwrap(), 1024);
    assert_eq!(network.write(socket, &[]).unwrap(), 0);
}

#[test]
fn refusing_takes_one_connection_off_the_backlog() {
    let network = &mut network();
    let (listener, bound) = listen(network, "127.0.0.1:0");
    let mut first = TcpStream::connect(std_address(&bound)).unwrap();
    let _second = TcpStream::connect(std_address(&bound)).unwrap();
    network.refuse(listener).unwrap();
    assert_eq!(first.read(&mut [0; 8]).unwrap(), 0);
    network.accept(listener).unwrap();
    let empty = network.refuse(listener).unwrap_err();
    assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn another_threads_wake_ends_a_poll_and_many_are_one() {
    let network = &mut network();
    let mut batch = Batch::default();
    let waker = network.waker();
    let start = network.now();
    let thread = thread::spawn(move || {
        for _ in 0..1000 {
            waker.wake();
        }
    });
    network.poll(Some(LONG), &mut batch).unwrap();
    thread.join().unwrap();
    network.poll(Some(Duration::ZERO), &mut batch).unwrap();
    // Woken before it polls.
    network.waker().wake();
    network.poll(Some(LONG), &mut batch).unwrap();
    assert!(network.now() - start < LONG);
    assert!(batch.ready.is_empty());
}

#[test]
fn the_longest_timeout_is_one() {
    let network = &mut network();
    network.waker().wake();
    network
        .poll(Some(Duration::MAX), &mut Batch::default())
        .unwrap();
}

#[test]
fn a_timeout_is_never_early() {
    let network = &mut network();
    let start = network.now();
    network
        .poll(Some(Duration::from_micros(1500)), &mut Batch::default())
        .unwrap();
    assert!(network.now() - start >= Duration::from_micros(1500));
}

#[test]
fn a_wait_that_is_spent_looking_is_over_in_time_and_not_early() {
    let network = &mut network();
    let wait = Duration::from_micros(1500);
    network.set_spin(LONG);
    let (start, mut batch) = (network.now(), Batch::default());
    network.poll(Some(wait), &mut batch).unwrap();
    let waited = network.now() - start;
    assert!(wait <= waited && waited < LONG, "{waited:?}");
    assert!(batch.spins > 0);
}

#[test]
fn a_look_without_a_wait_is_one_look() {
    let network = &mut network();
    network.set_spin(LONG);
    let mut batch = Batch::default();
    network.poll(Some(Duration::ZERO), &mut batch).unwrap();
    assert_eq!(batch.spins, 0);
}

#[test]
fn who_looks_only_for_a_while_sleeps_then_and_is_woken() {
    let network = &mut network();
    network.set_spin(Duration::from_nanos(1));
    let (_, mut peer) = connected(network);
    poll_until(network, CONNECTION, |r| r.writable);
    let sender = thread::spawn(move || peer.write_all(b"hello").map(|()| peer));
    poll_until(network, CONNECTION, |r| r.readable);
    sender.join().unwrap().unwrap();
    let start = network.now();
    let wait = Duration::from_millis(3);
    while network.now() - start < wait {
        let mut batch = Batch::default();
        network.poll(Some(wait), &mut batch).unwrap();
        assert!(batch.spins <= 2, "{} looks", batch.spins);
    }
}

#[test]
fn an_id_that_is_closed_or_of_another_sort_is_an_error() {
    let network = &mut network();
    let (listener, _) = listen(network, "127.0.0.1:0");
    let wrong = |error: io::Error| assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    wrong(network.read(listener, &mut [0; 8]).unwrap_err());
    wrong(network.accept(SocketId(77)).unwrap_err());
    network.close(listener, Farewell::Reset);
    network.close(listener, Farewell::Close);
    wrong(network.local_address(listener).unwrap_err());
    let reserved = network.listen(
        &address("127.0.0.1:0"),
        &ListenOptions::default(),
        Token(u64::MAX),
    );
    wrong(reserved.unwrap_err());
}

#[test]
fn a_lookups_outcome_ends_a_poll() {
    let network = &mut network();
    let mut batch = Batch::default();
    let question = Question::Addresses("127.0.0.1".to_owned());
    network.look_up(LookupId(5), &question).unwrap();
    while batch.names.is_empty() {
        network.poll(Some(LONG), &mut batch).unwrap();
    }
    let found = Found::Addresses(vec!["127.0.0.1:0".parse().unwrap()]);
    assert_eq!(batch.names, [(LookupId(5), Ok(found))]);
}

#[cfg(target_os = "linux")]
#[test]
fn linux_tells_its_limit_of_descriptors() {
    assert!(network().descriptor_limit() > Some(0));
}

#[test]
fn numbers_differ() {
    let network = &mut network();
    assert_ne!(network.random(), network.random());
}
