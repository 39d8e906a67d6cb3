//! What lines are, by example and against a reader that looks at one byte after the other. Owns the loop's part at its
//! plainest; opens no connection.

use super::*;

mod naive;

/// What a connection with a line framing sees.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Line(Vec<u8>),
    TooLong,
}

use Event::{Line, TooLong};

fn line(body: &[u8]) -> Event {
    Line(body.to_vec())
}

/// The loop's part, at its plainest: holds what is no whole line, skips lines that are too long.
struct Reader<'a> {
    lines: &'a Lines,
    held: Vec<u8>,
    skipping: bool,
    events: Vec<Event>,
}

impl Reader<'_> {
    fn receive(&mut self, mut data: &[u8]) {
        loop {
            if self.skipping {
                let Some(taken) = self.lines.skip(&mut self.held, data) else {
                    assert!(self.held.len() < self.lines.delimiter().len());
                    return;
                };
                self.skipping = false;
                data = &data[taken..];
            }
            data = match self.held.is_empty() {
                true => self.cut(data),
                false => self.complete(data),
            };
            if data.is_empty() && !self.skipping {
                return;
            }
        }
    }

    /// Lines that lie in `data` as a whole; returns what is left of it.
    fn cut<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let events = &mut self.events;
        let mut total = 0;
        let (done, stop) = self.lines.each(data, |body, size| {
            events.push(line(body));
            total += size;
            ControlFlow::Continue(())
        });
        assert_eq!(done, total);
        match stop {
            Stop::Starved => {
                self.held.extend_from_slice(&data[done..]);
                &[]
            }
            Stop::TooLong => {
                self.refuse();
                &data[done..]
            }
            Stop::Halted => unreachable!(),
        }
    }

    fn complete<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let scanned = self.held.len();
        let taken = self.lines.complete(&mut self.held, data);
        assert!(self.held.len() <= self.lines.longest_with_delimiter());
        match self.lines.next(&self.held, scanned) {
            Found::Frame { body, size } => {
                assert_eq!(size, self.held.len());
                self.events.push(line(&self.held[body]));
                self.held.clear();
            }
            Found::More { scanned } => {
                assert_eq!((scanned, taken), (self.held.len(), data.len()));
            }
            Found::Broken(error) => {
                assert_eq!(error, self.lines.too_long());
                self.refuse();
            }
            other => unreachable!("{other:?}"),
        }
        &data[taken..]
    }

    fn refuse(&mut self) {
        self.events.push(TooLong);
        self.skipping = true;
    }

    fn end(&mut self) {
        if self.skipping || self.held.is_empty() {
            return;
        }
        match self.lines.at_eof(&self.held) {
            Tail::Frame(body) => self.events.push(line(&self.held[body])),
            Tail::Dropped => {}
            Tail::Refused(_) => self.events.push(TooLong),
            Tail::Truncated => unreachable!(),
        }
    }
}

fn read<'a>(lines: &Lines, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let mut reader = Reader {
        lines,
        held: Vec::new(),
        skipping: false,
        events: Vec::new(),
    };
    for chunk in chunks {
        reader.receive(chunk);
    }
    reader.end();
    reader.events
}

/// Reads a stream whole and a byte at a time, which must be the same.
#[track_caller]
fn assert_read(lines: &Lines, stream: &[u8], expected: &[Event]) {
    assert_eq!(read(lines, [stream]), expected, "whole");
    assert_eq!(read(lines, stream.chunks(1)), expected, "byte by byte");
}

#[test]
fn either_takes_crlf_and_lf_for_the_end() {
    let stream = b"a\r\nb\n\r\n\nc\rd\r\r\ne\r";
    let bodies: [&[u8]; 6] = [b"a", b"b", b"", b"", b"c\rd\r", b"e"];
    assert_read(&Lines::default(), stream, &bodies.map(line));
}

#[test]
fn crlf_takes_a_lone_cr_and_a_lone_lf_for_data() {
    let stream = b"a\nb\rc\r\n\n\r\r\nd\r";
    let bodies: [&[u8]; 3] = [b"a\nb\rc", b"\n\r", b"d\r"];
    assert_read(&Lines::crlf(), stream, &bodies.map(line));
}

#[test]
fn lf_takes_cr_for_data() {
    let bodies: [&[u8]; 3] = [b"a\r", b"", b"\r"];
    assert_read(&Lines::lf(), b"a\r\n\n\r", &bodies.map(line));
}

#[test]
fn a_delimiter_may_be_any_bytes() {
    let bodies: [&[u8]; 3] = [b"a-", b"", b"b-"];
    assert_read(&Lines::ended_by(b"--+"), b"a---+--+b-", &bodies.map(line));
    let bodies: [&[u8]; 2] = [b"", b"a"];
    assert_read(&Lines::ended_by(b"aa"), b"aaa", &bodies.map(line));
    assert_eq!(Lines::ended_by(b"\r\n"), Lines::crlf());
    assert_eq!(Lines::ended_by(b"\n"), Lines::lf());
}

#[test]
#[should_panic = "an empty delimiter ends no line"]
fn an_empty_delimiter_is_refused() {
    Lines::ended_by(b"");
}

#[test]
fn an_unfinished_line_can_be_dropped() {
    let lines = Lines::default().tail(UnfinishedLine::Drop);
    assert_read(&lines, b"a\r\nDELETE 1", &[line(b"a")]);
}

