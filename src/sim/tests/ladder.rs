//! What a run looks like.

use super::*;
use crate::protocol::Protocol;
use crate::sim::{Trace, World};
use crate::transport::Transport;

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

fn echo_world(seed: u64, faults: Faults) -> World {
    let world = World::new(seed, faults);
    world.host("server", |reactor| {
        let listen = reactor.listen("tcp:7:interface=*");
        listen.serve(|_: &Address| Echo).map(drop)
    });
    world
}

/// The picture as lines.
fn drawn(world: &World) -> Vec<String> {
    let text = world.ladder().to_string();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn hello_and_goodbye() {
    let world = echo_world(0, Faults::None);
    let peer = world.peer("tcp:server:7");
    peer.send("hello").expect("hello");
    peer.half_closes().expect_eof();
    assert_eq!(
        world.trace()[6..11],
        [
            r#"t=0.200ms peer1 -> server#1 data 7B "hello\r\n""#,
            r#"t=0.300ms server#1 <- peer1 data 7B "hello\r\n""#,
            r#"t=0.300ms server#1 data 7B "hello\r\n""#,
            r#"t=0.300ms server#1 -> peer1 data 7B "hello\r\n""#,
            r#"t=0.400ms peer1 <- server#1 data 7B "hello\r\n""#,
        ]
    );
    assert_eq!(
        drawn(&world),
        [
            r#"         server                                    peer1"#,
            r#"0.000ms  o listens on 0.0.0.0:7                    |"#,
            r#"         |<----------------- SYN ------------------|"#,
            r#"0.100ms  |--------------- SYN-ACK ---------------->|"#,
            r#"         o made                                    |"#,
            r#"0.200ms  |<--------- data 7B "hello\r\n" ----------|"#,
            r#"0.300ms  o data 7B "hello\r\n"                     |"#,
            r#"         |--------- data 7B "hello\r\n" ---------->|"#,
            r#"0.400ms  |                      shuts down writing o"#,
            r#"         |<----------------- FIN ------------------|"#,
            r#"0.500ms  o eof                                     |"#,
            r#"         o lost (done, ended by the peer)          |"#,
            r#"         o closes                                  |"#,
            r#"         |----------------- FIN ------------------>|"#,
        ]
    );
}

/// A listener whose backlog is full, a port where nobody listens, and an address without a host.
#[test]
fn drops_and_resets() {
    let mut bench = Bench::tame();
    bench.listen_with("10.0.0.1:80", 0);
    bench.connect("10.0.0.1:80");
    bench.settle();
    bench.connect("10.0.0.1:80");
    bench.run_for(Duration::from_micros(300));
    bench.connect("10.0.0.1:81");
    bench.settle();
    bench.connect("10.9.9.9:80");
    bench.settle();
    assert_eq!(
        ladder_of(&bench),
        [
            r#"         server                                                  client"#,
            r#"0.000ms  o listens on 10.0.0.1:80                                |"#,
            r#"         |<----------------------- #1 SYN -----------------------|"#,
            r#"0.100ms  |--------------------- #1 SYN-ACK --------------------->|"#,
            r#"0.200ms  |x------------ #2 SYN: the backlog is full -------------|"#,
            r#"0.500ms  |<----------------------- #3 SYN -----------------------|"#,
            r#"0.600ms  |----------------------- #3 RST ----------------------->|"#,
            r#"0.700ms  |    x-- #4 SYN to 10.9.9.9:80: there is no such host --|"#,
            r#"0.900ms  |                                #4 fails: EHOSTUNREACH o"#,
        ]
    );
}

fn ladder_of(bench: &Bench) -> Vec<String> {
    let text = crate::sim::ladder::Ladder::of(bench.fabric.borrow().story()).to_string();
    text.lines().map(str::to_owned).collect()
}

/// What a segment overtakes, or meets, stands between its departure and its arrival.
#[test]
fn a_slow_segment_has_a_row_for_each_end() {
    let world = echo_world(0, Faults::None);
    let peer = world.peer("tcp:server:7");
    peer.send("hello");
    world.fabric().borrow_mut().note_fault("partition");
    peer.expect("hello");
    assert_eq!(
        drawn(&world)[4..],
        [
            r#"         o made                          |"#,
            r#"0.200ms  |...--- data 7B "hello\r\n" ----|"#,
            r#"         |========== partition ==========|"#,
            r#"0.300ms  |<--- data 7B "hello\r\n" ---...|"#,
            r#"         o data 7B "hello\r\n"           |"#,
            r#"         |---- data 7B "hello\r\n" ----->|"#,
        ]
    );
}

#[test]
fn many_take_part() {
    let world = echo_world(0, Faults::None);
    let peers: Vec<_> = (0..20).map(|_| world.peer("tcp:server:7")).collect();
    peers[0].send("hello").expect("hello");
    let lines = drawn(&world);
    assert!(lines.iter().all(|line| line.chars().count() <= 100));
    // The names go down like stairs, as many as fit.
    assert_eq!(lines[15].trim().len(), 15 * 3 + "peer20".len());
    assert!(lines[15].ends_with("peer20"), "{}", lines[15]);
    assert_eq!(
        lines[16],
        "         : … 10 events left out  :  :  :  :  :  :  :  :"
    );
    let last = lines.last().unwrap();
    assert!(last.ends_with(r#" #1 data 7B "hello\r\n""#), "{last}");
}

#[test]
fn the_middle_of_a_long_run_is_left_out() {
    let world = echo_world(1, Faults::Unnoticeable);
    let peer = world.peer("tcp:server:7");
    for _ in 0..2_000 {
        peer.send("hello").expect("hello");
    }
    let lines = drawn(&world);
    assert_eq!(lines.len(), 82);
    assert!(lines.iter().all(|line| line.chars().count() <= 100));
    assert!(lines[31].contains(" events left out "), "{}", lines[31]);
    assert!(world.trace().len() < 600);
}

#[test]
fn a_drawing_has_an_arrow_for_each_segment_and_no_syntax_from_outside() {
    let world = echo_world(0, Faults::None);
    let peer = world.peer("tcp:server:7");
    peer.send("<hello>&").expect("<hello>&");
    let svg = world.ladder().svg();
    assert_eq!(svg.matches("<polygon").count(), 4);
    assert_eq!(svg.matches("&lt;hello&gt;&amp;").count(), 3);
    assert!(!svg.contains("<hello>"));
}

#[test]
fn who_asks_for_no_trace_gets_none() {
    let world = World::new(0, Faults::None);
    world.set_trace(Trace::Off);
    let listener = world.peer_listener("server", 7);
    world.peer("tcp:server:7").send("hello");
    listener.accept().expect("hello");
    assert!(world.trace().is_empty());
    assert!(world.ladder().to_string().contains("nothing was kept"));
    assert_eq!(world.ladder().svg().matches("<polygon").count(), 0);
}
