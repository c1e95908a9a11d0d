//! Feeds libFuzzer's inputs to the invariants of the readers of cookies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_cookie;

fuzz_target!(|data: &[u8]| fuzz_cookie(data));
