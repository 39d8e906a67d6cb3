//! What tests of connecting share: a call whose whole story is kept, and addresses of which one knows how they answer.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use ropewalk::{Address, Connect, ConnectError, ConnectionId, Reactor, Transport};
use socket2::{Domain, Socket, Type};

use crate::spy::{Log, Spy};
use crate::world::{SERVER, World};

/// What came of a call. Clones are the same story.
#[derive(Clone, Default)]
pub(crate) struct Story {
    /// What its protocol heard.
    pub(crate) log: Log,
    errors: Rc<RefCell<Vec<ConnectError>>>,
    protocol: Rc<()>,
}

impl Story {
    /// Makes the call.
    pub(crate) fn begin(&self, connect: Connect<'_>) -> ConnectionId {
        self.begin_with(connect, |_| {})
    }

    pub(crate) fn begin_with(
        &self,
        connect: Connect<'_>,
        mut made: impl FnMut(&mut Transport<'_>) + 'static,
    ) -> ConnectionId {
        let errors = Rc::clone(&self.errors);
        let protocol = Rc::clone(&self.protocol);
        let spy = Spy::new(&self.log).made(move |transport| {
            let _ = &protocol;
            made(transport);
        });
        let failed = move |_: &mut Reactor, error: &ConnectError| {
            errors.borrow_mut().push(error.clone());
        };
        connect.failed(failed).with(spy)
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.errors.borrow().is_empty()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.has_failed() || self.log.count("lost") > 0
    }

    /// Waits until it has failed: once, and its protocol heard nothing and is gone.
    #[track_caller]
    pub(crate) fn failure(&self, world: &World) -> ConnectError {
        match world.simulated() {
            // There a call may last for minutes.
            Some(sim) if !self.is_over() => sim.run_until(|_| self.is_over()),
            _ => world.run_until("the call fails", || self.is_over()),
        }
        world.settle();
        assert_eq!(self.log.lines(), [""; 0]);
        assert_eq!(Rc::strong_count(&self.protocol), 1, "the protocol is kept");
        let [error] = &self.errors.borrow()[..] else {
            panic!("{:?}", self.errors)
        };
        error.clone()
    }
}

/// Calls, with what `set` adds, and waits for the call to fail.
#[track_caller]
pub(crate) fn failure(
    world: &World,
    endpoint: &str,
    set: impl FnOnce(Connect<'_>) -> Connect<'_>,
) -> ConnectError {
    let story = Story::default();
    world.on(|reactor| {
        let id = story.begin(set(reactor.connect(endpoint)));
        assert!(reactor.is_connected(id) && !story.has_failed(), "not yet");
    });
    let error = story.failure(world);
    if let Some(sim) = world.simulated() {
        assert_eq!(sim.descriptors(SERVER), 0, "its socket is closed");
    }
    assert_eq!(world.on(|reactor| reactor.connections()), 0);
    error
}

/// An address at which a call is not answered as usual, for as long as this lives.
pub(crate) struct Odd {
    pub(crate) address: Address,
    _sockets: Vec<Socket>,
}

impl Odd {
    pub(crate) fn endpoint(&self) -> String {
        format!("tcp:{}", self.address)
    }

    /// Calls are refused.
    pub(crate) fn refuses(world: &World) -> Self {
        if let Some(sim) = world.simulated() {
            let listener = world.peer_listener();
            let port = listener.address().port().expect("a TCP address has a port");
            return Self {
                address: Address::Tcp((sim.address("target"), port + 1).into()),
                _sockets: Vec::new(),
            };
        }
        // Bound but not listening, so that nobody else does.
        let socket = bound();
        Self {
            address: Address::Tcp(local(&socket)),
            _sockets: vec![socket],
        }
    }

    /// Calls are neither taken nor refused.
    pub(crate) fn is_silent(world: &World) -> Self {
        if let Some(sim) = world.simulated() {
            world.on(|_| ());
            let hole = [10, 9, 9, 9].into();
            sim.black_hole(hole);
            return Self {
                address: Address::Tcp((hole, 9000).into()),
                _sockets: Vec::new(),
            };
        }
        // A backlog that is full already.
        let listener = bound();
        listener.listen(0).expect("it is bound");
        let address = local(&listener);
        let mut sockets = vec![listener];
        for _ in 0..4 {
            let caller = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None);
            let caller = caller.expect("a socket");
            let _ = caller.connect(&address.into());
            sockets.push(caller);
        }
        Self {
            address: Address::Tcp(address),
            _sockets: sockets,
        }
    }
}

fn bound() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).expect("loopback has a free port");
    socket
}

pub(crate) fn local(socket: &Socket) -> SocketAddr {
    let address = socket.local_addr().expect("it is bound");
    address.as_socket().expect("it is an IP address")
}
