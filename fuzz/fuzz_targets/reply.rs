//! Feeds libFuzzer's inputs to the invariants of the client's half: replies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_reply;

fuzz_target!(|data: &[u8]| fuzz_reply(data));
