//! The worlds a body runs in: one reactor, called `server`, and peers with scripts. Owns what differs between real sockets
//! and the simulated network; knows no behaviour.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::{self, Faults};
use ropewalk::{
    Address, Connect, Layer, Limits, Listener, Protocol, Reactor, Result, Stepper, Time, Up,
};
use socket2::{Domain, SockRef, Socket, Type};

use crate::toy::Toy;

/// How long something may take before a test is called failed. It is not a measurement.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(crate) struct World {
    inner: Inner,
    layered: bool,
}

#[derive(Clone)]
enum Inner {
    Real(Rc<Real>),
    Simulated(sim::World),
}

/// Expands to one test a world for each body.
macro_rules! contract {
    (everywhere: $($body:ident),* $(,)?) => { $(
        mod $body {
            #[test] fn on_real_sockets() { crate::world::on_real_sockets(super::$body); }
            #[test] fn in_simulation() { crate::world::in_simulation(super::$body); }
            #[test] fn under_a_layer() { crate::world::under_a_layer(super::$body); }
        }
    )* };
    (bare: $($body:ident),* $(,)?) => { $(
        mod $body {
            #[test] fn on_real_sockets() { crate::world::on_real_sockets(super::$body); }
            #[test] fn in_simulation() { crate::world::in_simulation(super::$body); }
        }
    )* };
    (simulated: $($body:ident),* $(,)?) => { $(
        mod $body {
            #[test] fn in_simulation() { crate::world::in_simulation(super::$body); }
            #[test] fn under_a_layer() { crate::world::under_a_layer(super::$body); }
        }
    )* };
    (simulated_bare: $($body:ident),* $(,)?) => { $(
        mod $body {
            #[test] fn in_simulation() { crate::world::in_simulation(super::$body); }
        }
    )* };
    (real: $($body:ident),* $(,)?) => { $(
        mod $body {
            #[test] fn on_real_sockets() { crate::world::on_real_sockets(super::$body); }
        }
    )* };
}
pub(crate) use contract;

pub(crate) fn on_real_sockets(body: fn(&World)) {
    let world = World {
        inner: Inner::Real(Rc::new(Real::new())),
        layered: false,
    };
    body(&world);
}

/// Once as it should be, then with all that a right program may not notice.
pub(crate) fn in_simulation(body: fn(&World)) {
    play(body, false);
}

pub(crate) fn under_a_layer(body: fn(&World)) {
    play(body, true);
}

fn play(body: fn(&World), layered: bool) {
    let scenario = |world: &sim::World| {
        body(&World {
            inner: Inner::Simulated(world.clone()),
            layered,
        });
    };
    sim::sweep(0..1, Faults::None, scenario);
    sim::sweep(1..24, Faults::Unnoticeable, scenario);
}

/// The one host whose reactor is looked at.
pub(crate) const SERVER: &str = "server";

impl World {
    /// Sets the reactor up; only the first call makes one.
    pub(crate) fn on<R>(&self, act: impl FnOnce(&mut Reactor) -> R) -> R {
        match &self.inner {
            Inner::Real(real) => act(real.stepper.borrow_mut().reactor()),
            Inner::Simulated(world) => {
                if world.has_host(SERVER) {
                    world.on(SERVER, act)
                } else {
                    world.host(SERVER, |reactor| Ok(act(reactor)))
                }
            }
        }
    }

    /// Listens with the world's layers.
    pub(crate) fn listen<P: Protocol>(
        &self,
        reactor: &mut Reactor,
        endpoint: &str,
        limits: Limits,
        build: impl FnMut(&Address) -> P + 'static,
    ) -> Result<Listener> {
        let listen = reactor.listen(endpoint).limits(limits);
        if self.layered {
            listen.through(Toy::server).serve(build)
        } else {
            listen.serve(build)
        }
    }

    /// Listens on a free port of the loopback address.
    pub(crate) fn serve<P: Protocol>(
        &self,
        build: impl FnMut(&Address) -> P + 'static,
    ) -> Listener {
        self.serve_with(Limits::default(), build)
    }

