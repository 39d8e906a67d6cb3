//! Lines through the whole reactor: the same callbacks however the bytes arrive, and what a callback may change between
//! two lines.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use ropewalk::testing;
use ropewalk::{FrameError, LineReceiver, Lines, Lost, Refusal, Transport, UnfinishedLine};

/// What a receiver has heard. Raw bytes are one run, for their portions are the network's affair.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Line(String),
    Raw(String),
    TooLong,
    End,
    Lost(String),
}

use Heard::{End, Line, Raw, TooLong};

fn line(text: &str) -> Heard {
    Line(text.to_owned())
}

type Hearing = Rc<RefCell<Vec<Heard>>>;

/// Does what the lines say: see `line_received`.
#[derive(Clone, Debug)]
struct Obedient {
    lines: Lines,
    too_long: Refusal,
    resumes_after: Duration,
    heard: Hearing,
}

impl Obedient {
    fn new(lines: Lines) -> Self {
        Self {
            lines,
            too_long: Refusal::Skip,
            resumes_after: Duration::ZERO,
            heard: Hearing::default(),
        }
    }

    fn hears(&self, what: Heard) {
        self.heard.borrow_mut().push(what);
    }

    fn hears_raw(&self, data: &[u8]) {
        let text = data.escape_ascii().to_string();
        if let Some(Raw(run)) = self.heard.borrow_mut().last_mut() {
            return run.push_str(&text);
        }
        self.hears(Raw(text));
    }
}

impl LineReceiver for Obedient {
    fn lines(&self) -> Lines {
        self.lines.clone()
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        self.hears(Line(line.escape_ascii().to_string()));
        match line {
            b"p" => {
                transport.pause_reading();
                transport.call_later(self.resumes_after, |_: &mut Self, transport| {
                    transport.resume_reading();
                });
            }
            b"r" => transport.expect_raw(3),
            b"s" => transport.set_raw(),
            b"f" => transport.set_framing(Lines::ended_by(b"b")),
            b"w" => transport.switch_protocol(Self {
                lines: Lines::lf(),
                ..self.clone()
            }),
            b"l" => transport.lose_connection(),
            b"x" => transport.abort_connection(),
            _ => {}
        }
    }

    /// Raw until a `!`, or for as long as was expected.
    fn raw_data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        match data.iter().position(|&byte| byte == b'!') {
            Some(end) => {
                self.hears_raw(&data[..=end]);
                transport.set_framing(self.lines.clone());
                transport.unread(data.len() - end - 1);
            }
            None => self.hears_raw(data),
        }
    }

    fn line_too_long(&mut self, _: &mut Transport<'_>) -> Refusal {
        self.hears(TooLong);
        self.too_long
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        self.hears(End);
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &mut Transport<'_>, reason: &Lost) {
        self.hears(Heard::Lost(reason.to_string()));
    }
}

/// What is heard when the stream arrives in these chunks, then FIN, and all the time in the world.
fn hear<'a>(receiver: &Obedient, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Heard> {
    let heard = Hearing::default();
    let mut wire = testing::connect(Obedient {
        heard: Rc::clone(&heard),
        ..receiver.clone()
    });
    for chunk in chunks {
        wire.receives(chunk);
    }
    wire.ends().advance(Duration::from_secs(1000));
    heard.take()
}

/// What is heard of the stream as a whole and a byte at a time, which must be the same.
#[track_caller]
fn assert_heard(receiver: &Obedient, stream: &[u8], expected: &[Heard]) {
    let ended = |heard: Vec<Heard>| -> Vec<Heard> {
        let ends = |what: &Heard| !matches!(what, End | Heard::Lost(_));
        heard.into_iter().filter(ends).collect()
    };
    assert_eq!(ended(hear(receiver, [stream])), expected, "whole");
    assert_eq!(
        ended(hear(receiver, stream.chunks(1))),
        expected,
        "byte by byte"
    );
}

