//! Writing the head of a reply.

use std::hint::black_box;

use spikard_proto_http::date::format_date;
use spikard_proto_http::{Fields, ReplyHead, ReplyLength, Version, encode_head};

use crate::Operation;

/// Status line, date, two fields, length.
pub(crate) fn reply_head() -> Operation {
    let mut fields = Fields::new();
    let pushed = fields
        .push(b"content-type", b"application/json")
        .and_then(|()| fields.push(b"x-request-id", b"6f1a2c94e07b4d3f8d3c1e5f7a9b0246"));
    assert_eq!(pushed, Ok(()));
    let date = format_date(1_750_000_000);
    let mut out = Vec::with_capacity(1024);
    Box::new(move || {
        out.clear();
        let head = ReplyHead {
            status: 200,
            fields: black_box(&fields),
            length: ReplyLength::Known(27),
            date: &date,
            keep_alive: true,
            request_version: Version::Http11,
        };
        encode_head(&mut out, &head);
        black_box(&out);
    })
}
