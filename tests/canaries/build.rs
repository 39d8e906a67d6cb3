//! Without the bugs in the library: builds the program again, with them. Owns the call of cargo.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::hunt;

/// Seeds played in a build that is not for hunting.
const FEW: u64 = 40;

pub(crate) fn run(words: &[String]) -> ExitCode {
    if cfg!(debug_assertions) {
        return play_a_few(words);
    }
    // Its flags apart from the usual ones: nothing else is to be built again for them.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("canaries");
    let flags = env::var("RUSTFLAGS").unwrap_or_default();
    let status = Command::new(env!("CARGO"))
        .args(["test", "--release", "--test", "canaries", "--"])
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUSTFLAGS", format!("{flags} --cfg ropewalk_canaries"))
        .env("CARGO_TARGET_DIR", target)
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo can't be run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A debug build is too slow to hunt in: it shows that the worlds are sound, and says that it does no more.
fn play_a_few(words: &[String]) -> ExitCode {
    if !words.is_empty() && !words.iter().any(|word| "canaries".contains(word.as_str())) {
        return ExitCode::SUCCESS;
    }
    let failures = (0..FEW).filter(|&seed| hunt::play(seed).is_err()).count();
    println!("without a bug: {FEW} seeds, {failures} failures");
    println!(
        "NO BUG WAS PLANTED: that takes an optimised build. `cargo test --release --test canaries` plants them all, and \
         .ci/check_canaries runs that."
    );
    ExitCode::from(u8::from(failures > 0))
}
