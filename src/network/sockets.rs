//! How sockets are made and set up before anyone uses them. Owns the order of the system calls and the options; does
//! not register or keep what it makes. What is particular to Unix streams stands in `unix`.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream, UdpSocket};
use socket2::{Domain, Protocol, SockAddr, SockRef, TcpKeepalive, Type};

use super::unix::UnixListener;
use super::{ConnectOptions, ListenOptions};
use crate::address::Address;
#[cfg(unix)]
use crate::address::UnixAddress;
use crate::pages::Entry;

/// Linux refuses more as the time before the first probe.
const LONGEST_KEEP_ALIVE: Duration = Duration::from_secs(32_767);

/// There is one for every connection: a tag, a descriptor and nothing else.
#[derive(Debug)]
pub(super) enum Socket {
    Listener(TcpListener),
    UnixListener(UnixListener),
    /// Of either family: the calls are the same.
    Stream(TcpStream),
    Datagram(UdpSocket),
    /// With the next vacant place of the page.
    Vacant(u16),
}

impl Entry for Socket {
    fn vacant(next: u16) -> Self {
        Self::Vacant(next)
    }

    fn next_vacant(&self) -> Option<u16> {
        match self {
            Self::Vacant(next) => Some(*next),
            Self::Listener(_) | Self::UnixListener(_) | Self::Stream(_) | Self::Datagram(_) => None,
        }
    }
}

/// A socket that listens. Options that connections are to have are set on it, for those inherit them.
pub(super) fn listen(address: SocketAddr, options: &ListenOptions) -> io::Result<socket2::Socket> {
    let socket = tcp(address)?;
    // A restarted server may bind while its old connections linger. On Windows the same option lets ports be stolen.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // So that one port may be listened on in both families, whatever the machine's default is.
        socket.set_only_v6(true)?;
    }
    set_options(&socket, options.no_delay, options.keep_alive)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok(socket)
}

/// A socket that is connecting, or, as loopback may be, connected.
pub(super) fn connect(
    address: SocketAddr,
    options: &ConnectOptions,
) -> io::Result<socket2::Socket> {
    let socket = tcp(address)?;
    match &options.bind {
        None => {}
        Some(Address::Tcp(local)) => socket.bind(&(*local).into())?,
        Some(Address::Unix(_)) => return Err(io::ErrorKind::AddrNotAvailable.into()),
    }
    set_options(&socket, options.no_delay, options.keep_alive)?;
    match socket.connect(&address.into()) {
        Err(error) if !is_in_progress(&error) => Err(error),
        _ => Ok(socket),
    }
}

/// Sends several pieces in one call. `writev` would raise SIGPIPE where the program has not turned that off.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn send_pieces(stream: &TcpStream, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    /// From `linux/socket.h`, the same on every architecture.
    const MSG_NOSIGNAL: i32 = 0x4000;

    SockRef::from(stream).send_vectored_with_flags(at_most_iov_max(pieces), MSG_NOSIGNAL)
}

/// Sends several pieces in one call.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn send_pieces(mut stream: &TcpStream, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    io::Write::write_vectored(&mut stream, at_most_iov_max(pieces))
}

/// A handler of somebody else's may interrupt any call; that says nothing about the socket.
#[inline]
pub(super) fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    match call() {
        Err(error) => retry(error, &mut call),
        outcome => outcome,
    }
}

#[cold]
fn retry<T>(mut error: io::Error, call: &mut dyn FnMut() -> io::Result<T>) -> io::Result<T> {
    while error.kind() == io::ErrorKind::Interrupted {
        match call() {
            Err(next) => error = next,
            outcome => return outcome,
        }
    }
    Err(error)
}

/// More pieces than `IOV_MAX` are an error to the system; fewer are only a short write.
fn at_most_iov_max<'a, 'b>(pieces: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    const IOV_MAX: usize = 1024;
    &pieces[..pieces.len().min(IOV_MAX)]
}

pub(super) fn set_options(
    socket: &socket2::Socket,
    no_delay: bool,
    keep_alive: Option<Duration>,
) -> io::Result<()> {
    if no_delay {
        socket.set_tcp_nodelay(true)?;
    }
    if let Some(idle) = keep_alive {
        let idle = idle.clamp(Duration::from_secs(1), LONGEST_KEEP_ALIVE);
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))?;
    }
    Ok(())
}

fn tcp(address: SocketAddr) -> io::Result<socket2::Socket> {
    non_blocking(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )
}

/// A socket that is non-blocking, and closed in children; where the system can do it, by the call that makes it.
pub(super) fn non_blocking(
    domain: Domain,
    kind: Type,
    protocol: Option<Protocol>,
) -> io::Result<socket2::Socket> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let socket = socket2::Socket::new(domain, kind.nonblocking(), protocol)?;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let socket = {
        let socket = socket2::Socket::new(domain, kind, protocol)?;
        socket.set_nonblocking(true)?;
        socket
    };
    Ok(socket)
}

/// The address that the system gives for a socket of either family.
pub(super) fn address_of(address: &SockAddr) -> io::Result<Address> {
    match address.as_socket() {
        Some(address) => Ok(address.into()),
        None => unix_address_of(address).ok_or_else(|| io::ErrorKind::InvalidInput.into()),
    }
}

#[cfg(unix)]
fn unix_address_of(address: &SockAddr) -> Option<Address> {
    let unix = if let Some(path) = address.as_pathname() {
        UnixAddress::Path(path.to_owned())
    } else if let Some(name) = address.as_abstract_namespace() {
        UnixAddress::Abstract(name.to_vec())
    } else if address.is_unix() {
        UnixAddress::Unnamed
    } else {
        return None;
    };
    Some(unix.into())
}

#[cfg(not(unix))]
fn unix_address_of(_: &SockAddr) -> Option<Address> {
    None
}

/// Whether a connect goes on in the background. The standard library has a kind for it that can't be named yet, so the
/// numbers are written out; Windows says "would block". An interrupted connect goes on too.
fn is_in_progress(error: &io::Error) -> bool {
    const EINPROGRESS: i32 = if cfg!(any(
        target_arch = "mips",
        target_arch = "mips64",
        target_os = "solaris",
        target_os = "illumos"
    )) {
        150
    } else if cfg!(any(
        target_os = "linux",
        target_os = "android",
        target_os = "fuchsia"
    )) && !cfg!(any(target_arch = "sparc", target_arch = "sparc64"))
    {
        115
    } else {
        // The BSDs, and Apple's systems.
        36
    };
    error.raw_os_error() == Some(EINPROGRESS)
        || matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    // In debug builds mio keeps more, to check its use.
    #[cfg(not(debug_assertions))]
    #[test]
    fn a_connection_takes_eight_bytes_here() {
        assert!(size_of::<Socket>() <= 8);
    }

    #[test]
    fn interrupted_calls_are_repeated() {
        let mut outcomes = vec![
            Ok(7),
            Err(io::ErrorKind::Interrupted),
            Err(io::ErrorKind::Interrupted),
        ];
        let outcome = retry_interrupted(|| {
            outcomes
                .pop()
                .expect("no more than these")
                .map_err(Into::into)
        });
        assert_eq!(outcome.unwrap(), 7);
    }
}
