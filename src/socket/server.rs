//! A TCP socket that listens. Owns its timeout; what becomes of the connections is for those who accept them.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Type};

use super::error::Result;
use super::patience::Patience;
use super::stream::Socket;

/// How many connections may wait to be accepted. The system has a limit of its own.
const BACKLOG: i32 = 128;

/// A socket that listens, of [`listen`](super::listen).
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    patience: Patience,
}

impl Server {
    pub(super) fn listen(address: SocketAddr) -> Result<Self> {
        let domain = Domain::for_address(address);
        let socket = socket2::Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        // As Python's `create_server`: a restarted server may bind while its old connections linger.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Self {
            listener: socket.into(),
            patience: Patience::endless(),
        })
    }

    /// Waits for a connection, and returns it with the peer's address. It has no timeout yet.
    ///
    /// # Errors
    /// What the system says, or that it took too long.
    pub fn accept(&self) -> Result<(Socket, SocketAddr)> {
        let deadline = self.patience.begin();
        let listener = SockRef::from(&self.listener);
        let (stream, peer) = deadline.receive(listener, || self.listener.accept())?;
        let socket = Socket::new(stream);
        // On some systems connections inherit what their listener waits.
        socket.settimeout(None)?;
        Ok((socket, peer))
    }

    /// The address it listens on, with the port that the system chose if it was asked for 0.
    ///
    /// # Errors
    /// What the system says.
    pub fn getsockname(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// How long [`accept`](Self::accept) may wait; see [`Socket::settimeout`]. It is up to the system to heed it, as Linux does.
    ///
    /// # Errors
    /// What the system says.
    pub fn settimeout(&self, timeout: impl Into<Option<Duration>>) -> Result<()> {
        let socket = SockRef::from(&self.listener);
        self.patience.set(socket, timeout.into())
    }

    /// What [`settimeout`](Self::settimeout) has set; `None` at first.
    pub fn gettimeout(&self) -> Option<Duration> {
        self.patience.timeout()
    }

    /// Listens no more.
    pub fn close(self) {}
}

#[cfg(unix)]
impl std::os::fd::AsFd for Server {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_does_not_inherit_its_listeners_timeout() {
        let server = Server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        server.settimeout(Duration::from_secs(60)).unwrap();
        let _client = super::super::connect(server.getsockname().unwrap()).unwrap();
        let (socket, _) = server.accept().unwrap();
        assert_eq!(socket.gettimeout(), None);
        assert_eq!(SockRef::from(&socket).read_timeout().unwrap(), None);
        assert!(SockRef::from(&server).read_timeout().unwrap().is_some());
    }
}