fn any_receiver() -> impl Strategy<Value = Obedient> {
    let kind = prop::sample::select(vec![
        Lines::default(),
        Lines::default(),
        Lines::crlf(),
        Lines::lf(),
        Lines::ended_by(b"\r"),
        Lines::ended_by(b"ab"),
        Lines::ended_by(b"aab"),
        Lines::ended_by(b"\n\n"),
    ]);
    let most = prop_oneof![1 => 1..6usize, 1 => Just(1000)];
    let tail = prop::sample::select(vec![UnfinishedLine::Deliver, UnfinishedLine::Drop]);
    let too_long = prop::sample::select(vec![Refusal::Skip, Refusal::Skip, Refusal::Lose]);
    let resumes_after = prop::sample::select(vec![Duration::ZERO, Duration::from_secs(1)]);
    (kind, most, tail, too_long, resumes_after).prop_map(
        |(lines, most, tail, too_long, resumes_after)| Obedient {
            too_long,
            resumes_after,
            ..Obedient::new(lines.max_length(most).tail(tail))
        },
    )
}

/// Mostly commands in lines, so that much happens.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let words: [&[u8]; 18] = [
        b"p", b"p", b"r", b"s", b"f", b"w", b"!", b"a", b"b", b"aab", b"\r\n", b"\r\n", b"\n",
        b"\n", b"\n\n", b"\r", b"aaaaaaa", b"p\r\n",
    ];
    let word = prop_oneof![
        30 => prop::sample::select(words.to_vec()),
        1 => prop::sample::select(vec![b"\r\nl\r\n".as_slice(), b"\nx\n"]),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_same_is_heard_for_every_chunking(
        receiver in any_receiver(),
        stream in any_stream(),
        sizes in prop::collection::vec(1..9usize, 400),
    ) {
        let whole = hear(&receiver, [stream.as_slice()]);
        let mut rest = stream.as_slice();
        let chunks: Vec<&[u8]> = sizes.iter().map(|&size| {
            let (chunk, behind) = rest.split_at(size.min(rest.len()));
            rest = behind;
            chunk
        }).collect();
        prop_assert_eq!(&hear(&receiver, chunks), &whole);
        prop_assert_eq!(&hear(&receiver, stream.chunks(1)), &whole);
    }
}

/// The recorded answers of Python's `readline()`; `tests/vectors/readline.py` made them.
const READLINE: &str = include_str!("vectors/readline.txt");

