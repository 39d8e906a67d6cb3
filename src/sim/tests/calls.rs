//! How connections come to be, or do not.

use super::*;
use crate::error::NameError;
use crate::network::{Found, Question};
use crate::network::{LookupId, Signal};
use crate::sim::names::Answer;

fn outcome(bench: &mut Bench, socket: SocketId) -> String {
    match bench.client.finish_connect(socket) {
        Ok(true) => "connected".into(),
        Ok(false) => "connecting".into(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn nobody_listening_refuses_after_a_round_trip() {
    let mut bench = Bench::tame();
    let caller = bench.connect("10.0.0.1:80");
    assert_eq!(outcome(&mut bench, caller), "connecting");
    bench.settle();
    assert_eq!(bench.now(), Time::from_nanos(200_000));
    assert_eq!(
        words(&mut bench.client, CALLER),
        "readable writable ended failed"
    );
    let error = bench.client.finish_connect(caller).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    if cfg!(target_os = "linux") {
        assert_eq!(error.raw_os_error(), Some(111));
    }
}

#[test]
fn loopback_is_every_hosts_own() {
    let mut bench = Bench::tame();
    bench.listen("127.0.0.1:80");
    let outside = bench.connect("10.0.0.1:80");
    let own = bench.connect("127.0.0.1:80");
    let here = bench
        .server
        .connect(&address("0.0.0.0:80"), &ConnectOptions::default(), CALLEE);
    bench.settle();
    assert_eq!(outcome(&mut bench, outside), "ConnectionRefused");
    assert_eq!(outcome(&mut bench, own), "ConnectionRefused");
    assert!(bench.server.finish_connect(here.unwrap()).unwrap());
}

#[test]
fn any_address_takes_calls_to_all_of_its_family() {
    let mut bench = Bench::tame();
    bench.listen("0.0.0.0:80");
    let v4 = bench.connect("10.0.0.1:80");
    let v6 = bench.connect("[fd00::1]:80");
    bench.settle();
    assert_eq!(outcome(&mut bench, v4), "connected");
    assert_eq!(outcome(&mut bench, v6), "ConnectionRefused");
}

#[test]
fn a_full_backlog_drops_calls_until_there_is_room() {
    let mut bench = Bench::tame();
    let listener = bench.listen_with("10.0.0.1:80", 2);
    let callers: Vec<_> = (0..4).map(|_| bench.connect("10.0.0.1:80")).collect();
    bench.settle();
    let said: Vec<_> = callers.iter().map(|&c| outcome(&mut bench, c)).collect();
    assert_eq!(said[..3], ["connected"; 3]);
    assert_eq!(said[3], "connecting");
    bench.server.accept(listener).unwrap();
    bench.settle();
    assert_eq!(outcome(&mut bench, callers[3]), "connecting");
    bench.run_for(Duration::from_secs(2));
    assert_eq!(outcome(&mut bench, callers[3]), "connected");
}

#[test]
fn a_black_hole_is_given_up_after_the_kernels_patience() {
    let mut bench = Bench::tame();
    bench.fabric.borrow_mut().holes.insert(ip("10.0.0.1"));
    bench.listen("10.0.0.1:80");
    let caller = bench.connect("10.0.0.1:80");
    bench.run_for(Duration::from_secs(126));
    assert_eq!(outcome(&mut bench, caller), "connecting");
    bench.run_for(Duration::from_secs(2));
    assert_eq!(outcome(&mut bench, caller), "TimedOut");
}

#[test]
fn no_such_host_and_no_route_are_told_apart() {
    let mut bench = Bench::tame();
    let caller = bench.connect("10.0.9.9:80");
    bench.settle();
    assert_eq!(outcome(&mut bench, caller), "HostUnreachable");
    bench.fabric.borrow_mut().cut_off.insert(ip("10.0.0.1"));
    let error = bench.try_connect("10.0.0.1:80").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NetworkUnreachable);
}

#[test]
fn an_address_is_bound_once_and_must_be_ones_own() {
    let mut bench = Bench::tame();
    let options = ListenOptions::default();
    let mut listen = |at: &str| match bench.server.listen(&address(at), &options, LISTENER) {
        Ok((_, bound)) => bound.to_string(),
        Err(error) => format!("{:?}", error.kind()),
    };
    assert_eq!(listen("127.0.0.1:80"), "127.0.0.1:80");
    assert_eq!(listen("127.0.0.1:80"), "AddrInUse");
    assert_eq!(listen("0.0.0.0:80"), "AddrInUse");
    assert_eq!(listen("10.0.0.1:80"), "10.0.0.1:80");
    assert_eq!(listen("10.0.0.2:80"), "AddrNotAvailable");
    assert_eq!(listen("127.0.0.1:0"), "127.0.0.1:32768");
    assert_eq!(listen("[::1]:0"), "[::1]:32769");
}

#[test]
fn a_closed_listener_frees_its_address_and_resets_who_waits() {
    let mut bench = Bench::tame();
    let listener = bench.listen("10.0.0.1:80");
    let caller = bench.connect("10.0.0.1:80");
    bench.settle();
    bench.server.close(listener, Farewell::Close);
    bench.settle();
    assert_eq!(read(&mut bench.client, caller), "ConnectionReset");
    assert_eq!(bench.listen("10.0.0.1:80"), listener);
}

#[test]
fn a_local_port_is_free_again_once_its_connection_is_over() {
    let mut bench = Bench::tame();
    let listener = bench.listen("10.0.0.1:80");
    let options = ConnectOptions {
        bind: Some(address("10.0.0.2:5000")),
        ..ConnectOptions::default()
    };
    let to = address("10.0.0.1:80");
    let caller = bench.client.connect(&to, &options, CALLER).unwrap();
    bench.settle();
    let (callee, peer) = bench.server.accept(listener).unwrap();
    assert_eq!(peer, address("10.0.0.2:5000"));
    assert_eq!(bench.client.local_address(caller).unwrap(), peer);
    let error = bench.client.connect(&to, &options, CALLER).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    bench.client.close(caller, Farewell::Close);
    bench.server.close(callee, Farewell::Close);
    bench.settle();
    bench.client.connect(&to, &options, CALLER).unwrap();
}

#[test]
fn descriptors_run_out() {
    let mut bench = Bench::tame();
    let listener = bench.listen("10.0.0.1:80");
    bench.connect("10.0.0.1:80");
    bench.connect("10.0.0.1:80");
    bench.settle();
    poll(&mut bench.server);
    let server = bench.fabric.borrow().find_host("server").unwrap();
    bench.fabric.borrow_mut().host_mut(server).limit = Some(2);
    assert_eq!(bench.server.descriptor_limit(), Some(2));
    let (first, _) = bench.server.accept(listener).unwrap();
    let error = bench.server.accept(listener).unwrap_err();
    if cfg!(target_os = "linux") {
        assert_eq!(error.raw_os_error(), Some(24));
    }
    bench.server.close(first, Farewell::Close);
    bench.settle();
    assert!(
        poll(&mut bench.server).is_empty(),
        "no edge for a descriptor freed"
    );
    bench.server.accept(listener).unwrap();
}

#[test]
fn refusing_takes_one_off_the_backlog() {
    let mut bench = Bench::tame();
    let listener = bench.listen("10.0.0.1:80");
    let caller = bench.connect("10.0.0.1:80");
    bench.settle();
    bench.server.refuse(listener).unwrap();
    let error = bench.server.refuse(listener).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    bench.settle();
    assert_eq!(read(&mut bench.client, caller), "end");
}

#[test]
fn errors_asked_for_come_with_the_next_calls() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    let server = bench.fabric.borrow().find_host("server").unwrap();
    {
        let mut fabric = bench.fabric.borrow_mut();
        let injected = &mut fabric.host_mut(server).injected;
        injected.accept.extend([103, 24]);
        injected.read.push_back(104);
        injected.write.push_back(32);
        injected.connect.push_back(101);
    }
    write(&mut bench.client, caller, b"x");
    bench.settle();
    let codes = if cfg!(target_os = "linux") {
        [Some(103), Some(24)]
    } else {
        [None, None]
    };
    for code in codes {
        let error = bench.server.accept(SocketId(0)).unwrap_err();
        assert_eq!(error.raw_os_error(), code);
    }
    assert_eq!(read(&mut bench.server, callee), "ConnectionReset");
    assert_eq!(read(&mut bench.server, callee), "x");
    assert_eq!(write(&mut bench.server, callee, b"x"), "BrokenPipe");
    let options = ConnectOptions::default();
    let error = bench
        .server
        .connect(&address("10.0.0.2:1"), &options, CALLER);
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::NetworkUnreachable);
}

