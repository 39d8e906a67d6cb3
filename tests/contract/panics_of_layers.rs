//! Panics in layers and their makers, in each of a layer's methods.

use ropewalk::{Layer, Listener, Lost, Up};

use crate::panics::{PANICKED, panics};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { bare:
    a_layer_that_panics_ends_its_connection_alone,
    a_layer_that_panics_at_the_start_is_never_told_of,
    a_layer_that_panics_when_it_is_put_in_ends_its_connection_alone,
    a_layer_of_a_connect_that_panics_fails_the_connect,
    a_panic_in_a_layers_maker_turns_one_peer_away,
}

/// A layer that changes nothing, and panics at one occasion: for some of them, once a `%` has passed.
struct Bomb {
    at: At,
    lit: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Start,
    Receive,
    Send,
    Finish,
    WireEnded,
    Ended,
    IsReady,
    HasMessages,
}

impl Bomb {
    fn new(at: At) -> Self {
        Self { at, lit: false }
    }

    fn explodes(&self, at: At) {
        assert_ne!(self.at, at, "in a layer");
    }
}

impl Layer for Bomb {
    fn start(&mut self, _: &mut Vec<u8>) {
        self.explodes(At::Start);
    }

    fn receive(&mut self, wire: &[u8], up: &mut Up, _: &mut Vec<u8>) -> Result<(), Lost> {
        self.lit = wire.contains(&b'%');
        if self.lit {
            self.explodes(At::Receive);
        }
        up.bytes(wire);
        Ok(())
    }

    fn send(&mut self, plain: &[u8], down: &mut Vec<u8>) {
        self.explodes(At::Send);
        down.extend_from_slice(plain);
    }

    fn finish(&mut self, _: &mut Vec<u8>) {
        self.explodes(At::Finish);
    }

    fn wire_ended(&mut self, _: &mut Up) -> Result<(), Lost> {
        self.explodes(At::WireEnded);
        Ok(())
    }

    fn ended(&self) -> bool {
        if self.lit {
            self.explodes(At::Ended);
        }
        false
    }

    fn is_ready(&self) -> bool {
        if self.lit {
            self.explodes(At::IsReady);
        }
        true
    }

    fn has_messages(&self) -> bool {
        if self.lit {
            self.explodes(At::HasMessages);
        }
        false
    }
}

fn a_layer_that_panics_ends_its_connection_alone(world: &World) {
    let others = Log::default();
    let theirs = others.clone();
    let bystander = world.serve(move |_| Spy::new(&theirs).echo());
    let bystander = world.peer(&bystander);
    for (count, at) in [
        At::Receive,
        At::Send,
        At::Finish,
        At::WireEnded,
        At::Ended,
        At::IsReady,
        At::HasMessages,
    ]
    .into_iter()
    .enumerate()
    {
        let log = Log::default();
        let ours = log.clone();
        let listener = world.on(|reactor| {
            let listen = reactor.listen("tcp:0").through(move || Bomb::new(at));
            listen.serve(move |_| Spy::new(&ours).echo())
        });
        let victim = world.peer(&listener.expect("a free port"));
        victim.send_bytes("%").half_closes();
        victim.expect_closed();
        bystander.send("still here").expect("still here");
        let told = log.without_data();
        assert_eq!(told.last().map(String::as_str), Some(PANICKED), "{at:?}");
        assert_eq!((log.count("made"), log.count("lost")), (1, 1), "{at:?}");
        assert_eq!(panics(world), count as u64 + 1, "{at:?}");
    }
    assert_eq!(others.count("lost"), 0);
}

/// A caller that notes when it is turned away, be it before or after its own end of the connection stands.
fn calls_in_vain(world: &World, listener: &Listener, log: &Log) {
    let (refused, lost) = (log.clone(), log.clone());
    let caller = Spy::new(&Log::default()).lost(move |_, _| lost.note("turned away"));
    world.on(|reactor| {
        reactor
            .connect(format!("tcp:{}", listener.address()))
            .failed(move |_, _| refused.note("turned away"))
            .with(caller)
    });
}

/// The loop goes on, and takes the next one.
fn a_layer_that_panics_at_the_start_is_never_told_of(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let mut next = vec![At::Receive, At::Start];
    let listener = world.on(|reactor| {
        reactor
            .listen("tcp:0")
            .through(move || Bomb::new(next.pop().expect("two peers call")))
            .serve(move |_| Spy::new(&ours).echo())
    });
    let listener = listener.expect("a free port");
    calls_in_vain(world, &listener, &log);
    world.run_until("it is turned away", || log.has("turned away"));
    world.peer(&listener).send("hello").expect("hello");
    assert_eq!(log.without_data(), ["turned away", "made"]);
    assert_eq!(panics(world), 1);
}

fn a_layer_that_panics_when_it_is_put_in_ends_its_connection_alone(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours).data(|transport, _| transport.start_layer(Bomb::new(At::Start)))
    });
    let victim = world.peer(&listener);
    victim.send_bytes("x").expect_closed();
    assert_eq!(log.without_data(), ["made", PANICKED]);
    assert_eq!(panics(world), 1);
}

fn a_layer_of_a_connect_that_panics_fails_the_connect(world: &World) {
    let log = Log::default();
    let waiting = world.peer_listener();
    world.on(|reactor| {
        let failed = log.clone();
        world
            .connect(reactor, waiting.address())
            .through(Bomb::new(At::Start))
            .failed(move |_, error| failed.note(format!("failed: {error}")))
            .with(Spy::new(&log))
    });
    world.run_until("it fails", || log.count("failed") == 1);
    world.settle();
    assert_eq!(
        log.lines(),
        ["failed: the handshake failed: the protocol panicked"]
    );
    assert_eq!(panics(world), 1);
}

fn a_panic_in_a_layers_maker_turns_one_peer_away(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let mut made = 0;
    let listener = world.on(|reactor| {
        let listen = reactor.listen("tcp:0").through(move || {
            made += 1;
            assert_ne!(made, 1, "in the maker");
            Bomb::new(At::Start)
        });
        let through = listen.through(|| Bomb::new(At::Receive));
        through.serve(move |_| Spy::new(&ours))
    });
    let listener = listener.expect("a free port");
    calls_in_vain(world, &listener, &log);
    calls_in_vain(world, &listener, &log);
    world.run_until("both are turned away", || log.count("turned away") == 2);
    assert_eq!(log.lines(), ["turned away", "turned away"]);
    assert_eq!(panics(world), 2);
    assert_eq!(world.on(|reactor| reactor.counters().accepted), 2);
}
