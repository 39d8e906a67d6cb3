//! The worlds that storms are let loose on: the chat example's own protocol, and an echo; beside either an echo of
//! datagrams. Owns what is said in them and what
//! has to come of it; what goes wrong is the simulation's part.

pub(crate) mod chat;
mod datagrams;
pub(crate) mod echo;
mod ledger;

use ropewalk::sim::World;

/// A scenario by its name on the command line.
pub(crate) fn named(name: &str) -> Option<fn(&World)> {
    match name {
        "chat" => Some(chat::play),
        "echo" => Some(echo::play),
        _ => None,
    }
}
