//! Lines through the whole reactor: the same callbacks however the bytes arrive, and what a callback may change between
//! two lines.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use ropewalk::testing::{self, Wire};
use ropewalk::{
    FrameError, Framing, LineReceiver, Lines, Lost, Protocol, Refusal, Transport, UnfinishedLine,
};

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
        match self.heard.borrow_mut().last_mut() {
            Some(Raw(run)) => return run.push_str(&text),
            _ => {}
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

/// Cuts a length byte and a body by hand: a raw receiver that gives back what it can't use yet.
struct Prefixed {
    body: bool,
    bodies: Vec<String>,
}

impl Protocol for Prefixed {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        if !self.body {
            self.body = true;
            transport.expect_raw(u64::from(data[0]));
            transport.unread(data.len() - 1);
            return;
        }
        self.bodies.push(data.escape_ascii().to_string());
        if transport.raw_left().is_none() {
            self.body = false;
        }
    }
}

#[test]
fn bytes_given_back_count_among_those_expected_raw() {
    let mut wire = testing::connect(Prefixed {
        body: false,
        bodies: Vec::new(),
    });
    wire.receives(b"\x03abc\x02de\x01");
    wire.receives(b"f");
    let bodies = wire.protocol(|this, _| this.bodies.join(" "));
    assert_eq!(bodies, "abc de f");
}

/// Wants four bytes at a time.
struct Fours;

impl Protocol for Fours {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.unread(data.len() % 4);
    }
}

#[test]
fn raw_bytes_given_back_come_again_together_with_the_next_ones() {
    let mut wire = testing::connect(Fours);
    wire.receives("abcde")
        .receives("f")
        .receives("gh")
        .receives("i");
    assert_eq!(
        wire.callbacks(),
        [
            "made",
            "data \"abcde\"",
            "data \"ef\"",
            "data \"efgh\"",
            "data \"i\""
        ]
    );
}

/// Gives its first frames back, changing nothing, or pausing.
struct GivesBack {
    pauses: bool,
    left: usize,
}

impl LineReceiver for GivesBack {
    fn line_received(&mut self, transport: &mut Transport<'_>, _: &[u8]) {
        if self.left > 0 {
            self.left -= 1;
            transport.unread(usize::MAX);
            if self.pauses {
                transport.pause_reading();
            }
        }
    }
}

#[test]
fn a_line_given_back_without_any_change_does_not_come_again() {
    let mut wire = testing::connect(GivesBack {
        pauses: false,
        left: usize::MAX,
    });
    wire.receives("a\nb\n").receives_in_pieces("c\nd", 1).ends();
    assert_eq!(
        wire.callbacks(),
        [
            "made",
            "frame \"a\"",
            "frame \"b\"",
            "frame \"c\"",
            "frame \"d\"",
            "eof",
            "lost done, ended by the peer"
        ]
    );
}

#[test]
fn a_line_given_back_in_a_pause_comes_again_after_it() {
    for size in [100, 1] {
        let mut wire = testing::connect(GivesBack {
            pauses: true,
            left: 2,
        });
        wire.receives_in_pieces("a\nb\nc", size).ends();
        for _ in 0..2 {
            wire.protocol(|_, transport| transport.resume_reading());
        }
        assert_eq!(
            wire.callbacks(),
            [
                "made",
                "frame \"a\"",
                "frame \"a\"",
                "frame \"a\"",
                "frame \"b\"",
                "frame \"c\"",
                "eof",
                "lost done, ended by the peer"
            ]
        );
    }
}

/// Hands over to raw bytes, the line that said so included.
struct HandsOver;

impl LineReceiver for HandsOver {
    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        if line == b"raw" {
            transport.set_raw();
            transport.unread(usize::MAX);
        }
    }
}

#[test]
fn the_unfinished_last_line_can_be_given_back() {
    for size in [100, 1] {
        let mut wire = testing::connect(HandsOver);
        wire.receives_in_pieces("a\nraw", size).ends();
        assert_eq!(
            wire.callbacks(),
            [
                "made",
                "frame \"a\"",
                "frame \"raw\"",
                "data \"raw\"",
                "eof",
                "lost done, ended by the peer"
            ]
        );
    }
}
