//! The worlds a body runs in: one reactor, called `server`, on real sockets or a simulated network. Owns what differs
//! between the two; knows no behaviour.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ropewalk::sim::{self, Faults};
use ropewalk::{
    Address, ClientEndpoint, Connect, EndpointError, Limits, Listener, Protocol, Reactor, Result,
    ServerEndpoint, Time, UnixAddress,
};

use crate::peer::{End, Waiting};
pub(crate) use crate::peer::{Peer, PeerListener};
use crate::real::Real;
use crate::strict::strictly;
use crate::toy::Toy;

/// How long something may take before a test is called failed. It is not a measurement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Turns after which a real world counts as settled: more than what any of these tests has under way takes.
const SETTLED: usize = 50;

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) ground: Ground,
    pub(crate) layered: bool,
    /// What connections are made of where a body does not care.
    pub(crate) transport: Transport,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Unix,
}

#[derive(Clone)]
pub(crate) enum Ground {
    Real(Rc<Real>),
    Simulated(sim::World),
}

/// Expands to one test a world for each body.
macro_rules! contract {
    (everywhere: $($body:ident),* $(,)?) => { $(
        mod $body {
            #[test] fn on_real_sockets() { crate::world::on_real_sockets(module_path!(), super::$body); }
            #[test] fn in_simulation() { crate::world::in_simulation(module_path!(), super::$body); }
            #[test] fn under_a_layer() { crate::world::under_a_layer(module_path!(), super::$body); }
        }
    )* };
    (streams: $($body:ident),* $(,)?) => { $(
        mod $body {
            #[test] fn on_real_sockets() { crate::world::on_real_sockets(module_path!(), super::$body); }
            #[test] fn in_simulation() { crate::world::in_simulation(module_path!(), super::$body); }
            #[test] fn under_a_layer() { crate::world::under_a_layer(module_path!(), super::$body); }
            #[test] fn on_real_unix_sockets() { crate::world::on_real_unix_sockets(module_path!(), super::$body); }
            #[test] fn over_unix_in_simulation() { crate::world::over_unix_in_simulation(module_path!(), super::$body); }
        }
    )* };
    (bare: $($body:ident),* $(,)?) => { $(
        mod $body {
            #[test] fn on_real_sockets() { crate::world::on_real_sockets(module_path!(), super::$body); }
            #[test] fn in_simulation() { crate::world::in_simulation(module_path!(), super::$body); }
        }
    )* };
    (simulated: $($body:ident),* $(,)?) => { $(
        mod $body {
            #[test] fn in_simulation() { crate::world::in_simulation(module_path!(), super::$body); }
            #[test] fn under_a_layer() { crate::world::under_a_layer(module_path!(), super::$body); }
        }
    )* };
    (simulated_bare: $($body:ident),* $(,)?) => { $(
        mod $body {
            #[test] fn in_simulation() { crate::world::in_simulation(module_path!(), super::$body); }
        }
    )* };
    (real: $($body:ident),* $(,)?) => { $(
        mod $body {
            #[test] fn on_real_sockets() { crate::world::on_real_sockets(module_path!(), super::$body); }
        }
    )* };
}
pub(crate) use contract;

pub(crate) fn on_real_sockets(test: &str, body: fn(&World)) {
    play_real(test, body, Transport::Tcp);
}

pub(crate) fn on_real_unix_sockets(test: &str, body: fn(&World)) {
    play_real(test, body, Transport::Unix);
}

fn play_real(test: &str, body: fn(&World), transport: Transport) {
    let world = World {
        ground: Ground::Real(Rc::new(Real::new())),
        layered: false,
        transport,
    };
    strictly(test, || body(&world));
}

/// Once as it should be, then with all that a right program may not notice.
pub(crate) fn in_simulation(test: &str, body: fn(&World)) {
    play(test, body, false, Transport::Tcp);
}

pub(crate) fn under_a_layer(test: &str, body: fn(&World)) {
    play(test, body, true, Transport::Tcp);
}

pub(crate) fn over_unix_in_simulation(test: &str, body: fn(&World)) {
    play(test, body, false, Transport::Unix);
}

fn play(test: &str, body: fn(&World), layered: bool, transport: Transport) {
    let scenario = |world: &sim::World| {
        body(&World {
            ground: Ground::Simulated(world.clone()),
            layered,
            transport,
        });
    };
    strictly(test, || {
        sim::sweep(0..1, Faults::None, scenario);
        sim::sweep(1..24, Faults::Unnoticeable, scenario);
    });
}

/// The one host whose reactor is looked at.
pub(crate) const SERVER: &str = "server";

impl World {
    /// Sets the reactor up; only the first call makes one.
    pub(crate) fn on<R>(&self, act: impl FnOnce(&mut Reactor) -> R) -> R {
        match &self.ground {
            Ground::Real(real) => act(real.stepper.borrow_mut().reactor()),
            Ground::Simulated(world) => {
                if world.has_host(SERVER) {
                    world.on(SERVER, act)
                } else {
                    world.host(SERVER, |reactor| Ok(act(reactor)))
                }
            }
        }
    }

    /// Listens with the world's layers.
    pub(crate) fn listen<P: Protocol, E>(
        &self,
        reactor: &mut Reactor,
        endpoint: E,
        limits: Limits,
        build: impl FnMut(&Address) -> P + 'static,
    ) -> Result<Listener>
    where
        E: TryInto<ServerEndpoint>,
        E::Error: Into<EndpointError>,
    {
        let listen = reactor.listen(endpoint).limits(limits);
        if self.layered {
            listen.through(Toy::server).serve(build)
        } else {
            listen.serve(build)
        }
    }

