//! What the fuzzer's targets do with an input: the functions that `cargo test` plays with the corpus. Owns none of it.

#[path = "../../tests/fuzz/bodies/mod.rs"]
mod bodies;
#[path = "../../examples/chat.rs"]
#[expect(dead_code, reason = "its command line is not used here")]
mod chat;

/// See `tests/fuzz/bodies/endpoints.rs`.
pub fn endpoints(input: &[u8]) {
    bodies::endpoints::play(input);
}

/// See `tests/fuzz/bodies/framings.rs`.
pub fn lengths(input: &[u8]) {
    bodies::framings::play_lengths(input);
}

/// See `tests/fuzz/bodies/framings.rs`.
pub fn netstrings(input: &[u8]) {
    bodies::framings::play_netstrings(input);
}

/// See `tests/fuzz/bodies/framings.rs`.
pub fn stuffed(input: &[u8]) {
    bodies::framings::play_stuffed(input);
}

/// See `tests/fuzz/bodies/lines.rs`.
pub fn lines(input: &[u8]) {
    bodies::lines::play(input);
}

/// See `tests/fuzz/bodies/lying.rs`.
pub fn lying(input: &[u8]) {
    bodies::lying::play(input);
}

/// See `tests/fuzz/bodies/prefixed.rs`.
pub fn prefixed(input: &[u8]) {
    bodies::prefixed::play(input);
}

/// See `tests/fuzz/bodies/world.rs`.
pub fn world(input: &[u8]) {
    bodies::world::play(input);
}
