//! A protocol in a simulated world with a witness around it: passes every callback on, and sees to it that they come as
//! promised. Owns the order of what one protocol hears; what it hears is compared in `listening`.

use std::fmt;
use std::rc::Rc;

use super::judge::Judge;
use super::link::EndId;
use super::listening::Asked;
use super::trace::{Callback, Excerpt};
use crate::error::{FrameError, Lost};
use crate::limits::Idle;
use crate::protocol::{Protocol, Refusal};
use crate::table::ConnectionId;
use crate::transport::Transport;

/// Passes callbacks on, and judges them.
pub(super) struct Witness {
    protocol: Box<dyn Protocol>,
    pub(super) judge: Rc<Judge>,
    stage: Stage,
    /// Whether it was told last to pause writing or to resume it. A successor begins under whatever pressure there is.
    paused: Option<bool>,
    id: Option<ConnectionId>,
    /// Its end of the wire, as long as what it hears can be held against that.
    pub(super) end: Option<EndId>,
    pub(super) asked: Rc<Asked>,
    /// What is left of a refused line is being left out.
    pub(super) skips: bool,
    /// Why a frame was refused last.
    pub(super) refused: Option<FrameError>,
}

/// How far the life of a protocol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    New,
    Made,
    /// It has heard of the peer's end.
    Ended,
    Lost,
}

/// While a callback is under way, however it ends.
pub(super) struct Under(Rc<Judge>);

impl Under {
    /// A callback begins, in which no other is promised to begin.
    pub(super) fn begin(judge: &Rc<Judge>, what: &str, id: &dyn fmt::Display) -> Self {
        let depth = judge.depth.get();
        judge.depth.set(depth + 1);
        if depth > 0 {
            judge.verdict.say("no nesting", || {
                format!("{id} hears {what} inside a callback")
            });
        }
        Self(judge.clone())
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        self.0.depth.set(self.0.depth.get() - 1);
    }
}

impl Witness {
    pub(super) fn new(protocol: Box<dyn Protocol>, judge: Rc<Judge>) -> Self {
        Self {
            protocol,
            judge,
            stage: Stage::New,
            paused: None,
            id: None,
            end: None,
            asked: Rc::default(),
            skips: false,
            refused: None,
        }
    }

    /// A callback begins, which is promised only from one stage to another.
    fn enter(
        &mut self,
        transport: &Transport<'_>,
        what: &'static str,
        from: Stage,
        to: Stage,
        callback: impl FnOnce() -> Callback,
    ) -> Under {
        let id = transport.id();
        let under = Under::begin(&self.judge, what, &id);
        if self.stage < from || self.stage > to {
            let stage = self.stage;
            self.judge.verdict.say("grammar", || {
                format!("{id} hears {what} when it is {stage:?}")
            });
        }
        if *self.id.get_or_insert(id) != id {
            let own = self.id;
            self.judge.verdict.say("identity", || {
                format!("the protocol of {own:?} hears {what} of {id}")
            });
        }
        let fabric = &mut *self.judge.fabric.borrow_mut();
        fabric.tally_callback(what);
        if !fabric.story().is_off()
            && let Some(socket) = transport.glance().socket_of(id)
        {
            fabric.note_callback(self.judge.host, socket, callback());
        }
        under
    }

    fn panic_if_chosen(&self) {
        self.judge.panic_if_chosen();
    }
}

impl Protocol for Witness {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let _under = self.enter(transport, "made", Stage::New, Stage::New, || Callback::Made);
        self.stage = Stage::Made;
        let asked = self.asked.clone();
        self.judge.open.borrow_mut().insert(transport.id(), asked);
        self.listen_in(transport);
        self.panic_if_chosen();
        self.protocol.connection_made(transport);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        let _under = self.enter(transport, "data", Stage::Made, Stage::Made, || {
            Callback::Data(Excerpt::of(data))
        });
        self.hear_raw(transport, data);
        self.panic_if_chosen();
        self.protocol.data_received(transport, data);
        self.after_raw(transport, data.len());
    }

    fn frame_received(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
        let _under = self.enter(transport, "frame", Stage::Made, Stage::Made, || {
            Callback::Frame(Excerpt::of(frame))
        });
        self.hear_frame(transport, frame);
        self.panic_if_chosen();
        self.protocol.frame_received(transport, frame);
        self.after_frame(transport);
    }

    fn frame_refused(&mut self, transport: &mut Transport<'_>, error: &FrameError) -> Refusal {
        let _under = self.enter(transport, "refused", Stage::Made, Stage::Made, || {
            Callback::Other("refused")
        });
        let at_front = self.hear_refusal(transport, error);
        self.panic_if_chosen();
        let answer = self.protocol.frame_refused(transport, error);
        if at_front {
            self.after_refusal(transport, answer);
        }
        answer
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        let _under = self.enter(transport, "eof", Stage::Made, Stage::Made, || {
            Callback::Other("eof")
        });
        self.stage = Stage::Ended;
        self.hear_end(transport);
        self.panic_if_chosen();
        self.protocol.eof_received(transport);
    }

    fn pause_writing(&mut self, transport: &mut Transport<'_>) {
        let _under = self.enter(transport, "pause", Stage::Made, Stage::Ended, || {
            Callback::Other("pause")
        });
        self.turns(transport, true);
        self.panic_if_chosen();
        self.protocol.pause_writing(transport);
    }

    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        let _under = self.enter(transport, "resume", Stage::Made, Stage::Ended, || {
            Callback::Other("resume")
        });
        self.turns(transport, false);
        self.panic_if_chosen();
        self.protocol.resume_writing(transport);
    }

    fn idle(&mut self, transport: &mut Transport<'_>, which: Idle) {
        let _under = self.enter(transport, "idle", Stage::Made, Stage::Ended, || {
            Callback::Other("idle")
        });
        self.panic_if_chosen();
        self.protocol.idle(transport, which);
    }

    fn stopping(&mut self, transport: &mut Transport<'_>) {
        let _under = self.enter(transport, "stopping", Stage::Made, Stage::Ended, || {
            Callback::Other("stopping")
        });
        self.panic_if_chosen();
        self.protocol.stopping(transport);
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        let _under = self.enter(transport, "lost", Stage::Made, Stage::Ended, || {
            Callback::Lost(reason.clone())
        });
        self.stage = Stage::Lost;
        self.judge.open.borrow_mut().remove(&transport.id());
        self.hear_loss(transport, reason);
        self.protocol.connection_lost(transport, reason);
        // Behind it, for who hears of no loss can't tidy up.
        self.panic_if_chosen();
    }

    fn type_name(&self) -> &'static str {
        self.protocol.type_name()
    }

    fn wrapped(&mut self) -> Option<&mut dyn Protocol> {
        Some(&mut *self.protocol)
    }
}

impl Witness {
    fn turns(&mut self, transport: &Transport<'_>, paused: bool) {
        let (unsent, low, high) = transport.glance().pressure_on(transport.id());
        if if paused { unsent <= high } else { unsent > low } {
            let id = transport.id();
            self.judge.verdict.say("water marks", || {
                let what = if paused { "pause" } else { "resume" };
                format!("{id} is told to {what} writing at {unsent} bytes: the marks are {low} and {high}")
            });
        }
        if self.paused == Some(paused) {
            let id = transport.id();
            self.judge.verdict.say("pressure", || {
                let what = if paused { "pause" } else { "resume" };
                format!("{id} is told twice to {what} writing")
            });
        }
        self.paused = Some(paused);
    }
}
