//! Unix streams on the machine: how they are bound, whose file a dead one's is, and when ours goes. Owns the files it has
//! bound; a stream, once it is made, is a socket like any other.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mio::net::TcpStream;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::sockets::{non_blocking, retry_interrupted};
use super::{ConnectOptions, ListenOptions};
use crate::address::{Address, UnixAddress};

pub(super) use mio::net::UnixListener;

/// The socket file of a listener. It is removed when this is dropped, unless another one has taken its place. Drop it before
/// the listener: as long as that is there, the number of its file is not given to another, and nobody takes it for dead.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    number: u64,
}

impl Identity {
    /// `None`: what is there is no socket.
    fn of_socket(path: &Path) -> io::Result<Option<Self>> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(metadata.file_type().is_socket().then(|| Self {
            device: metadata.dev(),
            number: metadata.ino(),
        }))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Ok(Some(identity)) = Identity::of_socket(&self.path)
            && identity == self.identity
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warn!("{} stays: {error}", self.path.display());
        }
    }
}

/// A socket that listens, and its file if it has one.
pub(super) fn listen(
    address: &UnixAddress,
    options: &ListenOptions,
) -> io::Result<(UnixListener, Option<SocketFile>)> {
    let socket = non_blocking(Domain::UNIX, Type::STREAM, None)?;
    let file = match address {
        UnixAddress::Path(path) => Some(bind(&socket, path)?),
        _ => {
            socket.bind(&system_address(address)?)?;
            None
        }
    };
    if let (Some(file), Some(mode)) = (&file, options.mode) {
        // Nobody can connect before `listen`, so it is never open wider than asked for.
        fs::set_permissions(&file.path, fs::Permissions::from_mode(mode))?;
    }
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    let listener = UnixListener::from_std(OwnedFd::from(socket).into());
    Ok((listener, file))
}

/// Binds a socket to a file, in the place of a dead one.
fn bind(socket: &Socket, path: &Path) -> io::Result<SocketFile> {
    let address = SockAddr::unix(path)?;
    let bound = match socket.bind(&address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            remove_dead(path, &address)?;
            socket.bind(&address)
        }
        bound => bound,
    };
    bound?;
    // The directory may be left meanwhile.
    let path = std::path::absolute(path)?;
    match Identity::of_socket(&path)? {
        Some(identity) => Ok(SocketFile { path, identity }),
        None => Err(ErrorKind::AddrInUse.into()),
    }
}

/// Removes a socket file behind which nobody is. Everything else is left alone, and is why that path can't be had.
fn remove_dead(path: &Path, address: &SockAddr) -> io::Result<()> {
    /// From `errno-base.h`, the same on every Unix.
    const EEXIST: i32 = 17;

    let before = match Identity::of_socket(path) {
        Ok(Some(identity)) => identity,
        Ok(None) => return Err(io::Error::from_raw_os_error(EEXIST)),
        // It has gone meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let probe = non_blocking(Domain::UNIX, Type::STREAM, None)?;
    match retry_interrupted(|| probe.connect(address)) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        _ => return Err(ErrorKind::AddrInUse.into()),
    }
    // Another server may have replaced it while we asked.
    if Identity::of_socket(path).ok().flatten() == Some(before) {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// A stream that is connected: with Unix streams that is a matter of the call alone.
pub(super) fn connect(address: &UnixAddress, options: &ConnectOptions) -> io::Result<TcpStream> {
    if options.bind.is_some() {
        return Err(ErrorKind::AddrNotAvailable.into());
    }
    let socket = non_blocking(Domain::UNIX, Type::STREAM, None)?;
    let address = system_address(address)?;
    retry_interrupted(|| socket.connect(&address))?;
    Ok(stream(socket.into()))
}

pub(super) fn accept(listener: &UnixListener) -> io::Result<(TcpStream, Address)> {
    let (accepted, peer) = listener.accept()?;
    let peer = match peer.as_pathname() {
        Some(path) => UnixAddress::Path(path.to_owned()),
        None => abstract_name(&peer).map_or(UnixAddress::Unnamed, UnixAddress::Abstract),
    };
    Ok((stream(accepted.into()), peer.into()))
}

/// To set options of a listener.
#[expect(
    clippy::unnecessary_wraps,
    reason = "where there are no Unix streams there are no options"
)]
pub(super) fn options(listener: &UnixListener) -> Option<SockRef<'_>> {
    Some(SockRef::from(listener))
}

/// Reading, writing, shutting down and closing a stream are the same calls in each family, and of these alone use is made: one
/// type for both keeps an entry of a connection small, and spares each call the question.
fn stream(socket: OwnedFd) -> TcpStream {
    TcpStream::from_std(socket.into())
}

/// Who is at the other end, if it is a Unix stream.
#[cfg(all(feature = "unix", any(target_os = "linux", target_os = "android")))]
pub(super) fn credentials(stream: &TcpStream) -> Option<super::Credentials> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

    let domain = socket2::SockRef::from(stream).domain().ok()?;
    if domain != Domain::UNIX {
        return None;
    }
    let credentials = getsockopt(stream, PeerCredentials).ok()?;
    Some(super::Credentials {
        pid: u32::try_from(credentials.pid()).ok()?,
        uid: credentials.uid(),
        gid: credentials.gid(),
    })
}

/// Who is at the other end, if the system and this build could tell.
#[cfg(not(all(feature = "unix", any(target_os = "linux", target_os = "android"))))]
pub(super) fn credentials(_: &TcpStream) -> Option<super::Credentials> {
    None
}

fn system_address(address: &UnixAddress) -> io::Result<SockAddr> {
    match address {
        UnixAddress::Path(path) => SockAddr::unix(path),
        UnixAddress::Abstract(name) => abstract_address(name),
        UnixAddress::Unnamed => Err(ErrorKind::InvalidInput.into()),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_address(name: &[u8]) -> io::Result<SockAddr> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn abstract_address(_: &[u8]) -> io::Result<SockAddr> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn abstract_name(address: &std::os::unix::net::SocketAddr) -> Option<Vec<u8>> {
    use std::os::linux::net::SocketAddrExt;

    address.as_abstract_name().map(<[u8]>::to_vec)
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &std::os::unix::net::SocketAddr) -> Option<Vec<u8>> {
    None
}
