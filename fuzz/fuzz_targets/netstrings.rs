//! Netstrings, by the fuzzer. Owns no check of its own: those are `ropewalk_fuzz::netstrings`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ropewalk_fuzz::netstrings(input));
