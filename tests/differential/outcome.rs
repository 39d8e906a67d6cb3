//! What both ends of a scenario saw, so far as it may not differ. Owns what is left out of a comparison; knows no ground.

use std::fmt;

use crate::kernel::play_on_kernel;
use crate::puppet::Record;
use crate::scenario::Scenario;
use crate::simulated::{WORLDS, play_in, trace_in};

/// So many bytes pass any buffers there are: how many of them arrive before a reset is no matter of sizes.
const PASSES_ANY_BUFFER: usize = 1024;

/// What both ends saw. Left out: the portions that data came in, when that was between the other callbacks, all times; and
/// of a large stream that was cut, how much of it had fitted into buffers; how often in a row pressure came and went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) client: Seen,
    pub(crate) server: Seen,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) callbacks: Vec<String>,
    pub(crate) received: Received,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// All that the other end wrote while it could.
    All,
    /// So much of it.
    Bytes(usize),
    /// Some of a stream that is larger than buffers may be.
    Part,
}

impl Outcome {
    pub(crate) fn of(client: &Record, server: &Record) -> Self {
        Self {
            client: Seen::of(client, server),
            server: Seen::of(server, client),
        }
    }
}

impl Seen {
    fn of(record: &Record, other: &Record) -> Self {
        let callbacks = without_repeats(record.words());
        let (received, sent) = (record.received(), other.sent());
        assert!(
            sent.starts_with(&received),
            "{} bytes were received that are not those sent",
            received.len(),
        );
        assert!(
            !callbacks.iter().any(|word| word == "eof") || received == sent,
            "the end came after {} of {} bytes",
            received.len(),
            sent.len(),
        );
        let is_over = |word: &String| word.starts_with("lost ") || word == "failed";
        assert!(
            callbacks.is_empty() || callbacks.iter().position(is_over) == Some(callbacks.len() - 1),
            "not a life that ends once: {callbacks:?}",
        );
        let received = match received.len() {
            size if size == sent.len() => Received::All,
            size if size == 0 || sent.len() <= PASSES_ANY_BUFFER => Received::Bytes(size),
            _ => Received::Part,
        };
        Self {
            callbacks,
            received,
        }
    }
}

/// However often pressure came and went before anything else, it counts once.
fn without_repeats(words: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        kept.push(word);
        if let [.., a, b, c, d] = &kept[..]
            && (a == "pause" && b == "resume" && c == a && d == b)
        {
            kept.truncate(kept.len() - 2);
        }
    }
    kept
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  client: {}", self.client)?;
        writeln!(f, "  server: {}", self.server)
    }
}

/// `made, eof, lost Done(Peer); all`.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; ", self.callbacks.join(", "))?;
        match self.received {
            Received::All => f.write_str("all"),
            Received::Bytes(size) => write!(f, "{size} bytes"),
            Received::Part => f.write_str("a part"),
        }
    }
}

/// Plays a scenario on the kernel, then in simulation until that does the same. How many worlds that took.
///
/// # Errors
/// All there is to know about the difference, if no world does the same.
pub(crate) fn compare(scenario: &Scenario) -> Result<usize, String> {
    let kernel = play_on_kernel(scenario);
    let mut others: Vec<Outcome> = Vec::new();
    for nth in 0..WORLDS {
        let simulated = play_in(nth, scenario);
        if simulated == kernel {
            return Ok(nth + 1);
        }
        if !others.contains(&simulated) {
            others.push(simulated);
        }
    }
    Err(difference(scenario, &kernel, &others))
}

fn difference(scenario: &Scenario, kernel: &Outcome, others: &[Outcome]) -> String {
    let others: Vec<String> = others.iter().map(Outcome::to_string).collect();
    format!(
        "the kernel did what no simulated world does.\n\
         The kernel:\n{kernel}\
         {WORLDS} simulated worlds, each different outcome once, the tamest first:\n{}\
         What happened last in the tamest of them:\n  {}\n\
         To play it again, in regressions.rs:\n\n\
         #[test]\nfn what_it_is_about() {{\n    agrees({scenario});\n}}\n",
        others.join("  or\n"),
        trace_in(0, scenario).join("\n  "),
    )
}
