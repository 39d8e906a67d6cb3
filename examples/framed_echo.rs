//! Sends back each frame it gets, in its framing: the third thing to read, after `echo` and `line_echo`. Messages that are
//! no lines of text need something else to tell where one ends, most often their length in front. Netstrings write it in
//! digits, which a telnet can speak:
//!
//! ```text
//! $ cargo run --release --example framed_echo -- --framing netstring
//! listening on 127.0.0.1:8007
//! ```
//!
//! In a second terminal: `printf '5:hello,3:a,b,' | nc -N 127.0.0.1 8007` prints just that.

mod common;

use std::process::ExitCode;

use ropewalk::framing::{Int8, Int16, Int32, Lines, Netstring};
use ropewalk::{Protocol, Transport};

const HELP: &str = "
Usage: framed_echo [ENDPOINT]... --framing int8|int16|int32|netstring|lines [--max N] [--record FILE]
       framed_echo --framing ... [--max N] --replay FILE
Sends back each frame it gets, in its framing. Listens on each ENDPOINT, or on tcp:8007 (port 8007 of this machine only).
After a bad frame, or one that is too long, the connection is closed; the frames before it are answered.

  --framing int8        a length of one byte, then the frame; at most 255 bytes
  --framing int16       a length of two bytes, the highest first; at most 65,535
  --framing int32       a length of four bytes; at most 99,999
  --framing netstring   the length in digits, a colon, the frame, a comma; at most 99,999
  --framing lines       CRLF or LF behind it; at most 16,384; the replies end with CRLF
  --max N               another limit, at most what the length can say
  --record FILE         writes all that happens to FILE, a tape; one that is there is kept, as FILE.1 or FILE.2 ...
  --replay FILE         does again what is on the tape, without a network, and tells the first difference
  --help                this text
";

/// How the command line wants its frames.
#[derive(Clone, Copy)]
struct Frames {
    framing: Kind,
    max: Option<usize>,
}

#[derive(Clone, Copy)]
enum Kind {
    Int8,
    Int16,
    Int32,
    Netstring,
    Lines,
}

/// One client.
struct FramedEcho(Frames);

/// A framing is set when the connection is made, and could be exchanged between any two frames. From then on `data_received`
/// gets whole frames without their envelope, and `send` puts one around them; `write` would still send bytes as they are.
///
/// What a peer may do wrong is the framing's affair, too. A frame that is too long is refused as soon as its length has
/// come, so a peer that announces four gigabytes costs us no more than the four bytes that say so. By default
/// `frame_refused` then closes the connection, and what was sent before gets there. A frame whose end never came is dropped.
impl Protocol for FramedEcho {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.0.set_on(transport);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
        transport.send(frame);
    }
}

impl Frames {
    fn set_on(self, transport: &mut Transport<'_>) {
        // Each kind has its own limit, and it need not be told to keep to what its length can say.
        macro_rules! set {
            ($framing:expr) => {{
                let framing = $framing;
                let max = self.max.unwrap_or(framing.longest());
                transport.set_framing(framing.max_length(max));
            }};
        }
        match self.framing {
            Kind::Int8 => set!(Int8::default()),
            Kind::Int16 => set!(Int16::default()),
            Kind::Int32 => set!(Int32::default()),
            Kind::Netstring => set!(Netstring::default()),
            Kind::Lines => set!(Lines::default()),
        }
    }

    /// Takes its own words from the command line and leaves the others.
    fn read(arguments: Vec<String>) -> Result<(Self, Vec<String>), ExitCode> {
        let (mut framing, mut max) = (None, None);
        let mut others = Vec::new();
        let mut words = arguments.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--framing" => framing = Some(Kind::read(words.next())?),
                "--max" => max = Some(number(words.next())?),
                _ => others.push(word),
            }
        }
        match framing {
            Some(framing) => Ok((Self { framing, max }, others)),
            None => Err(Kind::expected(None)),
        }
    }
}

impl Kind {
    fn read(word: Option<String>) -> Result<Self, ExitCode> {
        match word.as_deref() {
            Some("int8") => Ok(Self::Int8),
            Some("int16") => Ok(Self::Int16),
            Some("int32") => Ok(Self::Int32),
            Some("netstring") => Ok(Self::Netstring),
            Some("lines") => Ok(Self::Lines),
            other => Err(Self::expected(other)),
        }
    }

    fn expected(in_place_of: Option<&str>) -> ExitCode {
        let place = in_place_of.map_or(String::new(), |word| format!(" in place of {word:?}"));
        common::refuse(format_args!(
            "expected --framing int8|int16|int32|netstring|lines{place}"
        ))
    }
}

fn number(word: Option<String>) -> Result<usize, ExitCode> {
    let word = word.unwrap_or_default();
    word.parse().map_err(|_| {
        common::refuse(format_args!(
            "expected a number of bytes after --max in place of {word:?}"
        ))
    })
}

fn main() -> ExitCode {
    match common::arguments(HELP).and_then(Frames::read) {
        Ok((frames, others)) => common::serve_as(&others, "tcp:8007", |listen| {
            listen.serve(move |_peer| FramedEcho(frames))
        }),
        Err(code) => code,
    }
}
