//! Descriptors come back, however a connection ends. In a process of its own, for others open some too.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use ropewalk::{Connect, Limits, Lost};
use socket2::SockRef;

use crate::alone::alone;
use crate::calling::{Odd, Story};
use crate::spy::{Log, Spy};
use crate::strict::panics_are_meant;
use crate::world::{World, contract};

contract! { real:
    every_descriptor_comes_back_however_its_connection_ends,
    every_descriptor_comes_back_however_a_call_ends,
}

const ROUNDS: usize = 500;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd")
        .expect("Linux lists them")
        .count()
}

/// The peer says what is to become of the connection; some peers do it themselves.
fn every_descriptor_comes_back_however_its_connection_ends(world: &World) {
    let name =
        "descriptors::every_descriptor_comes_back_however_its_connection_ends::on_real_sockets";
    if !alone(name, "true") {
        return;
    }
    panics_are_meant();
    let log = Log::default();
    let ours = log.clone();
    let limits = Limits::default().close(world.short());
    let listener = world.serve_with(limits, move |_| {
        let own = ours.clone();
        Spy::new(&Log::default())
            .data(|transport, data| match data {
                b"close" => transport.lose_connection(),
                b"end" => transport.lose_write_connection(),
                b"abort" => transport.abort_connection(),
                b"flood" => {
                    transport.write(vec![b'.'; 16 << 20]);
                    transport.lose_connection();
                }
                _ => panic!("as it was asked to"),
            })
            .lost(move |_, lost: &Lost| own.note(lost.to_string()))
    });
    let address = listener.address().to_string();
    let call = |what: &[u8]| {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        stream.write_all(what).expect("there is room");
        stream
    };
    world.run_for(world.short());
    let before = descriptors();
    let mut ended = 0;
    for round in 0..ROUNDS {
        let mut streams: Vec<TcpStream> = ["close", "end", "abort", "panic"]
            .map(|what| call(what.as_bytes()))
            .into();
        if round % 100 == 0 {
            streams.push(call(b"flood"));
        }
        ended += streams.len();
        // Who is told to end waits for its peer to end too.
        streams[1].shutdown(Shutdown::Write).expect("it stands");
        world.run_until("they end", || log.lines().len() == ended);
        // One that leaves at once, one that resets.
        drop(call(b""));
        let rude = call(b"");
        SockRef::from(&rude)
            .set_linger(Some(Duration::ZERO))
            .expect("a socket takes that");
        drop(rude);
        ended += 2;
        world.run_until("they end", || log.lines().len() == ended);
    }
    world.run_until_all_are_gone();
    assert_eq!(descriptors(), before);
    let counters = world.on(|reactor| reactor.counters().clone());
    assert_eq!(counters.accepted, counters.lost);
    assert_eq!(log.count("timed out"), ROUNDS / 100);
    assert_eq!(log.count("aborted"), ROUNDS);
    assert_eq!(log.count("the protocol panicked"), ROUNDS);
}

fn soon(connect: Connect<'_>) -> Connect<'_> {
    connect.timeout(Duration::from_millis(1))
}

/// From an address that no machine has.
fn elsewhere(connect: Connect<'_>) -> Connect<'_> {
    connect.bind(SocketAddr::from(([192, 0, 2, 1], 0)))
}

fn every_descriptor_comes_back_however_a_call_ends(world: &World) {
    let name = "descriptors::every_descriptor_comes_back_however_a_call_ends::on_real_sockets";
    if !alone(name, "true") {
        return;
    }
    let listener = world.serve(|_| Spy::new(&Log::default()));
    let (refuses, silent) = (Odd::refuses(world), Odd::is_silent(world));
    let call = |endpoint: &str, set: fn(Connect<'_>) -> Connect<'_>| {
        let story = Story::default();
        let id = world.on(|reactor| {
            story.begin_with(set(reactor.connect(endpoint)), |transport| {
                transport.abort_connection();
            })
        });
        (story, id)
    };
    let name = format!("tcp:localhost:{}", listener.address().port().unwrap_or(0));
    let mut before = None;
    for _ in 0..ROUNDS {
        let mut calls = vec![
            call(&format!("tcp:{}", listener.address()), |connect| connect),
            call(&name, |connect| connect),
            call(&refuses.endpoint(), |connect| connect),
            call(&refuses.endpoint(), elsewhere),
            call(&silent.endpoint(), soon),
        ];
        let given_up = call(&silent.endpoint(), |connect| connect);
        world.on(|reactor| reactor.abort_connection(given_up.1));
        calls.push(given_up);
        world.run_until("all are over", || calls.iter().all(|call| call.0.is_over()));
        world.run_until_all_are_gone();
        // After the first round there are the threads that look names up, and what they need.
        let before = *before.get_or_insert_with(descriptors);
        assert_eq!(descriptors(), before);
    }
    let counters = world.on(|reactor| reactor.counters().clone());
    let rounds = ROUNDS as u64;
    assert_eq!(
        (counters.connected, counters.connects_failed),
        (2 * rounds, 4 * rounds)
    );
}
