//! What framings are expected to do with a stream or a frame. Every stream is played whole and byte by byte.

use ropewalk::{FrameError, Framing, Lost, Refusal, Side};

use super::{Heard, hear};

/// Plays a stream, which has to be heard as these frames; then the reason of the loss.
#[track_caller]
pub(crate) fn assert_heard<F: Framing + Clone>(
    framing: &F,
    stream: impl AsRef<[u8]>,
    frames: &[&[u8]],
    lost: &Lost,
) {
    let stream = stream.as_ref();
    let mut expected: Vec<Heard> = frames
        .iter()
        .map(|frame| Heard::Frame(frame.to_vec()))
        .collect();
    if let Lost::BadFrame(error) = lost {
        expected.push(Heard::Refused(error.clone()));
    }
    expected.push(Heard::Lost(lost.clone()));
    assert_eq!(hear(framing, Refusal::Lose, [stream]), expected, "whole");
    assert_eq!(
        hear(framing, Refusal::Lose, stream.chunks(1)),
        expected,
        "byte by byte"
    );
}

pub(crate) const DONE: Lost = Lost::Done(Side::Peer);

/// Its words do not matter here.
pub(crate) const MALFORMED: Lost = Lost::BadFrame(FrameError::Malformed(""));

pub(crate) fn too_long(limit: usize, size: impl Into<Option<u64>>) -> Lost {
    let size = size.into();
    Lost::BadFrame(FrameError::TooLong { limit, size })
}

#[track_caller]
pub(crate) fn assert_sent(framing: &impl Framing, frame: &[u8], wire: &[u8]) {
    let mut out = b"before ".to_vec();
    assert_eq!(framing.encode(frame, &mut out), Ok(()));
    assert_eq!(
        out.strip_prefix(b"before "),
        Some(wire),
        "{}",
        out.escape_ascii()
    );
}

#[track_caller]
pub(crate) fn assert_not_sent(framing: &impl Framing, frame: &[u8], expected: Option<FrameError>) {
    let mut out = b"before".to_vec();
    let error = framing
        .encode(frame, &mut out)
        .expect_err("it can't be sent");
    assert_eq!(out, b"before");
    match expected {
        Some(expected) => assert_eq!(error, expected),
        None => assert!(matches!(error, FrameError::Malformed(_)), "{error}"),
    }
}
