//! Feeds libFuzzer's inputs to the invariants of conditional requests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_condition;

fuzz_target!(|data: &[u8]| fuzz_condition(data));
