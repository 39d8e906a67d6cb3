//! Tapes that were damaged, by accident and on purpose: all is noticed, nothing panics.

use std::io;

use proptest::prelude::*;

use super::{Setup, conversation, echo, replayed};
use crate::network::SocketId;
use crate::record::call::{Answer, Call, Event};
use crate::record::decode::Decoder;
use crate::record::encode::Encoder;
use crate::record::history::{LONGEST, MOST_FOUND};
use crate::record::tags;
use crate::record::tape::{Tape, write_block, write_header};
use crate::record::{ReplayError, Replayed, TapeError};

/// Of more than one block, so that there is something to be cut between.
fn tape() -> Vec<u8> {
    let whole = conversation(
        echo,
        &[
            "hello",
            "the same words again and again",
            "the same words again and again",
        ],
    );
    let mut tape = Tape::begin(io::Cursor::new(whole.clone())).unwrap();
    while let Ok(Some(_)) = tape.next() {}
    assert!(whole.len() > 300);
    whole
}

fn replay(tape: Vec<u8>) -> Result<Replayed, ReplayError> {
    replayed(tape, echo as Setup)
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let whole = tape();
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1 << (place % 8);
        let outcome = replay(changed);
        assert!(
            matches!(outcome, Err(ReplayError::Tape(_))),
            "byte {place}: {outcome:?}"
        );
    }
}

#[test]
fn a_tape_that_was_cut_is_identical_up_to_the_cut() {
    let whole = tape();
    let header = 8 + 2 + 4 + 4;
    for length in 0..whole.len() {
        match replay(whole[..length].to_vec()) {
            Ok(outcome) => assert!(!outcome.is_whole && length >= header, "{length}: {outcome}"),
            Err(error) => assert!(length < header, "{length}: {error}"),
        }
    }
    assert!(replay(whole).is_ok_and(|outcome| outcome.is_whole));
}

#[test]
fn blocks_that_are_missing_or_come_twice_or_follow_the_end_are_noticed() {
    let mut tape = Vec::new();
    write_header(&mut tape, "").unwrap();
    let header = tape.clone();
    let block = |number| {
        let mut block = Vec::new();
        write_block(
            &mut block,
            number,
            &[super::super::tags::call::RANDOM, 6, 1],
        )
        .unwrap();
        block
    };
    let at = header.len() as u64;
    for blocks in [
        [block(1), block(2)].concat(),
        [block(0), block(0)].concat(),
        [block(0), block(2)].concat(),
    ] {
        let mut tape = Tape::begin(io::Cursor::new([&header[..], &blocks].concat())).unwrap();
        let error = std::iter::from_fn(|| tape.next().transpose()).find_map(Result::err);
        assert!(matches!(error, Some(TapeError::Corrupt { at: place, .. }) if place >= at));
    }
    let more = [self::tape(), vec![0]].concat();
    assert!(matches!(
        replay(more),
        Err(ReplayError::Tape(TapeError::Corrupt { .. }))
    ));
}

#[test]
fn what_is_no_tape_is_told_apart() {
    for nothing in [
        &b""[..],
        b"ropetap",
        b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    ] {
        assert_eq!(
            replay(nothing.to_vec()),
            Err(ReplayError::Tape(TapeError::NoTape))
        );
    }
    let mut newer = tape();
    newer[8] = 2;
    assert_eq!(replay(newer), Err(ReplayError::Tape(TapeError::Version(2))));
}

/// Some bytes of tape are never made many megabytes of memory.
#[test]
fn what_one_call_finds_elsewhere_on_the_tape_is_bounded() {
    let read = |data: Vec<u8>| Event {
        call: Call::Read(SocketId(0)),
        answer: Answer::Received {
            data: data.into(),
            drained: true,
        },
    };
    let much = read(vec![b'x'; 2 * MOST_FOUND]);
    let mut encoder = Encoder::default();
    encoder.event(&much);
    assert!(encoder.out.len() >= MOST_FOUND, "{}", encoder.out.len());
    let decoded = Decoder::default().event(&mut &encoder.out[..]);
    assert!(decoded.is_some_and(|decoded| decoded.answer == much.answer));

    for size in [MOST_FOUND, MOST_FOUND + LONGEST] {
        let mut forged = Encoder::default();
        forged.call(&much.call);
        forged.out.push(tags::answer::RECEIVED);
        forged.number((LONGEST + size) as u64);
        forged.number((LONGEST as u64) << 1);
        forged.out.extend(vec![b'x'; LONGEST]);
        for _ in 0..size / LONGEST {
            forged.number((LONGEST as u64) << 1 | 1);
            forged.number(LONGEST as u64);
        }
        let decoded = Decoder::default().event(&mut &forged.out[..]);
        assert_eq!(decoded.is_some(), size == MOST_FOUND);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn damage_of_any_sort_is_no_panic_and_never_identical(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = tape();
        let mut damaged = whole.clone();
        for (place, byte) in changes {
            damaged[place.index(whole.len())] = byte;
        }
        damaged.truncate(cut.index(whole.len() + 1));
        let is_damaged = damaged != whole;
        let outcome = replay(damaged);
        prop_assert!(!is_damaged || !outcome.is_ok_and(|outcome| outcome.is_whole));
    }

    /// As by somebody who computes checksums.
    #[test]
    fn events_of_any_sort_are_no_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let whole = tape();
        let header = 18;
        let mut events = whole[header + 12..].to_vec();
        for (place, byte) in changes {
            let place = place.index(events.len());
            events[place] = byte;
        }
        let mut forged = whole[..header].to_vec();
        write_block(&mut forged, 0, &events).unwrap();
        let _ = replay(forged);
    }

    #[test]
    fn bytes_of_any_sort_are_events_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut decoder = Decoder::default();
        let mut rest = &bytes[..];
        while decoder.event(&mut rest).is_some() {}
    }
}
