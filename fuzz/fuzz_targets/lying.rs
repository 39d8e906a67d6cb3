//! Framings that lie to the loop, by the fuzzer. Owns no check of its own: those are `ropewalk_fuzz::lying`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ropewalk_fuzz::lying(input));
