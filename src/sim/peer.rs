//! Scripted peers: what a test says to a reactor and what it wants to hear. Owns the reading of scripts; the bytes are
//! the fabric's, and so is the peer's kernel.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use bytes::Bytes;

use super::fabric::{Ending, Fabric, PeerState};
use super::host::HostId;
use super::link::{PeerId, Phase};
use super::world::World;
use crate::address::UnixAddress;
use crate::network::{Farewell, ListenOptions, SocketId};

/// One end of a connection, moved by a test: a telnet with a script.
///
/// What waits for something (`expect` and its kin) runs the world until it comes, and panics with the story if it does
/// not. What sends never waits: bytes go out as the other side's window allows. A peer reads all that comes, as it
/// comes, unless it [stopped](Self::stops_reading).
pub struct Peer {
    world: World,
    id: PeerId,
}

/// Where peers wait to be called by a reactor.
pub struct PeerListener {
    world: World,
    host: HostId,
    sockets: Vec<SocketId>,
}

impl World {
    /// A peer that calls `endpoint`, as in `tcp:server:8007`: the name of a host, or an address (`tcp:10.0.0.1:8007`,
    /// `tcp:[fd00::1]:8007`). It calls from outside; but if only the host's loopback address is listened on, it calls
    /// from there, as a telnet on that machine does. Unix streams, as in `unix:server:/run/chat` and `unix:server:@chat`, are
    /// called from their host. Runs the world until the connection stands.
    ///
    /// # Panics
    /// If the connection can't be made.
    #[track_caller]
    pub fn peer(&self, endpoint: &str) -> Peer {
        match self.call(endpoint) {
            Ok(peer) => peer,
            Err(why) => self.fail(&format!("a peer can't connect to {endpoint}: {why}")),
        }
    }

    /// As [`peer`](Self::peer), but `None` if the call comes to nothing: in a world with all
    /// [faults](super::Faults::All) it may be refused or get lost, as nobody listens while a service is down.
    ///
    /// # Panics
    /// If `endpoint` names no host of this world.
    #[track_caller]
    pub fn try_peer(&self, endpoint: &str) -> Option<Peer> {
        self.call(endpoint).ok()
    }

    /// A peer's call, or why it came to nothing.
    #[track_caller]
    fn call(&self, endpoint: &str) -> Result<Peer, String> {
        let called = match endpoint.strip_prefix("unix:") {
            Some(endpoint) => self.call_unix(endpoint),
            None => self.call_tcp(endpoint),
        };
        let Some(called) = called else {
            self.fail(&format!("no host of this world: {endpoint}"))
        };
        let id = called.map_err(|error| error.to_string())?;
        let phase = |world: &Self| world.fabric().borrow().peer_phase(id);
        let decided = self.wait_for(|world| phase(world).filter(|&p| p != Phase::Connecting));
        if decided != Some(Phase::Open) {
            let mut fabric = self.fabric().borrow_mut();
            let error = fabric.peer_error(id);
            fabric.peer_closes(id, Farewell::Close);
            return Err(error.map_or("no answer".into(), |error| error.to_string()));
        }
        Ok(Peer {
            world: self.clone(),
            id,
        })
    }

    /// Listens for peers on a port of a host, which is made if there is none of that name. It may be called under any
    /// address of the host.
    ///
    /// # Panics
    /// If something listens on that port already.
    #[track_caller]
    pub fn peer_listener(&self, host: &str, port: u16) -> PeerListener {
        let mut fabric = self.fabric().borrow_mut();
        let id = fabric.host_named(host);
        let any = ["0.0.0.0", "::"].map(|ip| ip.parse::<IpAddr>().expect("an address"));
        let sockets =
            any.into_iter()
                .map(|ip| match fabric.listen(id, (ip, port).into(), 128, None) {
                    Ok((socket, _)) => socket,
                    Err(error) => panic!("a peer can't listen on {host}:{port}: {error}"),
                });
        PeerListener {
            world: self.clone(),
            host: id,
            sockets: sockets.collect(),
        }
    }

    /// Listens for peers on a socket file of a host, which is made if there is none of that name.
    ///
    /// # Panics
    /// If something else is there already.
    #[track_caller]
    pub fn unix_peer_listener(&self, host: &str, path: impl Into<PathBuf>) -> PeerListener {
        let name = UnixAddress::Path(path.into());
        let mut fabric = self.fabric().borrow_mut();
        let id = fabric.host_named(host);
        let options = ListenOptions::default();
        let socket = match fabric.listen_unix(id, &name, &options, None) {
            Ok((socket, _)) => socket,
            Err(error) => panic!("a peer can't listen on {name} of {host}: {error}"),
        };
        PeerListener {
            world: self.clone(),
            host: id,
            sockets: vec![socket],
        }
    }

