//! What must hold for every input of every parser, as plain functions that panic when it does not.
//!
//! A fuzzer calls them with bytes it invents; a stable test calls them with the wire vectors and
//! mutations of those, so that the invariants are checked by every `cargo test` too.
//! Knows nothing of fuzzers.
#![forbid(unsafe_code)]

mod body;
mod condition;
mod cookie;
mod fields;
mod forms;
mod forwarded;
mod head;
mod inflate;
mod jwt;
mod range;
mod reply;
mod request;
mod target;

pub use body::fuzz_body;
pub use condition::fuzz_condition;
pub use cookie::fuzz_cookie;
pub use fields::fuzz_fields;
pub use forms::{fuzz_form, fuzz_multipart};
pub use forwarded::fuzz_forwarded;
pub use head::fuzz_head;
pub use inflate::fuzz_inflate;
pub use jwt::fuzz_jwt;
pub use range::fuzz_range;
pub use reply::fuzz_reply;
pub use request::{fuzz_parameters, fuzz_request};
pub use spikard_app::fuzz::{
    fuzz_convert, fuzz_json, fuzz_pattern_and_match, fuzz_read, fuzz_schema, fuzz_upload,
};
pub use target::fuzz_target;

/// Where to cut an input of `length` bytes: everywhere, or at some places if it is long.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    let step = 1 + length / 2048;
    (0..length).step_by(step).chain(std::iter::once(length))
}
