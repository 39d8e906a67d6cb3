//! A connected TCP socket. Owns the connection together with the files made of it; does not look names up.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;

use super::error::Result;
use super::file::File;
use super::patience::Patience;

/// A TCP connection, of [`connect`](super::connect) or [`Server::accept`](super::Server::accept). Dropped, or by
/// [`close`](Self::close), it is closed, once the files made of it are closed too.
///
/// For options there is [`socket2::SockRef`]: `SockRef::from(&socket).set_tcp_nodelay(true)`.
#[derive(Debug)]
pub struct Socket {
    connection: Arc<Connection>,
}

/// What a socket and its files share.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    patience: Patience,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        let patience = Patience::endless();
        let connection = Arc::new(Connection { stream, patience });
        Self { connection }
    }

    /// Our own address.
    ///
    /// # Errors
    /// What the system says.
    pub fn getsockname(&self) -> Result<SocketAddr> {
        Ok(self.connection.stream.local_addr()?)
    }

    /// The peer's address.
    ///
    /// # Errors
    /// What the system says; that it is not connected, if the connection is broken.
    pub fn getpeername(&self) -> Result<SocketAddr> {
        Ok(self.connection.stream.peer_addr()?)
    }

    /// Sends some of the bytes, and returns how many. Waits until the system takes at least one.
    ///
    /// # Errors
    /// What the system says, or that it took too long.
    pub fn send(&self, data: impl AsRef<[u8]>) -> Result<usize> {
        let stream = &self.connection.stream;
        let mut writer = stream;
        let deadline = self.connection.patience.begin();
        deadline.send(SockRef::from(stream), || writer.write(data.as_ref()))
    }

    /// Sends all of the bytes. The timeout is for the whole of it.
    ///
    /// # Errors
    /// What the system says, or that it took too long; how much was sent by then nobody knows.
    pub fn sendall(&self, data: impl AsRef<[u8]>) -> Result<()> {
        self.connection.send_all(data.as_ref())
    }

    /// Receives what has come, `bufsize` bytes at most, and waits until something has. Nothing: the peer has ended.
    ///
    /// # Errors
    /// What the system says, or that it took too long.
    pub fn recv(&self, bufsize: usize) -> Result<Vec<u8>> {
        self.connection.receive(bufsize)
    }

    /// Ends sending (`Shutdown::Write`: the peer is told, by FIN), receiving, or both.
    ///
    /// # Errors
    /// What the system says.
    pub fn shutdown(&self, how: Shutdown) -> Result<()> {
        Ok(self.connection.stream.shutdown(how)?)
    }

    /// How long each call may wait from now on, those of the files made of this socket too. `None`: for ever. Zero: not at
    /// all, and what can't be done at once is an error of kind [`WouldBlock`](std::io::ErrorKind::WouldBlock).
    ///
    /// # Errors
    /// What the system says.
    pub fn settimeout(&self, timeout: impl Into<Option<Duration>>) -> Result<()> {
        let socket = SockRef::from(&self.connection.stream);
        self.connection.patience.set(socket, timeout.into())
    }

    /// What [`settimeout`](Self::settimeout) has set; `None` at first.
    pub fn gettimeout(&self) -> Option<Duration> {
        self.connection.patience.timeout()
    }

    /// A file of this connection, read and written through buffers of its own: of bytes, as `makefile("rwb")`.
    pub fn makefile(&self) -> File {
        File::new(Arc::clone(&self.connection))
    }

    /// Closes the connection, once the files made of it are closed too.
    pub fn close(self) {}
}

impl Connection {
    pub(super) fn receive(&self, size: usize) -> Result<Vec<u8>> {
        let mut data = vec![0; size];
        let mut reader = &self.stream;
        let deadline = self.patience.begin();
        let count = deadline.receive(SockRef::from(&self.stream), || reader.read(&mut data))?;
        data.truncate(count);
        Ok(data)
    }

    pub(super) fn send_all(&self, mut data: &[u8]) -> Result<()> {
        let mut writer = &self.stream;
        let deadline = self.patience.begin();
        while !data.is_empty() {
            let count = deadline.send(SockRef::from(&self.stream), || writer.write(data))?;
            data = &data[count..];
        }
        Ok(())
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.connection.stream.as_fd()
    }
}
