//! A connection as a file. Owns two buffers, of what was received and not read, and of what was written and not sent; the
//! connection is the socket's too.

use std::sync::Arc;

use bytes::BytesMut;
use memchr::memchr;

use super::error::{Error, Result};
use super::stream::Connection;

/// How much is asked of the connection at a time, and how much is gathered before it is sent.
const BUFFER: usize = 8192;

/// A connection as a file of bytes, by [`Socket::makefile`](super::Socket::makefile). Its iterator is of lines.
///
/// What was written leaves by [`flush`](Self::flush), by [`close`](Self::close), when it is dropped, or when there is much of it. A
/// program that waits for the answer to a question has to flush first.
///
/// ```
/// use std::thread;
/// use ropewalk::socket;
///
/// # fn main() -> socket::Result<()> {
/// let server = socket::listen(("127.0.0.1", 0))?;
/// let address = server.getsockname()?;
/// let serving = thread::spawn(move || -> socket::Result<()> {
///     let (client, _address) = server.accept()?;
///     let mut file = client.makefile();
///     let selector = file.readline()?;
///     file.write([b"You asked for ".as_slice(), &selector].concat())?;
///     file.write("That is all.\r\n")?;
///     file.close()
/// });
/// let mut file = socket::connect(address)?.makefile();
/// file.write("ropes\r\n")?;
/// file.flush()?;
/// assert_eq!(file.readlines()?, [b"You asked for ropes\r\n".as_slice(), b"That is all.\r\n"]);
/// # serving.join().expect("it serves")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct File {
    connection: Arc<Connection>,
    unread: BytesMut,
    /// The peer has ended.
    ended: bool,
    unsent: Vec<u8>,
}

impl File {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            unread: BytesMut::new(),
            ended: false,
            unsent: Vec::new(),
        }
    }

    /// Reads so many bytes, fewer only at the end; with `None`, all to the end.
    ///
    /// # Errors
    /// What the system says, or that it took too long. What has come by then is not lost: the next call gets it.
    pub fn read(&mut self, size: impl Into<Option<usize>>) -> Result<Vec<u8>> {
        let size = size.into().unwrap_or(usize::MAX);
        while self.unread.len() < size && self.receive()? {}
        Ok(self.take(size.min(self.unread.len())))
    }

    /// Reads a line, with its `\n`, however long it is. The last one may lack that; at the end there is nothing.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn readline(&mut self) -> Result<Vec<u8>> {
        let mut looked_at = 0;
        loop {
            if let Some(at) = memchr(b'\n', &self.unread[looked_at..]) {
                return Ok(self.take(looked_at + at + 1));
            }
            looked_at = self.unread.len();
            if !self.receive()? {
                return Ok(self.take(looked_at));
            }
        }
    }

    /// Reads all lines to the end.
    ///
    /// # Errors
    /// As [`read`](Self::read); the lines before are lost then, for which the iterator is better.
    pub fn readlines(&mut self) -> Result<Vec<Vec<u8>>> {
        self.collect()
    }

    /// Takes bytes to send, and returns how many: all.
    ///
    /// # Errors
    /// Of sending, when it comes to that. What was not sent is dropped.
    pub fn write(&mut self, data: impl AsRef<[u8]>) -> Result<usize> {
        let data = data.as_ref();
        self.unsent.extend_from_slice(data);
        if self.unsent.len() > BUFFER {
            self.flush()?;
        }
        Ok(data.len())
    }

    /// Sends what was written.
    ///
    /// # Errors
    /// What the system says, or that it took too long. What was not sent is dropped: how much of it was, nobody knows.
    pub fn flush(&mut self) -> Result<()> {
        let data = std::mem::take(&mut self.unsent);
        self.connection.send_all(&data)
    }

    /// Sends what was written, and lets go of the connection. To drop the file does the same, and tells no errors.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn close(mut self) -> Result<()> {
        self.flush()
    }

    /// `false` at the end, which is the end for good.
    fn receive(&mut self) -> Result<bool> {
        if !self.ended {
            let data = self.connection.receive(BUFFER)?;
            self.ended = data.is_empty();
            self.unread.extend_from_slice(&data);
        }
        Ok(!self.ended)
    }

    fn take(&mut self, size: usize) -> Vec<u8> {
        self.unread.split_to(size).to_vec()
    }
}

/// Lines, each with its `\n`. An error is told once, and then may be tried again.
impl Iterator for File {
    type Item = Result<Vec<u8>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.readline() {
            Ok(line) if line.is_empty() => None,
            line => Some(line),
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Shutdown, TcpListener};
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_had_come_before_a_timeout_is_read_after_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = super::super::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let mut file = socket.makefile();
        peer.write_all(b"half").unwrap();
        assert_eq!(file.read(1), Ok(b"h".to_vec()));
        socket.settimeout(Duration::from_millis(1)).unwrap();
        assert_eq!(file.readline(), Err(Error::Timeout));
        assert_eq!(file.readlines(), Err(Error::Timeout));
        peer.write_all(b" a line\nand").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        socket.settimeout(None).unwrap();
        assert_eq!(
            file.readlines(),
            Ok(vec![b"alf a line\n".to_vec(), b"and".to_vec()])
        );
        assert_eq!(file.read(None), Ok(vec![]));
    }

    #[test]
    fn much_leaves_unasked_and_the_rest_when_it_is_dropped() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = super::super::connect(listener.local_addr().unwrap()).unwrap();
        let (peer, _) = listener.accept().unwrap();
        let mut file = socket.makefile();
        let mut heard = super::super::Socket::new(peer).makefile();
        assert_eq!(file.write([b'x'; BUFFER + 1]), Ok(BUFFER + 1));
        assert_eq!(
            heard.read(BUFFER + 1).map(|data| data.len()),
            Ok(BUFFER + 1)
        );
        file.write("the rest").unwrap();
        drop((socket, file));
        assert_eq!(heard.read(None), Ok(b"the rest".to_vec()));
    }
}
