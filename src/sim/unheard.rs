//! What a protocol was handed and has not heard, and the reference for what it is to hear next: its framing, fed with all of
//! that at once, and again in two pieces. Owns the bytes; knows neither who hears them nor who handed them over.

use std::ops::Range;

use bytes::{Buf, BytesMut};

use crate::error::FrameError;
use crate::framing::{Found, Framing, FramingKind, OUT_OF_PLACE, Skip, Tail, lies_within};

/// What was read for one protocol after the other of a connection, from the first byte that is not done with.
#[derive(Debug, Default)]
pub(super) struct Unheard {
    bytes: BytesMut,
    /// So many at the front were heard in the last callback, which may give some of them back.
    behind: usize,
    /// The front was refused, and its end can be looked for.
    refused: bool,
    /// The front is what is left of a refused frame, up to its end.
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
        /// What the body means, if it is written in a code.
        decoded: Option<Vec<u8>>,
    },
    Refused(FrameError),
    /// Refused, as it is more than may be held: nothing says where the next one begins.
    Hopeless(FrameError),
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
        let (body, size, decoded) = match self.next(framing, rules.most) {
            Next::Frame {
                body,
                size,
                decoded,
            } => {
                self.cut_in_two(framing, &body, size)?;
                (body, size, decoded)
            }
            Next::Nothing if rules.ended && !self.bytes.is_empty() => {
                match framing.rules().at_eof(&self.bytes) {
                    Tail::Frame(body) => (body, self.bytes.len(), None),
                    tail => return Err(format!("of the rest its framing makes {tail:?}")),
                }
            }
            other => return Err(format!("its framing, fed with all, finds {other:?}")),
        };
        if decoded.as_deref().or_else(|| self.bytes.get(body.clone())) != Some(frame) {
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
        let too_long = too_long(rules.most);
        let Some(framing) = rules.framing else {
            // What was given back, and too much came behind it.
            return match self.bytes.len() > rules.most && *error == too_long {
                true => Ok(true),
                false => Err("there are no frames".into()),
            };
        };
        self.skip_refused(framing)?;
        self.refused = false;
        match self.next(framing, rules.most) {
            Next::Refused(expected) if expected == *error => {
                self.refused = true;
                Ok(true)
            }
            Next::Hopeless(expected) if expected == *error => Ok(true),
            Next::Nothing if rules.ended && !self.bytes.is_empty() => {
                self.behind = self.bytes.len();
                match framing.rules().at_eof(&self.bytes) {
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

    /// The frame that was refused is to be left out.
    pub(super) fn skip(&mut self) {
        self.skipping = std::mem::take(&mut self.refused);
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
            // The refused frame has no end, and is all there is.
            self.bytes.clear();
        }
        let next = rules
            .framing
            .map(|framing| (framing, self.next(framing, rules.most)));
        let unheard = self.bytes.len();
        if unheard == 0 {
            return Ok(());
        }
        let what = match next {
            None if given_back => return Ok(()),
            None => "bytes".into(),
            Some((framing, Next::Nothing)) => match framing.rules().at_eof(&self.bytes) {
                Tail::Dropped => return Ok(()),
                tail => format!("bytes, of which its framing makes {tail:?},"),
            },
            Some((_, other)) => format!("bytes, in which its framing finds {other:?},"),
        };
        Err(format!("{unheard} {what} before it were not heard"))
    }

    /// The connection is lost, as the peer has left a part of a frame.
    pub(super) fn hear_of_truncation(&mut self, rules: Rules<'_>) -> Objection {
        self.settle();
        let truncated = rules.framing.is_some_and(|framing| {
            self.next(framing, rules.most) == Next::Nothing
                && framing.rules().at_eof(&self.bytes) == Tail::Truncated
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

    /// Looks at the front, behind bytes that say nothing.
    fn next(&mut self, framing: &FramingKind, most: usize) -> Next {
        while let Found::Nothing { size } = framing.rules().next(&self.bytes, 0)
            && (1..=self.bytes.len()).contains(&size)
        {
            self.bytes.advance(size);
        }
        next(framing, &self.bytes, most)
    }

    /// A refused line ends where the first line does; of other frames their framing says it.
    fn skip_refused(&mut self, framing: &FramingKind) -> Objection {
        if !std::mem::take(&mut self.skipping) {
            return Ok(());
        }
        let size = match framing {
            FramingKind::Lines(lines) => lines.first_size(&self.bytes),
            _ => match framing.rules().skip(&self.bytes) {
                Skip::Bytes(size) => usize::try_from(size).ok(),
                Skip::More | Skip::Impossible => None,
            },
        };
        match size {
            Some(size) if size <= self.bytes.len() => self.bytes.advance(size),
            _ => return Err("a refused frame has not come to its end".into()),
        }
        Ok(())
    }

    /// Of a frame that came in two pieces the framing makes the same: no frame of the first one, and it itself of both.
    fn cut_in_two(&mut self, framing: &FramingKind, body: &Range<usize>, size: usize) -> Objection {
        let whole = &self.bytes[..size];
        let cut = cut_place(&mut self.place, size);
        let framing = framing.rules();
        let scanned = match framing.next(&whole[..cut], 0) {
            _ if cut == 0 => 0,
            Found::More { scanned } => scanned,
            Found::Part { size: known } if (cut + 1..=size).contains(&known) => 0,
            found => {
                let (piece, whole) = (whole[..cut].escape_ascii(), whole.escape_ascii());
                return Err(format!(
                    "its framing finds {found:?} when \"{piece}\" of \"{whole}\" has come"
                ));
            }
        };
        let again = framing.next(whole, scanned);
        let same = match &again {
            Found::Frame { body: b, size: s } | Found::Coded { body: b, size: s } => {
                (b, *s) == (body, size)
            }
            _ => false,
        };
        if !same {
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
    let rules = framing.rules();
    let most = match framing {
        FramingKind::Lines(_) => usize::MAX,
        _ => rules.bound().unwrap_or(most),
    };
    let broken = |data| matches!(rules.next(data, 0), Found::Broken(_));
    match rules.next(data, 0) {
        Found::Frame { body, size } => whole(rules, data, body, size, most, false),
        Found::Coded { body, size } => whole(rules, data, body, size, most, true),
        Found::Part { size } if size > most.max(data.len()) => Next::Hopeless(too_long(most)),
        Found::Part { size } if size > data.len() => Next::Nothing,
        Found::Part { .. } | Found::Nothing { .. } => Next::Refused(OUT_OF_PLACE),
        Found::Broken(_) if data.len() > most && !broken(&data[..most]) => {
            Next::Hopeless(too_long(most))
        }
        Found::Broken(error) => Next::Refused(error),
        Found::More { .. } if data.len() > most => Next::Hopeless(too_long(most)),
        Found::More { .. } => Next::Nothing,
    }
}

fn whole(
    rules: &dyn Framing,
    data: &[u8],
    body: Range<usize>,
    size: usize,
    most: usize,
    coded: bool,
) -> Next {
    if size == 0 || size > data.len() || !lies_within(&body, size) {
        return Next::Refused(OUT_OF_PLACE);
    }
    if size > most {
        return Next::Hopeless(too_long(most));
    }
    let mut frame = Vec::new();
    if coded && let Err(error) = rules.decode(&data[body.clone()], &mut frame) {
        return Next::Refused(error);
    }
    Next::Frame {
        body,
        size,
        decoded: coded.then_some(frame),
    }
}

fn too_long(limit: usize) -> FrameError {
    FrameError::TooLong { limit, size: None }
}

#[cfg(test)]
mod tests;
