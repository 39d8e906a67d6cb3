//! Rules, streams and frames of any kind, with a liking for what is near a limit or means something.

use proptest::prelude::*;
use proptest::sample::select;

use super::naive::{General, Rule};

pub(crate) fn any_rule() -> impl Strategy<Value = Rule> {
    let general = (
        1..=8_usize,
        0..4_usize,
        -12..4_i64,
        any::<bool>(),
        any::<bool>(),
    );
    let general = general.prop_map(|(width, offset, adjustment, little_endian, keeps_header)| {
        Rule::General(General {
            width,
            offset,
            adjustment,
            little_endian,
            keeps_header,
        })
    });
    let simple = [
        Rule::Int(1),
        Rule::Int(2),
        Rule::Int(4),
        Rule::Varint,
        Rule::Fixed,
        Rule::Netstring,
        Rule::Netstring,
        Rule::Slip,
        Rule::Slip,
        Rule::Cobs,
        Rule::Cobs,
    ];
    prop_oneof![3 => select(simple.to_vec()), 1 => general]
}

/// A limit that the rule can have.
pub(crate) fn limited(rule: &Rule, limit: usize) -> usize {
    match rule {
        Rule::Fixed => limit.max(1),
        Rule::Int(1) => limit.min(255),
        _ => limit,
    }
}

/// Bytes among which there are many that mean something to the rule.
pub(crate) fn noise(rule: &Rule) -> Vec<u8> {
    match rule {
        Rule::Netstring => b"0123:::,,, +-a".to_vec(),
        Rule::Slip => b"\xC0\xC0\xDB\xDC\xDDa".to_vec(),
        Rule::Cobs => b"\0\0\x01\x02\x02\x03\x03\x04\xFFa".to_vec(),
        Rule::Varint => b"\0\x01\x02\x03\x05\x80\x81\xFF".to_vec(),
        _ => b"\0\0\0\0\0\x01\x02\x03\x05\x0A\xFF".to_vec(),
    }
}

pub(crate) fn any_stream() -> impl Strategy<Value = (Rule, Vec<u8>)> {
    any_rule().prop_flat_map(|rule| {
        let bytes = prop::collection::vec(select(noise(&rule)), 0..60);
        (Just(rule), bytes)
    })
}

pub(crate) fn any_sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..20_usize, 1..10)
}

/// Short ones most often, with bytes that framings would escape.
pub(crate) fn any_frames() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = || select(b"\0\0a,\xC0\xDB\xDC\xFF".to_vec());
    let frame = prop_oneof![
        6 => prop::collection::vec(byte(), 0..14),
        1 => prop::collection::vec(select(b"abcdefghijkl\0".to_vec()), 0..800),
        1 => (250..520_usize).prop_map(|size| vec![b'x'; size]),
    ];
    prop::collection::vec(frame, 0..5)
}