    pub(crate) fn serve_with<P: Protocol>(
        &self,
        limits: Limits,
        build: impl FnMut(&Address) -> P + 'static,
    ) -> Listener {
        self.on(|reactor| self.listen(reactor, "tcp:0", limits, build))
            .expect("a free port can be listened on")
    }

    /// Connects with the world's layers.
    pub(crate) fn connect<'a>(&self, reactor: &'a mut Reactor, address: &Address) -> Connect<'a> {
        let connect = reactor.connect(format!("tcp:{address}"));
        if self.layered {
            connect.through(Toy::client())
        } else {
            connect
        }
    }

    /// A scripted peer that calls a listener.
    #[track_caller]
    pub(crate) fn peer(&self, listener: &Listener) -> Peer {
        self.peer_to(listener.address())
    }

    #[track_caller]
    pub(crate) fn peer_to(&self, address: &Address) -> Peer {
        let end = match &self.inner {
            Inner::Real(real) => End::Real(real.peer(address)),
            Inner::Simulated(world) => {
                let port = address.port().expect("a TCP address has a port");
                End::Simulated(world.peer(&format!("tcp:{SERVER}:{port}")))
            }
        };
        Peer::new(self, end, self.layered.then(Toy::client))
    }

    /// A scripted peer that calls a listener without the world's layers.
    #[track_caller]
    pub(crate) fn bare_peer(&self, listener: &Listener) -> Peer {
        let mut bare = self.clone();
        bare.layered = false;
        bare.peer(listener)
    }

    /// Where scripted peers wait to be called.
    pub(crate) fn peer_listener(&self) -> PeerListener {
        match &self.inner {
            Inner::Real(_) => {
                let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
                listener.set_nonblocking(true).expect("a socket option");
                let address = listener.local_addr().expect("a bound socket").into();
                PeerListener {
                    world: self.clone(),
                    address,
                    kind: Waiting::Real(listener),
                }
            }
            Inner::Simulated(world) => {
                self.on(|_| ());
                let listener = world.peer_listener("target", 9000);
                let address = SocketAddr::new(world.address("target"), 9000).into();
                PeerListener {
                    world: self.clone(),
                    address,
                    kind: Waiting::Simulated(listener),
                }
            }
        }
    }

    /// Turns the reactor until something is so.
    #[track_caller]
    pub(crate) fn run_until(&self, what: &str, done: impl Fn() -> bool) {
        let begin = self.now();
        while !done() {
            assert!(
                self.now() - begin < PATIENCE && self.step(),
                "it did not come to pass: {what}"
            );
        }
    }

    /// Turns the reactor for so long.
    pub(crate) fn run_for(&self, time: Duration) {
        match &self.inner {
            Inner::Real(_) => {
                let end = self.now() + time;
                while self.now() < end {
                    self.step();
                }
            }
            Inner::Simulated(world) => world.run_for(time),
        }
    }

    /// Turns until everything that is under way has arrived. On real sockets: a little while.
    pub(crate) fn settle(&self) {
        match &self.inner {
            Inner::Real(_) => self.run_for(Duration::from_millis(30)),
            Inner::Simulated(world) => world.settle(),
        }
    }

    /// Turns the reactor until it has no connection left, those that only linger included. To ask a reactor is to give it
    /// a turn, so it is not asked all the time.
    #[track_caller]
    pub(crate) fn run_until_all_are_gone(&self) {
        let begin = self.now();
        while self.on(|reactor| reactor.connections()) > 0 {
            assert!(self.now() - begin < PATIENCE, "connections are left");
            self.run_for(Duration::from_millis(1));
        }
    }

    /// Until the reactor has stopped.
    #[track_caller]
    pub(crate) fn run_to_the_end(&self) {
        match &self.inner {
            Inner::Real(real) => {
                let begin = self.now();
                while self.step() {
                    assert!(self.now() - begin < PATIENCE, "the reactor does not stop");
                }
                assert!(!*real.goes_on.borrow());
            }
            Inner::Simulated(world) => {
                if !world.has_stopped(SERVER) {
                    world.run_until(|world| world.has_stopped(SERVER));
                }
            }
        }
    }

    pub(crate) fn now(&self) -> Time {
        match &self.inner {
            Inner::Real(real) => real.stepper.borrow_mut().reactor().now(),
            Inner::Simulated(world) => world.now(),
        }
    }

    pub(crate) fn simulated(&self) -> Option<&sim::World> {
        match &self.inner {
            Inner::Real(_) => None,
            Inner::Simulated(world) => Some(world),
        }
    }

    /// A time that is short for a test on real sockets and means nothing in simulation.
    pub(crate) fn short(&self) -> Duration {
        Duration::from_millis(60)
    }

    pub(crate) fn step(&self) -> bool {
        match &self.inner {
            Inner::Real(real) => real.step(),
            Inner::Simulated(world) => world.step(),
        }
    }
}

