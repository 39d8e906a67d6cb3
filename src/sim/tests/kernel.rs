//! How connections end: what Linux was seen to do, case by case.

use super::*;

fn close(network: &mut SimNetwork, socket: SocketId) {
    network.close(socket, Farewell::Close);
}

#[test]
fn half_close_leaves_the_other_half() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    write(&mut bench.client, caller, b"question");
    bench.client.shutdown_write(caller).unwrap();
    assert_eq!(write(&mut bench.client, caller, b"more"), "BrokenPipe");
    bench.settle();
    assert_eq!(words(&mut bench.server, CALLEE), "readable writable ended");
    assert_eq!(read(&mut bench.server, callee), "question ..");
    assert_eq!(read(&mut bench.server, callee), "end");
    assert_eq!(read(&mut bench.server, callee), "end");
    assert_eq!(write(&mut bench.server, callee, b"answer"), "6");
    close(&mut bench.server, callee);
    bench.settle();
    assert_eq!(read(&mut bench.client, caller), "answer ..");
    assert_eq!(read(&mut bench.client, caller), "end");
    close(&mut bench.client, caller);
    bench.settle();
    assert_eq!(bench.fabric.borrow().open_links(), 0);
}

#[test]
fn close_with_unread_input_resets_after_what_was_sent() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    write(&mut bench.client, caller, b"never read");
    bench.settle();
    write(&mut bench.server, callee, b"reply");
    close(&mut bench.server, callee);
    bench.settle();
    assert_eq!(
        words(&mut bench.client, CALLER),
        "readable writable ended failed"
    );
    assert_eq!(read(&mut bench.client, caller), "reply ..");
    assert_eq!(read(&mut bench.client, caller), "ConnectionReset");
    assert_eq!(read(&mut bench.client, caller), "end");
    assert_eq!(write(&mut bench.client, caller, b"x"), "BrokenPipe");
}

#[test]
fn an_error_is_told_once_whoever_asks() {
    for ask in ["read", "write", "take_error"] {
        let mut bench = Bench::tame();
        let (caller, callee) = bench.pair();
        bench.server.close(callee, Farewell::Reset);
        bench.settle();
        let said = match ask {
            "read" => read(&mut bench.client, caller),
            "write" => write(&mut bench.client, caller, b"x"),
            _ => format!("{:?}", bench.client.take_error(caller).unwrap().kind()),
        };
        assert_eq!(said, "ConnectionReset", "{ask}");
        assert_eq!(read(&mut bench.client, caller), "end");
        assert_eq!(write(&mut bench.client, caller, b"x"), "BrokenPipe");
        assert!(bench.client.take_error(caller).is_none());
    }
}

#[test]
fn a_reset_drops_what_was_not_sent() {
    let mut bench = Bench::tame();
    bench.fabric.borrow_mut().window = 4;
    let (caller, callee) = bench.pair();
    assert_eq!(write(&mut bench.client, caller, b"abcd"), "4");
    assert_eq!(write(&mut bench.client, caller, b"efgh"), "4");
    bench.client.close(caller, Farewell::Reset);
    bench.settle();
    assert_eq!(read(&mut bench.server, callee), "abcd ..");
    assert_eq!(read(&mut bench.server, callee), "ConnectionReset");
}

#[test]
fn a_reset_after_fin_shows_to_writers_only() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    write(&mut bench.server, callee, b"bye");
    close(&mut bench.server, callee);
    bench.settle();
    assert_eq!(write(&mut bench.client, caller, b"too late"), "8");
    bench.settle();
    assert_eq!(read(&mut bench.client, caller), "bye ..");
    assert_eq!(read(&mut bench.client, caller), "end");
    assert_eq!(read(&mut bench.client, caller), "end");
    assert_eq!(write(&mut bench.client, caller, b"x"), "BrokenPipe");
    assert_eq!(write(&mut bench.client, caller, b"x"), "BrokenPipe");
}

#[test]
fn a_reset_after_both_have_ended_is_not_sent() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    bench.server.shutdown_write(callee).unwrap();
    bench.settle();
    bench.client.shutdown_write(caller).unwrap();
    bench.settle();
    bench.client.close(caller, Farewell::Reset);
    bench.settle();
    assert!(bench.server.take_error(callee).is_none());
    assert_eq!(read(&mut bench.server, callee), "end");
    assert_eq!(write(&mut bench.server, callee, b"x"), "BrokenPipe");
    close(&mut bench.server, callee);
    assert_eq!(bench.fabric.borrow().open_links(), 0);
}

#[test]
fn input_on_its_way_to_a_closed_socket_is_answered_by_a_reset() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    write(&mut bench.client, caller, b"on its way");
    close(&mut bench.server, callee);
    bench.settle();
    assert!(words(&mut bench.client, CALLER).contains("failed"));
    assert_eq!(write(&mut bench.client, caller, b"x"), "BrokenPipe");
    close(&mut bench.client, caller);
    bench.settle();
    assert_eq!(bench.fabric.borrow().open_links(), 0);
}

#[test]
fn what_was_written_before_a_close_still_arrives_through_a_small_window() {
    let mut bench = Bench::tame();
    bench.fabric.borrow_mut().window = 4;
    let (caller, callee) = bench.pair();
    write(&mut bench.client, caller, b"abcd");
    write(&mut bench.client, caller, b"efgh");
    close(&mut bench.client, caller);
    let mut got = String::new();
    for _ in 0..4 {
        bench.settle();
        got += &read(&mut bench.server, callee);
        got += "|";
    }
    assert_eq!(got, "abcd|efgh ..|end|end|");
}

#[test]
fn a_connection_reset_in_the_backlog_is_accepted_all_the_same() {
    let mut bench = Bench::tame();
    let listener = bench.listen("10.0.0.1:80");
    let caller = bench.connect("10.0.0.1:80");
    bench.settle();
    bench.client.close(caller, Farewell::Reset);
    bench.settle();
    let (callee, peer) = bench.server.accept(listener).unwrap();
    assert_eq!(peer, address("10.0.0.2:32768"));
    bench.server.register(callee, CALLEE).unwrap();
    assert!(words(&mut bench.server, CALLEE).contains("failed"));
    assert_eq!(read(&mut bench.server, callee), "ConnectionReset");
}

#[test]
fn a_caller_that_hangs_up_before_the_answer_resets() {
    let mut bench = Bench::tame();
    let listener = bench.listen("10.0.0.1:80");
    let caller = bench.connect("10.0.0.1:80");
    bench.run_for(Duration::from_micros(150));
    close(&mut bench.client, caller);
    bench.settle();
    let (callee, _) = bench.server.accept(listener).unwrap();
    assert_eq!(read(&mut bench.server, callee), "ConnectionReset");
}

#[test]
fn both_may_close_at_once() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    close(&mut bench.client, caller);
    close(&mut bench.server, callee);
    bench.settle();
    assert_eq!(bench.fabric.borrow().open_links(), 0);
}

#[test]
fn a_dropped_network_closes_what_it_had_open() {
    let Bench {
        fabric,
        server,
        mut client,
    } = {
        let mut bench = Bench::tame();
        bench.pair();
        bench
    };
    drop(server);
    let next = fabric.borrow().next_event().unwrap();
    fabric.borrow_mut().advance(next);
    assert_eq!(words(&mut client, CALLER), "readable writable ended");
}
