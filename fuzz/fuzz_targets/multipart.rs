//! Feeds libFuzzer's inputs to the invariants of the reader of multipart bodies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_multipart;

fuzz_target!(|data: &[u8]| fuzz_multipart(data));
