use super::*;
use crate::framing::{Int8, Lines, Slip, UnfinishedLine};

fn unheard(data: &[u8]) -> Unheard {
    let mut unheard = Unheard::default();
    unheard.hand_over(data);
    unheard
}

fn rules(framing: &FramingKind) -> Rules<'_> {
    Rules {
        framing: Some(framing),
        most: 100,
        ended: false,
    }
}

fn lines() -> FramingKind {
    FramingKind::Lines(Lines::default().max_length(8))
}

#[test]
fn frames_come_whole_in_order_and_once() {
    let framing = lines();
    let mut both = unheard(b"one\r\ntwo\n");
    assert_eq!(both.hear_frame(rules(&framing), b"one"), Ok(()));
    assert_eq!(both.hear_frame(rules(&framing), b"two"), Ok(()));
    assert!(both.hear_frame(rules(&framing), b"two").is_err());
    assert!(
        unheard(b"one\ntwo\n")
            .hear_frame(rules(&framing), b"two")
            .is_err()
    );
    assert!(
        unheard(b"one\r\n")
            .hear_frame(rules(&framing), b"one\r")
            .is_err()
    );
    assert!(unheard(b"on").hear_frame(rules(&framing), b"on").is_err());
}

#[test]
fn what_is_given_back_comes_again_and_nothing_else_does() {
    let framing = lines();
    let mut bytes = unheard(b"one\nrest");
    bytes.hear_frame(rules(&framing), b"one").unwrap();
    bytes.give_back(2);
    assert_eq!(bytes.hear_raw(b"e\nrest"), Ok(()));
    assert_eq!(bytes.len(), 0);
    assert!(bytes.hear_raw(b"t").is_err());
}

#[test]
fn a_refused_line_is_left_out_up_to_its_end() {
    let framing = lines();
    let mut bytes = unheard(b"far too long");
    let error = too_long(8);
    assert_eq!(bytes.hear_refusal(rules(&framing), &error), Ok(true));
    bytes.skip();
    bytes.hand_over(b" for it\nshort\n");
    assert_eq!(bytes.hear_frame(rules(&framing), b"short"), Ok(()));
    let mut bytes = unheard(b"short");
    assert!(bytes.hear_refusal(rules(&framing), &error).is_err());
}

#[test]
fn nothing_is_missing_before_the_end() {
    let ended = |framing| Rules {
        ended: true,
        ..rules(framing)
    };
    let framing = lines();
    assert!(unheard(b"last").hear_end(ended(&framing)).is_err());
    let mut tail = unheard(b"last");
    assert_eq!(tail.hear_frame(ended(&framing), b"last"), Ok(()));
    assert_eq!(tail.hear_end(ended(&framing)), Ok(()));
    let dropped = FramingKind::Lines(Lines::default().tail(UnfinishedLine::Drop));
    assert_eq!(unheard(b"last").hear_end(ended(&dropped)), Ok(()));
    assert!(unheard(b"last\n").hear_end(ended(&dropped)).is_err());
}

#[test]
fn what_a_layer_was_given_is_not_heard() {
    let mut bytes = unheard(b"handshake");
    bytes.rise(1, b"he");
    bytes.hand_over(b"more of it");
    bytes.rise(1, b"llo");
    assert_eq!(bytes.hear_raw(b"hello"), Ok(()));
}

#[test]
fn frames_in_a_code_are_heard_as_what_they_mean() {
    let framing = FramingKind::of(Slip::default());
    let mut bytes = unheard(b"\xc0a\xdb\xdcb\xc0\xc0\xc0plain\xc0");
    assert!(bytes.hear_frame(rules(&framing), b"a\xdb\xdcb").is_err());
    assert_eq!(bytes.hear_frame(rules(&framing), b"a\xc0b"), Ok(()));
    assert_eq!(bytes.hear_frame(rules(&framing), b"plain"), Ok(()));
    assert_eq!(bytes.len(), 0);
    let malformed = b"a\xdbb\xc0";
    let mut out = Vec::new();
    let error = Slip::default()
        .decode(&malformed[..3], &mut out)
        .unwrap_err();
    let mut bytes = unheard(malformed);
    assert_eq!(bytes.hear_refusal(rules(&framing), &error), Ok(true));
    bytes.skip();
    bytes.hand_over(b"next\xc0");
    assert_eq!(bytes.hear_frame(rules(&framing), b"next"), Ok(()));
}

#[test]
fn a_refused_frame_of_known_length_is_left_out() {
    let framing = FramingKind::of(Int8::default().max_length(3));
    let mut bytes = unheard(b"\x04");
    let error = FrameError::TooLong {
        limit: 3,
        size: Some(4),
    };
    assert_eq!(bytes.hear_refusal(rules(&framing), &error), Ok(true));
    bytes.skip();
    bytes.hand_over(b"four\x01x");
    assert_eq!(bytes.hear_frame(rules(&framing), b"x"), Ok(()));
}
