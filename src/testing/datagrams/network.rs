//! A network of one socket for datagrams whose other side is a test. Owns what is under way in both directions; never waits, and its
//! clock moves only when the test says so.

use std::cell::RefMut;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use crate::network::{
    DatagramNetwork, DatagramOptions, Multicast, Readiness, ReceivedDatagram, SocketId, Token,
};
use crate::testing::network::Plug;

const SOCKET: SocketId = SocketId(2);

/// A datagram, and whom it was sent to.
pub(super) type Sent = (Vec<u8>, SocketAddr);

/// The socket, as the test and the reactor both see it.
#[derive(Debug, Default)]
pub(in crate::testing) struct Post {
    token: Option<Token>,
    peer: Option<SocketAddr>,
    arrived: VecDeque<(Vec<u8>, SocketAddr, bool)>,
    is_refused: bool,
    is_blocked: bool,
    sent: VecDeque<Sent>,
    /// Something changed since the reactor was told last.
    edge: bool,
}

/// What the test does.
impl Post {
    #[track_caller]
    pub(super) fn deliver(&mut self, data: &[u8], from: SocketAddr, truncated: bool) {
        assert!(self.token.is_some(), "the socket is closed");
        // As a kernel does: who is connected hears nobody else.
        if self.peer.is_none_or(|peer| peer == from) {
            self.arrived.push_back((data.to_vec(), from, truncated));
            self.edge = true;
        }
    }

    pub(super) fn refuse(&mut self) {
        self.is_refused = self.peer.is_some();
        self.edge = true;
    }

    pub(super) fn set_blocked(&mut self, is_blocked: bool) {
        self.is_blocked = is_blocked;
        self.edge = true;
    }

    pub(super) fn take_sent(&mut self) -> Option<Sent> {
        self.sent.pop_front()
    }
}

/// What the reactor's end of it does.
impl Post {
    pub(in crate::testing) fn has_news(&self) -> bool {
        self.edge && self.token.is_some()
    }

    pub(in crate::testing) fn readiness(&mut self) -> Option<Readiness> {
        let token = self.token?;
        std::mem::take(&mut self.edge).then_some(Readiness {
            token,
            readable: !self.arrived.is_empty() || self.is_refused,
            writable: !self.is_blocked,
            ended: false,
            failed: self.is_refused,
        })
    }

    pub(in crate::testing) fn close(&mut self, socket: SocketId) {
        if socket == SOCKET {
            self.token = None;
        }
    }

    fn take_refusal(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.is_refused) {
            true => Err(ErrorKind::ConnectionRefused.into()),
            false => Ok(()),
        }
    }
}

impl Plug {
    fn post(&self) -> io::Result<RefMut<'_, Post>> {
        let link = self.link.borrow_mut();
        let post = RefMut::filter_map(link, |link| link.post.as_mut());
        post.map_err(|_| ErrorKind::Unsupported.into())
    }
}

impl DatagramNetwork for Plug {
    fn open(
        &mut self,
        mut address: SocketAddr,
        options: &DatagramOptions,
        token: Token,
    ) -> io::Result<(SocketId, SocketAddr)> {
        let mut post = self.post()?;
        if post.token.is_some() {
            return Err(io::Error::new(
                ErrorKind::Unsupported,
                "a test's wire is one socket",
            ));
        }
        if address.port() == 0 {
            address.set_port(49_152);
        }
        (post.token, post.peer) = (Some(token), options.peer);
        Ok((SOCKET, address))
    }

    fn receive(&mut self, _: SocketId, buffer: &mut [u8]) -> io::Result<ReceivedDatagram> {
        let mut post = self.post()?;
        post.take_refusal()?;
        let Some((data, from, truncated)) = post.arrived.pop_front() else {
            return Err(ErrorKind::WouldBlock.into());
        };
        let size = data.len().min(buffer.len());
        buffer[..size].copy_from_slice(&data[..size]);
        Ok(ReceivedDatagram {
            size,
            from,
            truncated: truncated || size < data.len(),
        })
    }

    fn send(&mut self, _: SocketId, data: &[u8], to: Option<SocketAddr>) -> io::Result<()> {
        let mut post = self.post()?;
        post.take_refusal()?;
        if post.is_blocked {
            return Err(ErrorKind::WouldBlock.into());
        }
        let to = to.or(post.peer).ok_or(ErrorKind::InvalidInput)?;
        post.sent.push_back((data.to_vec(), to));
        Ok(())
    }

    fn set_membership(&mut self, _: SocketId, _: &Multicast, _: bool) -> io::Result<()> {
        Ok(())
    }
}
