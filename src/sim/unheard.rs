//! What a protocol was handed and has not heard, and the reference for what it is to hear next: its framing, fed with all of
//! that at once, and again in two pieces. Owns the bytes; knows neither who hears them nor who handed them over.

use std::ops::Range;

use bytes::{Buf, BytesMut};

use crate::error::FrameError;
use crate::framing::{Found, Framing, FramingKind, OUT_OF_PLACE, Tail, lies_within};

/// What was read for one protocol after the other of a connection, from the first byte that is not done with.
#[derive(Debug, Default)]
pub(super) struct Unheard {
    bytes: BytesMut,
    /// So many at the front were heard in the last callback, which may give some of them back.
    behind: usize,
    /// The front is what is left of a refused line, up to its end.
    skipping: bool,
    /// The front was heard, and given back.
    given_back: bool,
    source: Source,
    /// Where frames are cut in two: another place each time.
    place: u64,
}

/// Where the bytes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Source {
    #[default]
    Wire,
    /// Out of so many layers.
    Layers(usize),
}

/// How the bytes are cut, and how many a protocol may be waiting for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'f> {
    /// `None`: they are heard as they come.
    pub(super) framing: Option<&'f FramingKind>,
    pub(super) most: usize,
    /// The peer has ended.
    pub(super) ended: bool,
}

/// What a framing makes of the bytes at the front.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Frame {
        body: Range<usize>,
        size: usize,
    },
    Refused(FrameError),
    /// Nothing before more comes.
    Nothing,
}

/// What is wrong with what was heard.
pub(super) type Objection = Result<(), String>;

