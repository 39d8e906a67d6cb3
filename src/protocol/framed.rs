//! The inner loop over any framing: what it says of the bytes in front is checked, and done. Owns which bytes are put together
//! before it is asked again; lines have a shorter way.

use std::ops::Range;

use super::frames::{Step, receive, refuse};
use super::{Input, Protocol};
use crate::error::{FrameError, Lost};
use crate::framing::{Found, Framing, OUT_OF_PLACE, Skip, lies_within};
use crate::transport::Transport;

/// What is to be done with the bytes in front.
enum Front {
    Deliver {
        body: Range<usize>,
        size: usize,
        coded: bool,
    },
    Drop(usize),
    /// Nothing yet: so many were looked at in vain.
    Wait {
        scanned: usize,
    },
    /// Nothing before there are so many.
    Collect(usize),
    Refuse(FrameError),
    /// There is no way on from here: it takes more than may be held, and nothing says where the next frame begins.
    GiveUp,
}

/// The least that is put together at a time where nothing tells how long a frame will be.
const PORTION: usize = 512;

pub(super) fn cut_framed<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    input: &mut Input<'_>,
    framing: &dyn Framing,
) -> Step {
    let most = framing.bound().unwrap_or_else(|| transport.held_limit());
    if input.held.is_empty() {
        cut_chunk(protocol, transport, input, framing, most)
    } else {
        cut_held(protocol, transport, input, framing, most)
    }
}

/// Frames that lie in the chunk as a whole are delivered from there.
fn cut_chunk<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    input: &mut Input<'_>,
    framing: &dyn Framing,
    most: usize,
) -> Step {
    loop {
        let data = input.rest_of_chunk();
        if data.is_empty() {
            return Step::Starved;
        }
        match look(framing, data, 0, most) {
            Front::Deliver { body, size, coded } => {
                if let Err(error) = deliver(protocol, transport, framing, &data[body], coded) {
                    return refuse(protocol, transport, input, &error);
                }
                input.at += size;
                if transport.is_halted() {
                    input.at -= transport.take_unread_frame(size);
                    return Step::Again;
                }
            }
            Front::Drop(size) => input.at += size,
            Front::Wait { scanned } => {
                (input.scanned, input.wanted) = (scanned, 0);
                return Step::Starved;
            }
            Front::Collect(size) => {
                (input.scanned, input.wanted) = (0, size);
                return Step::Starved;
            }
            Front::Refuse(error) => return refuse(protocol, transport, input, &error),
            Front::GiveUp => return give_up(protocol, transport, most),
        }
    }
}

/// A held frame is completed from the chunk, as far as it is known to go; what has come with it and is not its own is cut
/// where it lies. So each byte is copied once, and only those of a frame that came in more than one portion.
fn cut_held<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    input: &mut Input<'_>,
    framing: &dyn Framing,
    most: usize,
) -> Step {
    let mut joined = 0;
    loop {
        joined += input.join(input.held.missing());
        if input.held.missing() > 0 {
            return Step::Starved;
        }
        match look(framing, input.held.rest(), input.held.scanned, most) {
            Front::Deliver { body, size, coded } => {
                let body = &input.held.rest()[body];
                if let Err(error) = deliver(protocol, transport, framing, body, coded) {
                    return refuse(protocol, transport, input, &error);
                }
                let back = transport.take_unread_frame(size);
                input.held.advance(size - back);
                input.part(joined);
                return Step::Again;
            }
            Front::Drop(size) => {
                input.held.advance(size);
                input.part(joined);
                return Step::Again;
            }
            Front::Wait { scanned } => {
                // As much as there is already, so that a long frame is no work of its square, and a short one brings little.
                let news = input.join(input.held.rest().len().max(PORTION));
                input.held.scanned = scanned;
                if news == 0 {
                    return Step::Starved;
                }
                joined += news;
            }
            Front::Collect(size) => input.held.wanted = size,
            Front::Refuse(error) => return refuse(protocol, transport, input, &error),
            Front::GiveUp => return give_up(protocol, transport, most),
        }
    }
}

/// Asks the framing. One that says that a frame takes no bytes, or more than there are, would hold the loop for ever.
fn look(framing: &dyn Framing, data: &[u8], scanned: usize, most: usize) -> Front {
    match framing.next(data, scanned) {
        Found::Frame { body, size } => whole(body, size, data, most, false),
        Found::Coded { body, size } => whole(body, size, data, most, true),
        Found::Nothing { size } if (1..=data.len()).contains(&size) => Front::Drop(size),
        Found::Part { size } if size > data.len() => match size <= most {
            true => Front::Collect(size),
            false => Front::GiveUp,
        },
        Found::Nothing { .. } | Found::Part { .. } => Front::Refuse(OUT_OF_PLACE),
        Found::More { scanned } => match data.len() <= most {
            true => Front::Wait { scanned },
            false => Front::GiveUp,
        },
        // In small pieces it would have been shown no more than may be held.
        Found::Broken(_) if data.len() > most && !is_broken(framing, &data[..most], scanned) => {
            Front::GiveUp
        }
        Found::Broken(error) => Front::Refuse(error),
    }
}

fn whole(body: Range<usize>, size: usize, data: &[u8], most: usize, coded: bool) -> Front {
    if size == 0 || size > data.len() || !lies_within(&body, size) {
        Front::Refuse(OUT_OF_PLACE)
    } else if size > most {
        // It would not have been waited for, had it come in pieces.
        Front::GiveUp
    } else {
        Front::Deliver { body, size, coded }
    }
}

fn is_broken(framing: &dyn Framing, data: &[u8], scanned: usize) -> bool {
    matches!(
        framing.next(data, scanned.min(data.len())),
        Found::Broken(_)
    )
}

fn deliver<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    framing: &dyn Framing,
    body: &[u8],
    coded: bool,
) -> Result<(), FrameError> {
    if !coded {
        receive(protocol, transport, body);
        return Ok(());
    }
    let mut frame = transport.spare_buffer();
    let decoded = framing.decode(body, &mut frame);
    if decoded.is_ok() {
        receive(protocol, transport, &frame);
    }
    transport.give_back(frame);
    decoded
}

pub(super) fn refuse_beyond_limit<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    input: &Input<'_>,
    most: usize,
) -> Option<Step> {
    (input.data().len() > most).then(|| give_up(protocol, transport, most))
}

fn give_up<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    most: usize,
) -> Step {
    let error = FrameError::TooLong {
        limit: most,
        size: None,
    };
    transport.count_bad_frame(&error);
    let _ = protocol.frame_refused(transport, &error);
    transport.take_unread(0);
    transport.refuse(Lost::BadFrame(error));
    Step::Again
}

/// Drops what there is of a frame that was refused.
pub(super) fn skip_frame(
    transport: &mut Transport<'_>,
    input: &mut Input<'_>,
    framing: &dyn Framing,
) -> Step {
    let data = input.data();
    if data.is_empty() {
        return Step::Starved;
    }
    let known = match transport.left_to_skip() {
        0 => framing.skip(data),
        left => Skip::Bytes(left),
    };
    match known {
        Skip::Bytes(left @ 1..) => {
            let size = usize::try_from(left).map_or(data.len(), |left| left.min(data.len()));
            input.advance(size);
            transport.skipped(left - size as u64);
        }
        Skip::More => {
            let size = data.len();
            input.advance(size);
        }
        Skip::Bytes(0) | Skip::Impossible => transport.refuse(Lost::BadFrame(OUT_OF_PLACE)),
    }
    Step::Again
}
