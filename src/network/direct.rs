//! Sending and receiving in place: the system is called where the code stands, and not by a function that would have to
//! return afterwards. Owns these two calls; what they say is their callers' to look into.
//!
//! While the kernel works it wears out the processor's memory of where functions were called from, above all where it
//! defends itself against being misled by that. So the first return after a call to the system goes astray, which costs a
//! few instructions on some machines and a tenth of an echo on others. Linux alone lets a program call it without the C
//! library; elsewhere these are the usual calls.

use std::io;

use mio::net::TcpStream;

/// Receives once.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline(always)]
pub(super) fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let received = rustix::net::recv(stream, buffer, rustix::net::RecvFlags::empty());
    Ok(received.map(|(size, _)| size)?)
}

/// Sends once; never raises `SIGPIPE`.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline(always)]
pub(super) fn send(stream: &TcpStream, data: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(
        stream,
        data,
        rustix::net::SendFlags::NOSIGNAL,
    )?)
}

/// Receives once.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn receive(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut stream, buffer)
}

/// Sends once; never raises `SIGPIPE`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn send(mut stream: &TcpStream, data: &[u8]) -> io::Result<usize> {
    io::Write::write(&mut stream, data)
}
