//! Each framing by example: what stands on the wire, the limit and one byte more, what is refused and when. Every stream is
//! played whole and byte by byte.

use ropewalk::framing::{
    Cobs, FixedSize, Found, Int8, Int16, Int32, LengthDelimited, Netstring, Skip, Slip, Varint,
};
use ropewalk::{FrameError, Framing, Lost, Refusal, Side};

use super::{Heard, hear};

/// Plays a stream, which has to be heard as these frames; then the reason of the loss.
#[track_caller]
fn assert_heard<F: Framing + Clone>(
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

const DONE: Lost = Lost::Done(Side::Peer);

/// Its words do not matter here.
const MALFORMED: Lost = Lost::BadFrame(FrameError::Malformed(""));

fn too_long(limit: usize, size: impl Into<Option<u64>>) -> Lost {
    let size = size.into();
    Lost::BadFrame(FrameError::TooLong { limit, size })
}

#[track_caller]
fn assert_sent(framing: &impl Framing, frame: &[u8], wire: &[u8]) {
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
fn assert_not_sent(framing: &impl Framing, frame: &[u8], expected: Option<FrameError>) {
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

#[test]
fn lengths_of_one_two_and_four_bytes_come_highest_first() {
    assert_sent(&Int8::default(), b"hello", b"\x05hello");
    assert_sent(&Int16::default(), b"hello", b"\0\x05hello");
    assert_sent(&Int32::default(), b"", b"\0\0\0\0");
    assert_sent(
        &Int16::default(),
        &[b'x'; 0x102],
        &[b"\x01\x02", &[b'x'; 0x102][..]].concat(),
    );
    assert_heard(
        &Int8::default(),
        b"\x05hello\0\x01x",
        &[b"hello", b"", b"x"],
        &DONE,
    );
    assert_heard(&Int32::default(), b"\0\0\0\x02ab", &[b"ab"], &DONE);
}

#[test]
fn a_length_can_say_no_more_than_its_bytes() {
    assert_eq!(Int8::default().longest(), 255);
    assert_eq!(Int16::default().longest(), 65_535);
    assert_eq!(Int32::default().longest(), 99_999);
    assert_eq!(Int8::default().max_length(1 << 20).longest(), 255);
    assert_eq!(Int16::default().max_length(1 << 20).longest(), 65_535);
    assert_eq!(
        Int32::default().max_length(usize::MAX).longest(),
        0xFFFF_FFFF
    );
    let largest = [b"\xFF", &[b'x'; 255][..]].concat();
    assert_sent(&Int8::default(), &[b'x'; 255], &largest);
    assert_heard(&Int8::default(), largest, &[&[b'x'; 255]], &DONE);
    let error = FrameError::TooLong {
        limit: 255,
        size: Some(256),
    };
    assert_not_sent(&Int8::default(), &[b'x'; 256], Some(error));
}

#[test]
fn just_the_limit_passes_and_one_byte_more_is_refused_by_what_is_said_of_it() {
    let int = Int32::default().max_length(5);
    assert_heard(&int, b"\0\0\0\x05hello", &[b"hello"], &DONE);
    // Not a byte of the frame has come.
    assert_heard(&int, b"\0\0\0\x02hi\0\0\0\x06", &[b"hi"], &too_long(5, 6));
    assert_heard(&int, b"\xFF\xFF\xFF\xFF", &[], &too_long(5, 0xFFFF_FFFF));
    assert_not_sent(
        &int,
        b"longer",
        Some(FrameError::TooLong {
            limit: 5,
            size: Some(6),
        }),
    );
    let varint = Varint::default().max_length(5);
    assert_heard(&varint, b"\x05hello\x06", &[b"hello"], &too_long(5, 6));
    let netstring = Netstring::default().max_length(12);
    assert_heard(
        &netstring,
        b"12:hello world!,13",
        &[b"hello world!"],
        &too_long(12, None),
    );
    let general = LengthDelimited::new(2).adjustment(-2).max_length(5);
    assert_heard(&general, b"\0\x07hello\0\x08", &[b"hello"], &too_long(5, 6));
}

#[test]
fn a_frame_of_the_largest_length_is_not_waited_for() {
    let eight = LengthDelimited::new(8).offset(1);
    assert_heard(
        &eight,
        b"x\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        &[],
        &too_long(99_999, u64::MAX),
    );
    let more = LengthDelimited::new(8).adjustment(i64::MAX);
    assert_heard(&more, [0xFF; 8], &[], &too_long(99_999, u64::MAX));
    // And one that is allowed waits for bytes, not for memory.
    for frames in [more.max_length(usize::MAX), eight.max_length(usize::MAX)] {
        assert_heard(&frames, [0x7F; 12], &[], &Lost::Truncated);
    }
}

#[test]
fn a_varint_is_what_protobuf_writes() {
    let varint = Varint::default();
    assert_sent(&varint, b"", b"\0");
    assert_sent(&varint, &[b'x'; 127], &[b"\x7F", &[b'x'; 127][..]].concat());
    assert_sent(
        &varint,
        &[b'x'; 128],
        &[b"\x80\x01", &[b'x'; 128][..]].concat(),
    );
    assert_sent(
        &varint,
        &[b'x'; 300],
        &[b"\xAC\x02", &[b'x'; 300][..]].concat(),
    );
    assert_heard(&varint, b"\x03abc\0", &[b"abc", b""], &DONE);
    // More bytes than needed, more than 64 bits, and the most there can be.
    for wrong in [
        &b"\x80\0"[..],
        b"\x83\x80\0",
        b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02",
        &[0x80; 10],
    ] {
        assert_heard(&varint, [b"\x01x", wrong].concat(), &[b"x"], &MALFORMED);
    }
    assert_heard(
        &varint,
        b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
        &[],
        &too_long(99_999, u64::MAX),
    );
}

#[test]
fn a_netstring_is_digits_a_colon_the_bytes_and_a_comma() {
    let netstring = Netstring::default();
    assert_sent(&netstring, b"hello world!", b"12:hello world!,");
    assert_sent(&netstring, b"", b"0:,");
    assert_heard(
        &netstring,
        b"12:hello world!,0:,1:,,",
        &[b"hello world!", b"", b","],
        &DONE,
    );
    assert_not_sent(
        &netstring.clone().max_length(2),
        b"abc",
        Some(FrameError::TooLong {
            limit: 2,
            size: Some(3),
        }),
    );
    for wrong in [
        "01:a,", "00:,", "-1:a,", "+1:a,", " 1:a,", "1 :a,", "1\n:a,", "12\n", ":,", "a", ",",
        "1:ab", "1:a:", "0:a,", "0x1:a,", "1.0:a,", "\n1:a,",
    ] {
        assert_heard(&netstring, format!("2:ok,{wrong}"), &[b"ok"], &MALFORMED);
    }
}

#[test]
fn a_netstrings_length_is_refused_at_the_digit_that_makes_it_too_long() {
    let next = |limit, data: &[u8]| Netstring::default().max_length(limit).next(data, 0);
    let too_long = |limit| Found::Broken(FrameError::TooLong { limit, size: None });
    assert_eq!(next(99_999, b"99999"), Found::Part { size: 6 });
    assert_eq!(next(99_999, b"100000"), too_long(99_999));
    assert_eq!(
        next(99_999, b"999990000000000000000000000000000000000000"),
        too_long(99_999)
    );
    assert_eq!(next(5, b"6"), too_long(5));
    assert_eq!(next(0, b"1"), too_long(0));
    let endless = [b'9'; 100_000];
    assert_eq!(next(usize::MAX, &endless), too_long(usize::MAX));
}

#[test]
fn frames_of_one_size_have_no_envelope() {
    let fours = FixedSize::new(4);
    assert_heard(&fours, b"plumpear", &[b"plum", b"pear"], &DONE);
    assert_heard(&fours, b"plumpe", &[b"plum"], &Lost::Truncated);
    assert_sent(&fours, b"plum", b"plum");
    assert_not_sent(&fours, b"fig", None);
    assert_not_sent(
        &fours,
        b"apple",
        Some(FrameError::TooLong {
            limit: 4,
            size: Some(5),
        }),
    );
}

#[test]
#[should_panic = "a frame without bytes can't be seen"]
fn frames_of_no_size_are_refused() {
    FixedSize::new(0);
}

#[test]
#[should_panic = "a length has 1 to 8 bytes"]
fn a_length_of_nine_bytes_is_refused() {
    LengthDelimited::new(9);
}

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
fn a_length_may_stand_and_count_as_it_likes() {
    // Type, length of what follows; the same with the lowest byte first; one that counts itself; one that leaves a byte out.
    let typed = LengthDelimited::new(2).offset(1);
    assert_heard(&typed, b"T\0\x02hi", &[b"hi"], &DONE);
    assert_sent(&typed, b"hi", b"\0\0\x02hi");
    assert_heard(
        &typed.clone().little_endian(),
        b"T\x02\0hi",
        &[b"hi"],
        &DONE,
    );
    assert_heard(&typed.keep_header(), b"T\0\x02hi", &[b"T\0\x02hi"], &DONE);
    let whole = LengthDelimited::new(4).adjustment(-4);
    assert_sent(&whole, b"hello", b"\0\0\0\x09hello");
    assert_heard(
        &whole,
        b"\0\0\0\x09hello\0\0\0\x04",
        &[b"hello", b""],
        &DONE,
    );
    assert_heard(&whole, b"\0\0\0\x03", &[], &MALFORMED);
    let shy = LengthDelimited::new(1).adjustment(1);
    assert_heard(&shy, b"\x02Thi\0T", &[b"Thi", b"T"], &DONE);
    assert_sent(&shy, b"Thi", b"\x02Thi");
    assert_not_sent(&shy, b"", None);
    let three = LengthDelimited::new(3);
    assert_sent(
        &three,
        &[b'x'; 0x102],
        &[b"\0\x01\x02", &[b'x'; 0x102][..]].concat(),
    );
    assert_eq!(LengthDelimited::new(1).longest(), 255);
    assert_eq!(LengthDelimited::new(1).adjustment(-3).longest(), 252);
    assert_eq!(LengthDelimited::new(1).adjustment(-300).longest(), 0);
}

#[test]
fn a_header_that_is_kept_is_filled_in_when_it_is_sent() {
    let record = LengthDelimited::new(2)
        .offset(1)
        .adjustment(-3)
        .keep_header();
    assert_sent(&record, b"T\xAA\xBBhi", b"T\0\x05hi");
    assert_sent(&record, b"T\xAA\xBB", b"T\0\x03");
    assert_not_sent(&record, b"T\0", None);
}

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