/// A reactor on the machine's sockets, and the peers that have to be moved with it.
struct Real {
    stepper: RefCell<Stepper>,
    peers: RefCell<Vec<Rc<RefCell<RealPeer>>>>,
    goes_on: RefCell<bool>,
}

/// One end of a real connection; what it is to send and what has come.
struct RealPeer {
    stream: Option<TcpStream>,
    unsent: Vec<u8>,
    received: Vec<u8>,
    reads: bool,
    ends: bool,
    ending: Option<Ending>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Eof,
    Reset,
}

impl Real {
    fn new() -> Self {
        let reactor = Reactor::new().expect("the system has a selector");
        Self {
            stepper: RefCell::new(Stepper::new(reactor)),
            peers: RefCell::default(),
            goes_on: RefCell::new(true),
        }
    }

    fn step(&self) -> bool {
        for peer in &*self.peers.borrow() {
            peer.borrow_mut().pump();
        }
        // Peers are not watched by the reactor's selector, so its wait is kept short.
        let most = Duration::from_millis(1);
        let mut stepper = self.stepper.borrow_mut();
        let timeout = stepper.timeout().map_or(most, |timeout| timeout.min(most));
        let goes_on = stepper.turn(Some(timeout)).expect("the selector works");
        drop(stepper);
        *self.goes_on.borrow_mut() = goes_on;
        for peer in &*self.peers.borrow() {
            peer.borrow_mut().pump();
        }
        goes_on
    }

    /// Small buffers, so that a peer that does not read is felt soon.
    fn peer(&self, address: &Address) -> Rc<RefCell<RealPeer>> {
        let Address::Tcp(address) = address else {
            panic!("not a TCP address: {address}")
        };
        let socket =
            Socket::new(Domain::for_address(*address), Type::STREAM, None).expect("a socket");
        socket
            .set_recv_buffer_size(16 * 1024)
            .expect("a socket option");
        socket
            .connect(&(*address).into())
            .expect("the listener is there");
        self.adopt(socket.into())
    }

    fn adopt(&self, stream: TcpStream) -> Rc<RefCell<RealPeer>> {
        stream.set_nonblocking(true).expect("a socket option");
        stream.set_nodelay(true).expect("a socket option");
        let peer = Rc::new(RefCell::new(RealPeer {
            stream: Some(stream),
            unsent: Vec::new(),
            received: Vec::new(),
            reads: true,
            ends: false,
            ending: None,
        }));
        self.peers.borrow_mut().push(Rc::clone(&peer));
        peer
    }
}

