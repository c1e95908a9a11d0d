//! Feeds libFuzzer's inputs to the invariants of values read by way of a body's outline.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_read;

fuzz_target!(|data: &[u8]| fuzz_read(data));
