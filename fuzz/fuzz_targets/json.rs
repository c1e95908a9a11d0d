//! Feeds libFuzzer's inputs to the invariants of the JSON scanner, and of the schemas that judge
//! what it lays out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::{fuzz_json, fuzz_schema};

fuzz_target!(|data: &[u8]| {
    fuzz_json(data);
    fuzz_schema(data);
});
