//! Feeds libFuzzer's inputs to the invariants of message bodies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_body;

fuzz_target!(|data: &[u8]| fuzz_body(data));