fn from_hex(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("the vectors are in hex");
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Keeps its lines.
struct Keeps {
    lines: Lines,
    kept: Rc<RefCell<Vec<Vec<u8>>>>,
}

impl LineReceiver for Keeps {
    fn lines(&self) -> Lines {
        self.lines.clone()
    }

    fn line_received(&mut self, _: &mut Transport<'_>, line: &[u8]) {
        self.kept.borrow_mut().push(line.to_vec());
    }
}

fn keep(lines: &Lines, stream: &[u8], size: usize) -> Vec<Vec<u8>> {
    let kept = Rc::default();
    let mut wire = testing::connect(Keeps {
        lines: lines.clone(),
        kept: Rc::clone(&kept),
    });
    wire.receives_in_pieces(stream, size).ends();
    kept.take()
}

#[test]
fn a_receiver_hears_what_readline_reads() {
    let mut count = 0;
    for record in READLINE.lines() {
        let mut words = record.split(' ');
        let (lines, ending) = match words.next().unwrap() {
            "lf" => (Lines::lf(), b"\n".as_slice()),
            _ => (Lines::crlf(), b"\r\n".as_slice()),
        };
        let stream = from_hex(words.next().unwrap().trim_matches('-'));
        let bare = |line: Vec<u8>| line.strip_suffix(ending).unwrap_or(&line).to_vec();
        let expected: Vec<Vec<u8>> = words.map(from_hex).map(bare).collect();
        for size in [usize::MAX, 1] {
            assert_eq!(keep(&lines, &stream, size), expected, "{record}");
        }
        count += 1;
    }
    assert!(count > 300, "the vectors are missing");
}

#[test]
fn an_unfinished_last_line_is_delivered_or_dropped() {
    for (tail, expected) in [
        (
            UnfinishedLine::Deliver,
            vec![b"a".to_vec(), b"DELETE 1".to_vec()],
        ),
        (UnfinishedLine::Drop, vec![b"a".to_vec()]),
    ] {
        for size in [usize::MAX, 1] {
            let lines = Lines::default().tail(tail);
            assert_eq!(keep(&lines, b"a\r\nDELETE 1", size), expected);
        }
    }
}

#[test]
fn an_unfinished_line_is_no_line_when_the_peer_breaks_the_connection() {
    let mut wire = testing::connect(Obedient::new(Lines::default()));
    wire.receives("a\nDELETE 1").resets();
    assert_eq!(
        wire.callbacks(),
        ["made", "frame \"a\"", "lost reset by the peer"]
    );
}

#[test]
fn a_line_of_just_the_limit_passes_and_one_more_byte_does_not() {
    let receiver = Obedient::new(Lines::default().max_length(3));
    let expected = [line("abc"), line("abc"), TooLong, line("ab"), TooLong];
    assert_heard(&receiver, b"abc\nabc\r\nabcd\nab\nabcd", &expected);
    assert_heard(&receiver, b"abc", &[line("abc")]);
    assert_heard(&receiver, b"abc\r", &[line("abc")]);
}

#[test]
fn an_overlong_line_ends_the_connection_after_what_is_owed() {
    struct Strict;
    impl LineReceiver for Strict {
        fn lines(&self) -> Lines {
            Lines::default().max_length(3)
        }
        fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
            transport.send(line);
        }
        fn line_too_long(&mut self, transport: &mut Transport<'_>) -> Refusal {
            transport.send("500 line too long");
            Refusal::Lose
        }
    }
    let mut wire = testing::connect(Strict);
    wire.receives("a\nabcdef\nb\n");
    wire.sent("a\r\n500 line too long\r\n");
    assert!(wire.is_closed());
    let limit = FrameError::TooLong {
        limit: 3,
        size: None,
    };
    assert_eq!(wire.lost(), Some(Lost::BadFrame(limit)));
    assert_eq!(wire.reactor().counters().bad_frames, 1);
}

#[test]
fn nothing_is_delivered_after_losing_or_aborting() {
    for (word, lost) in [("l", "done, ended by us"), ("x", "aborted")] {
        for size in [usize::MAX, 1] {
            let receiver = Obedient::new(Lines::default());
            let heard = Rc::clone(&receiver.heard);
            let mut wire = testing::connect(receiver);
            wire.receives_in_pieces(format!("a\n{word}\nb\nc"), size)
                .ends();
            let expected = [line("a"), line(word), Heard::Lost(lost.to_owned())];
            assert_eq!(heard.take(), expected);
        }
    }
}

#[test]
fn a_frame_that_holds_the_delimiter_is_not_sent() {
    let mut wire = testing::connect(Obedient::new(Lines::default()));
    let refused = wire.protocol(|_, transport| {
        transport.send("one");
        transport.send("two\nthree");
        let refused = transport.try_send("four\n");
        transport.send("five");
        refused
    });
    assert_eq!(refused, Err(FrameError::HoldsDelimiter));
    wire.sent("one\r\nfive\r\n");
    // `try_send` has told its caller; only `send` counts.
    assert_eq!(wire.reactor().counters().frames_refused, 1);
    let id = wire.id();
    wire.reactor().send(id, "six\n");
    wire.reactor().send(id, "seven");
    wire.sent("seven\r\n");
    assert_eq!(wire.reactor().counters().frames_refused, 2);
}
