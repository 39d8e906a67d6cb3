//! A network of one connection whose far end is a test. Owns what is under way in both directions; never waits, and its
//! clock moves only when the test says so.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::address::Address;
use crate::error::NameError;
use crate::network::{
    Arrival, Batch, ConnectOptions, DatagramNetwork, DeferError, Farewell, ListenOptions, LookupId,
    Network, Question, Readiness, Received, SocketId, StampedBy, Time, Token, Wake, Work, WorkId,
    WorkOutcome, run_work,
};
use crate::table::{ConnectionId, Owner};

use super::datagrams::Post;

const LISTENER: SocketId = SocketId(0);
const CONNECTION: SocketId = SocketId(1);

/// The connection, as the test and the reactor both see it.
#[derive(Debug, Default)]
pub(super) struct Link {
    now: Time,
    /// What the peer has sent, and when: each piece is one read.
    arrived: VecDeque<(Bytes, Time)>,
    /// When the piece that was read last had come.
    last_arrival: Time,
    from_peer: Direction,
    to_peer: Direction,
    /// Received by the peer, and not taken by the test yet.
    pub(super) received: Vec<u8>,
    /// How many bytes more the peer takes; `None`: any number.
    room: Option<usize>,
    knock: Option<Token>,
    token: Option<Token>,
    edge: Edge,
    /// Work that was done, and is to be told.
    works: Vec<(WorkId, WorkOutcome)>,
    /// Our own address: whose, depends on who connected to whom.
    local: Option<Address>,
    /// In place of a connection, a socket for datagrams.
    pub(super) post: Option<Post>,
}

/// How far one direction of the stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Direction {
    #[default]
    Open,
    /// FIN, or the sender has closed its socket.
    Ended,
    /// RST.
    Reset,
}

/// What changed since the reactor was told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Edge {
    readable: bool,
    writable: bool,
    ended: bool,
    failed: bool,
}

/// What the test does with the clock.
impl Link {
    /// Whether the reactor has yet to be told of something.
    pub(super) fn has_news(&self) -> bool {
        self.knock.is_some()
            || !self.works.is_empty()
            || self.token.is_some() && self.edge != Edge::default()
            || self.post.as_ref().is_some_and(Post::has_news)
    }

    pub(super) fn now(&self) -> Time {
        self.now
    }

    pub(super) fn set_now(&mut self, now: Time) {
        self.now = now;
    }
}

/// What the test does at the far end.
impl Link {
    /// The peer sends one piece.
    pub(super) fn send(&mut self, piece: &[u8]) {
        self.arrived
            .push_back((Bytes::copy_from_slice(piece), self.now));
        self.edge.readable = true;
    }

    /// The peer ends its direction; `false` if it has before.
    pub(super) fn end(&mut self, how: Direction) -> bool {
        if self.from_peer != Direction::Open && how != Direction::Reset {
            return false;
        }
        self.from_peer = how;
        self.edge.readable = true;
        self.edge.ended = true;
        if how == Direction::Reset {
            // As a kernel does: what was not read by then is gone.
            self.arrived.clear();
            self.edge.failed = true;
            self.edge.writable = true;
        }
        true
    }

    pub(super) fn is_open(&self) -> bool {
        self.from_peer == Direction::Open
    }

    /// How many bytes more the peer takes from now on; `None`: any number.
    pub(super) fn set_room(&mut self, room: Option<usize>) {
        self.room = room;
        self.edge.writable |= room != Some(0);
    }

    pub(super) fn add_room(&mut self, bytes: usize) {
        self.set_room(self.room.map(|room| room.saturating_add(bytes)));
    }

    /// What the peer has seen of our end.
    pub(super) fn to_peer(&self) -> Direction {
        self.to_peer
    }

    /// The reactor's name for the connection; `None` before it has taken it, and after it has let go of it.
    pub(super) fn id(&self) -> Option<ConnectionId> {
        match Owner::from(self.token?) {
            Owner::Connection(id) => Some(id),
            Owner::Listener(_) | Owner::Datagrams(_) => None,
        }
    }

    fn readiness(&mut self) -> Option<Readiness> {
        let token = self.token?;
        let Edge {
            readable,
            writable,
            ended,
            failed,
        } = std::mem::take(&mut self.edge);
        (readable || writable || ended || failed).then_some(Readiness {
            token,
            readable,
            writable,
            ended,
            failed,
        })
    }
}

/// The reactor's end of a [`Link`].
#[derive(Debug, Default)]
pub(super) struct Plug {
    pub(super) link: Rc<RefCell<Link>>,
    randoms: u64,
}

impl Plug {
    pub(super) fn new(link: Rc<RefCell<Link>>) -> Self {
        Self {
            link,
            ..Self::default()
        }
    }
}

impl Network for Plug {
    fn poll(&mut self, _: Option<Duration>, batch: &mut Batch) -> io::Result<()> {
        let mut link = self.link.borrow_mut();
        if let Some(token) = link.knock.take() {
            batch.ready.push(Readiness {
                token,
                readable: true,
                writable: false,
                ended: false,
                failed: false,
            });
        }
        batch.ready.extend(link.readiness());
        let post = link.post.as_mut().and_then(Post::readiness);
        batch.ready.extend(post);
        batch.works.append(&mut link.works);
        Ok(())
    }

    fn now(&mut self) -> Time {
        self.link.borrow().now
    }

    fn wall_clock(&mut self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.now().since(Time::START)
    }

