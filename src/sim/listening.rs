//! What a witness holds against what its kernel handed over: bytes, frames, refusals, the end, the loss. Owns when it may
//! compare and when not; how bytes are to be cut is [`Unheard`]'s.
//!
//! It stops comparing where what is heard depends on how much has come by then, or does not come by this way: when another way
//! of cutting is asked for while the rest of a refused line is being left out, when messages come out of a layer, in a
//! pipe, and when more than 4 MiB wait unheard.

use std::cell::Cell;

use super::unheard::{Objection, Rules, Unheard};
use super::witness::Witness;
use crate::connection::Cutting;
use crate::error::{FrameError, Lost};
use crate::framing::FramingKind;
use crate::protocol::Refusal;
use crate::reactor::Hearing;
use crate::transport::Transport;

const RECEIVED: &str = "received is sent";
const FRAMES: &str = "the same frames";

/// What a protocol has asked for of its input.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// So many bytes come as they are before anything else.
    raw: Cell<u64>,
    /// It has asked for another way of cutting since the last refusal.
    anew: Cell<bool>,
}

impl Asked {
    pub(super) fn cut_anew(&self, raw: u64) {
        self.raw.set(raw);
        self.anew.set(true);
    }
}

impl Witness {
    /// From now on what it hears is compared with what its kernel hands over, and what is written with what it takes.
    pub(super) fn listen_in(&mut self, transport: &Transport<'_>) {
        let (reactor, id) = (transport.glance(), transport.id());
        let Some(socket) = reactor.socket_of(id) else {
            return;
        };
        let layered = reactor.hearing_of(id).is_some_and(|now| now.layers > 0);
        let mut fabric = self.judge.fabric.borrow_mut();
        let Some(end) = fabric.host(self.judge.host).end_of(socket) else {
            return;
        };
        fabric.keep_account(end, || reactor.queued_bytes(id));
        self.end = fabric.listen_in(end, layered).then_some(end);
    }

    pub(super) fn stop_comparing(&mut self) {
        if let Some(end) = self.end.take() {
            self.judge.fabric.borrow_mut().stop_listening_in(end);
        }
    }

    /// It hears bytes as they come: the next ones, and no more than were asked for.
    pub(super) fn hear_raw(&mut self, transport: &Transport<'_>, data: &[u8]) {
        let Some(now) = self.hearing(transport) else {
            return;
        };
        self.check_pause(transport, &now, data);
        let asked = self.asked.raw.get();
        let size = data.len() as u64;
        self.asked.raw.set(asked.saturating_sub(size));
        let cut = matches!(now.cutting, Cutting::Frames | Cutting::Skipping);
        let objection = match asked {
            0 if cut => Err("frames are to come".into()),
            1.. if size > asked => Err(format!("only {asked} bytes were asked for")),
            _ => self.hear_next(data),
        };
        self.object(transport, RECEIVED, data, objection);
    }

    /// It hears a frame: the one that its framing finds next.
    pub(super) fn hear_frame(&mut self, transport: &Transport<'_>, frame: &[u8]) {
        let Some(now) = self.hearing(transport) else {
            return;
        };
        self.check_pause(transport, &now, frame);
        if now.messages {
            return self.stop_comparing();
        }
        let raw = self.asked.raw.get();
        let framing = now.framing_in_use();
        self.compare(transport, FRAMES, frame, |unheard| match raw {
            0 => unheard.hear_frame(now.rules(framing), frame),
            _ => Err(format!("{raw} bytes that are no frames are to come first")),
        });
    }

    /// It hears of a frame that is refused: its framing refuses it, for the same reason. Whether its end may be looked for.
    pub(super) fn hear_refusal(&mut self, transport: &Transport<'_>, error: &FrameError) -> bool {
        self.refused = Some(error.clone());
        let Some(now) = self.hearing(transport) else {
            return false;
        };
        let framing = now.framing_in_use();
        let mut at_front = false;
        let what = error.to_string();
        self.compare(transport, FRAMES, what.as_bytes(), |unheard| {
            at_front = unheard.hear_refusal(now.rules(framing), error)?;
            Ok(())
        });
        at_front
    }

    /// What it has answered to that.
    pub(super) fn after_refusal(&mut self, transport: &Transport<'_>, answer: Refusal) {
        let hearing = transport.glance().hearing_of(transport.id());
        let skips =
            hearing.is_some_and(|now| now.cutting == Cutting::Frames && now.framing.is_some());
        self.skips = skips && answer == Refusal::Skip;
        if self.skips {
            self.asked.anew.set(false);
            self.unheard(Unheard::skip);
        }
    }

    /// It hears of the peer's end: the peer has ended in order, and was not cut off; and all that came before was heard, but
    /// for what is no frame.
    pub(super) fn hear_end(&mut self, transport: &Transport<'_>) {
        let (Some(now), Some(end)) = (self.hearing(transport), self.end) else {
            return;
        };
        let id = transport.id();
        if now.layers == 0 && !self.judge.fabric.borrow().was_told_of_end(end) {
            self.judge.verdict.say("an end is an end", || {
                format!("{id} hears that its peer has ended, and no FIN was read")
            });
        }
        let framing = now.framing_in_use();
        self.compare(transport, RECEIVED, b"the end", |unheard| {
            unheard.hear_end(now.rules(framing))
        });
    }

