//! Where the kernel's stamps of received bytes can't be had. Owns nothing; stamps nothing.

use std::io::{self, Read};
use std::time::SystemTime;

use mio::net::TcpStream;

#[derive(Debug)]
pub(super) struct Stamps;

impl Stamps {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn set(_stream: &TcpStream, _on: bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn read(
        &mut self,
        mut stream: &TcpStream,
        buffer: &mut [u8],
    ) -> io::Result<(usize, Option<SystemTime>)> {
        stream.read(buffer).map(|size| (size, None))
    }
}
