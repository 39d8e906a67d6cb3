//! Recording a run, and doing it again. Owns a network that writes down all that passes it ([`Recorder`]), and one that
//! plays that back ([`Replay`]); neither is known to the loop, which is the same code over both.
//!
//! A reactor sees the world through its [`Network`] alone: what is ready, the bytes that come, what the system answers, the
//! time, names, signals, random numbers. Whoever writes all that down can give the same run to the same program again, on
//! another machine, without a network and as often as is wanted: an incident becomes a session in a debugger, and the tape
//! of it a test. A replay also compares. Each call that the program makes and each byte that it writes must be those of the
//! recorded run, and the first that is not is told, with its connection and its place in the stream.
//!
//! ```
//! use ropewalk::{Protocol, Reactor, Transport, record};
//!
//! struct Shout;
//!
//! impl Protocol for Shout {
//!     fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
//!         transport.write(data.to_ascii_uppercase());
//!     }
//! }
//!
//! # struct Client;
//! # impl Protocol for Client {
//! #     fn connection_made(&mut self, transport: &mut Transport<'_>) { transport.write("hello") }
//! #     fn data_received(&mut self, transport: &mut Transport<'_>, _: &[u8]) { transport.reactor().stop() }
//! # }
//! fn serve(reactor: &mut Reactor) -> ropewalk::Result<()> {
//!     let listener = reactor.listen("tcp:0").serve(|_peer| Shout)?;
//! #   reactor.connect(format!("tcp:{}", listener.address())).with(Client);
//!     println!("listening on {}", listener.address());
//!     Ok(())
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let path = std::env::temp_dir().join(format!("ropewalk-record-{}.tape", std::process::id()));
//! // In production: instead of `ropewalk::run(serve)`.
//! record::run(&path, serve)?;
//!
//! // In a test, ever after.
//! let replayed = record::replay(&path, serve)?;
//! assert!(replayed.is_whole);
//! assert_eq!(replayed.bytes_out, 10);
//! # std::fs::remove_file(&path)?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is not on a tape
//! - Calls that other threads post by a [`Remote`](crate::Remote). That one was posted is, so a replay ends there and says
//!   so. Work given to threads by [`defer_to_thread`](crate::Reactor::defer_to_thread) is done again in the replay, and told
//!   where it was told in the recorded run: what comes of it must depend on nothing but what it was given.
//! - What a program learns past its reactor: files, the environment, the order of a `HashMap`, another clock, threads. In
//!   particular what it reads by [`socket_options`](crate::Reactor::socket_options), which a replay does not have.
//! - Datagrams. While a run is recorded no socket can be bound for them: [`Reactor::bind`] is refused, as
//!   [`Error::NoDatagrams`](crate::Error::NoDatagrams).
//! - The log. A replay may tell more than the recorded run did, and be looked at in a debugger for as long as one likes.
//!
//! # The tape
//! It holds all bytes that were received, all that were written, and some ten bytes for each call; what was on it shortly
//! before is not written again but referred to, as an echo's output, or what a room is told. Events are gathered in blocks,
//! each with checksums, that are written at least every tenth of a second. So a byte that was changed is noticed, and where
//! the program was killed the tape ends a moment before: it can be replayed up to there. Whoever has a tape has all that
//! was said: it is to be kept as a log that holds passwords would be, and on Unix only its owner can read it. A program that
//! is started again does not overwrite the tape of the run before; to remove old ones is left to whoever keeps them.

mod addresses;
mod call;
mod decode;
mod encode;
mod file;
mod history;
mod names;
mod player;
mod recorder;
mod replay;
mod tags;
mod tape;
mod verdict;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::error::Result;
#[cfg(doc)]
use crate::network::Network;
use crate::network::OsNetwork;
use crate::reactor::{Reactor, Report, run_on};

pub use recorder::Recorder;
pub use replay::Replay;
pub use tape::TapeError;
pub use verdict::{Difference, Post, ReplayError, Replayed, Verdict};

/// Runs a program as [`run`](crate::run) does, and records it to a file. One that is there already is kept under another
/// name, see [`Recorder::to_file`].
///
/// # Errors
/// As [`run`](crate::run), and if the file can't be made. If it can't be written later, that is logged, and the program
/// goes on without.
pub fn run(
    path: impl AsRef<Path>,
    setup: impl FnOnce(&mut Reactor) -> Result<()>,
) -> Result<Report> {
    run_on(Recorder::to_file(OsNetwork::new()?, path, "")?, setup)
}

/// Does the run again that is on the tape in a file, with the program that `setup` sets up.
///
/// # Errors
/// What is wrong with the tape, or what the program did otherwise.
pub fn replay(
    path: impl AsRef<Path>,
    setup: impl FnOnce(&mut Reactor) -> Result<()>,
) -> Result<Replayed, ReplayError> {
    replay_on(Replay::open(path)?, setup)
}

/// Does a run again: as [`replay`], with a tape from anywhere.
///
/// # Errors
/// See [`replay`].
pub fn replay_on(
    network: Replay,
    setup: impl FnOnce(&mut Reactor) -> Result<()>,
) -> Result<Replayed, ReplayError> {
    let verdict = network.verdict();
    // How it ended is on the tape too: an error that the recorded run ended by is none of the replay's.
    if let Err(error) = run_on(network, setup) {
        log::debug!("the replayed run ended by an error: {error}");
    }
    match verdict.outcome() {
        Some(outcome) => outcome,
        // Only if `setup` has put the reactor elsewhere, so that it was not dropped.
        None => Err(TapeError::Unread.into()),
    }
}
