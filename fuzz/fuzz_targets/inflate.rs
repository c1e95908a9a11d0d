//! Feeds libFuzzer's inputs to the invariants of the decoders of request bodies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_inflate;

fuzz_target!(|data: &[u8]| fuzz_inflate(data));