impl Unheard {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.behind
    }

    /// How many bytes were heard in the last callback.
    pub(super) fn heard_last(&self) -> usize {
        self.behind
    }

    /// Whether it comes out of layers.
    pub(super) fn is_layered(&self) -> bool {
        self.source != Source::Wire
    }

    /// These were read from the wire: what is in them for the protocol is another matter if there are layers.
    pub(super) fn hand_over(&mut self, data: &[u8]) {
        if self.source == Source::Wire {
            self.bytes.extend_from_slice(data);
        }
    }

    /// These came out of a stack of layers. What came before the uppermost one of them, and was not heard, was its.
    pub(super) fn rise(&mut self, height: usize, data: &[u8]) {
        let source = Source::Layers(height);
        if self.source != source {
            *self = Self {
                source,
                ..Self::default()
            };
        }
        self.bytes.extend_from_slice(data);
    }

    /// Another protocol hears what follows, and hears it raw.
    pub(super) fn succeed(&mut self) {
        self.skipping = false;
    }

    /// Bytes were heard as they came.
    pub(super) fn hear_raw(&mut self, data: &[u8]) -> Objection {
        self.settle();
        if !self.bytes.starts_with(data) {
            return Err("that did not come next".into());
        }
        self.behind = data.len();
        Ok(())
    }

    /// A frame was heard.
    pub(super) fn hear_frame(&mut self, rules: Rules<'_>, frame: &[u8]) -> Objection {
        self.settle();
        let Some(framing) = rules.framing else {
            return Err("no frames are being cut".into());
        };
        self.skip_refused(framing)?;
        let next = next(framing, &self.bytes, rules.most);
        let (body, size) = match next {
            Next::Frame { body, size } => {
                self.cut_in_two(framing, &body, size)?;
                (body, size)
            }
            Next::Nothing if rules.ended && !self.bytes.is_empty() => {
                match framing.at_eof(&self.bytes) {
                    Tail::Frame(body) => (body, self.bytes.len()),
                    tail => return Err(format!("of the rest its framing makes {tail:?}")),
                }
            }
            other => return Err(format!("its framing, fed with all, finds {other:?}")),
        };
        if self.bytes.get(body.clone()) != Some(frame) {
            let whole = &self.bytes[..size];
            return Err(format!("it comes in \"{}\"", whole.escape_ascii()));
        }
        self.behind = size;
        Ok(())
    }

    /// A frame was refused. Whether that was at the front, not of the rest that the peer has left: then its end may be looked
    /// for.
    pub(super) fn hear_refusal(
        &mut self,
        rules: Rules<'_>,
        error: &FrameError,
    ) -> Result<bool, String> {
        self.settle();
        let too_long = FrameError::TooLong { limit: rules.most };
        let Some(framing) = rules.framing else {
            // What was given back, and too much came behind it.
            return match self.bytes.len() > rules.most && *error == too_long {
                true => Ok(true),
                false => Err("there are no frames".into()),
            };
        };
        self.skip_refused(framing)?;
        match next(framing, &self.bytes, rules.most) {
            Next::Refused(expected) if expected == *error => Ok(true),
            Next::Nothing if rules.ended && !self.bytes.is_empty() => {
                self.behind = self.bytes.len();
                match framing.at_eof(&self.bytes) {
                    Tail::Refused(expected) if expected == *error => Ok(false),
                    Tail::Frame(body) if *error == OUT_OF_PLACE => {
                        match lies_within(&body, self.bytes.len()) {
                            true => Err("the rest is a frame".into()),
                            false => Ok(false),
                        }
                    }
                    tail => Err(format!("of the rest its framing makes {tail:?}")),
                }
            }
            other => Err(format!("its framing, fed with all, finds {other:?}")),
        }
    }

    /// The line that was refused is to be left out.
    pub(super) fn skip(&mut self) {
        self.skipping = true;
    }

    /// The last callback gives so many bytes back.
    pub(super) fn give_back(&mut self, size: usize) {
        self.behind -= size.min(self.behind);
        self.given_back = true;
    }

    /// The end was heard of: all that came before it was heard, but what is no frame, and what was given back again.
    pub(super) fn hear_end(&mut self, rules: Rules<'_>) -> Objection {
        let given_back = self.given_back;
        self.settle();
        if let Some(framing) = rules.framing
            && self.skipping
            && self.skip_refused(framing).is_err()
        {
            // The refused line has no end, and is all there is.
            self.bytes.clear();
        }
        let unheard = self.bytes.len();
        if unheard == 0 {
            return Ok(());
        }
        let what = match rules.framing {
            None if given_back => return Ok(()),
            None => "bytes".into(),
            Some(framing) => match next(framing, &self.bytes, rules.most) {
                Next::Nothing => match framing.at_eof(&self.bytes) {
                    Tail::Dropped => return Ok(()),
                    tail => format!("bytes, of which its framing makes {tail:?},"),
                },
                other => format!("bytes, in which its framing finds {other:?},"),
            },
        };
        Err(format!("{unheard} {what} before it were not heard"))
    }

    /// The connection is lost, as the peer has left a part of a frame.
    pub(super) fn hear_of_truncation(&mut self, rules: Rules<'_>) -> Objection {
        self.settle();
        let truncated = rules.framing.is_some_and(|framing| {
            next(framing, &self.bytes, rules.most) == Next::Nothing
                && framing.at_eof(&self.bytes) == Tail::Truncated
        });
        match truncated && rules.ended {
            true => Ok(()),
            false => Err("there is no beginning of a frame".into()),
        }
    }

    fn settle(&mut self) {
        self.bytes.advance(std::mem::take(&mut self.behind));
        self.given_back = false;
    }

    /// The first end of a line ends the refused one.
    fn skip_refused(&mut self, framing: &FramingKind) -> Objection {
        if !std::mem::take(&mut self.skipping) {
            return Ok(());
        }
        let FramingKind::Lines(lines) = framing else {
            return Err("a frame was to be left out, and is no line".into());
        };
        let size = lines.first_size(&self.bytes);
        self.bytes
            .advance(size.ok_or("a refused line has not come to its end")?);
        Ok(())
    }

    /// Of a frame that came in two pieces the framing makes the same: no frame of the first one, and it itself of both.
    fn cut_in_two(&mut self, framing: &FramingKind, body: &Range<usize>, size: usize) -> Objection {
        let whole = &self.bytes[..size];
        let cut = cut_place(&mut self.place, size);
        let scanned = match framing.next(&whole[..cut], 0) {
            _ if cut == 0 => 0,
            Found::More { scanned } => scanned,
            found => {
                let (piece, whole) = (whole[..cut].escape_ascii(), whole.escape_ascii());
                return Err(format!(
                    "its framing finds {found:?} when \"{piece}\" of \"{whole}\" has come"
                ));
            }
        };
        let again = framing.next(whole, scanned);
        let same = Found::Frame {
            body: body.clone(),
            size,
        };
        if again != same {
            let whole = whole.escape_ascii();
            return Err(format!(
                "its framing finds {again:?} in \"{whole}\" when {cut} bytes of it came before"
            ));
        }
        Ok(())
    }
}

/// Every other time just before the last byte, where most is to go wrong.
fn cut_place(place: &mut u64, size: usize) -> usize {
    *place = place
        .wrapping_mul(0x5851_f42d_4c95_7f2d)
        .wrapping_add(0x1405_7b7e_f767_814f);
    match *place >> 33 {
        odd if odd % 2 == 1 => size - 1,
        even => (even / 2) as usize % size,
    }
}

