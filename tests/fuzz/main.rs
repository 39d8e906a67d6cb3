//! Inputs worth keeping that a fuzzer has found, or a person: each is played again. The fuzzer itself, in `fuzz/`, plays
//! the same functions with inputs of its own.

mod bodies;
#[path = "../../examples/chat.rs"]
#[expect(dead_code, reason = "its command line is not used here")]
mod chat;

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// What is allocated is counted for the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Plays every file of a corpus, in the order of their names.
fn replay(corpus: &str, play: fn(&[u8])) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = PathBuf::from("tests/fuzz/corpus").join(corpus);
    let files = fs::read_dir(&directory).expect("every target has a corpus");
    let mut files: Vec<_> = files.flatten().map(|file| file.path()).collect();
    files.sort();
    assert!(!files.is_empty(), "nothing in {}", directory.display());
    for file in files {
        // Shown if it fails.
        println!("{}", file.display());
        play(&fs::read(&file).expect("the file can be read"));
    }
}

#[test]
fn lines_are_the_same_for_every_chunking() {
    replay("lines", bodies::lines::play);
}

#[test]
fn prefixed_frames_are_the_same_for_every_chunking() {
    replay("prefixed", bodies::prefixed::play);
}

#[test]
fn frames_with_a_length_in_front_are_the_same_for_every_chunking() {
    replay("lengths", bodies::framings::play_lengths);
}

#[test]
fn netstrings_are_the_same_for_every_chunking() {
    replay("netstrings", bodies::framings::play_netstrings);
}

#[test]
fn frames_in_a_code_are_the_same_for_every_chunking() {
    replay("stuffed", bodies::framings::play_stuffed);
}

#[test]
fn a_framing_that_says_anything_breaks_nothing() {
    replay("lying", bodies::lying::play);
}

#[test]
fn every_text_is_an_endpoint_or_refused() {
    replay("endpoints", bodies::endpoints::play);
}

#[test]
fn a_storm_of_any_bytes_harms_nobody() {
    replay("world", bodies::world::play);
}
