//! SLIP and COBS by example, where some bytes stand for others.

use ropewalk::framing::{Cobs, Slip};
use ropewalk::{Lost, Refusal};

use super::expecting::{DONE, MALFORMED, assert_heard, assert_not_sent, assert_sent, too_long};
use super::{Heard, hear};

#[test]
fn slip_escapes_its_two_bytes() {
    let slip = Slip::default();
    assert_sent(&slip, b"plain", b"plain\xC0");
    assert_sent(&slip, b"\xC0a\xDB", b"\xDB\xDCa\xDB\xDD\xC0");
    assert_sent(&slip, b"\xDC\xDD", b"\xDC\xDD\xC0");
    assert_not_sent(&slip, b"", None);
    let stream = b"\xC0plain\xC0\xC0\xC0\xDB\xDCa\xDB\xDD\xC0\xC0";
    assert_heard(&slip, stream, &[b"plain", b"\xC0a\xDB"], &DONE);
    assert_heard(&slip, b"a\xC0\xC0b", &[b"a"], &Lost::Truncated);
    for wrong in [&b"\xDBx\xC0"[..], b"x\xDB\xC0", b"\xDB\xDB\xDC\xC0"] {
        assert_heard(&slip, [b"ok\xC0", wrong].concat(), &[b"ok"], &MALFORMED);
    }
}

#[test]
fn slips_limit_counts_what_a_frame_means() {
    let slip = Slip::default().max_length(3);
    assert_heard(&slip, b"abc\xC0", &[b"abc"], &DONE);
    assert_heard(
        &slip,
        b"\xDB\xDC\xDB\xDC\xDB\xDC\xC0",
        &[b"\xC0\xC0\xC0"],
        &DONE,
    );
    assert_heard(&slip, b"abcd\xC0", &[], &too_long(3, 4));
    assert_heard(&slip, b"a\xDB\xDCbc\xC0", &[], &too_long(3, 4));
    // Its end is not waited for without end.
    assert_heard(&slip, b"abcdefg", &[], &too_long(3, None));
}

/// From the paper, and from what is told of it everywhere.
#[test]
fn cobs_writes_zeros_as_distances() {
    let cobs = Cobs::default();
    let cases: [(&[u8], &[u8]); 8] = [
        (b"", b"\x01\0"),
        (b"\0", b"\x01\x01\0"),
        (b"\0\0", b"\x01\x01\x01\0"),
        (b"\0\x11\0", b"\x01\x02\x11\x01\0"),
        (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33\0"),
        (b"\x11\x22\x33\x44", b"\x05\x11\x22\x33\x44\0"),
        (b"\x11\0\0\0", b"\x02\x11\x01\x01\x01\0"),
        (b"E\0\0,L", b"\x02E\x01\x03,L\0"),
    ];
    for (frame, wire) in cases {
        assert_sent(&cobs, frame, wire);
        assert_heard(&cobs, [wire, b"\0\0"].concat(), &[frame], &DONE);
    }
}

#[test]
fn a_block_of_cobs_ends_after_254_bytes() {
    let cobs = Cobs::default();
    let all: Vec<u8> = (1..=255).collect();
    let [short, full, longer] = [&all[..253], &all[..254], &all[..]];
    assert_sent(&cobs, short, &[b"\xFE", short, b"\0"].concat());
    assert_sent(&cobs, full, &[b"\xFF", full, b"\0"].concat());
    assert_sent(&cobs, longer, &[b"\xFF", full, b"\x02\xFF\0"].concat());
    assert_sent(
        &cobs,
        &[full, b"\0"].concat(),
        &[b"\xFF", full, b"\x01\x01\0"].concat(),
    );
    // Others write a block of nothing behind a full one that is the last.
    for wire in [
        [b"\xFF", full, b"\0"].concat(),
        [b"\xFF", full, b"\x01\0"].concat(),
    ] {
        assert_heard(&cobs, wire, &[full], &DONE);
    }
}

#[test]
fn a_block_of_cobs_beyond_the_end_of_its_frame_is_refused() {
    let cobs = Cobs::default();
    for wrong in [&b"\x02\0"[..], b"\xFFa\0", b"\x02a\x05bc\0"] {
        assert_heard(&cobs, [b"\x02a\0", wrong].concat(), &[b"a"], &MALFORMED);
    }
    let three = Cobs::default().max_length(3);
    assert_heard(&three, b"\x04abc\0\x02a\x02b\0", &[b"abc", b"a\0b"], &DONE);
    assert_heard(&three, b"\x05abcd\0", &[], &too_long(3, None));
    assert_heard(&three, b"\x05abcde", &[], &too_long(3, None));
}

#[test]
fn a_run_of_ends_is_no_frame_and_takes_no_room() {
    let ends = vec![0xC0; 300_000];
    let stream = [&ends[..], b"a\xC0"].concat();
    let expected = [Heard::Frame(b"a".to_vec()), Heard::Lost(DONE)];
    let slip = Slip::default().max_length(1);
    for size in [777, stream.len()] {
        assert_eq!(hear(&slip, Refusal::Lose, stream.chunks(size)), expected);
    }
}
