//! A network in memory, with a clock of its own, for tests that find in a second what a year in production would. Owns a
//! [`World`] of hosts, connections and scripted [`Peer`]s that repeats itself exactly for a seed; uses no thread, no
//! system call, no clock.
//!
//! The reactors in it are the same code as in production: only the [`Network`](crate::network::Network) below them is
//! another. To read on: `world` (whose turn it is), `peer` (scripts), `fabric` (what a kernel does), `pipe` (one
//! direction of a stream), `choose` (where decisions come from).

mod choose;
mod conditions;
mod errno;
mod fabric;
mod faults;
mod host;
mod ladder;
mod link;
mod names;
mod network;
mod pcap;
mod peer;
mod pipe;
mod queue;
mod random;
mod sweep;
mod trace;
mod world;

#[cfg(test)]
mod tests;

pub use conditions::Call;
pub use faults::Faults;
pub use ladder::Ladder;
pub use names::Answer;
pub use peer::{Peer, PeerListener};
pub use sweep::sweep;
pub use trace::Trace;
pub use world::World;