fn found(addresses: [&str; 2]) -> Found {
    Found::Addresses(addresses.map(|address| (ip(address), 0).into()).to_vec())
}

#[test]
fn names_are_found_or_not() {
    let mut bench = Bench::tame();
    {
        let names = &mut bench.fabric.borrow_mut().names;
        names.set("broken", Answer::Failed("server failure".into()));
        names.set("silent", Answer::Never);
        names.set("crowded", Answer::Busy);
    }
    let asked = [
        "localhost",
        "Server.",
        "nowhere",
        "broken",
        "silent",
        "client",
    ];
    for (lookup, name) in (0..).zip(asked) {
        let question = Question::Addresses(name.to_owned());
        bench.client.look_up(LookupId(lookup), &question).unwrap();
    }
    let crowded = Question::Addresses("crowded".to_owned());
    let busy = bench.client.look_up(LookupId(9), &crowded);
    assert_eq!(busy, Err(NameError::Busy));
    bench.client.cancel_look_up(LookupId(5));
    bench.settle();
    assert_eq!(
        poll_all(&mut bench.client).names,
        [
            (LookupId(0), Ok(found(["127.0.0.1", "::1"]))),
            (LookupId(1), Ok(found(["10.0.0.1", "fd00::1"]))),
            (LookupId(2), Err(NameError::Unknown)),
            (LookupId(3), Err(NameError::Failed("server failure".into()))),
        ]
    );
}

#[test]
fn signals_and_wake_ups_are_told_once() {
    let mut bench = Bench::tame();
    let server = bench.fabric.borrow().find_host("server").unwrap();
    let ready = |bench: &Bench| bench.fabric.borrow().host(server).is_ready();
    bench.server.watch_signals().unwrap();
    assert!(!ready(&bench));
    let send = |fabric: &mut Fabric, signal| fabric.host_mut(server).signals.push(signal);
    send(&mut bench.fabric.borrow_mut(), Signal::Terminate);
    let told = poll_all(&mut bench.server).signals;
    assert_eq!(told, [Signal::Terminate]);
    bench.server.waker().wake();
    assert!(ready(&bench));
    assert!(poll_all(&mut bench.server).signals.is_empty());
    assert!(!ready(&bench));
}
