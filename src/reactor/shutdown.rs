//! What is to be done when the reactor stops: before, during and after its drain. Owns the hooks and who is still waited
//! for; the stop itself, and its deadline, are those of `stop`.

use std::collections::BTreeMap;
use std::fmt;

use crate::hold::{Hold, Holds};

use super::Reactor;

/// Names what is to be done at the stop, so that it can be [removed](Reactor::remove_trigger).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TriggerId {
    phase: ShutdownPhase,
    serial: u64,
}

/// When a hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ShutdownPhase {
    Before,
    During,
    After,
}

impl fmt::Display for ShutdownPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
        })
    }
}

/// The hooks, in the order in which they are called.
#[derive(Default)]
pub(super) struct Hooks {
    waiting: BTreeMap<TriggerId, Hook>,
    next: u64,
    /// The phase that was begun last.
    begun: Option<ShutdownPhase>,
    /// Those of before the stop that are not done yet.
    pub(super) holds: Holds,
}

type Hook = Box<dyn FnOnce(&mut Reactor, &Holds)>;

impl Reactor {
    /// Calls `call` when the reactor is to stop, while everything goes on as ever: listeners listen, connections may be made.
    /// The stop does not begin before all holds that were given to such calls are dropped: a call that has to wait for something
    /// keeps its own until then, one that does not drops it by returning.
    ///
    /// They are called in the order in which they were added, none waits for the one before. A panic is counted, here and in
    /// the [`Report`](super::Report), and keeps no other from being called. The stop waits no longer than to its
    /// [deadline](Self::set_stop_deadline), which counts from here on, and not at all if it is a
    /// [stop at once](Self::stop_now). One that is added when these have been called already is dropped, and logged.
    ///
    /// ```
    /// # use std::cell::RefCell;
    /// # use std::rc::Rc;
    /// # use std::time::Duration;
    /// # fn main() -> ropewalk::Result<()> {
    /// let mut reactor = ropewalk::Reactor::new()?;
    /// let story = Rc::new(RefCell::new(Vec::new()));
    /// # let (first, second, during, after) = (story.clone(), story.clone(), story.clone(), story.clone());
    /// reactor.before_shutdown(move |reactor, hold| {
    ///     first.borrow_mut().push("saving");
    ///     reactor.defer_to_thread(
    ///         || "saved", // In a file, say.
    ///         move |_reactor, saved| {
    ///             first.borrow_mut().push(saved.expect("it does not panic"));
    ///             drop(hold);
    ///         },
    ///     );
    /// });
    /// reactor.during_shutdown(move |_reactor| during.borrow_mut().push("the connections are told"));
    /// reactor.after_shutdown(move |_reactor| after.borrow_mut().push("all are gone"));
    /// reactor.stop();
    /// reactor.run()?;
    /// assert_eq!(*story.borrow(), ["saving", "saved", "the connections are told", "all are gone"]);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "addSystemEventTrigger")]
    pub fn before_shutdown(&mut self, call: impl FnOnce(&mut Self, Hold) + 'static) -> TriggerId {
        let hook: Hook = Box::new(move |reactor, holds| call(reactor, holds.hold()));
        self.add_hook(ShutdownPhase::Before, hook)
    }

    /// Calls `call` when the stop has begun: the listeners are closed, and each connection was told
    /// [`stopping`](crate::Protocol::stopping). Otherwise as [`before_shutdown`](Self::before_shutdown).
    pub fn during_shutdown(&mut self, call: impl FnOnce(&mut Self) + 'static) -> TriggerId {
        let hook: Hook = Box::new(move |reactor, _| call(reactor));
        self.add_hook(ShutdownPhase::During, hook)
    }

    /// Calls `call` when the last connection is gone, just before the loop ends: what it asks the reactor to do later is not
    /// done any more. Otherwise as [`before_shutdown`](Self::before_shutdown).
    pub fn after_shutdown(&mut self, call: impl FnOnce(&mut Self) + 'static) -> TriggerId {
        let hook: Hook = Box::new(move |reactor, _| call(reactor));
        self.add_hook(ShutdownPhase::After, hook)
    }

    /// Removes what was to be called at the stop; `false` if it was called, or removed before.
    pub fn remove_trigger(&mut self, trigger: TriggerId) -> bool {
        let hook = self.hooks.waiting.remove(&trigger);
        let found = hook.is_some();
        if let Some(hook) = hook {
            self.discard(hook);
        }
        found
    }

    fn add_hook(&mut self, phase: ShutdownPhase, hook: Hook) -> TriggerId {
        let serial = self.hooks.next;
        self.hooks.next += 1;
        let trigger = TriggerId { phase, serial };
        if self.hooks.begun >= Some(phase) {
            self.warn_of(format_args!(
                "what was to be called {phase} the shutdown came too late, and is dropped"
            ));
            self.discard(hook);
        } else {
            self.hooks.waiting.insert(trigger, hook);
        }
        trigger
    }

    /// Calls the hooks of a phase, each under its own guard. One may remove those that come after it.
    pub(super) fn call_hooks(&mut self, phase: ShutdownPhase) {
        self.hooks.begun = Some(phase);
        while let Some(first) = self.hooks.waiting.first_entry()
            && first.key().phase <= phase
        {
            let hook = first.remove();
            let holds = self.hooks.holds.clone();
            let called = self.guarded("a shutdown hook", |reactor| hook(reactor, &holds));
            if called.is_none() {
                self.stopped.hooks_panicked += 1;
            }
        }
    }

    /// Those that are left when the loop ends are never called.
    pub(super) fn forget_hooks(&mut self) {
        for (_, hook) in std::mem::take(&mut self.hooks.waiting) {
            self.drop_guarded(hook);
        }
    }
}
