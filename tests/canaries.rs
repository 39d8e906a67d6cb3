//! Bugs planted in the library, one at a time: the simulated worlds catch each of them. Owns the list of seeds and what
//! counts as caught; what is looked at is what `storm` looks at, and no oracle knows of any bug.
//!
//! No release has the bugs in it. So this program builds itself again, with `--cfg ropewalk_canaries` and in a target
//! directory of its own, and plays there. A word on the command line names the bugs to play.

#[path = "../examples/chat.rs"]
#[expect(dead_code, reason = "its command line is not used here")]
mod chat;
#[path = "../examples/storm/worlds/mod.rs"]
#[allow(dead_code, reason = "the worlds are taken one by one")]
mod worlds;

#[cfg(not(ropewalk_canaries))]
#[path = "canaries/build.rs"]
mod build;
#[path = "canaries/hunt.rs"]
mod hunt;
#[cfg(ropewalk_canaries)]
#[path = "canaries/planted.rs"]
mod planted;

use std::process::ExitCode;

#[cfg(not(ropewalk_canaries))]
use build as part;
#[cfg(ropewalk_canaries)]
use planted as part;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // As a harness does that is asked which tests it has.
    if words.iter().any(|word| word == "--list") {
        println!("canaries: test");
        return ExitCode::SUCCESS;
    }
    let words: Vec<String> = words
        .into_iter()
        .filter(|word| !word.starts_with('-'))
        .collect();
    part::run(&words)
}
