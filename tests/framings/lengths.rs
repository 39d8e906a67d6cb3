//! Framings that tell a length by example: what stands on the wire, the limit and one byte more, what is refused and when.

use ropewalk::framing::{FixedSize, Found, Int8, Int16, Int32, LengthDelimited, Netstring, Varint};
use ropewalk::{FrameError, Framing, Lost};

use super::expecting::{DONE, MALFORMED, assert_heard, assert_not_sent, assert_sent, too_long};

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
