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

/// [`Network::read_each`](super::Network::read_each) of a network that has no shorter way, by its `read`. Whether it lends
/// or fills makes no difference: a run that is replayed, and then is lent all, has to go the same way.
///
/// Inlined, so that a call to the system stands in the loop.
#[inline(always)]
pub(super) fn read_one_by_one(
    mut read: impl FnMut(SocketId, &mut [u8]) -> io::Result<Received>,
    sockets: &[SocketId],
    buffer: &mut [u8],
    most: usize,
    sizes: &mut Vec<usize>,
) -> Option<io::Result<Received>> {
    let mut end = 0;
    for socket in sockets {
        let room = &mut buffer[end..];
        let size = match read(*socket, room) {
            Ok(Received::Filled {
                size,
                drained: true,
            }) => size,
            Ok(Received::Lent {
                data,
                drained: true,
            }) if data.len() <= room.len() => {
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
    let read = |socket: SocketId, room: &mut [u8]| match table.at(socket.0) {
        Some(Socket::Stream(stream)) => {
            direct::receive(stream, room).map(|size| received(size, room.len()))
        }
        _ => Err(io::ErrorKind::InvalidInput.into()),
    };
    read_one_by_one(read, sockets, buffer, most, sizes)
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const MOST: usize = 10;

    /// What comes of reading portions of these sizes, into a buffer twice as large as what is wanted at most.
    fn read(portions: &[usize], lends: bool) -> (Vec<usize>, Vec<u8>, String) {
        let sockets: Vec<SocketId> = (0..portions.len() as u32).map(SocketId).collect();
        let (mut buffer, mut sizes) = ([0; 2 * MOST], Vec::new());
        let read = |SocketId(socket): SocketId, room: &mut [u8]| {
            let portion = portions[socket as usize];
            let size = portion.min(room.len());
            let drained = portion < room.len();
            if lends {
                let data = Bytes::from(vec![socket as u8 + 1; size]);
                return Ok(Received::Lent { data, drained });
            }
            room[..size].fill(socket as u8 + 1);
            Ok(Received::Filled { size, drained })
        };
        let odd = read_one_by_one(read, &sockets, &mut buffer, MOST, &mut sizes);
        let end = sizes.iter().sum();
        let odd = match odd {
            None => "none".to_owned(),
            Some(Ok(Received::Filled { size, drained })) => format!("{size} {drained}"),
            Some(Ok(Received::Lent { data, drained })) => format!("{} {drained}", data.len()),
            Some(other) => format!("{other:?}"),
        };
        (sizes, buffer[..end].to_vec(), odd)
    }

    #[test]
    fn what_is_lent_is_read_like_what_is_filled_in() {
        for portions in [
            &[3, 4, 5, 6][..],
            &[3, 15, 1],
            &[12, 1],
            &[5, 50],
            &[50],
            &[10, 10, 1],
        ] {
            assert_eq!(read(portions, true), read(portions, false), "{portions:?}");
        }
    }

    #[test]
    fn it_goes_on_until_enough_has_come_or_something_else() {
        assert_eq!(read(&[3, 4, 5, 6], false).0, [3, 4, 5]);
        let (sizes, bytes, odd) = read(&[2, 50, 1], true);
        assert_eq!((sizes, bytes), (vec![2], vec![1, 1]));
        assert_eq!(odd, "18 false");
    }
}
