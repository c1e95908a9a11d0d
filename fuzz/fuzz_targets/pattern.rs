//! Feeds libFuzzer's inputs to the invariants of patterns of paths and the tree that matches them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_pattern_and_match;

fuzz_target!(|data: &[u8]| fuzz_pattern_and_match(data));
