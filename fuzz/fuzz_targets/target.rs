//! Feeds libFuzzer's inputs to the invariants of the decoders: paths, queries, media types,
//! cookies, dates.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_target;

fuzz_target!(|data: &[u8]| fuzz_target(data));
