//! A stream of frames with prefixed lengths, by the fuzzer. Owns no check of its own: those are `ropewalk_fuzz::prefixed`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ropewalk_fuzz::prefixed(input));
