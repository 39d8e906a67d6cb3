//! Lines of every kind. An input is: the ending (0 either, 1 CRLF, 2 LF, 3 another one: its length, its bytes), the longest
//! line, the tail (0 delivered, 1 dropped), the conduct (1 skips what is too long, 2 obeys its lines), then the stream.

use std::cell::Cell;
use std::rc::Rc;

use ropewalk::framing::Found;
use ropewalk::{Framing, Lines, UnfinishedLine};

use super::recorder::{Conduct, Counted, Told, record_all};
use super::stream::Input;

const LONGEST: [usize; 16] = [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    16,
    40,
    100,
    512,
    16_384,
    usize::MAX,
];

/// How often a byte may be looked at, those given back three times included.
const LOOKS: usize = 16;

pub(crate) fn play(input: &[u8]) {
    let mut input = Input(input);
    let lines = lines(&mut input);
    let conduct = Conduct::of(input.number());
    let stream = input.stream();
    let chunkings = stream.chunkings();
    let other = other(&lines);
    let record = record_all(&[lines.clone(), other.clone()], conduct, &chunkings);
    let refused = |told: &Told| matches!(told, Told::Refused(_));
    // To skip is more than the loop can do for framings in general.
    if !record.told.iter().any(refused) {
        let looked_at = Rc::new(Cell::new(0));
        let counted = [lines.clone(), other].map(|lines| Counted::new(lines, &looked_at));
        let again = record_all(&counted, conduct, &chunkings);
        assert_eq!(again, record, "lines are framings like others");
        let most = LOOKS * (stream.bytes.len() + 1) * chunkings.len();
        assert!(looked_at.get() <= most, "{looked_at:?} of {most}");
    }
    if !conduct.obeys {
        for told in &record.told {
            if let Told::Frame(line) = told {
                comes_back(&lines, line);
            }
        }
    }
}

fn lines(input: &mut Input<'_>) -> Lines {
    let lines = match input.number() % 4 {
        0 => Lines::default(),
        1 => Lines::crlf(),
        2 => Lines::lf(),
        _ => {
            let count = input.number();
            match input.bytes(count) {
                b"" => Lines::ended_by(b"\0"),
                delimiter => Lines::ended_by(delimiter),
            }
        }
    };
    let lines = lines.max_length(LONGEST[input.number()]);
    let tails = [UnfinishedLine::Deliver, UnfinishedLine::Drop];
    lines.tail(tails[input.number() % 2])
}

/// Another kind with the same settings.
fn other(lines: &Lines) -> Lines {
    let other = match lines.delimiter() {
        b"\n" => Lines::crlf(),
        _ => Lines::lf(),
    };
    other.max_length(lines.longest()).tail(lines.unfinished())
}

/// A line that can be sent is the same when it is received.
fn comes_back(lines: &Lines, line: &[u8]) {
    let mut wire = Vec::new();
    if lines.encode(line, &mut wire).is_err() {
        assert!(wire.is_empty(), "a line that can't be sent leaves nothing");
        return;
    }
    // To a peer that takes LF as well, a CR at the end is a part of it.
    let either = *lines
        == Lines::default()
            .max_length(lines.longest())
            .tail(lines.unfinished());
    let lost = usize::from(either && line.ends_with(b"\r"));
    let found = Found::Frame {
        body: 0..line.len(),
        size: wire.len(),
    };
    if lost == 0 {
        assert_eq!(lines.next(&wire, 0), found, "{}", wire.escape_ascii());
    }
}
