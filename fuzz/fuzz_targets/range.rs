//! Feeds libFuzzer's inputs to the invariants of ranges.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_range;

fuzz_target!(|data: &[u8]| fuzz_range(data));
