//! A network in memory, with a clock of its own, for tests that find in a second what a year in production would. Owns a
//! [`World`] of hosts, connections and scripted [`Peer`]s that repeats itself exactly for a seed; uses no thread, no
//! system call, no clock.
//!
//! The reactors in it are the same code as in production: only the [`Network`](crate::network::Network) below them is
//! another. To read on: `world` (what a test may ask of it), `turning` (whose turn it is), `peer` (scripts), `fabric` (what a kernel does), `pipe` (one
//! direction of a stream), `choose` (where decisions come from), `judge` and `witness` (what holds of every reactor),
//! `listening`, `unheard` and `written` (the bytes that these compare); of datagrams `datagram_peer`, `udp` and `datagram_witness`.

mod choose;
mod conditions;
mod datagram_peer;
mod datagram_witness;
mod errno;
mod fabric;
mod family;
mod faults;
mod files;
mod flag;
mod host;
mod hosting;
mod judge;
mod ladder;
mod link;
mod listening;
mod machine;
mod names;
mod network;
mod panics;
mod pcap;
mod peer;
mod pipe;
mod ports;
mod queue;
mod random;
mod shrink;
mod striking;
mod sweep;
mod trace;
mod turning;
mod udp;
mod unheard;
mod unix_names;
mod witness;
mod world;
mod written;

#[cfg(test)]
mod tests;

pub use choose::{Tape, TapeError};
pub use conditions::Call;
pub use datagram_peer::DatagramPeer;
pub use family::Family;
pub use faults::Faults;
pub use ladder::Ladder;
pub use names::Answer;
pub use peer::{Peer, PeerListener};
pub use sweep::{Sweep, enumerate, fuzz, replay, sweep};
pub use trace::Trace;
pub use world::World;
