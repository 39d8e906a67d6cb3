//! Frames with a length in front, by the fuzzer. Owns no check of its own: those are `ropewalk_fuzz::lengths`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ropewalk_fuzz::lengths(input));
