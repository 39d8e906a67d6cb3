//! Unix streams where the system has none, or the standard library does not know them. Owns the refusal.

use std::io;

use mio::net::TcpStream;

use super::{ConnectOptions, Credentials, ListenOptions};
use crate::address::{Address, UnixAddress};

#[derive(Debug)]
pub(super) enum Never {}

pub(super) type UnixListener = Never;

#[derive(Debug)]
pub(super) struct SocketFile(Never);

pub(super) fn listen(
    _: &UnixAddress,
    _: &ListenOptions,
) -> io::Result<(UnixListener, Option<SocketFile>)> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn connect(_: &UnixAddress, _: &ConnectOptions) -> io::Result<TcpStream> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn accept(listener: &UnixListener) -> io::Result<(TcpStream, Address)> {
    match *listener {}
}

pub(super) fn options(listener: &UnixListener) -> Option<socket2::SockRef<'_>> {
    match *listener {}
}

pub(super) fn credentials(_: &TcpStream) -> Option<Credentials> {
    None
}

impl mio::event::Source for Never {
    fn register(&mut self, _: &mio::Registry, _: mio::Token, _: mio::Interest) -> io::Result<()> {
        match *self {}
    }

    fn reregister(&mut self, _: &mio::Registry, _: mio::Token, _: mio::Interest) -> io::Result<()> {
        match *self {}
    }

    fn deregister(&mut self, _: &mio::Registry) -> io::Result<()> {
        match *self {}
    }
}
