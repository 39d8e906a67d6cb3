//! A program that does all that a program can do over a network, as it is told in lines. Owns the commands; a replay has to
//! follow it through all of them.

use std::rc::Rc;
use std::time::Duration;

use crate::error::Lost;
use crate::network::Signal;
use crate::protocol::LineReceiver;
use crate::reactor::Reactor;
use crate::sim::{Answer, Call, Faults, Peer, World};
use crate::transport::Transport;

use super::{Cassette, Recorder};

/// What the reader of the first lines of a connection does.
struct Commands;

impl LineReceiver for Commands {
    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match command {
            "say" => transport.send(rest),
            "much" => transport.write(vec![b'm'; 300_000]),
            "time" => {
                let (now, wall) = (transport.now(), transport.reactor().wall_clock());
                transport.send(format!("{now} {wall:?}"));
            }
            "random" => {
                let number = transport.reactor().random();
                transport.send(number.to_string());
            }
            "where" => transport.send(format!("{:?}", transport.local())),
            "later" => {
                transport.call_later(Duration::from_millis(7), |_: &mut Self, transport| {
                    transport.send("later");
                });
            }
            "stamp" => {
                transport.set_time_stamps(true);
                transport.send(format!("{:?}", transport.received_at()));
            }
            "half" => transport.lose_write_connection(),
            "abort" => transport.abort_connection(),
            "bye" => transport.lose_connection(),
            "work" => transport.defer_to_thread(
                move || 6 * 7,
                |_: &mut Self, transport, result| transport.send(format!("{result:?}")),
            ),
            "break" => transport.defer_to_thread(
                || -> u8 { panic!("as asked") },
                |_: &mut Self, transport, result| transport.send(format!("{result:?}")),
            ),
            "dial" => {
                let id = transport.id();
                let connect = transport.reactor().connect(rest);
                connect
                    .failed(move |reactor, error| reactor.send(id, error.to_string()))
                    .pipe(id);
            }
            "panic" => panic!("as asked"),
            _ => transport.send("what?"),
        }
    }
}

pub(super) fn serve(reactor: &mut Reactor) -> crate::Result<()> {
    reactor.call_every(Duration::from_millis(3), |reactor| {
        let _ = reactor.random();
    });
    reactor
        .listen("tcp:9000:interface=*")
        .serve(|_peer| Commands)
        .map(drop)
}

fn ask(world: &World, command: &str) -> Peer {
    let peer = world.peer("tcp:server:9000");
    peer.send(command);
    peer
}

/// Asks one thing, and ends the run when it is the last to have an answer, or none.
struct Asking {
    command: String,
    /// All who ask hold it.
    waiting: Rc<()>,
}

impl LineReceiver for Asking {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.send(&self.command);
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, _: &[u8]) {
        transport.lose_connection();
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, _: &Lost) {
        if Rc::strong_count(&self.waiting) == 1 {
            transport.reactor().stop();
        }
    }
}

struct Greeting;

impl LineReceiver for Greeting {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.send("hello from afar");
    }

    fn line_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

/// The server and its clients in one reactor, with nothing simulated.
pub(super) fn serve_oneself(reactor: &mut Reactor) -> crate::Result<()> {
    let server = reactor.listen("tcp:0").serve(|_peer| Commands)?;
    let far = reactor.listen("tcp:0").serve(|_peer| Greeting)?;
    let dial = format!("dial tcp:localhost:{}", far.address().port().unwrap_or(0));
    let waiting = Rc::new(());
    let commands = [
        "say hello",
        "much",
        "time",
        "random",
        "where",
        "later",
        "stamp",
        "half",
        "abort",
        "bye",
    ];
    for command in commands.into_iter().chain([
        "work",
        "break",
        "panic",
        &dial,
        "dial tcp:localhost:nonsense",
    ]) {
        let (command, waiting) = (command.to_owned(), Rc::clone(&waiting));
        reactor
            .connect(format!("tcp:{}", server.address()))
            .with(Asking { command, waiting });
    }
    Ok(())
}

/// The tape of a simulated run of all of it.
pub(super) fn recorded(seed: u64, faults: Faults) -> Vec<u8> {
    let (world, cassette) = (World::new(seed, faults), Cassette::default());
    world.name("nowhere", Answer::Unknown);
    let around = |network| {
        let recorder = Recorder::new(network, cassette.clone(), "a memo").expect("it is memory");
        Box::new(recorder) as Box<dyn crate::network::Network>
    };
    world.host_over("server", around, serve);
    talk(&world);
    drop(world);
    cassette.take()
}

/// Whoever is left of these holds the world, and with it the recorder.
fn talk(world: &World) {
    let target = world.peer_listener("target", 7000);
    world.fail_next("server", Call::Accept, &[103, 105]);
    for command in [
        "say hello",
        "time",
        "random",
        "where",
        "later",
        "stamp",
        "work",
        "break",
    ] {
        let peer = ask(world, command);
        world.run_until(|_| peer.received().ends_with(b"\n"));
        peer.closes();
    }
    let reader = ask(world, "much");
    let [half, _abort, _panicking] = ["half", "abort", "panic"].map(|command| ask(world, command));
    let _refused = [
        "dial tcp:nowhere:1",
        "dial tcp:server:9",
        "dial tcp:target:nonsense",
    ]
    .map(|command| ask(world, command));
    let piped = ask(world, "dial tcp:target:7000");
    let far = target.accept();
    far.send("from afar");
    piped.expect("from afar");
    piped.resets();
    world.settle();
    reader.closes();
    half.send("say still here").closes();
    world.signal("server", Signal::Terminate);
    world.run_until(|world| world.has_stopped("server"));
}
