//! The output beside a plain list of pieces.

use proptest::prelude::*;

use super::*;

/// All that is unsent, as a writer with so many slices at a time would see it.
fn unsent(outbound: &Outbound, at_once: usize) -> Vec<u8> {
    let mut slices = vec![IoSlice::new(&[]); at_once];
    let filled = outbound.pieces(&mut slices);
    slices[..filled]
        .iter()
        .flat_map(|slice| slice.to_vec())
        .collect()
}

fn large(byte: u8) -> Bytes {
    Bytes::from(vec![byte; SHARED_FROM])
}

#[test]
fn small_writes_are_one_piece() {
    let mut outbound = Outbound::default();
    outbound.push(b"one ");
    outbound.push_shared(&Bytes::from_static(b"two "));
    outbound.push(b"three");
    let mut slices = [IoSlice::new(&[]); 4];
    assert_eq!(outbound.pieces(&mut slices), 1);
    assert_eq!(&*slices[0], b"one two three");
    assert_eq!(outbound.len(), 13);
}

#[test]
fn a_large_chunk_is_sent_from_where_it_lies() {
    let (chunk, mut outbound) = (large(b'x'), Outbound::default());
    outbound.push(b"before");
    outbound.consume(3);
    outbound.push_shared(&chunk);
    outbound.push(b"after");
    let mut slices = [IoSlice::new(&[]); 4];
    assert_eq!(outbound.pieces(&mut slices), 3);
    assert_eq!(&*slices[0], b"ore");
    assert_eq!(slices[1].as_ptr(), chunk.as_ptr());
    assert_eq!(&*slices[2], b"after");
    assert_eq!(outbound.len(), 3 + SHARED_FROM + 5);
}

#[test]
fn when_all_is_sent_the_tail_keeps_its_room() {
    let mut outbound = Outbound::default();
    outbound.return_tail(Vec::with_capacity(100));
    outbound.push(b"hello");
    outbound.consume(5);
    assert!(outbound.is_empty());
    assert!(outbound.renew().capacity() >= 100);
}

#[test]
fn a_buffer_that_went_into_the_queue_comes_back() {
    let mut outbound = Outbound::default();
    outbound.return_tail(Vec::with_capacity(100));
    outbound.push(b"hello");
    outbound.push_shared(&large(0));
    outbound.consume(5 + SHARED_FROM);
    assert_eq!(outbound.len(), 0);
    assert!(outbound.renew().capacity() >= 100);
}

#[test]
fn a_peer_that_never_catches_up_does_not_make_the_tail_grow() {
    let mut outbound = Outbound::default();
    outbound.push(b"one ahead");
    for _ in 0..10_000 {
        outbound.push(&[7; 1000]);
        outbound.consume(1000);
    }
    assert_eq!(outbound.len(), 9);
    assert!(outbound.tail.capacity() <= 4 * SENT_KEPT);
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Share(usize),
    Latest(u8, usize),
    Pin,
    Lend(usize),
    /// So many 256ths of what is unsent.
    Consume(usize),
    Clear,
}

/// What was pushed and not sent, piece by piece, with the keys of those that can be replaced.
#[derive(Default)]
struct Model(Vec<(Option<u8>, Vec<u8>)>);

impl Model {
    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(_, piece)| piece.clone()).collect()
    }

    fn push(&mut self, key: Option<u8>, data: Vec<u8>) -> bool {
        let older = self
            .0
            .iter_mut()
            .find(|(of, _)| key.is_some() && *of == key);
        match older {
            Some((_, piece)) => {
                *piece = data;
                true
            }
            None => {
                self.0.push((key, data));
                false
            }
        }
    }

    fn pin(&mut self) {
        self.0.iter_mut().for_each(|(key, _)| *key = None);
    }

    fn consume(&mut self, mut sent: usize) {
        while sent > 0 {
            let (key, piece) = &mut self.0[0];
            let part = sent.min(piece.len());
            *key = None;
            piece.drain(..part);
            sent -= part;
            if piece.is_empty() {
                self.0.remove(0);
            }
        }
        // Nothing may be left of a piece without a byte.
        self.0.retain(|(_, piece)| !piece.is_empty());
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..9000usize).prop_map(Step::Push),
        6 => (0..9000usize).prop_map(Step::Share),
        8 => (0..4u8, 1..9000usize).prop_map(|(key, size)| Step::Latest(key, size)),
        1 => Just(Step::Pin),
        4 => (0..9000usize).prop_map(Step::Lend),
        9 => (0..=256usize).prop_map(Step::Consume),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn it_does_what_a_plain_list_does(steps in steps(), at_once in 1..5usize) {
        let (mut outbound, mut model) = (Outbound::default(), Model::default());
        for (n, step) in steps.into_iter().enumerate() {
            let data = |size| (0..size).map(|i| (n * 31 + i) as u8).collect::<Vec<u8>>();
            match step {
                Step::Push(size) => {
                    outbound.push(&data(size));
                    model.push(None, data(size));
                }
                Step::Share(size) => {
                    outbound.push_shared(&Bytes::from(data(size)));
                    model.push(None, data(size));
                }
                Step::Latest(key, size) => {
                    let latest = Latest { group: None, key: key.into() };
                    let replaces = outbound.has_latest(&latest);
                    let replaced = outbound.push_latest(latest, data(size).into());
                    prop_assert_eq!(replaced, replaces);
                    prop_assert_eq!(replaced, model.push(Some(key), data(size)));
                }
                Step::Pin => {
                    outbound.pin_latest();
                    model.pin();
                }
                Step::Lend(size) => {
                    let mut tail = outbound.lend_tail();
                    tail.extend(data(size));
                    outbound.return_tail(tail);
                    model.push(None, data(size));
                }
                Step::Consume(share) => {
                    let sent = model.bytes().len() * share / 256;
                    outbound.consume(sent);
                    model.consume(sent);
                }
                Step::Clear => {
                    outbound.clear();
                    model = Model::default();
                }
            }
            let bytes = model.bytes();
            prop_assert_eq!(outbound.len(), bytes.len());
            prop_assert_eq!(outbound.is_empty(), bytes.is_empty());
            prop_assert_eq!(unsent(&outbound, usize::from(u8::MAX)), bytes.as_slice());
            prop_assert!(bytes.starts_with(&unsent(&outbound, at_once)));
            prop_assert!(bytes.is_empty() || !unsent(&outbound, at_once).is_empty());
        }
    }
}