    /// Steele, Lea and Flood's SplitMix64, from the same seed each time.
    fn random(&mut self) -> u64 {
        self.randoms = self.randoms.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.randoms;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn listen(
        &mut self,
        address: &Address,
        _: &ListenOptions,
        token: Token,
    ) -> io::Result<(SocketId, Address)> {
        let mut link = self.link.borrow_mut();
        if link.token.is_some() || link.knock.is_some() {
            return Err(only_one());
        }
        link.knock = Some(token);
        Ok((LISTENER, address.clone()))
    }

    fn accept(&mut self, _: SocketId) -> io::Result<(SocketId, Address)> {
        let mut link = self.link.borrow_mut();
        if link.token.is_some() || link.to_peer != Direction::Open {
            return Err(ErrorKind::WouldBlock.into());
        }
        link.edge.writable = true;
        link.local = Some(server_address());
        Ok((CONNECTION, client_address()))
    }

    fn refuse(&mut self, _: SocketId) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn register(&mut self, _: SocketId, token: Token) -> io::Result<()> {
        self.link.borrow_mut().token = Some(token);
        Ok(())
    }

    fn connect(&mut self, _: &Address, _: &ConnectOptions, token: Token) -> io::Result<SocketId> {
        let mut link = self.link.borrow_mut();
        if link.token.is_some() || link.to_peer != Direction::Open {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        link.token = Some(token);
        link.edge.writable = true;
        link.local = Some(client_address());
        Ok(CONNECTION)
    }

    fn finish_connect(&mut self, _: SocketId) -> io::Result<bool> {
        Ok(true)
    }

    fn read(&mut self, _: SocketId, _: &mut [u8]) -> io::Result<Received> {
        let mut link = self.link.borrow_mut();
        if let Some((data, time)) = link.arrived.pop_front() {
            link.last_arrival = time;
            let drained = link.arrived.is_empty();
            return Ok(Received::Lent { data, drained });
        }
        match link.from_peer {
            Direction::Open => Err(ErrorKind::WouldBlock.into()),
            Direction::Ended => Ok(Received::Ended),
            Direction::Reset => Err(ErrorKind::ConnectionReset.into()),
        }
    }

    fn set_time_stamps(&mut self, _: SocketId, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn read_stamped(
        &mut self,
        socket: SocketId,
        buffer: &mut [u8],
    ) -> io::Result<(Received, Arrival)> {
        let received = self.read(socket, buffer)?;
        let time = self.link.borrow().last_arrival;
        let arrival = Arrival {
            time,
            wall_clock: SystemTime::UNIX_EPOCH + time.since(Time::START),
            stamped_by: StampedBy::Kernel,
        };
        Ok((received, arrival))
    }

    fn write(&mut self, _: SocketId, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut link = self.link.borrow_mut();
        if link.from_peer == Direction::Reset {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if link.room == Some(0) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut taken = 0;
        for piece in pieces {
            let size = link.room.map_or(piece.len(), |room| room.min(piece.len()));
            link.received.extend_from_slice(&piece[..size]);
            link.room = link.room.map(|room| room - size);
            taken += size;
        }
        Ok(taken)
    }

    fn shutdown_write(&mut self, _: SocketId) -> io::Result<()> {
        let mut link = self.link.borrow_mut();
        if link.from_peer == Direction::Reset {
            return Err(ErrorKind::NotConnected.into());
        }
        link.to_peer = Direction::Ended;
        Ok(())
    }

    fn take_error(&mut self, _: SocketId) -> Option<io::Error> {
        let reset = self.link.borrow().from_peer == Direction::Reset;
        reset.then(|| ErrorKind::ConnectionReset.into())
    }

    fn local_address(&self, _: SocketId) -> io::Result<Address> {
        let local = self.link.borrow().local.clone();
        local.ok_or_else(|| ErrorKind::NotConnected.into())
    }

    fn close(&mut self, socket: SocketId, farewell: Farewell) {
        let mut link = self.link.borrow_mut();
        if let Some(post) = &mut link.post {
            post.close(socket);
        }
        if socket != CONNECTION {
            return;
        }
        link.token = None;
        link.to_peer = match farewell {
            Farewell::Close => Direction::Ended,
            Farewell::Reset => Direction::Reset,
        };
    }

    fn datagrams(&mut self) -> Option<&mut dyn DatagramNetwork> {
        let has_datagrams = self.link.borrow().post.is_some();
        has_datagrams.then_some(self)
    }

    fn look_up(&mut self, _: LookupId, _: &Question) -> Result<(), NameError> {
        Err(NameError::Unknown)
    }

    fn cancel_look_up(&mut self, _: LookupId) {}

    /// A unit test has no threads: it is done here and now, and told in the next turn.
    fn defer(&mut self, id: WorkId, work: Work) -> Result<(), DeferError> {
        let outcome = run_work(work);
        self.link.borrow_mut().works.push((id, outcome));
        Ok(())
    }

    fn service_port(&mut self, _: &str, _: Option<&str>) -> Option<u16> {
        None
    }

    fn watch_signals(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::new(NeverAsleep)
    }

    fn descriptor_limit(&self) -> Option<usize> {
        None
    }
}

/// Nothing here waits, so nobody has to be woken.
struct NeverAsleep;

impl Wake for NeverAsleep {
    fn wake(&self) {}
}

fn only_one() -> io::Error {
    io::Error::new(ErrorKind::Unsupported, "a test's wire is one connection")
}

fn server_address() -> Address {
    Address::Tcp(([127, 0, 0, 1], 8007).into())
}

fn client_address() -> Address {
    Address::Tcp(([127, 0, 0, 1], 49_152).into())
}
