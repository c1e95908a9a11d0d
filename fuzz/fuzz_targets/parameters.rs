//! Feeds libFuzzer's inputs to the invariants of typed parameters, from a request to the host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::{fuzz_convert, fuzz_parameters};

fuzz_target!(|data: &[u8]| {
    fuzz_parameters(data);
    fuzz_convert(data);
});