#[test]
fn a_line_of_just_the_limit_passes_and_one_more_byte_does_not() {
    for ending in ["\r\n", "\n", "--+"] {
        let lines = Lines::ended_by(ending.as_bytes()).max_length(3);
        let stream = format!("abc{ending}abcd{ending}ab{ending}");
        assert_read(
            &lines,
            stream.as_bytes(),
            &[line(b"abc"), TooLong, line(b"ab")],
        );
    }
    let lines = Lines::default().max_length(3);
    let stream = b"abc\r\nabcd\r\nabc\nabc\rd\nabcd";
    let expected = [line(b"abc"), TooLong, line(b"abc"), TooLong, TooLong];
    assert_read(&lines, stream, &expected);
    assert_read(&lines, b"abc\r", &[line(b"abc")]);
    assert_read(&Lines::crlf().max_length(3), b"abc\r", &[TooLong]);
}

#[test]
fn a_line_is_too_long_as_soon_as_that_is_certain() {
    let lines = Lines::crlf().max_length(3);
    assert_eq!(lines.next(b"abc\r", 0), Found::More { scanned: 4 });
    assert_eq!(lines.next(b"abcd", 3), Found::Broken(lines.too_long()));
    assert_eq!(lines.next(b"abc\r\r", 4), Found::Broken(lines.too_long()));
    let lines = Lines::ended_by(b"--+").max_length(3);
    assert_eq!(lines.next(b"abc--", 0), Found::More { scanned: 5 });
    assert_eq!(lines.next(b"abc---", 5), Found::Broken(lines.too_long()));
}

#[test]
fn bytes_looked_at_in_vain_are_not_looked_at_again() {
    // A lie, to see it: an end among the bytes said to hold none is not found.
    assert_eq!(
        Lines::default().next(b"a\nb", 2),
        Found::More { scanned: 3 }
    );
    let mut held = b"a\nb".to_vec();
    assert_eq!(Lines::default().complete(&mut held, b"c\nd\n"), 2);
    assert_eq!(held, b"a\nbc\n");
}

#[test]
fn an_endless_line_never_fills_the_memory() {
    let lines = Lines::default().max_length(100);
    let mut held = b"x".to_vec();
    assert_eq!(lines.complete(&mut held, &[b'x'; 100_000]), 101);
    assert_eq!(lines.next(&held, 1), Found::Broken(lines.too_long()));
    assert_eq!(lines.skip(&mut held, &[b'x'; 100_000]), None);
    assert_eq!(held, b"");
}

#[test]
fn it_can_be_halted_between_two_lines() {
    let mut seen = Vec::new();
    let halted = Lines::default().each(b"a\r\nb\nc\n", |body, size| {
        seen.push((body.to_vec(), size));
        if body == b"b" {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    assert_eq!(halted, (5, Stop::Halted));
    assert_eq!(seen, [(b"a".to_vec(), 3), (b"b".to_vec(), 2)]);
}

#[test]
fn a_line_that_holds_its_delimiter_is_not_sent() {
    type Case = (Lines, &'static [u8], Option<&'static [u8]>);
    let cases: [Case; 12] = [
        (Lines::default(), b"a", Some(b"a\r\n")),
        (Lines::default(), b"a\rb\r", Some(b"a\rb\r\r\n")),
        (Lines::default(), b"a\nb", None),
        (Lines::lf(), b"a\r", Some(b"a\r\n")),
        (Lines::lf(), b"\n", None),
        (Lines::crlf(), b"a\nb\r", Some(b"a\nb\r\r\n")),
        (Lines::crlf(), b"a\r\nb", None),
        (Lines::ended_by(b"--"), b"a-b", Some(b"a-b--")),
        (Lines::ended_by(b"--"), b"ab-", None),
        (Lines::ended_by(b"abab"), b"xab", None),
        (Lines::ended_by(b"abab"), b"xaba", Some(b"xabaabab")),
        (Lines::default().max_length(1), b"abc", Some(b"abc\r\n")),
    ];
    for (lines, body, expected) in cases {
        let mut out = b"before ".to_vec();
        let encoded = lines.encode(body, &mut out);
        assert_eq!(
            out.strip_prefix(b"before ").unwrap(),
            expected.unwrap_or(b"")
        );
        assert_eq!(
            encoded.err(),
            expected.is_none().then_some(FrameError::HoldsDelimiter)
        );
    }
}

/// The recorded answers of Python's `readline()`; `tests/vectors/readline.py` made them.
const READLINE: &str = include_str!("../../../tests/vectors/readline.txt");

fn from_hex(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn without<'a>(line: &'a [u8], ending: &[u8]) -> &'a [u8] {
    line.strip_suffix(ending).unwrap_or(line)
}

#[test]
fn it_reads_what_readline_reads() {
    let mut count = 0;
    for record in READLINE.lines() {
        let mut words = record.split(' ');
        let mode = words.next().unwrap();
        let stream = from_hex(words.next().unwrap().trim_matches('-'));
        let found: Vec<Vec<u8>> = words.map(from_hex).collect();
        let expect = |trim: fn(&[u8]) -> &[u8]| -> Vec<Event> {
            found.iter().map(|found| line(trim(found))).collect()
        };
        match mode {
            "lf" => {
                let expected = expect(|line| without(line, b"\n"));
                assert_read(&Lines::lf(), &stream, &expected);
                let expected = expect(|line| without(without(line, b"\n"), b"\r"));
                assert_read(&Lines::default(), &stream, &expected);
            }
            "crlf" => {
                let expected = expect(|line| without(line, b"\r\n"));
                assert_read(&Lines::crlf(), &stream, &expected);
            }
            _ => panic!("an unknown mode: {mode}"),
        }
        count += 1;
    }
    assert!(count > 300, "the vectors are missing");
}
