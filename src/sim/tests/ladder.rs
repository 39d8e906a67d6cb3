//! What a run looks like.

use super::*;
use crate::protocol::Protocol;
use crate::reactor::Reactor;
use crate::sim::World;
use crate::sim::trace::{Callback, Excerpt};
use crate::transport::Transport;

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

fn echo(reactor: &mut Reactor) -> crate::Result<()> {
    reactor
        .listen("tcp:7:interface=*")
        .serve(|_: &Address| Echo)
        .map(drop)
}

#[test]
fn scratch() {
    let world = World::new(0, Faults::None);
    world.host("server", echo);
    let peer = world.peer("tcp:server:7");
    peer.send("hello").expect("hello");
    peer.half_closes().expect_eof();
    world.settle();
    println!("{}", world.trace().join("\n"));
    println!("{}", world.ladder());
    let world = World::new(5, Faults::Unnoticeable);
    world.set_trace(crate::sim::Trace::All);
    world.host("server", echo);
    let (a, b) = (world.peer("tcp:server:7"), world.peer("tcp:server:7"));
    for i in 0..6 {
        a.send(format!("line number {i} & <more>"));
        b.send("b");
    }
    a.expect("line number 0 & <more>");
    b.expect("b");
    b.resets();
    world.black_hole(ip("10.9.9.9"));
    world.on("server", |reactor| {
        reactor.connect("tcp:10.9.9.9:7").with(Echo);
        reactor.connect("tcp:server:9").with(Echo);
        reactor.connect("tcp:10.8.8.8:9").with(Echo);
    });
    world.settle();
    world
        .fabric()
        .borrow_mut()
        .note_fault("partition of server and peer1");
    let host = world.fabric().borrow().find_host("server").unwrap();
    world
        .fabric()
        .borrow_mut()
        .note_callback(host, SocketId(2), Callback::Made);
    world.fabric().borrow_mut().note_callback(
        host,
        SocketId(2),
        Callback::Data(Excerpt::of(b"foo\r\nbla bla")),
    );
    a.send("last");
    world.run_for(Duration::from_secs(10));
    println!("{}", world.trace().join("\n"));
    println!("{}", world.ladder());
    world.ladder().write_svg("/tmp/one.svg").unwrap();
    let world = World::new(5, Faults::Unnoticeable);
    world.host("server", echo);
    let peers: Vec<_> = (0..7).map(|_| world.peer("tcp:server:7")).collect();
    for p in &peers {
        p.send("hello world");
    }
    peers[3].expect("hello world");
    println!("{}", world.ladder());
    world.ladder().write_svg("/tmp/two.svg").unwrap();
    let world = World::new(5, Faults::None);
    world.host("server", echo);
    let p = world.peer("tcp:server:7");
    p.send_bytes(vec![b'x'; 200000]);
    p.expect_bytes(vec![b'x'; 200000]);
    p.closes();
    world.settle();
    println!("{}", world.ladder());
}
