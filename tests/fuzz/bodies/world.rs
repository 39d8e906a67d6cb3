//! The storm over the chat, where a fuzzer's bytes decide: how many people there are, what they say, and all that goes wrong.
//! Owns none of it; what is wrong is found by the world's judges and by those of the chat.

#[path = "../../../examples/storm/worlds/mod.rs"]
#[expect(dead_code, reason = "other worlds, and their names on a command line")]
mod worlds;

use ropewalk::sim::{self, Faults};

pub(crate) fn play(input: &[u8]) {
    sim::fuzz(input, Faults::All, worlds::chat::play);
}