impl RealPeer {
    fn pump(&mut self) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        while !self.unsent.is_empty() {
            match stream.write(&self.unsent) {
                Ok(size) => {
                    self.unsent.drain(..size);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.unsent.clear(),
            }
        }
        if self.ends && self.unsent.is_empty() {
            self.ends = false;
            let _ = stream.shutdown(Shutdown::Write);
        }
        let mut buffer = [0; 65536];
        while self.reads && self.ending.is_none() {
            match stream.read(&mut buffer) {
                Ok(0) => self.ending = Some(Ending::Eof),
                Ok(size) => self.received.extend_from_slice(&buffer[..size]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.ending = Some(Ending::Reset),
            }
        }
    }
}

/// Where scripted peers wait.
pub(crate) struct PeerListener {
    world: World,
    address: Address,
    kind: Waiting,
}

enum Waiting {
    Real(TcpListener),
    Simulated(sim::PeerListener),
}

impl PeerListener {
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    #[track_caller]
    pub(crate) fn accept(&self) -> Peer {
        let end = match (&self.kind, &self.world.inner) {
            (Waiting::Real(listener), Inner::Real(real)) => loop {
                match listener.accept() {
                    Ok((stream, _)) => break End::Real(real.adopt(stream)),
                    Err(_) => self.world.step(),
                };
            },
            (Waiting::Simulated(listener), _) => End::Simulated(listener.accept()),
            _ => unreachable!("a listener is of its own world"),
        };
        Peer::new(&self.world, end, self.world.layered.then(Toy::server))
    }
}

/// A peer with a script, in any world; under a layer it speaks through its own end of that.
pub(crate) struct Peer {
    world: World,
    end: End,
    toy: RefCell<Option<Toy>>,
    plain: RefCell<Vec<u8>>,
}

enum End {
    Real(Rc<RefCell<RealPeer>>),
    Simulated(sim::Peer),
}

impl Peer {
    fn new(world: &World, end: End, toy: Option<Toy>) -> Self {
        let peer = Self {
            world: world.clone(),
            end,
            toy: RefCell::new(toy),
            plain: RefCell::default(),
        };
        let mut wire = Vec::new();
        if let Some(toy) = &mut *peer.toy.borrow_mut() {
            toy.start(&mut wire);
        }
        peer.send_wire(&wire);
        peer.wait("the layer's handshake", || {
            peer.toy.borrow().as_ref().is_none_or(Toy::is_ready)
        });
        peer
    }

    pub(crate) fn send(&self, line: impl AsRef<[u8]>) -> &Self {
        self.send_bytes([line.as_ref(), b"\r\n"].concat())
    }

    pub(crate) fn send_bytes(&self, data: impl AsRef<[u8]>) -> &Self {
        let wire = match &mut *self.toy.borrow_mut() {
            None => data.as_ref().to_vec(),
            Some(toy) => {
                let mut wire = Vec::new();
                toy.send(data.as_ref(), &mut wire);
                wire
            }
        };
        self.send_wire(&wire);
        self
    }

    fn send_wire(&self, wire: &[u8]) {
        match &self.end {
            End::Real(peer) => {
                peer.borrow_mut().unsent.extend_from_slice(wire);
                peer.borrow_mut().pump();
            }
            End::Simulated(peer) => {
                peer.send_bytes(wire);
            }
        }
    }

    /// Moves what has come over the wire to what was received.
    fn pump(&self) {
        let wire = match &self.end {
            End::Real(peer) => {
                peer.borrow_mut().pump();
                std::mem::take(&mut peer.borrow_mut().received)
            }
            End::Simulated(peer) => {
                let wire = peer.received();
                if !wire.is_empty() {
                    peer.expect_bytes(&wire);
                }
                wire
            }
        };
        if wire.is_empty() {
            return;
        }
        let mut down = Vec::new();
        match &mut *self.toy.borrow_mut() {
            None => self.plain.borrow_mut().extend_from_slice(&wire),
            Some(toy) => {
                let mut up = Up::default();
                toy.receive(&wire, &mut up, &mut down)
                    .expect("a reactor speaks the layer's language");
                self.plain.borrow_mut().extend_from_slice(up.so_far());
            }
        }
        if !down.is_empty() {
            self.send_wire(&down);
        }
    }

    fn ending(&self) -> Option<Ending> {
        match &self.end {
            End::Real(peer) => peer.borrow().ending,
            End::Simulated(peer) if peer.is_reset() => Some(Ending::Reset),
            End::Simulated(peer) => peer.has_ended().then_some(Ending::Eof),
        }
    }

