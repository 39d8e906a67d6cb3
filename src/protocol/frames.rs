//! The inner loop: cuts received bytes into lines or other frames, and calls one protocol with them. Owns what is made
//! of each byte; does not know sockets or other connections.

use std::ops::ControlFlow;
use std::rc::Rc;

use super::framed::{cut_framed, refuse_beyond_limit, skip_frame};
use super::{Held, Input, Protocol, Refusal};
use crate::error::{FrameError, Lost};
use crate::framing::{Found, Framing, FramingKind, Lines, Stop};
use crate::transport::Transport;

/// What is to be made of the next bytes.
pub(crate) enum Mode {
    Raw,
    Counted(u64),
    Frames(Rc<FramingKind>),
    Skipping(Rc<FramingKind>),
}

/// How a step of the loop ended.
#[derive(PartialEq, Eq)]
pub(super) enum Step {
    /// Something changed: look at the mode again.
    Again,
    /// No more can be made of the bytes there are.
    Starved,
}

/// Delivers as much of `input` as the connection's state allows, and leaves the rest in it.
pub(super) fn cut<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    input: &mut Input<'_>,
) {
    while let Some(mode) = transport.mode() {
        let step = match mode {
            Mode::Raw => raw(protocol, transport, input, None),
            Mode::Counted(left) => raw(protocol, transport, input, Some(left)),
            Mode::Frames(framing) => match &*framing {
                FramingKind::Lines(lines) => cut_lines(protocol, transport, input, lines),
                other => cut_framed(protocol, transport, input, other.rules()),
            },
            Mode::Skipping(framing) => match &*framing {
                FramingKind::Lines(lines) => skip_line(transport, input, lines),
                other => skip_frame(transport, input, other.rules()),
            },
        };
        if step == Step::Starved {
            break;
        }
    }
}

/// Goes on after a call with all of a chunk, as it came; what is left of it then.
#[cold]
pub(crate) fn cut_after_raw<'d>(
    protocol: &mut dyn Protocol,
    transport: &mut Transport<'_>,
    chunk: &'d [u8],
) -> Input<'d> {
    let mut input = Input::new(Held::default(), chunk);
    if after_raw(protocol, transport, &mut input, chunk.len()) == Step::Again {
        protocol.frames(transport, &mut input);
    }
    input
}

fn raw<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    input: &mut Input<'_>,
    left: Option<u64>,
) -> Step {
    if !input.held.is_empty() {
        // Given back before: it comes again together with the new bytes.
        input.hold_rest();
    }
    let data = input.data();
    let mut size = data.len();
    if let Some(left) = left {
        size = size.min(usize::try_from(left).unwrap_or(usize::MAX));
    }
    if size == 0 {
        return Step::Starved;
    }
    if left.is_some() {
        transport.count_raw(size);
    }
    protocol.data_received(transport, &data[..size]);
    after_raw(protocol, transport, input, size)
}

/// What follows a call with `size` raw bytes.
fn after_raw<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    input: &mut Input<'_>,
    size: usize,
) -> Step {
    let back = transport.take_unread(size);
    input.advance(size - back);
    if input.is_empty() && !transport.is_halted() {
        return Step::Starved;
    }
    if back == 0 || transport.has_changed() || !transport.counts_as_raw_again(back) {
        return Step::Again;
    }
    input.hold_rest();
    let most = transport.held_limit();
    refuse_beyond_limit(protocol, transport, input, most).unwrap_or(Step::Starved)
}

fn cut_lines<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    input: &mut Input<'_>,
    lines: &Lines,
) -> Step {
    if !input.held.is_empty() {
        return cut_held_line(protocol, transport, input, lines);
    }
    let mut last = 0;
    let (consumed, stop) = lines.each(input.rest_of_chunk(), |body, size| {
        protocol.frame_received(transport, body);
        if transport.is_halted() {
            last = size;
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    input.at += consumed;
    match stop {
        Stop::Halted => {
            input.at -= transport.take_unread_frame(last);
            Step::Again
        }
        Stop::TooLong => refuse(
            protocol,
            transport,
            input,
            &FrameError::TooLong {
                limit: lines.longest(),
                size: None,
            },
        ),
        Stop::Starved => {
            input.scanned = input.rest_of_chunk().len();
            Step::Starved
        }
    }
}

/// Calls with a frame where that is not what all depends on: so that in [`cut_lines`] it can be part of the loop.
#[inline(never)]
pub(super) fn receive<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    frame: &[u8],
) {
    protocol.frame_received(transport, frame);
}

/// A held line is completed up to its first delimiter only, never joined with the whole chunk.
fn cut_held_line<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    input: &mut Input<'_>,
    lines: &Lines,
) -> Step {
    match lines.next(input.held.rest(), input.held.scanned) {
        Found::Frame { body, size } => {
            if !canary!(FrameAtBorderLost) {
                receive(protocol, transport, &input.held.rest()[body]);
            }
            let back = transport.take_unread_frame(size);
            input.held.advance(size - back);
            Step::Again
        }
        Found::Broken(error) => refuse(protocol, transport, input, &error),
        Found::More { scanned } => {
            if input.at == input.chunk.len() {
                input.held.scanned = scanned;
                return Step::Starved;
            }
            input.held.compact();
            input.held.scanned = scanned;
            let rest = input.rest_of_chunk();
            input.at += lines.complete(&mut input.held.bytes, rest);
            Step::Again
        }
        Found::Coded { .. } | Found::Nothing { .. } | Found::Part { .. } => {
            unreachable!(
                "lines are not written in a code, and their length is not known before their end"
            )
        }
    }
}

pub(super) fn refuse<P: Protocol + ?Sized>(
    protocol: &mut P,
    transport: &mut Transport<'_>,
    input: &mut Input<'_>,
    error: &FrameError,
) -> Step {
    transport.count_bad_frame(error);
    // Whoever goes on from here may be another framing, or another protocol's.
    input.held.rescan();
    let refusal = protocol.frame_refused(transport, error);
    // Nothing was given, so nothing can be given back.
    transport.take_unread(0);
    match refusal {
        Refusal::Skip if transport.skip_frame(input.data()) => {}
        _ => transport.refuse(Lost::BadFrame(error.clone())),
    }
    Step::Again
}

/// Drops the rest of an over-long line, whose end may lie in what is held or in the chunk.
fn skip_line(transport: &mut Transport<'_>, input: &mut Input<'_>, lines: &Lines) -> Step {
    if !input.held.is_empty() {
        let mut part = Vec::new();
        if let Some(taken) = lines.skip(&mut part, input.held.rest()) {
            input.held.advance(taken);
            transport.skipped_frame();
            return Step::Again;
        }
        // At most the beginning of a delimiter.
        input.held.clear();
        input.held.bytes.extend_from_slice(&part);
    }
    let rest = input.rest_of_chunk();
    match lines.skip(&mut input.held.bytes, rest) {
        Some(taken) => {
            input.at += taken;
            transport.skipped_frame();
            Step::Again
        }
        None => {
            input.at = input.chunk.len();
            Step::Starved
        }
    }
}
