//! A stream of lines, cut in any way, by the fuzzer. Owns no check of its own: those are `ropewalk_fuzz::lines`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ropewalk_fuzz::lines(input));
