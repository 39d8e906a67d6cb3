//! Panics of scenarios: remembered with their place, and not printed in a search, which makes hundreds. Owns the hook for that;
//! leaves the panics of other threads alone.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;
use std::thread;

/// So many are remembered of one run.
const MOST: usize = 8;

/// A panic: what it said, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Panic {
    pub(super) at: String,
    pub(super) text: String,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}", self.at, self.text)
    }
}

/// What becomes of panics besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    /// The hook that was there before hears of them as ever, and prints them.
    Asked,
    /// It hears nothing.
    Spared,
}

thread_local! {
    static WATCHED: Cell<Option<Hook>> = const { Cell::new(None) };
    static SEEN: RefCell<Vec<Panic>> = const { RefCell::new(Vec::new()) };
}

/// Runs code whose panics are remembered: gives back what came of it, and all panics on the way.
pub(super) fn watch<R>(hook: Hook, act: impl FnOnce() -> R) -> (thread::Result<R>, Vec<Panic>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let watched = WATCHED.get();
            if watched.is_some()
                && let Some(panic) = read(info)
            {
                remember(panic);
            }
            if watched != Some(Hook::Spared) {
                others(info);
            }
        }));
    });
    let outer = (WATCHED.replace(Some(hook)), SEEN.take());
    let result = panic::catch_unwind(AssertUnwindSafe(act));
    WATCHED.set(outer.0);
    (result, SEEN.replace(outer.1))
}

/// The last panic of the run that is watched, if it is.
pub(super) fn last() -> Option<Panic> {
    SEEN.with_borrow(|seen| seen.last().cloned())
}

fn remember(panic: Panic) {
    SEEN.with_borrow_mut(|seen| {
        if seen.len() == MOST {
            seen.pop();
        }
        seen.push(panic);
    });
}

/// What a panic says, if that is a text.
pub(super) fn text_of(payload: &(dyn Any + Send)) -> Option<String> {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| {
        payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
    })
}

fn read(info: &PanicHookInfo<'_>) -> Option<Panic> {
    let at = info.location()?.to_string();
    let text = text_of(info.payload())?;
    Some(Panic { at, text })
}
