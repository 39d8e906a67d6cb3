//! Frames that are refused and skipped, up to where the next one begins.

use ropewalk::framing::{Cobs, Int8, Int16, LengthDelimited, Netstring, Skip, Slip, Varint};
use ropewalk::{FrameError, Framing, Refusal};

use super::expecting::{DONE, too_long};
use super::{Heard, hear};

#[test]
fn a_frame_that_is_too_long_can_be_skipped_where_its_end_can_be_found() {
    let frame = |body: &[u8]| Heard::Frame(body.to_vec());
    let refused = |size| Heard::Refused(FrameError::TooLong { limit: 3, size });
    let done = Heard::Lost(DONE);
    let expected = |size| vec![frame(b"abc"), refused(size), frame(b"xyz"), done.clone()];
    fn heard<F: Framing + Clone>(framing: F, stream: &[u8], expected: &[Heard]) {
        for size in [1, 2, 5, stream.len()] {
            assert_eq!(
                hear(&framing, Refusal::Skip, stream.chunks(size)),
                expected,
                "in pieces of {size}"
            );
        }
    }
    let four = expected(Some(4));
    heard(
        Int8::default().max_length(3),
        b"\x03abc\x04long\x03xyz",
        &four,
    );
    heard(
        Varint::default().max_length(3),
        b"\x03abc\x04long\x03xyz",
        &four,
    );
    heard(
        LengthDelimited::new(1).max_length(3),
        b"\x03abc\x04long\x03xyz",
        &four,
    );
    heard(
        Slip::default().max_length(3),
        b"abc\xC0long\xC0xyz\xC0",
        &four,
    );
    heard(
        Slip::default().max_length(3),
        b"abc\xC0muchlonger\xC0xyz\xC0",
        &expected(None),
    );
    heard(
        Cobs::default().max_length(3),
        b"\x04abc\0\x05long\0\x04xyz\0",
        &expected(None),
    );
    // Nothing tells where a bad netstring ends.
    let lost = Heard::Lost(too_long(3, None));
    heard(
        Netstring::default().max_length(3),
        b"3:abc,4:long,3:xyz,",
        &[frame(b"abc"), refused(None), lost],
    );
    assert_eq!(Netstring::default().skip(b"4:long,"), Skip::Impossible);
}

#[test]
fn what_is_skipped_may_end_with_the_stream() {
    let framing = Int16::default().max_length(3);
    let refused = Heard::Refused(FrameError::TooLong {
        limit: 3,
        size: Some(1000),
    });
    let expected = [refused, Heard::Lost(DONE)];
    for size in [1, 7] {
        assert_eq!(
            hear(&framing, Refusal::Skip, b"\x03\xE8abcdefgh".chunks(size)),
            expected
        );
    }
}
