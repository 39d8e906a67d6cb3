//! How a socket for datagrams comes to be. Owns what is set before it is opened; does nothing until then.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

use super::sending::Unsent;
use super::{Phase, State};
use crate::datagram::DatagramProtocol;
use crate::endpoint::{Port, UdpEndpoint};
use crate::error::{EndpointError, Error, Result};
use crate::limits::{DATAGRAMS_UNSENT, READ_BUFFER};
use crate::network::{DatagramOptions, SocketId};
use crate::reactor::Reactor;
use crate::table::DatagramId;

/// A socket for datagrams about to be: see [`Reactor::bind`].
#[must_use = "nothing is bound before `with`"]
pub struct Bind<'a> {
    reactor: &'a mut Reactor,
    endpoint: Result<UdpEndpoint, EndpointError>,
    options: DatagramOptions,
    longest: usize,
    unsent: usize,
}

/// An open socket for datagrams: what [`Bind::with`] returns. Dropping it changes nothing; see [`Reactor::stop_datagrams`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramSocket {
    id: DatagramId,
    address: SocketAddr,
}

impl DatagramSocket {
    /// Its id, with which everybody can send on it and close it.
    pub fn id(&self) -> DatagramId {
        self.id
    }

    /// The address it is bound to, with the port the system chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl fmt::Debug for Bind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bind")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Reactor {
    /// Begins to open a socket for datagrams, as `"udp:8007"`; see [`UdpEndpoint`]. Nothing happens before
    /// [`with`](Bind::with).
    ///
    /// ```
    /// # use std::net::SocketAddr;
    /// # use ropewalk::{DatagramProtocol, DatagramTransport, Reactor};
    /// # struct Echo;
    /// # impl DatagramProtocol for Echo {
    /// #     fn datagram_received(&mut self, transport: &mut DatagramTransport<'_>, data: &[u8], from: SocketAddr) {
    /// #         transport.send_to(data, from);
    /// #     }
    /// # }
    /// # fn main() -> ropewalk::Result<()> {
    /// let mut reactor = Reactor::new()?;
    /// let socket = reactor.bind("udp:0").with(Echo)?;
    /// println!("listening on {}", socket.address());
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind<E>(&mut self, endpoint: E) -> Bind<'_>
    where
        E: TryInto<UdpEndpoint>,
        E::Error: Into<EndpointError>,
    {
        Bind {
            reactor: self,
            endpoint: endpoint.try_into().map_err(Into::into),
            options: DatagramOptions::default(),
            longest: READ_BUFFER,
            unsent: DATAGRAMS_UNSENT,
        }
    }

    /// The socket, our own address and whom it is connected to.
    fn open_datagrams(
        &mut self,
        id: DatagramId,
        endpoint: &UdpEndpoint,
        mut options: DatagramOptions,
    ) -> Result<(SocketId, SocketAddr, Option<SocketAddr>)> {
        let port = self.datagram_port(endpoint, &endpoint.port)?;
        if let Some((peer, port)) = &endpoint.peer {
            options.peer = Some(at_port(*peer, self.datagram_port(endpoint, port)?));
        }
        let local = at_port(endpoint.interface, port);
        let shown = endpoint.to_string();
        let Some(network) = self.network.datagrams() else {
            return Err(Error::NoDatagrams { endpoint: shown });
        };
        let opened = network.open(local, &options, id.token());
        let (socket, local) = opened.map_err(|error| Error::Listen {
            endpoint: shown,
            error: error.into(),
        })?;
        log::info!("listening on {local}, for datagrams");
        Ok((socket, local, options.peer))
    }

    fn datagram_port(&mut self, endpoint: &UdpEndpoint, port: &Port) -> Result<u16> {
        match port {
            Port::Number(port) => Ok(*port),
            Port::Service(service) => {
                self.network
                    .service_port(service, Some("udp"))
                    .ok_or_else(|| {
                        let description = endpoint.to_string();
                        let at = description.rfind(service.as_str()).unwrap_or(0);
                        let expected = "a port's number or a known service".to_owned();
                        Error::Endpoint(EndpointError {
                            description,
                            at,
                            expected,
                        })
                    })
            }
        }
    }
}

fn at_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

impl Bind<'_> {
    /// How many bytes of one datagram are received; of a longer one it is the beginning, and
    /// [`datagram_truncated`](DatagramProtocol::datagram_truncated) is told of that. By default none is too long.
    pub fn longest(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// How many bytes may wait when the system has no room for more, 64 counted for each datagram beside what is in it. Default
    /// 256 KiB; 0: none waits. What would be more is refused, as [`SendError::Full`](crate::SendError::Full).
    pub fn unsent(mut self, bytes: usize) -> Self {
        self.unsent = bytes;
        self
    }

    /// Lets the socket send to broadcast addresses.
    pub fn broadcast(mut self) -> Self {
        self.options.broadcast = true;
        self
    }

    /// Lets others be bound to the same address and port, if they allow it as well: for several who listen to one multicast
    /// group. Of a datagram to a single address only one of them hears.
    pub fn shared(mut self) -> Self {
        self.options.shared = true;
        self
    }

    /// Opens the socket, with `protocol` on it. The address is bound when this returns, and the id is good at once; `started`
    /// comes later.
    ///
    /// # Errors
    /// [`Error::Endpoint`] if the endpoint could not be understood, or names an unknown service, [`Error::Listen`] if its address
    /// can't be bound, [`Error::NoDatagrams`] if the network has none, [`Error::Stopping`] while the reactor stops.
    pub fn with(self, protocol: impl DatagramProtocol) -> Result<DatagramSocket> {
        let reactor = self.reactor;
        if reactor.running.refuses_connects() {
            return Err(Error::Stopping);
        }
        let id = reactor.datagrams.next_id();
        let (socket, local, peer) = reactor.open_datagrams(id, &self.endpoint?, self.options)?;
        let protocol = reactor.beginning_on_datagrams(Box::new(protocol));
        reactor.datagrams.insert(State {
            serial: id.serial,
            socket,
            local,
            peer,
            phase: Phase::New,
            protocol: Some(protocol),
            // One byte of the buffer is left to see that there was more.
            longest: self.longest.min(READ_BUFFER - 1),
            unsent: Unsent::up_to(self.unsent),
            queued: false,
            refused: false,
            timers: BTreeSet::new(),
        });
        reactor.queue_datagrams(id);
        Ok(DatagramSocket { id, address: local })
    }
}