/// What follows from the rules of a framing and the limit on what may be waited for, all bytes being there.
fn next(framing: &FramingKind, data: &[u8], most: usize) -> Next {
    if data.is_empty() {
        return Next::Nothing;
    }
    let found = framing.next(data, 0);
    if let FramingKind::Lines(_) = framing {
        return match found {
            Found::Frame { body, size } => Next::Frame { body, size },
            Found::Broken(error) => Next::Refused(error),
            Found::More { .. } => Next::Nothing,
        };
    }
    let too_long = Next::Refused(FrameError::TooLong { limit: most });
    let broken = |data| matches!(framing.next(data, 0), Found::Broken(_));
    match found {
        Found::Frame { body, size }
            if size == 0 || size > data.len() || !lies_within(&body, size) =>
        {
            Next::Refused(OUT_OF_PLACE)
        }
        Found::Frame { size, .. } if size > most => too_long,
        Found::Frame { body, size } => Next::Frame { body, size },
        Found::Broken(_) if data.len() > most && !broken(&data[..most]) => too_long,
        Found::Broken(error) => Next::Refused(error),
        Found::More { .. } if data.len() > most => too_long,
        Found::More { .. } => Next::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::{Lines, UnfinishedLine};

    fn unheard(data: &[u8]) -> Unheard {
        let mut unheard = Unheard::default();
        unheard.hand_over(data);
        unheard
    }

    fn rules(framing: &FramingKind) -> Rules<'_> {
        Rules {
            framing: Some(framing),
            most: 100,
            ended: false,
        }
    }

    fn lines() -> FramingKind {
        FramingKind::Lines(Lines::default().max_length(8))
    }

    #[test]
    fn frames_come_whole_in_order_and_once() {
        let framing = lines();
        let mut both = unheard(b"one\r\ntwo\n");
        assert_eq!(both.hear_frame(rules(&framing), b"one"), Ok(()));
        assert_eq!(both.hear_frame(rules(&framing), b"two"), Ok(()));
        assert!(both.hear_frame(rules(&framing), b"two").is_err());
        assert!(
            unheard(b"one\ntwo\n")
                .hear_frame(rules(&framing), b"two")
                .is_err()
        );
        assert!(
            unheard(b"one\r\n")
                .hear_frame(rules(&framing), b"one\r")
                .is_err()
        );
        assert!(unheard(b"on").hear_frame(rules(&framing), b"on").is_err());
    }

    #[test]
    fn what_is_given_back_comes_again_and_nothing_else_does() {
        let framing = lines();
        let mut bytes = unheard(b"one\nrest");
        bytes.hear_frame(rules(&framing), b"one").unwrap();
        bytes.give_back(2);
        assert_eq!(bytes.hear_raw(b"e\nrest"), Ok(()));
        assert_eq!(bytes.len(), 0);
        assert!(bytes.hear_raw(b"t").is_err());
    }

    #[test]
    fn a_refused_line_is_left_out_up_to_its_end() {
        let framing = lines();
        let mut bytes = unheard(b"far too long");
        let error = FrameError::TooLong { limit: 8 };
        assert_eq!(bytes.hear_refusal(rules(&framing), &error), Ok(true));
        bytes.skip();
        bytes.hand_over(b" for it\nshort\n");
        assert_eq!(bytes.hear_frame(rules(&framing), b"short"), Ok(()));
        let mut bytes = unheard(b"short");
        assert!(bytes.hear_refusal(rules(&framing), &error).is_err());
    }

    #[test]
    fn nothing_is_missing_before_the_end() {
        let ended = |framing| Rules {
            ended: true,
            ..rules(framing)
        };
        let framing = lines();
        assert!(unheard(b"last").hear_end(ended(&framing)).is_err());
        let mut tail = unheard(b"last");
        assert_eq!(tail.hear_frame(ended(&framing), b"last"), Ok(()));
        assert_eq!(tail.hear_end(ended(&framing)), Ok(()));
        let dropped = FramingKind::Lines(Lines::default().tail(UnfinishedLine::Drop));
        assert_eq!(unheard(b"last").hear_end(ended(&dropped)), Ok(()));
        assert!(unheard(b"last\n").hear_end(ended(&dropped)).is_err());
    }

    #[test]
    fn what_a_layer_was_given_is_not_heard() {
        let mut bytes = unheard(b"handshake");
        bytes.rise(1, b"he");
        bytes.hand_over(b"more of it");
        bytes.rise(1, b"llo");
        assert_eq!(bytes.hear_raw(b"hello"), Ok(()));
    }
}
