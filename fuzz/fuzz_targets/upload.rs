//! Feeds libFuzzer's inputs to the invariants of the intake of multipart forms: fields and files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard_fuzz_targets::fuzz_upload;

fuzz_target!(|data: &[u8]| fuzz_upload(data));
