//! What is sent to several sockets in one go. Owns the description of it; whose bytes they are the reactor knows.

use std::io::{self, Write};
use std::ops::Range;

use super::SocketId;
use super::sockets::{Socket, retry_interrupted};
use crate::pages::Pages;

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

/// As little code as can be stands between two calls, for it displaces the system's own from the processor's caches.
pub(super) fn write_each(
    sockets: &Pages<Socket>,
    bytes: &[u8],
    pieces: &[Piece],
) -> Result<(), NotWhole> {
    for (index, piece) in pieces.iter().enumerate() {
        let data = &bytes[piece.range.clone()];
        let outcome = match sockets.at(piece.socket.0) {
            Some(Socket::Stream(stream)) => (&mut &*stream).write(data),
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
