//! Peers with scripts, the same in each world; under a layer they speak through their own end of it. Owns what came and was
//! not yet expected.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Address, Layer, Up, sim};
use socket2::{SockRef, Socket};

use crate::real::{Ending, RealPeer};
use crate::toy::Toy;
use crate::world::{Ground, PATIENCE, World};

/// Where scripted peers wait.
pub(crate) struct PeerListener {
    world: World,
    address: Address,
    kind: Waiting,
}

pub(crate) enum Waiting {
    Real(Socket),
    Simulated(sim::PeerListener),
}

impl PeerListener {
    pub(crate) fn new(world: &World, address: Address, kind: Waiting) -> Self {
        Self {
            world: world.clone(),
            address,
            kind,
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    #[track_caller]
    pub(crate) fn accept(&self) -> Peer {
        let end = match (&self.kind, &self.world.ground) {
            (Waiting::Real(listener), Ground::Real(real)) => loop {
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

pub(crate) enum End {
    Real(Rc<RefCell<RealPeer>>),
    Simulated(sim::Peer),
}

impl Peer {
    pub(crate) fn new(world: &World, end: End, toy: Option<Toy>) -> Self {
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