    fn call_tcp(&self, endpoint: &str) -> Option<io::Result<PeerId>> {
        let (host, to) = self.find_endpoint(endpoint)?;
        Some(self.fabric().borrow_mut().peer_calls(host, to))
    }

    /// A name is called from its own host only: `server:/run/chat`, `server:@chat`.
    fn call_unix(&self, endpoint: &str) -> Option<io::Result<PeerId>> {
        let (host, name) = endpoint.split_once(':')?;
        let name = match name.strip_prefix('@') {
            Some(name) => UnixAddress::Abstract(name.into()),
            None => UnixAddress::Path(name.into()),
        };
        let mut fabric = self.fabric().borrow_mut();
        let host = fabric.find_host(host)?;
        let place = fabric.place_of(host, &name);
        Some(place.and_then(|place| fabric.peer_calls(host, place)))
    }

    fn find_endpoint(&self, endpoint: &str) -> Option<(HostId, SocketAddr)> {
        let (host, port) = endpoint.strip_prefix("tcp:")?.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let fabric = self.fabric().borrow();
        if let Some(id) = fabric.find_host(host) {
            return Some((id, (fabric.host(id).v4, port).into()));
        }
        let unwrapped = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let ip: IpAddr = unwrapped.unwrap_or(host).parse().ok()?;
        let owner = fabric.hosts.iter().position(|h| h.v4 == ip || h.v6 == ip)?;
        Some((HostId(owner), (ip, port).into()))
    }
}

impl PeerListener {
    /// Runs the world until somebody calls, and takes the call.
    ///
    /// # Panics
    /// If nobody does.
    #[track_caller]
    pub fn accept(&self) -> Peer {
        let call = self.world.wait_for(|world| {
            let mut fabric = world.fabric().borrow_mut();
            let mut calls = self.sockets.iter();
            calls.find_map(|&socket| fabric.take_call(self.host, socket).ok())
        });
        let Some(end) = call else {
            self.world.fail("nobody called a peer that listens")
        };
        Peer {
            id: self.world.fabric().borrow_mut().peer_accepts(end),
            world: self.world.clone(),
        }
    }
}

impl Peer {
    /// Sends a line, ended by CRLF.
    pub fn send(&self, line: impl AsRef<[u8]>) -> &Self {
        let line = line.as_ref();
        let mut data = Vec::with_capacity(line.len() + 2);
        data.extend_from_slice(line);
        data.extend_from_slice(b"\r\n");
        self.send_bytes(data)
    }

    /// Sends bytes as they are. After the connection broke they go nowhere.
    pub fn send_bytes(&self, data: impl Into<Vec<u8>>) -> &Self {
        self.act(|fabric, id| fabric.peer_sends(id, Bytes::from(data.into())))
    }

    /// The next line that comes is this one; its ending, LF or CRLF, left aside.
    #[track_caller]
    pub fn expect(&self, line: impl AsRef<[u8]>) -> &Self {
        let line = line.as_ref();
        let wanted = format!("the line {}", quoted(line));
        let Some(got) = self.wait(|peer| peer.next_line()) else {
            self.fail_expecting(&wanted)
        };
        if got != line {
            self.fail(&wanted, &format!("the line {}", quoted(&got)));
        }
        self
    }

    /// The next bytes that come are these.
    #[track_caller]
    pub fn expect_bytes(&self, data: impl AsRef<[u8]>) -> &Self {
        let data = data.as_ref();
        let got = self.wait(|peer| {
            let enough = peer.state(|state| state.received.len()) >= data.len();
            enough.then(|| peer.take(data.len()))
        });
        let Some(got) = got else {
            self.fail_expecting(&quoted(data))
        };
        if got != data {
            self.fail(&quoted(data), &quoted(&got));
        }
        self
    }

    /// The other side's FIN comes, and not a byte before it.
    #[track_caller]
    pub fn expect_eof(&self) -> &Self {
        let ended = self.wait(|peer| (peer.ending() == Ending::Eof).then_some(()));
        if ended.is_none() || !self.received().is_empty() {
            self.fail_expecting("the end")
        }
        self
    }

    /// The connection is reset, whatever comes before that.
    #[track_caller]
    pub fn expect_reset(&self) -> &Self {
        let ended = self.wait(|peer| (peer.ending() == Ending::Reset).then_some(()));
        if ended.is_none() {
            self.fail_expecting("a reset")
        }
        self
    }

