//! Bytes given back and protocols that hand over: what was not delivered comes again exactly once, at the exact byte.

use ropewalk::testing::{self, Wire};
use ropewalk::{LineReceiver, Lines, Protocol, Refusal, Transport};

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

/// Answers an over-long line by a successor whose lines end with `b`.
struct Yields;

impl LineReceiver for Yields {
    fn lines(&self) -> Lines {
        Lines::lf().max_length(3)
    }

    fn line_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}

    fn line_too_long(&mut self, transport: &mut Transport<'_>) -> Refusal {
        transport.switch_protocol(Successor(Lines::ended_by(b"b")));
        Refusal::Skip
    }
}

#[test]
fn a_successor_looks_at_a_refused_line_anew() {
    for size in [100, 1] {
        let mut wire = testing::connect(Yields);
        wire.receives_in_pieces("abcd", size);
        wire.receives("b");
        assert_eq!(
            wire.callbacks(),
            [
                "made",
                "refused longer than 3 bytes",
                "made",
                "frame \"a\"",
                "frame \"cd\""
            ]
        );
    }
}

/// Switches to a successor in the middle of a chunk.
#[derive(Debug, PartialEq, Eq)]
enum Handover {
    /// From a line, of which this much is given back.
    OfLine(usize),
    /// From raw bytes: what follows the first `!`.
    OfRaw,
}

struct Switches(Handover);

impl Protocol for Switches {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        if self.0 != Handover::OfRaw {
            transport.set_framing(Lines::default());
        }
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        if let Some(end) = data.iter().position(|&byte| byte == b'!') {
            transport.unread(data.len() - end - 1);
            transport.switch_protocol(Successor(Lines::lf()));
        }
    }

    fn frame_received(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
        if frame.starts_with(b"go") {
            let Handover::OfLine(back) = self.0 else {
                return;
            };
            transport.unread(back);
            transport.switch_protocol(Successor(Lines::lf()));
        }
    }
}

/// All that the successor was told, whatever came before.
fn told_to_successor(mut wire: Wire<Switches>) -> Vec<String> {
    let told = wire.ends().callbacks();
    let second = |(at, word): (usize, &String)| (at > 0 && word == "made").then_some(at);
    let made = told
        .iter()
        .enumerate()
        .find_map(second)
        .expect("a successor was made");
    told[made + 1..told.len() - 2].to_vec()
}

#[test]
fn a_successor_gets_what_was_not_delivered_just_once() {
    let frames = |lines: &[&str]| -> Vec<String> {
        lines
            .iter()
            .map(|line| format!("frame \"{line}\""))
            .collect()
    };
    let cases: [(Handover, &str, &[&str]); 4] = [
        (
            Handover::OfLine(0),
            "a\r\ngo\r\nb\nc\n\nd",
            &["b", "c", "", "d"],
        ),
        (Handover::OfLine(3), "a\r\ngo\r\nb\nc", &["o\\r", "b", "c"]),
        (Handover::OfLine(usize::MAX), "go\nb\n", &["go", "b"]),
        (Handover::OfRaw, "abc!def\ng\n", &["def", "g"]),
    ];
    for (handover, stream, expected) in cases {
        let again = || match handover {
            Handover::OfLine(back) => Switches(Handover::OfLine(back)),
            Handover::OfRaw => Switches(Handover::OfRaw),
        };
        for size in 1..=stream.len() {
            let mut wire = testing::connect(again());
            wire.receives_in_pieces(stream, size);
            assert_eq!(
                told_to_successor(wire),
                frames(expected),
                "in pieces of {size}"
            );
        }
    }
}

/// Answers a line that is refused by a successor, and has the connection closed for it.
struct GivesUp;

impl LineReceiver for GivesUp {
    fn lines(&self) -> Lines {
        Lines::crlf().max_length(3)
    }

    fn line_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}

    fn line_too_long(&mut self, transport: &mut Transport<'_>) -> Refusal {
        transport.switch_protocol(Successor(Lines::lf()));
        Refusal::Lose
    }
}

#[test]
fn who_refuses_a_frame_hears_of_the_loss_himself() {
    for stream in ["abcd", "abc\r"] {
        let mut wire = testing::connect(GivesUp);
        wire.receives(stream);
        // Only now is it certain that the CR belongs to no delimiter.
        wire.ends();
        assert_eq!(
            wire.callbacks(),
            [
                "made",
                "refused longer than 3 bytes",
                "lost bad frame: longer than 3 bytes"
            ],
            "{stream:?}"
        );
    }
}

/// Takes over, and hears lines of its own kind.
struct Successor(Lines);

impl LineReceiver for Successor {
    fn lines(&self) -> Lines {
        self.0.clone()
    }

    fn line_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

/// Hands over, and ends the connection in the same breath.
struct Hasty(End);

type End = fn(&mut Transport<'_>);

impl Protocol for Hasty {
    fn data_received(&mut self, transport: &mut Transport<'_>, _: &[u8]) {
        transport.switch_protocol(Self(self.0));
        (self.0)(transport);
    }
}

#[test]
fn a_successor_of_a_connection_that_is_ended_hears_nothing() {
    let ends: [(End, &str); 2] = [
        (
            |transport| transport.lose_connection(),
            "lost done, ended by us",
        ),
        (|transport| transport.abort_connection(), "lost aborted"),
    ];
    for (end, lost) in ends {
        let mut wire = testing::connect(Hasty(end));
        wire.receives("x");
        assert_eq!(wire.callbacks(), ["made", "data \"x\"", lost]);
    }
}
