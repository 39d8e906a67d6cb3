//! Assertions inside callbacks. The reactor catches panics there, so nobody would hear of one that does not hold: owns the
//! count of panics on each thread; judges no test whose name says that it panics.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

thread_local! {
    static PANICS: Cell<u32> = const { Cell::new(0) };
    static MEANT: Cell<bool> = const { Cell::new(false) };
}

/// Runs the body of a test, and fails if something panicked meanwhile and was caught.
pub(crate) fn strictly(test: &str, body: impl FnOnce()) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |about| {
            PANICS.set(PANICS.get() + 1);
            tell(about);
        }));
    });
    PANICS.set(0);
    MEANT.set(test.contains("panic"));
    body();
    let panics = PANICS.get();
    assert!(MEANT.get() || panics == 0, "{panics} callbacks panicked");
}

/// From now on this test may panic, though its name does not say so.
pub(crate) fn panics_are_meant() {
    MEANT.set(true);
}
