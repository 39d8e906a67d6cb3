//! A protocol that writes down what it hears, and does what a test tells it to. Owns the log's words; asserts nothing.

use std::cell::RefCell;
use std::rc::Rc;

use ropewalk::{FrameError, Idle, Lost, Protocol, Refusal, Transport};

/// What was heard, in order. Clones are the same log.
#[derive(Clone, Default, Debug)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    pub(crate) fn has(&self, what: &str) -> bool {
        self.0.borrow().iter().any(|line| line == what)
    }

    pub(crate) fn count(&self, start: &str) -> usize {
        self.0
            .borrow()
            .iter()
            .filter(|line| line.starts_with(start))
            .count()
    }

    /// All but data, which comes in any portions.
    pub(crate) fn without_data(&self) -> Vec<String> {
        self.0
            .borrow()
            .iter()
            .filter(|line| !line.starts_with("data "))
            .cloned()
            .collect()
    }
}

type Act<T> = Box<dyn FnMut(&mut Transport<'_>, T)>;
type OnData = Box<dyn FnMut(&mut Transport<'_>, &[u8])>;
type OnLost = Box<dyn FnMut(&mut Transport<'_>, &Lost)>;

/// By default: notes `made`, `data N`, `eof`, `pause`, `resume`, `stopping` and `lost REASON`, and does what a protocol does
/// by default.
pub(crate) struct Spy {
    log: Log,
    data: Rc<RefCell<Vec<u8>>>,
    made: Option<Act<()>>,
    on_data: Option<OnData>,
    eof: Option<Act<()>>,
    pause: Option<Act<()>>,
    resume: Option<Act<()>>,
    idle: Option<Act<Idle>>,
    refusal: Option<Refusal>,
    stopping: Option<Act<()>>,
    lost: Option<OnLost>,
}

impl Spy {
    pub(crate) fn new(log: &Log) -> Self {
        Self {
            log: log.clone(),
            data: Rc::default(),
            made: None,
            on_data: None,
            eof: None,
            pause: None,
            resume: None,
            idle: None,
            refusal: None,
            stopping: None,
            lost: None,
        }
    }

    /// Collects all data in `data`.
    pub(crate) fn collecting(mut self, data: &Rc<RefCell<Vec<u8>>>) -> Self {
        self.data = Rc::clone(data);
        self
    }

    pub(crate) fn made(mut self, mut act: impl FnMut(&mut Transport<'_>) + 'static) -> Self {
        self.made = Some(Box::new(move |transport, ()| act(transport)));
        self
    }

    pub(crate) fn data(mut self, act: impl FnMut(&mut Transport<'_>, &[u8]) + 'static) -> Self {
        self.on_data = Some(Box::new(act));
        self
    }

    pub(crate) fn echo(self) -> Self {
        self.data(|transport, data| transport.write(data))
    }

    pub(crate) fn eof(mut self, mut act: impl FnMut(&mut Transport<'_>) + 'static) -> Self {
        self.eof = Some(Box::new(move |transport, ()| act(transport)));
        self
    }

    pub(crate) fn pause(mut self, mut act: impl FnMut(&mut Transport<'_>) + 'static) -> Self {
        self.pause = Some(Box::new(move |transport, ()| act(transport)));
        self
    }

    pub(crate) fn resume(mut self, mut act: impl FnMut(&mut Transport<'_>) + 'static) -> Self {
        self.resume = Some(Box::new(move |transport, ()| act(transport)));
        self
    }

    /// Notes `refused ERROR` too, and answers so.
    pub(crate) fn refusing(mut self, refusal: Refusal) -> Self {
        self.refusal = Some(refusal);
        self
    }

    /// By default it only notes it.
    pub(crate) fn idle(mut self, act: impl FnMut(&mut Transport<'_>, Idle) + 'static) -> Self {
        self.idle = Some(Box::new(act));
        self
    }

    pub(crate) fn stopping(mut self, mut act: impl FnMut(&mut Transport<'_>) + 'static) -> Self {
        self.stopping = Some(Box::new(move |transport, ()| act(transport)));
        self
    }

    pub(crate) fn lost(mut self, act: impl FnMut(&mut Transport<'_>, &Lost) + 'static) -> Self {
        self.lost = Some(Box::new(act));
        self
    }
}

impl Protocol for Spy {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.log.note("made");
        if let Some(act) = &mut self.made {
            act(transport, ());
        }
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.log.note(format!("data {}", data.len()));
        self.data.borrow_mut().extend_from_slice(data);
        if let Some(act) = &mut self.on_data {
            act(transport, data);
        }
    }

    fn frame_refused(&mut self, transport: &mut Transport<'_>, error: &FrameError) -> Refusal {
        let Some(refusal) = self.refusal else {
            return ByDefault.frame_refused(transport, error);
        };
        self.log.note(format!("refused {error}"));
        refusal
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        self.log.note("eof");
        match &mut self.eof {
            Some(act) => act(transport, ()),
            None => ByDefault.eof_received(transport),
        }
    }

    fn pause_writing(&mut self, transport: &mut Transport<'_>) {
        self.log.note("pause");
        match &mut self.pause {
            Some(act) => act(transport, ()),
            None => ByDefault.pause_writing(transport),
        }
    }

    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        self.log.note("resume");
        match &mut self.resume {
            Some(act) => act(transport, ()),
            None => ByDefault.resume_writing(transport),
        }
    }

    fn idle(&mut self, transport: &mut Transport<'_>, which: Idle) {
        self.log.note(format!("idle {which}"));
        if let Some(act) = &mut self.idle {
            act(transport, which);
        }
    }

    fn stopping(&mut self, transport: &mut Transport<'_>) {
        self.log.note("stopping");
        match &mut self.stopping {
            Some(act) => act(transport, ()),
            None => ByDefault.stopping(transport),
        }
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        self.log.note(format!("lost {reason}"));
        if let Some(act) = &mut self.lost {
            act(transport, reason);
        }
    }
}

/// Does what a protocol does that says nothing else.
struct ByDefault;

impl Protocol for ByDefault {
    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}
