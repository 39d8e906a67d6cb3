//! A network in memory, with a clock of its own. Owns a world of hosts, connections and scripted peers that repeats
//! itself exactly for a seed; uses no thread, no system call, no clock.

mod choose;
mod errno;
mod fabric;
mod faults;
mod host;
mod link;
mod names;
mod network;
mod pipe;
mod queue;
mod random;
mod trace;

#[cfg(test)]
mod tests;

pub use faults::Faults;
pub use names::Answer;
