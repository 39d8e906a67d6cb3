//! What the crate logs on this thread while something runs. Owns the process's logger, of which there can be one.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static HEARD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

struct Listening;

impl log::Log for Listening {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            HEARD.with_borrow_mut(|heard| {
                if let Some(lines) = heard {
                    lines.push(record.args().to_string());
                }
            });
        }
    }

    fn flush(&self) {}
}

/// The warnings while `act` runs.
pub(crate) fn warnings(act: impl FnOnce()) -> Vec<String> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Listening).expect("nobody else sets a logger here");
        log::set_max_level(log::LevelFilter::Warn);
    });
    HEARD.set(Some(Vec::new()));
    act();
    HEARD.take().unwrap_or_default()
}

/// How many of the lines hold these words.
pub(crate) fn count(lines: &[String], words: &str) -> usize {
    lines.iter().filter(|line| line.contains(words)).count()
}
