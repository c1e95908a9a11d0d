//! Reading a request head.

use std::hint::black_box;

use spikard_proto_http::{Head, HeadLimits, Progress};

use crate::{Operation, requests};

/// A head of `fields` fields, whole in the buffer, into a reused [`Head`].
pub(crate) fn head(fields: usize) -> Operation {
    let bytes = requests::get("/users/12345?verbose=true&page=2", fields);
    let limits = HeadLimits::default();
    let mut head = Head::new();
    let whole = Ok(Progress::Complete {
        consumed: bytes.len(),
    });
    assert_eq!(head.parse(&bytes, &limits), whole);
    Box::new(move || {
        head.clear();
        let progress = head.parse(black_box(&bytes), &limits);
        debug_assert_eq!(progress, whole);
        black_box(&progress);
    })
}
