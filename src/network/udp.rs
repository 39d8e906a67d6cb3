//! UDP sockets of the machine. Owns how they are made and what the system is asked of them; keeps none.

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

use super::datagram::{DatagramOptions, Multicast, ReceivedDatagram};
use super::sockets::{non_blocking, retry_interrupted};

/// A socket that is bound and, if it has a peer, connected.
pub(super) fn open(address: SocketAddr, options: &DatagramOptions) -> io::Result<UdpSocket> {
    let domain = Domain::for_address(address);
    let socket = non_blocking(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // So that one port may be had in both families, whatever the machine's default is.
        socket.set_only_v6(true)?;
    }
    if options.shared {
        socket.set_reuse_address(true)?;
    }
    if options.broadcast {
        socket.set_broadcast(true)?;
    }
    hear_own_groups_only(&socket, address)?;
    socket.bind(&address.into())?;
    if let Some(peer) = options.peer {
        socket.connect(&peer.into())?;
    }
    Ok(UdpSocket::from_std(socket.into()))
}

/// Linux lets a socket at any address hear every group that somebody on the machine has joined, unless it is told not to; others
/// do not.
#[cfg(target_os = "linux")]
fn hear_own_groups_only(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv4() {
        return socket.set_multicast_all_v4(false);
    }
    match socket.set_multicast_all_v6(false) {
        // Kernels before 4.20 have no such option.
        Err(error) if error.raw_os_error() == Some(ENOPROTOOPT) => Ok(()),
        outcome => outcome,
    }
}

#[cfg(target_os = "linux")]
const ENOPROTOOPT: i32 = if cfg!(any(target_arch = "mips", target_arch = "mips64")) {
    99
} else {
    92
};

#[cfg(not(target_os = "linux"))]
fn hear_own_groups_only(_: &Socket, _: SocketAddr) -> io::Result<()> {
    Ok(())
}

pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<ReceivedDatagram> {
    let (size, from) = retry_interrupted(|| socket.recv_from(buffer))?;
    Ok(ReceivedDatagram {
        size,
        from,
        truncated: size == buffer.len(),
    })
}

pub(super) fn send(socket: &UdpSocket, data: &[u8], to: Option<SocketAddr>) -> io::Result<()> {
    let sent = retry_interrupted(|| match to {
        Some(to) => socket.send_to(data, to),
        None => socket.send(data),
    })?;
    // A datagram is sent whole or not at all.
    debug_assert_eq!(sent, data.len());
    Ok(())
}

pub(super) fn set_membership(
    socket: &UdpSocket,
    group: &Multicast,
    member: bool,
) -> io::Result<()> {
    match (group, member) {
        (Multicast::V4 { group, interface }, true) => socket.join_multicast_v4(group, interface),
        (Multicast::V4 { group, interface }, false) => socket.leave_multicast_v4(group, interface),
        (Multicast::V6 { group, interface }, true) => socket.join_multicast_v6(group, *interface),
        (Multicast::V6 { group, interface }, false) => socket.leave_multicast_v6(group, *interface),
    }
}

/// How many datagrams the system has dropped because the socket's buffer was full, by its table of sockets.
#[cfg(target_os = "linux")]
pub(super) fn dropped(socket: &UdpSocket) -> Option<u64> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    let inode = std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?;
    let version = if socket.local_addr().ok()?.is_ipv6() {
        "6"
    } else {
        ""
    };
    let table = std::fs::read_to_string(format!("/proc/net/udp{version}")).ok()?;
    drops_of(&table, inode.ino())
}

/// Elsewhere the system does not say.
#[cfg(not(target_os = "linux"))]
pub(super) fn dropped(_: &UdpSocket) -> Option<u64> {
    None
}

/// The last column of the socket's line, in the text of `/proc/net/udp`. Its inode is the tenth.
#[cfg(target_os = "linux")]
fn drops_of(table: &str, inode: u64) -> Option<u64> {
    let inode = inode.to_string();
    let mut lines = table.lines().skip(1);
    let line = lines.find(|line| line.split_whitespace().nth(9) == Some(&inode))?;
    line.split_whitespace().last()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn drops_are_in_the_line_of_the_sockets_inode() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             \n\
                     3031: 0100007F:9C41 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 39117 2 0000000000000000 7         \n\
                     3032: 0100007F:9C42 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 39118 2 0000000000000000 0         \n";
        assert_eq!(drops_of(table, 39_117), Some(7));
        assert_eq!(drops_of(table, 39_118), Some(0));
        assert_eq!(drops_of(table, 7), None);
        assert_eq!(drops_of("", 7), None);
    }
}
