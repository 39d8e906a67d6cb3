//! Edges: what is told, what is not told twice, and what pressure does to them.

use super::*;

#[test]
fn an_edge_comes_once_until_something_changes() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    write(&mut bench.client, caller, b"one");
    bench.settle();
    assert_eq!(words(&mut bench.server, CALLEE), "readable writable");
    assert_eq!(words(&mut bench.server, CALLEE), "");
    write(&mut bench.client, caller, b"two");
    bench.settle();
    assert_eq!(words(&mut bench.server, CALLEE), "", "not read to the end");
    assert_eq!(read(&mut bench.server, callee), "one ..");
    assert_eq!(read(&mut bench.server, callee), "two");
    assert_eq!(words(&mut bench.server, CALLEE), "");
    write(&mut bench.client, caller, b"three");
    bench.settle();
    assert_eq!(words(&mut bench.server, CALLEE), "readable writable");
}

#[test]
fn an_end_is_told_even_to_who_does_not_read() {
    let mut bench = Bench::tame();
    let (caller, _) = bench.pair();
    write(&mut bench.client, caller, b"one");
    bench.settle();
    assert_eq!(words(&mut bench.server, CALLEE), "readable writable");
    bench.client.shutdown_write(caller).unwrap();
    bench.settle();
    assert_eq!(words(&mut bench.server, CALLEE), "readable writable ended");
    bench.client.close(caller, Farewell::Reset);
    bench.settle();
    assert_eq!(
        words(&mut bench.server, CALLEE),
        "readable writable ended failed"
    );
}

#[test]
fn registering_tells_what_is_ready_already() {
    let mut bench = Bench::tame();
    let listener = bench.listen("10.0.0.1:80");
    let caller = bench.connect("10.0.0.1:80");
    bench.settle();
    assert_eq!(words(&mut bench.client, CALLER), "writable");
    assert_eq!(words(&mut bench.server, LISTENER), "readable");
    let (callee, _) = bench.server.accept(listener).unwrap();
    write(&mut bench.client, caller, b"early");
    bench.settle();
    assert_eq!(words(&mut bench.server, CALLEE), "");
    bench.server.register(callee, CALLEE).unwrap();
    assert_eq!(words(&mut bench.server, CALLEE), "readable writable");
}

#[test]
fn the_first_input_is_told_to_who_never_read() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    write(&mut bench.client, caller, b"there");
    write(&mut bench.server, callee, b"here");
    bench.settle();
    assert_eq!(words(&mut bench.server, CALLEE), "readable writable");
    assert_eq!(words(&mut bench.client, CALLER), "readable writable");
}

#[test]
fn a_listener_is_told_again_only_after_it_was_emptied() {
    let mut bench = Bench::tame();
    let listener = bench.listen("10.0.0.1:80");
    let call = |bench: &mut Bench| {
        bench.connect("10.0.0.1:80");
        bench.settle();
        words(&mut bench.server, LISTENER)
    };
    assert_eq!(call(&mut bench), "readable");
    assert_eq!(call(&mut bench), "");
    bench.server.accept(listener).unwrap();
    bench.server.accept(listener).unwrap();
    assert!(bench.server.accept(listener).is_err());
    assert_eq!(call(&mut bench), "readable");
}

#[test]
fn a_writer_waits_until_the_reader_has_made_room() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    let data = vec![b'x'; 100_000];
    assert_eq!(write(&mut bench.client, caller, &data), "65536");
    assert_eq!(write(&mut bench.client, caller, &data), "65536");
    assert_eq!(write(&mut bench.client, caller, &data), "WouldBlock");
    bench.settle();
    assert_eq!(words(&mut bench.client, CALLER), "");
    let mut small = [0; 1_000];
    bench.server.read(callee, &mut small).unwrap();
    bench.settle();
    assert_eq!(words(&mut bench.client, CALLER), "", "too little to tell");
    let mut half = [0; 32_768];
    bench.server.read(callee, &mut half).unwrap();
    bench.settle();
    assert_eq!(words(&mut bench.client, CALLER), "writable");
    assert_eq!(write(&mut bench.client, caller, &data), "33768");
    assert_eq!(
        words(&mut bench.client, CALLER),
        "",
        "only after WouldBlock"
    );
}

#[test]
fn closing_forgets_what_was_to_be_told() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    write(&mut bench.client, caller, b"x");
    bench.settle();
    bench.server.close(callee, Farewell::Close);
    assert_eq!(words(&mut bench.server, CALLEE), "");
}

#[test]
fn a_reused_socket_inherits_nothing() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    write(&mut bench.client, caller, b"for the old one");
    bench.connect("10.0.0.1:80");
    bench.settle();
    bench.server.close(callee, Farewell::Close);
    let (reused, _) = bench.server.accept(SocketId(0)).unwrap();
    assert_eq!(reused, callee);
    bench.server.register(reused, CALLEE).unwrap();
    assert_eq!(words(&mut bench.server, CALLEE), "writable");
    assert_eq!(read(&mut bench.server, reused), "WouldBlock");
}

#[test]
fn whatever_the_order_and_size_of_batches_all_are_told() {
    for seed in 0..200 {
        let mut bench = Bench::new(seed, Faults::Unnoticeable);
        bench.listen("10.0.0.1:80");
        let options = ConnectOptions::default();
        let to = address("10.0.0.1:80");
        for token in 0..10 {
            bench.client.connect(&to, &options, Token(token)).unwrap();
        }
        bench.settle();
        let mut told = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let ready = poll(&mut bench.client);
            told.extend(ready.iter().map(|ready| ready.token));
        }
        assert_eq!(told.len(), 10, "seed {seed}");
    }
}

#[test]
fn the_wall_clock_runs_with_the_world() {
    let mut bench = Bench::tame();
    let start = bench.server.wall_clock();
    bench.run_for(Duration::from_secs(3));
    let passed = bench.server.wall_clock().duration_since(start);
    assert_eq!(passed.unwrap(), Duration::from_secs(3));
}