    /// The connection ends, in order or by a reset, whatever comes before that.
    #[track_caller]
    pub fn expect_closed(&self) -> &Self {
        let ended = self.wait(|peer| (peer.ending() != Ending::NotYet).then_some(()));
        if ended.is_none() {
            self.fail_expecting("the end, or a reset")
        }
        self
    }

    /// All that comes until the other side's FIN.
    #[track_caller]
    pub fn read_until_eof(&self) -> Vec<u8> {
        let ended = self.wait(|peer| (peer.ending() == Ending::Eof).then_some(()));
        if ended.is_none() {
            self.fail_expecting("the end")
        }
        self.take(self.state(|state| state.received.len()))
    }

    /// What has come so far and was not yet expected. It stays to be expected.
    pub fn received(&self) -> Vec<u8> {
        self.state(|state| state.received.to_vec())
    }

    /// Whether the other side's FIN has come.
    pub fn has_ended(&self) -> bool {
        self.ending() == Ending::Eof
    }

    /// Whether the connection was reset.
    pub fn is_reset(&self) -> bool {
        self.ending() == Ending::Reset
    }

    /// Leaves what comes in its receive window, until that is full and the other side can't send.
    pub fn stops_reading(&self) -> &Self {
        self.act(|fabric, id| fabric.peer_stops_reading(id))
    }

    /// Reads again.
    pub fn reads_again(&self) -> &Self {
        self.act(|fabric, id| fabric.peer_reads_again(id))
    }

    /// Sends FIN after what was sent, and still reads.
    pub fn half_closes(&self) -> &Self {
        self.act(|fabric, id| fabric.peer_half_closes(id))
    }

    /// Closes: FIN after what was sent; but RST if input is unread, as after [`stops_reading`](Self::stops_reading).
    pub fn closes(&self) -> &Self {
        self.act(|fabric, id| fabric.peer_closes(id, Farewell::Close))
    }

    /// Breaks the connection by RST. What is not yet on its way is not sent.
    pub fn resets(&self) -> &Self {
        self.act(|fabric, id| fabric.peer_closes(id, Farewell::Reset))
    }

    fn act(&self, act: impl FnOnce(&mut Fabric, PeerId)) -> &Self {
        act(&mut self.world.fabric().borrow_mut(), self.id);
        self
    }

    fn state<R>(&self, ask: impl FnOnce(&PeerState) -> R) -> R {
        ask(self.world.fabric().borrow().peer(self.id))
    }

    fn ending(&self) -> Ending {
        self.state(|state| state.ending)
    }

    fn take(&self, size: usize) -> Vec<u8> {
        let mut fabric = self.world.fabric().borrow_mut();
        fabric.peer_mut(self.id).received.split_to(size).to_vec()
    }

    fn next_line(&self) -> Option<Vec<u8>> {
        let end = self.state(|state| memchr::memchr(b'\n', &state.received))?;
        let mut line = self.take(end + 1);
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }

    /// Runs the world until `check` finds what it looks for; `None` if the connection ends, or nothing more happens.
    fn wait<T>(&self, mut check: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let outcome = self.world.wait_for(|_| match check(self) {
            Some(found) => Some(Some(found)),
            None => (self.ending() != Ending::NotYet).then_some(None),
        });
        outcome.flatten()
    }

    #[track_caller]
    fn fail_expecting(&self, wanted: &str) -> ! {
        let waits = quoted(&self.received());
        let got = match self.ending() {
            Ending::NotYet => format!("nothing more; unexpected so far: {waits}"),
            Ending::Eof => format!("{waits}, then the end"),
            Ending::Reset => format!("{waits}, then a reset"),
        };
        self.fail(wanted, &got)
    }

    #[track_caller]
    fn fail(&self, wanted: &str, got: &str) -> ! {
        let name = self.state(|state| state.name.clone());
        self.world
            .fail(&format!("{name} expected {wanted}\n  but got {got}"))
    }
}

/// Bytes as a person reads them, cut short.
fn quoted(data: &[u8]) -> String {
    const SHOWN: usize = 400;
    let rest = match data.len().saturating_sub(SHOWN) {
        0 => String::new(),
        left => format!(" and {left} bytes more"),
    };
    let shown = &data[..data.len().min(SHOWN)];
    format!("\"{}\"{rest}", shown.escape_ascii())
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.state(|state| state.name.clone()))
    }
}

impl fmt::Debug for PeerListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerListener").finish_non_exhaustive()
    }
}
