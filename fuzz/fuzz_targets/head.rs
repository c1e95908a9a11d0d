//! Feeds libFuzzer's inputs to the invariants of request heads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_head;

fuzz_target!(|data: &[u8]| fuzz_head(data));