    #[track_caller]
    fn wait(&self, what: &str, done: impl Fn() -> bool) {
        let begin = self.world.now();
        loop {
            self.pump();
            if done() {
                return;
            }
            let goes_on = self.ending().is_none() && self.world.now() - begin < PATIENCE;
            // A reactor that has stopped does not keep a peer from reading what is on its way.
            let stepped = self.world.step() || matches!(self.end, End::Real(_));
            assert!(
                goes_on && stepped,
                "a peer expected {what}, but got {:?}, then {:?}",
                self.plain.borrow().escape_ascii().to_string(),
                self.ending()
            );
        }
    }

    #[track_caller]
    pub(crate) fn expect(&self, line: impl AsRef<[u8]>) -> &Self {
        self.expect_bytes([line.as_ref(), b"\r\n"].concat())
    }

    #[track_caller]
    pub(crate) fn expect_bytes(&self, data: impl AsRef<[u8]>) -> &Self {
        let data = data.as_ref();
        let shown = format!(
            "{} bytes {:?}",
            data.len(),
            data[..data.len().min(80)].escape_ascii().to_string()
        );
        self.wait(&shown, || self.plain.borrow().len() >= data.len());
        let got: Vec<u8> = self.plain.borrow_mut().drain(..data.len()).collect();
        assert!(
            got == data,
            "expected {shown}, got {:?}",
            got[..got.len().min(80)].escape_ascii().to_string()
        );
        self
    }

    /// The other side ends, and not a byte comes before that.
    #[track_caller]
    pub(crate) fn expect_eof(&self) -> &Self {
        let rest = self.read_until_eof();
        assert!(
            rest.is_empty(),
            "expected the end, got {:?}",
            rest.escape_ascii().to_string()
        );
        self
    }

    #[track_caller]
    pub(crate) fn read_until_eof(&self) -> Vec<u8> {
        self.wait_for_end("the end", |ending| ending == Ending::Eof);
        std::mem::take(&mut *self.plain.borrow_mut())
    }

    #[track_caller]
    pub(crate) fn expect_reset(&self) -> &Self {
        self.wait_for_end("a reset", |ending| ending == Ending::Reset);
        self
    }

    #[track_caller]
    pub(crate) fn expect_closed(&self) -> &Self {
        self.wait_for_end("the end or a reset", |_| true);
        self
    }

    #[track_caller]
    fn wait_for_end(&self, what: &str, right: impl Fn(Ending) -> bool) {
        self.wait(what, || self.ending().is_some());
        self.pump();
        let ending = self.ending();
        assert!(
            ending.is_some_and(right),
            "a peer expected {what}, but got {ending:?}"
        );
    }

    pub(crate) fn received(&self) -> usize {
        self.pump();
        self.plain.borrow().len()
    }

    pub(crate) fn stops_reading(&self) -> &Self {
        match &self.end {
            End::Real(peer) => peer.borrow_mut().reads = false,
            End::Simulated(peer) => {
                peer.stops_reading();
            }
        }
        self
    }

    pub(crate) fn reads_again(&self) -> &Self {
        match &self.end {
            End::Real(peer) => peer.borrow_mut().reads = true,
            End::Simulated(peer) => {
                peer.reads_again();
            }
        }
        self
    }

    /// Under a layer, with its farewell.
    pub(crate) fn half_closes(&self) -> &Self {
        let mut wire = Vec::new();
        if let Some(toy) = &mut *self.toy.borrow_mut() {
            toy.finish(&mut wire);
        }
        self.send_wire(&wire);
        match &self.end {
            End::Real(peer) => {
                peer.borrow_mut().ends = true;
                peer.borrow_mut().pump();
            }
            End::Simulated(peer) => {
                peer.half_closes();
            }
        }
        self
    }

    pub(crate) fn resets(&self) -> &Self {
        match &self.end {
            End::Real(peer) => {
                let stream = peer.borrow_mut().stream.take();
                if let Some(stream) = stream {
                    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                }
            }
            End::Simulated(peer) => {
                peer.resets();
            }
        }
        self
    }

    /// Closes the socket: with unread input that is a reset.
    pub(crate) fn closes(&self) -> &Self {
        match &self.end {
            End::Real(peer) => drop(peer.borrow_mut().stream.take()),
            End::Simulated(peer) => {
                peer.closes();
            }
        }
        self
    }
}
