//! A scripted socket for datagrams, beside the reactor that is looked at: on the machine or in simulation. Owns the two kinds; knows
//! no behaviour.

use std::net::{SocketAddr, UdpSocket};

use ropewalk::sim;

use crate::world::{Ground, SERVER, World};

pub(crate) struct DatagramPeer {
    world: World,
    end: End,
}

enum End {
    Real(UdpSocket),
    Simulated(sim::DatagramPeer),
}

impl World {
    /// A socket at a free port of 127.0.0.1.
    pub(crate) fn datagram_peer(&self) -> DatagramPeer {
        self.datagram_peer_at("127.0.0.1:0".parse().expect("an address"))
    }

    pub(crate) fn datagram_peer_at(&self, address: SocketAddr) -> DatagramPeer {
        let end = match &self.ground {
            Ground::Real(_) => {
                let socket = UdpSocket::bind(address).expect("the address is free");
                socket.set_nonblocking(true).expect("a socket option");
                End::Real(socket)
            }
            Ground::Simulated(world) => {
                self.on(|_| ());
                End::Simulated(world.datagram_peer_at(SERVER, address))
            }
        };
        let world = self.clone();
        DatagramPeer { world, end }
    }
}

impl DatagramPeer {
    pub(crate) fn address(&self) -> SocketAddr {
        match &self.end {
            End::Real(socket) => socket.local_addr().expect("it is bound"),
            End::Simulated(peer) => peer.address(),
        }
    }

    pub(crate) fn send(&self, data: impl AsRef<[u8]>, to: SocketAddr) -> &Self {
        match &self.end {
            End::Real(socket) => {
                let sent = socket.send_to(data.as_ref(), to).expect("it can be sent");
                assert_eq!(sent, data.as_ref().len());
            }
            End::Simulated(peer) => {
                peer.send_to(data, to);
            }
        }
        self
    }

    /// What has come, and whom from.
    pub(crate) fn try_receive(&self) -> Option<(Vec<u8>, SocketAddr)> {
        match &self.end {
            End::Real(socket) => {
                let mut buffer = vec![0; 65_536];
                let (size, from) = socket.recv_from(&mut buffer).ok()?;
                buffer.truncate(size);
                Some((buffer, from))
            }
            End::Simulated(peer) => peer.try_receive(),
        }
    }

    /// The next datagram, and whom it comes from.
    #[track_caller]
    pub(crate) fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let received = std::cell::RefCell::new(None);
        self.world.run_until("a datagram comes", || {
            let mut received = received.borrow_mut();
            if received.is_none() {
                *received = self.try_receive();
            }
            received.is_some()
        });
        received.into_inner().expect("it has come")
    }

    #[track_caller]
    pub(crate) fn expect(&self, data: impl AsRef<[u8]>) -> &Self {
        let (got, _) = self.receive();
        assert!(
            got == data.as_ref(),
            "\"{}\" in place of \"{}\"",
            got[..got.len().min(80)].escape_ascii(),
            data.as_ref()[..data.as_ref().len().min(80)].escape_ascii()
        );
        self
    }

    pub(crate) fn closes(self) {
        if let End::Simulated(peer) = self.end {
            peer.closes();
        }
    }
}
