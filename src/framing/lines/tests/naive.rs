//! The plainest reading of a whole stream, and that the real one agrees with it.

use proptest::prelude::*;

use super::*;

/// The first line of a stream and what follows it, by trying every position.
fn naive_split<'a>(lines: &Lines, stream: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let delimiters: &[&[u8]] = match lines.ending {
        Ending::Either => &[b"\r\n", b"\n"],
        _ => &[lines.delimiter()],
    };
    (1..=stream.len()).find_map(|size| {
        let (run, rest) = stream.split_at(size);
        let body = delimiters.iter().find_map(|end| run.strip_suffix(*end))?;
        Some((body, rest))
    })
}

/// The events of a whole stream, by definition: what is unfinished is too long if every way to end it is.
fn naive(lines: &Lines, mut stream: &[u8]) -> Vec<Event> {
    let judged = |body: &[u8]| match body.len() <= lines.longest() {
        true => line(body),
        false => TooLong,
    };
    let mut events = Vec::new();
    while let Some((body, rest)) = naive_split(lines, stream) {
        events.push(judged(body));
        stream = rest;
    }
    let delimiter = lines.delimiter();
    let shortest = (0..delimiter.len())
        .map(|from| {
            let ended = [stream, &delimiter[from..]].concat();
            naive_split(lines, &ended).map_or(usize::MAX, |(body, _)| body.len())
        })
        .min();
    if shortest > Some(lines.longest()) {
        events.push(TooLong);
    } else if lines.unfinished() == UnfinishedLine::Deliver && !stream.is_empty() {
        events.push(judged(match lines.ending {
            Ending::Either => without(stream, b"\r"),
            _ => stream,
        }));
    }
    events
}

fn any_lines() -> impl Strategy<Value = Lines> {
    let delimiters: [&[u8]; 9] = [
        b"\r",
        b"a",
        b"ab",
        b"aa",
        b"aab",
        b"aba",
        b"abab",
        b"\r\n\r\n",
        b"\r\na",
    ];
    let kind = prop_oneof![
        2 => Just(Lines::default()),
        2 => Just(Lines::crlf()),
        1 => Just(Lines::lf()),
        4 => prop::sample::select(delimiters.map(Lines::ended_by).to_vec()),
    ];
    let tail = prop::sample::select(vec![UnfinishedLine::Deliver, UnfinishedLine::Drop]);
    (kind, 0..9usize, tail).prop_map(|(lines, most, tail)| lines.max_length(most).tail(tail))
}

fn any_bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"ab\r\n".to_vec()), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_same_events_come_for_every_chunking(
        lines in any_lines(),
        stream in any_bytes(60),
        sizes in prop::collection::vec(1..12usize, 60),
    ) {
        let expected = naive(&lines, &stream);
        let mut rest = stream.as_slice();
        let chunks: Vec<&[u8]> = sizes.iter().map(|&size| {
            let (chunk, behind) = rest.split_at(size.min(rest.len()));
            rest = behind;
            chunk
        }).collect();
        prop_assert_eq!(&read(&lines, chunks), &expected);
        prop_assert_eq!(&read(&lines, [stream.as_slice()]), &expected);
        prop_assert_eq!(&read(&lines, stream.chunks(1)), &expected);
    }

    #[test]
    fn what_is_encoded_is_read_back(lines in any_lines(), body in any_bytes(12)) {
        let mut out = Vec::new();
        let encoded = lines.encode(&body, &mut out);
        let whole = [&body, lines.delimiter()].concat();
        let (first, rest) = naive_split(&lines, &whole).expect("a delimiter is there");
        if rest.is_empty() {
            prop_assert_eq!((encoded, &out), (Ok(()), &whole));
            // The one exception that `encode` documents.
            let lost = usize::from(lines.ending == Ending::Either && body.ends_with(b"\r"));
            prop_assert!(first.len() == body.len() || lost == 1);
        } else {
            prop_assert_eq!((encoded, out), (Err(FrameError::HoldsDelimiter), vec![]));
        }
    }
}
