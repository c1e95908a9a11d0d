//! Feeds libFuzzer's inputs to the invariants of what proxies say of clients.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_forwarded;

fuzz_target!(|data: &[u8]| fuzz_forwarded(data));