    /// It hears of the loss. If all is done, all that was written was sent; if the peer has left a bad or broken frame, there
    /// is one.
    pub(super) fn hear_loss(&mut self, transport: &Transport<'_>, reason: &Lost) {
        match reason {
            Lost::Done(_) => self.check_all_written(transport),
            Lost::Truncated | Lost::BadFrame(_) => self.check_broken_frame(transport, reason),
            _ => {}
        }
        self.stop_comparing();
    }

    fn check_broken_frame(&mut self, transport: &Transport<'_>, reason: &Lost) {
        // A layer may have reasons of its own.
        let Some(now) = self.hearing(transport).filter(|now| now.layers == 0) else {
            return;
        };
        let framing = now.framing_in_use();
        let refused = self.refused.as_ref();
        let what = reason.to_string();
        self.compare(transport, FRAMES, what.as_bytes(), |unheard| match reason {
            Lost::BadFrame(error) if refused == Some(error) => Ok(()),
            Lost::BadFrame(_) => Err("it was told of no such frame".into()),
            _ => unheard.hear_of_truncation(now.rules(framing)),
        });
    }

    fn check_all_written(&self, transport: &Transport<'_>) {
        let mut fabric = self.judge.fabric.borrow_mut();
        let socket = transport.glance().socket_of(transport.id());
        let end = socket.and_then(|socket| fabric.host(self.judge.host).end_of(socket));
        if let Some(end) = end {
            fabric.check_all_taken(end, "the connection is done");
        }
    }

    /// What it gives back comes again.
    pub(super) fn after_raw(&mut self, transport: &Transport<'_>, given: usize) {
        let back = transport.unread_raw(given);
        if back == 0 {
            return;
        }
        self.unheard(|unheard| unheard.give_back(back));
        let left = self.asked.raw.get();
        // If they were the last of those asked for, they come again as what is to follow.
        if left > 0 && !transport.has_changed() {
            self.asked.raw.set(left + back as u64);
        }
    }

    /// What it gives back of a frame comes again, if it is going to be another thing then.
    pub(super) fn after_frame(&mut self, transport: &Transport<'_>) {
        if transport.unread_frame(usize::MAX) == 0 {
            return;
        }
        self.unheard(|unheard| {
            let back = transport.unread_frame(unheard.heard_last());
            unheard.give_back(back);
        });
    }

    /// How it hears what it hears now; `None` if that is not to be compared with anything.
    fn hearing(&mut self, transport: &Transport<'_>) -> Option<Hearing> {
        let now = transport.glance().hearing_of(transport.id())?;
        let lost_place = std::mem::take(&mut self.skips) && self.asked.anew.get();
        // What is on top of a layer has not come there before the layer was.
        let belongs_below = |unheard: &mut Unheard| !unheard.is_layered() && unheard.len() > 0;
        if now.piped || lost_place || now.layers > 0 && self.unheard(belongs_below) == Some(true) {
            self.stop_comparing();
        }
        Some(now)
    }

    fn check_pause(&self, transport: &Transport<'_>, now: &Hearing, data: &[u8]) {
        if now.paused {
            let id = transport.id();
            self.judge.verdict.say("a pause holds", || {
                format!(
                    "{id} hears {} bytes while its reading is paused",
                    data.len()
                )
            });
        }
    }

    fn unheard<R>(&self, act: impl FnOnce(&mut Unheard) -> R) -> Option<R> {
        let (fabric, end) = (&self.judge.fabric, self.end?);
        // Out of the fabric meanwhile, for a framing is users' code.
        let mut unheard = fabric.borrow_mut().take_unheard(end)?;
        let outcome = act(&mut unheard);
        fabric.borrow_mut().put_back_unheard(end, unheard);
        Some(outcome)
    }

    fn hear_next(&self, data: &[u8]) -> Objection {
        let fabric = &mut *self.judge.fabric.borrow_mut();
        let unheard = self.end.and_then(|end| fabric.unheard(end));
        unheard.map_or(Ok(()), |unheard| unheard.hear_raw(data))
    }

    fn compare(
        &self,
        transport: &Transport<'_>,
        oracle: &'static str,
        what: &[u8],
        check: impl FnOnce(&mut Unheard) -> Objection,
    ) {
        let objection = self.unheard(check).unwrap_or(Ok(()));
        self.object(transport, oracle, what, objection);
    }

    fn object(
        &self,
        transport: &Transport<'_>,
        oracle: &'static str,
        what: &[u8],
        objection: Objection,
    ) {
        if let Err(why) = objection {
            let id = transport.id();
            self.judge.verdict.say(oracle, || {
                format!("{id} hears \"{}\": {why}", what.escape_ascii())
            });
        }
    }
}

impl Hearing {
    /// The framing, if frames are being cut.
    fn framing_in_use(&self) -> Option<&FramingKind> {
        match self.cutting {
            Cutting::Frames | Cutting::Skipping => self.framing.as_deref(),
            Cutting::Raw | Cutting::Counted => None,
        }
    }

    fn rules<'f>(&self, framing: Option<&'f FramingKind>) -> Rules<'f> {
        Rules {
            framing,
            most: self.most,
            ended: self.ended,
        }
    }
}
