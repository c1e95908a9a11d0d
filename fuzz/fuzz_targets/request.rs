//! Feeds libFuzzer's inputs to the invariants of the whole engine.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_request;

fuzz_target!(|data: &[u8]| fuzz_request(data));
