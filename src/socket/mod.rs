//! Sockets as every tutorial teaches them: connect, send, receive, one thing after the other. Owns blocking sockets for scripts
//! and tests; there is no loop here, and nothing here belongs into a callback, for it would hold up everybody else.
//!
//! ```no_run
//! use ropewalk::socket;
//!
//! fn main() -> socket::Result<()> {
//!     let socket = socket::connect(("gopher.example", 70))?;
//!     socket.sendall("/welcome.txt\r\n")?;
//!     loop {
//!         let data = socket.recv(2048)?;
//!         if data.is_empty() {
//!             break;
//!         }
//!         print!("{}", String::from_utf8_lossy(&data));
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Elsewhere in this crate names are written out. Here they are Python's, which are those of the C library since 1983:
//! whoever has read one tutorial of sockets, in whatever language, knows them, and can look the rest up in any other.
//!
//! - [`connect`] and [`create_connection`] make a [`Socket`], [`listen`] a [`Server`], and [`Datagram::bind`] a UDP socket.
//! - [`Socket::makefile`] makes a [`File`], for lines.
//! - [`gethostbyname`], [`getaddrinfo`], [`gethostbyaddr`], [`getservbyname`] and [`getservbyport`] ask the system for names.
//! - [`Error`] is split as Python's: `OSError` with its errno, timeouts, `gaierror`, `herror`.
//!
#![doc = include_str!("python.md")]

mod address;
mod datagram;
mod error;
mod file;
mod names;
mod patience;
mod server;
mod stream;

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::network::resolver::Family;

pub use std::net::Shutdown;

pub use address::HostPort;
pub use datagram::Datagram;
pub use error::{Error, Result};
pub use file::File;
pub use names::{getaddrinfo, gethostbyaddr, gethostbyname, getservbyname, getservbyport};
pub use server::Server;
pub use stream::Socket;

/// Connects to a host, `("localhost", 70)`, by its addresses one after the other, for as long as the system is patient.
///
/// # Errors
/// [`Error::Gaierror`] if the host has no address, else what was said of the last one.
pub fn connect(address: impl Into<HostPort>) -> Result<Socket> {
    create_connection(address, None)
}

/// Connects, within so long for each address, and has the socket keep that [timeout](Socket::settimeout).
///
/// # Errors
/// As [`connect`]; and [`Error::Timeout`], at once if the timeout is zero.
pub fn create_connection(
    address: impl Into<HostPort>,
    timeout: impl Into<Option<Duration>>,
) -> Result<Socket> {
    let timeout = timeout.into();
    let mut outcome = Err(Error::Timeout);
    for address in address.into().resolve(Family::Any)? {
        outcome = connect_to(address, timeout);
        if outcome.is_ok() {
            break;
        }
    }
    let socket = Socket::new(outcome?);
    socket.settimeout(timeout)?;
    Ok(socket)
}

fn connect_to(address: SocketAddr, timeout: Option<Duration>) -> Result<TcpStream> {
    match timeout {
        None => Ok(TcpStream::connect(address)?),
        Some(Duration::ZERO) => Err(Error::Timeout),
        Some(timeout) => Ok(TcpStream::connect_timeout(&address, timeout)?),
    }
}

/// Listens on an address of this machine: `("127.0.0.1", 7070)`, or `("", 7070)` for all that are IPv4. Port 0: the system chooses.
///
/// # Errors
/// [`Error::Gaierror`] if the host is no address, else what the system says.
pub fn listen(address: impl Into<HostPort>) -> Result<Server> {
    Server::listen(address.into().resolve_one()?)
}
