//! Feeds libFuzzer's inputs to the invariants of tokens and keys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_jwt;

fuzz_target!(|data: &[u8]| fuzz_jwt(data));
