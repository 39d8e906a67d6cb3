//! The world of real sockets: a reactor on the machine's network, and the peers that have to be moved with it. Owns the
//! peers' sockets; their scripts are in `peer`.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Address, Reactor, Stepper, UnixAddress};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::directory::Directory;

/// A reactor on the machine's sockets, and the peers that have to be moved with it.
pub(crate) struct Real {
    pub(crate) stepper: RefCell<Stepper>,
    pub(crate) peers: RefCell<Vec<Rc<RefCell<RealPeer>>>>,
    pub(crate) goes_on: RefCell<bool>,
    pub(crate) directory: Directory,
}

/// One end of a real connection; what it is to send and what has come.
pub(crate) struct RealPeer {
    pub(crate) stream: Option<TcpStream>,
    pub(crate) unsent: Vec<u8>,
    pub(crate) received: Vec<u8>,
    pub(crate) reads: bool,
    pub(crate) ends: bool,
    pub(crate) ending: Option<Ending>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Eof,
    Reset,
}

impl Real {
    pub(crate) fn new() -> Self {
        let reactor = Reactor::new().expect("the system has a selector");
        Self {
            stepper: RefCell::new(Stepper::new(reactor)),
            peers: RefCell::default(),
            goes_on: RefCell::new(true),
            directory: Directory::new(),
        }
    }

    pub(crate) fn step(&self) -> bool {
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
    pub(crate) fn peer(&self, address: &Address) -> Rc<RefCell<RealPeer>> {
        let (domain, address) = match address {
            Address::Tcp(address) => (Domain::for_address(*address), (*address).into()),
            Address::Unix(name) => (Domain::UNIX, unix_address(name)),
            other => panic!("neither TCP nor a Unix stream: {other}"),
        };
        let socket = Socket::new(domain, Type::STREAM, None).expect("a socket");
        socket
            .set_recv_buffer_size(16 * 1024)
            .expect("a socket option");
        socket.connect(&address).expect("the listener is there");
        self.adopt(socket)
    }

    /// A stream of either family, for the calls are the same.
    pub(crate) fn adopt(&self, socket: Socket) -> Rc<RefCell<RealPeer>> {
        socket.set_nonblocking(true).expect("a socket option");
        if !socket.local_addr().expect("it has one").is_unix() {
            socket.set_tcp_nodelay(true).expect("a socket option");
        }
        let stream = TcpStream::from(socket);
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

fn unix_address(name: &UnixAddress) -> SockAddr {
    let address = match name {
        UnixAddress::Path(path) => SockAddr::unix(path),
        UnixAddress::Abstract(name) => {
            SockAddr::unix(OsStr::from_bytes(&[&b"\0"[..], name].concat()))
        }
        UnixAddress::Unnamed => panic!("nobody can be called who has no name"),
    };
    address.expect("a short name")
}

impl RealPeer {
    pub(crate) fn pump(&mut self) {
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
