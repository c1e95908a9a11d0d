//! Feeds libFuzzer's inputs to the invariants of field lists and written reply heads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_fields;

fuzz_target!(|data: &[u8]| fuzz_fields(data));