    /// Where a socket file of this name is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        match &self.ground {
            Ground::Real(real) => real.directory.path().join(name),
            Ground::Simulated(_) => Path::new("/run").join(name),
        }
    }

    /// An endpoint that nobody listens on.
    fn free_endpoint(&self) -> ServerEndpoint {
        match self.transport {
            Transport::Tcp => ServerEndpoint::tcp(0).into(),
            Transport::Unix => {
                static NUMBER: AtomicU32 = AtomicU32::new(0);
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                ServerEndpoint::unix(self.path(&format!("listener{number}"))).into()
            }
        }
    }

    /// Listens on a free port of the loopback address, or on a new socket file.
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
        let endpoint = self.free_endpoint();
        self.on(|reactor| self.listen(reactor, endpoint, limits, build))
            .expect("what is free can be listened on")
    }

    /// Connects with the world's layers.
    pub(crate) fn connect<'a>(&self, reactor: &'a mut Reactor, address: &Address) -> Connect<'a> {
        let connect = reactor.connect(client_endpoint(address));
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
        let end = match &self.ground {
            Ground::Real(real) => End::Real(real.peer(address)),
            Ground::Simulated(world) => {
                let endpoint = match address {
                    Address::Unix(UnixAddress::Path(path)) => {
                        format!("unix:{SERVER}:{}", path.display())
                    }
                    Address::Unix(UnixAddress::Abstract(name)) => {
                        format!("unix:{SERVER}:@{}", String::from_utf8_lossy(name))
                    }
                    _ => {
                        let port = address.port().expect("a TCP address has a port");
                        format!("tcp:{SERVER}:{port}")
                    }
                };
                End::Simulated(world.peer(&endpoint))
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
        let path = self.path("target");
        match (&self.ground, self.transport) {
            (Ground::Real(_), Transport::Tcp) => {
                let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
                listener.set_nonblocking(true).expect("a socket option");
                let address = listener.local_addr().expect("a bound socket").into();
                PeerListener::new(self, address, Waiting::Real(listener.into()))
            }
            (Ground::Real(_), Transport::Unix) => {
                let listener = UnixListener::bind(&path).expect("it is the first there");
                listener.set_nonblocking(true).expect("a socket option");
                let listener = OwnedFd::from(listener).into();
                PeerListener::new(
                    self,
                    UnixAddress::Path(path).into(),
                    Waiting::Real(listener),
                )
            }
            (Ground::Simulated(world), Transport::Tcp) => {
                self.on(|_| ());
                let listener = world.peer_listener("target", 9000);
                let address = SocketAddr::new(world.address("target"), 9000).into();
                PeerListener::new(self, address, Waiting::Simulated(listener))
            }
            (Ground::Simulated(world), Transport::Unix) => {
                self.on(|_| ());
                let listener = world.unix_peer_listener(SERVER, &path);
                let address = UnixAddress::Path(path).into();
                PeerListener::new(self, address, Waiting::Simulated(listener))
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
        match &self.ground {
            Ground::Real(_) => {
                let end = self.now() + time;
                while self.now() < end {
                    self.step();
                }
            }
            Ground::Simulated(world) => world.run_for(time),
        }
    }

    /// Turns until everything that is under way has arrived. On real sockets: a little while, and so many turns that a
    /// machine which stalls has them too.
    pub(crate) fn settle(&self) {
        match &self.ground {
            Ground::Real(_) => {
                let end = self.now() + Duration::from_millis(30);
                let mut steps = 0;
                while self.now() < end || steps < SETTLED {
                    self.step();
                    steps += 1;
                }
            }
            Ground::Simulated(world) => world.settle(),
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
        match &self.ground {
            Ground::Real(real) => {
                let begin = self.now();
                while self.step() {
                    assert!(self.now() - begin < PATIENCE, "the reactor does not stop");
                }
                assert!(!*real.goes_on.borrow());
            }
            Ground::Simulated(world) => {
                if !world.has_stopped(SERVER) {
                    world.run_until(|world| world.has_stopped(SERVER));
                }
            }
        }
    }

    pub(crate) fn now(&self) -> Time {
        match &self.ground {
            Ground::Real(real) => real.stepper.borrow_mut().reactor().now(),
            Ground::Simulated(world) => world.now(),
        }
    }

    pub(crate) fn simulated(&self) -> Option<&sim::World> {
        match &self.ground {
            Ground::Real(_) => None,
            Ground::Simulated(world) => Some(world),
        }
    }

    /// A time that is short for a test on real sockets and means nothing in simulation.
    pub(crate) fn short(&self) -> Duration {
        Duration::from_millis(60)
    }

    pub(crate) fn step(&self) -> bool {
        match &self.ground {
            Ground::Real(real) => real.step(),
            Ground::Simulated(world) => world.step(),
        }
    }
}

/// Where to connect to reach whoever listens on an address.
pub(crate) fn client_endpoint(address: &Address) -> ClientEndpoint {
    match address {
        Address::Tcp(address) => {
            ClientEndpoint::tcp(address.ip().to_string(), address.port()).into()
        }
        Address::Unix(UnixAddress::Path(path)) => ClientEndpoint::unix(path).into(),
        Address::Unix(UnixAddress::Abstract(name)) => {
            ClientEndpoint::unix_abstract(name.clone()).into()
        }
        other => panic!("nobody listens on {other}"),
    }
}
