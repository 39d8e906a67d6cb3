//! A protocol in a simulated world with a witness around it: passes every callback on, and sees to it that they come as
//! promised. Owns what one connection has heard; asks nothing of the reactor that a callback may not ask.

use std::rc::Rc;

use super::judge::Judge;
use super::link::EndId;
use super::trace::{Callback, Excerpt};
use crate::error::{FrameError, Lost};
use crate::limits::Idle;
use crate::protocol::{Protocol, Refusal};
use crate::table::ConnectionId;
use crate::transport::Transport;

/// Passes callbacks on, and judges them.
pub(super) struct Witness {
    protocol: Box<dyn Protocol>,
    judge: Rc<Judge>,
    stage: Stage,
    /// Whether it was told last to pause writing or to resume it. A successor begins under whatever pressure there is.
    paused: Option<bool>,
    id: Option<ConnectionId>,
    /// Its end of the wire, as long as what it hears can be held against that.
    end: Option<EndId>,
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
struct Under(Rc<Judge>);

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
        let depth = self.judge.depth.get();
        self.judge.depth.set(depth + 1);
        let id = transport.id();
        if depth > 0 {
            self.judge.verdict.say("no nesting", || {
                format!("{id} hears {what} inside a callback")
            });
        }
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
        Under(self.judge.clone())
    }

    /// A panic that is nobody's fault. The hook that prints panics hears nothing of it.
    fn panic_if_chosen(&self) {
        if self.judge.panics() {
            std::panic::resume_unwind(Box::new("a fault of the simulated world"));
        }
    }

    /// From now on what it hears is compared with what its kernel handed over.
    fn listen_in(&mut self, transport: &Transport<'_>) {
        let socket = transport.glance().socket_of(transport.id());
        self.end = socket.and_then(|socket| {
            let mut fabric = self.judge.fabric.borrow_mut();
            let end = fabric.host(self.judge.host).end_of(socket)?;
            fabric.listen_in(end).then_some(end)
        });
    }

    /// It hears bytes: they are the next of those that its kernel handed over, or somewhere behind if an envelope was taken
    /// off them.
    fn compare(&mut self, transport: &Transport<'_>, data: &[u8], whole: bool) {
        if transport.glance().is_paused(transport.id()) {
            let id = transport.id();
            self.judge.verdict.say("a pause holds", || {
                format!(
                    "{id} hears {} bytes while its reading is paused",
                    data.len()
                )
            });
        }
        let Some(end) = self.end else { return };
        if transport.is_decoded() {
            // Its bytes are not those of the wire; what comes after it is found behind them.
            return self.judge.fabric.borrow_mut().is_enveloped(end);
        }
        if transport.glance().is_transformed(transport.id()) {
            return self.stop_comparing();
        }
        let heard = self.judge.fabric.borrow_mut().heard(end, data, whole);
        if !heard {
            let id = transport.id();
            self.judge.verdict.say("received is sent", || {
                format!(
                    "{id} hears \"{}\", which did not come next",
                    data.escape_ascii()
                )
            });
        }
    }

    fn stop_comparing(&mut self) {
        if let Some(end) = self.end.take() {
            self.judge.fabric.borrow_mut().stop_listening_in(end);
        }
    }

    /// It hears of the peer's end: the peer has ended in order, and was not cut off; and all that came before was heard, but
    /// for a frame that is not whole.
    fn check_end(&self, transport: &Transport<'_>) {
        let Some(end) = self.end else { return };
        let id = transport.id();
        let reactor = transport.glance();
        if reactor.is_transformed(id) {
            return;
        }
        let fabric = self.judge.fabric.borrow();
        if !fabric.was_told_of_end(end) {
            self.judge.verdict.say("an end is an end", || {
                format!("{id} hears that its peer has ended, and no FIN was read")
            });
        }
        let unheard = fabric.unheard(end);
        if unheard > 0 && !reactor.is_framed(id) {
            self.judge.verdict.say("received is sent", || {
                format!("{id} hears that its peer has ended, and {unheard} bytes before it were not heard")
            });
        }
    }

    /// What was given back comes again, and is not looked at then.
    fn after_data(&mut self, transport: &Transport<'_>) {
        if transport.has_unread() {
            self.stop_comparing();
        }
    }
}

impl Protocol for Witness {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let _under = self.enter(transport, "made", Stage::New, Stage::New, || Callback::Made);
        self.stage = Stage::Made;
        self.judge.open.borrow_mut().insert(transport.id());
        self.listen_in(transport);
        self.panic_if_chosen();
        self.protocol.connection_made(transport);
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        let _under = self.enter(transport, "data", Stage::Made, Stage::Made, || {
            Callback::Data(Excerpt::of(data))
        });
        self.compare(transport, data, true);
        self.panic_if_chosen();
        self.protocol.data_received(transport, data);
        self.after_data(transport);
    }

    fn frame_received(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
        let _under = self.enter(transport, "frame", Stage::Made, Stage::Made, || {
            Callback::Frame(Excerpt::of(frame))
        });
        self.compare(transport, frame, false);
        self.panic_if_chosen();
        self.protocol.frame_received(transport, frame);
        self.after_data(transport);
    }

    fn frame_refused(&mut self, transport: &mut Transport<'_>, error: &FrameError) -> Refusal {
        let _under = self.enter(transport, "refused", Stage::Made, Stage::Made, || {
            Callback::Other("refused")
        });
        if let Some(end) = self.end {
            self.judge.fabric.borrow_mut().is_enveloped(end);
        }
        self.panic_if_chosen();
        self.protocol.frame_refused(transport, error)
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        let _under = self.enter(transport, "eof", Stage::Made, Stage::Made, || {
            Callback::Other("eof")
        });
        self.stage = Stage::Ended;
        self.check_end(transport);
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
        self.stop_comparing();
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
