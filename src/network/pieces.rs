//! What is read from several sockets in one go, and sent to them. Owns the description of it; whose bytes they are the
//! reactor knows.

use std::io::{self, IoSlice, Write};
use std::ops::Range;

use super::sockets::{Socket, retry_interrupted};
use super::{Network, Received, SocketId, direct};
use crate::pages::Pages;

/// Linux and Android: an edge follows a short read, so that the read need not be repeated until `WouldBlock`.
const SHORT_READ_DRAINS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// What one socket is to be sent: see [`Network::write_each`](super::Network::write_each).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it goes.
    pub socket: SocketId,
    /// Where it lies among the bytes.
    pub range: Range<usize>,
}

/// A piece that its socket did not take whole. Those before it were taken, those behind it not offered.
#[derive(Debug)]
pub struct NotWhole {
    /// Which of the pieces.
    pub index: usize,
    /// What the write of it said.
    pub outcome: io::Result<usize>,
}

/// What it means that `size` bytes came where `asked` were asked for.
pub(super) fn received(size: usize, asked: usize) -> Received {
    match size {
        0 => Received::Ended,
        size => Received::Filled {
            size,
            drained: SHORT_READ_DRAINS && size < asked,
        },
    }
}

/// [`Network::read_each`] of a network that has no shorter way.
pub(super) fn read_one_by_one(
    network: &mut (impl Network + ?Sized),
    sockets: &[SocketId],
    buffer: &mut [u8],
    most: usize,
    sizes: &mut Vec<usize>,
) -> Option<io::Result<Received>> {
    let mut end = 0;
    for socket in sockets {
        let room = &mut buffer[end..];
        let size = match network.read(*socket, room) {
            Ok(Received::Filled {
                size,
                drained: true,
            }) => size,
            Ok(Received::Lent {
                data,
                drained: true,
            }) if data.len() <= most => {
                room[..data.len()].copy_from_slice(&data);
                data.len()
            }
            outcome => return Some(outcome),
        };
        sizes.push(size);
        end += size;
        if end > most {
            break;
        }
    }
    None
}

/// [`Network::write_each`] of a network that has no shorter way.
pub(super) fn write_one_by_one(
    network: &mut (impl Network + ?Sized),
    bytes: &[u8],
    pieces: &[Piece],
) -> Result<(), NotWhole> {
    for (index, piece) in pieces.iter().enumerate() {
        let data = &bytes[piece.range.clone()];
        let outcome = network.write(piece.socket, &[IoSlice::new(data)]);
        if !matches!(outcome, Ok(size) if size == data.len()) {
            return Err(NotWhole { index, outcome });
        }
    }
    Ok(())
}

/// As little code as can be stands between two calls, for it displaces the system's own from the processor's caches.
pub(super) fn read_each(
    table: &Pages<Socket>,
    sockets: &[SocketId],
    buffer: &mut [u8],
    most: usize,
    sizes: &mut Vec<usize>,
) -> Option<io::Result<Received>> {
    let mut end = 0;
    for socket in sockets {
        let room = &mut buffer[end..];
        let outcome = match table.at(socket.0) {
            Some(Socket::Stream(stream)) => direct::receive(stream, room),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        let size = match outcome {
            Ok(size) if size > 0 && size < room.len() && SHORT_READ_DRAINS => size,
            outcome => return Some(outcome.map(|size| received(size, room.len()))),
        };
        sizes.push(size);
        end += size;
        if end > most {
            break;
        }
    }
    None
}

/// The same of sending.
pub(super) fn write_each(
    sockets: &Pages<Socket>,
    bytes: &[u8],
    pieces: &[Piece],
) -> Result<(), NotWhole> {
    for (index, piece) in pieces.iter().enumerate() {
        let data = &bytes[piece.range.clone()];
        let outcome = match sockets.at(piece.socket.0) {
            Some(Socket::Stream(stream)) => direct::send(stream, data),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        if !matches!(outcome, Ok(size) if size == data.len()) {
            look_into(sockets, index, outcome, (piece.socket, data))?;
        }
    }
    Ok(())
}

/// An interrupted write says nothing.
#[cold]
#[inline(never)]
fn look_into(
    sockets: &Pages<Socket>,
    index: usize,
    mut outcome: io::Result<usize>,
    (socket, data): (SocketId, &[u8]),
) -> Result<(), NotWhole> {
    if let (Err(error), Some(Socket::Stream(stream))) = (&outcome, sockets.at(socket.0))
        && error.kind() == io::ErrorKind::Interrupted
    {
        outcome = retry_interrupted(|| (&mut &*stream).write(data));
    }
    match outcome {
        Ok(size) if size == data.len() => Ok(()),
        outcome => Err(NotWhole { index, outcome }),
    }
}
