//! The fabric and its networks below any reactor: raw calls in, what a kernel would say out.

mod calls;
mod chunks;
mod datagrams;
mod kernel;
mod ladder;
mod oracles;
mod processes;
mod readiness;
mod searching;
mod striking;
mod ticking;
mod world;

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use super::choose::Source;
use super::fabric::{Fabric, Shared};
use super::faults::Faults;
use super::network::SimNetwork;
use crate::address::Address;
use crate::network::{
    Batch, ConnectOptions, Farewell, ListenOptions, Network, Readiness, Received, SocketId, Time,
    Token,
};

/// Two hosts without reactors.
struct Bench {
    fabric: Shared,
    server: SimNetwork,
    client: SimNetwork,
}

impl Bench {
    fn new(seed: u64, faults: Faults) -> Self {
        let mut fabric = Fabric::new(seed, faults, Source::of_seed(seed, faults));
        let (server, client) = (fabric.host_named("server"), fabric.host_named("client"));
        let fabric = Rc::new(RefCell::new(fabric));
        Self {
            server: SimNetwork::new(fabric.clone(), server),
            client: SimNetwork::new(fabric.clone(), client),
            fabric,
        }
    }

    fn tame() -> Self {
        Self::new(0, Faults::None)
    }

    /// Lets all happen that is under way, except what only time-outs bring.
    fn settle(&self) {
        let mut fabric = self.fabric.borrow_mut();
        while !fabric.is_at_rest() {
            let next = fabric.next_event().unwrap();
            fabric.advance(next);
        }
    }

    fn run_for(&self, delay: Duration) {
        let mut fabric = self.fabric.borrow_mut();
        let end = fabric.now + delay;
        while let Some(next) = fabric.next_event().filter(|&next| next <= end) {
            fabric.advance(next);
        }
        fabric.advance(end);
    }

    fn now(&self) -> Time {
        self.fabric.borrow().now
    }

    fn listen(&mut self, at: &str) -> SocketId {
        self.listen_with(at, 16)
    }

    fn listen_with(&mut self, at: &str, backlog: u32) -> SocketId {
        let options = ListenOptions {
            backlog,
            ..ListenOptions::default()
        };
        let bound = self.server.listen(&address(at), &options, LISTENER);
        bound.unwrap().0
    }

    fn connect(&mut self, to: &str) -> SocketId {
        self.try_connect(to).unwrap()
    }

    fn try_connect(&mut self, to: &str) -> io::Result<SocketId> {
        let options = ConnectOptions::default();
        self.client.connect(&address(to), &options, CALLER)
    }

    /// A connection that stands: the client's socket, the server's, both told of their readiness already.
    fn pair(&mut self) -> (SocketId, SocketId) {
        let listener = self.listen("10.0.0.1:80");
        let caller = self.connect("10.0.0.1:80");
        self.settle();
        assert!(self.client.finish_connect(caller).unwrap());
        let (callee, _) = persist(|| self.server.accept(listener));
        self.server.register(callee, CALLEE).unwrap();
        poll(&mut self.server);
        poll(&mut self.client);
        (caller, callee)
    }
}

const LISTENER: Token = Token(1);
const CALLER: Token = Token(2);
const CALLEE: Token = Token(3);

fn address(text: &str) -> Address {
    text.parse::<SocketAddr>().unwrap().into()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn poll(network: &mut dyn Network) -> Vec<Readiness> {
    poll_all(network).ready
}

fn poll_all(network: &mut dyn Network) -> Batch {
    let mut batch = Batch::default();
    network.poll(Some(Duration::ZERO), &mut batch).unwrap();
    batch
}

/// What a batch tells of one token, as a word for each flag.
fn words(network: &mut dyn Network, token: Token) -> String {
    let ready = poll(network);
    let told: Vec<_> = ready.iter().filter(|r| r.token == token).collect();
    assert!(told.len() < 2, "told twice in a batch");
    let Some(ready) = told.first() else {
        return String::new();
    };
    let flags = [
        (ready.readable, "readable"),
        (ready.writable, "writable"),
        (ready.ended, "ended"),
        (ready.failed, "failed"),
    ];
    let set: Vec<_> = flags.iter().filter(|f| f.0).map(|f| f.1).collect();
    set.join(" ")
}

/// Repeats a call that says `WouldBlock` for no reason.
fn persist<T>(mut call: impl FnMut() -> io::Result<T>) -> T {
    for _ in 0..1_000 {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            outcome => return outcome.unwrap(),
        }
    }
    panic!("it would block for ever")
}

/// What one read says, in a word or two.
fn read(network: &mut dyn Network, socket: SocketId) -> String {
    let mut buffer = [0; 256 * 1024];
    match network.read(socket, &mut buffer) {
        Ok(Received::Filled { size, drained }) => data(&buffer[..size], drained),
        Ok(Received::Lent {
            data: lent,
            drained,
        }) => data(&lent, drained),
        Ok(Received::Ended) => "end".into(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

fn data(data: &[u8], drained: bool) -> String {
    let more = if drained { "" } else { " .." };
    format!("{}{more}", data.escape_ascii())
}

/// What one write says.
fn write(network: &mut dyn Network, socket: SocketId, data: &[u8]) -> String {
    match network.write(socket, &[IoSlice::new(data)]) {
        Ok(size) => size.to_string(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn bytes_go_there_and_back() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    assert_eq!(write(&mut bench.client, caller, b"hello"), "5");
    bench.settle();
    assert_eq!(words(&mut bench.server, CALLEE), "readable writable");
    assert_eq!(read(&mut bench.server, callee), "hello");
    assert_eq!(write(&mut bench.server, callee, b"hello"), "5");
    bench.settle();
    assert_eq!(read(&mut bench.client, caller), "hello");
    assert_eq!(read(&mut bench.client, caller), "WouldBlock");
    assert_eq!(bench.now(), Time::from_nanos(400_000));
}

#[test]
fn closing_in_order_leaves_nothing_behind() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    bench.client.close(caller, Farewell::Close);
    bench.settle();
    assert_eq!(read(&mut bench.server, callee), "end");
    bench.server.close(callee, Farewell::Close);
    bench.settle();
    assert_eq!(bench.fabric.borrow().open_links(), 0);
}
