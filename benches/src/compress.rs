//! A reply of 20 KB compressed, by coding and level: what is estimated in `middleware` rests on it.

use std::fmt::Write;
use std::hint::black_box;

use spikard_middleware::inflate::Coding;
use spikard_middleware::{Encoder, Recoding};

use crate::{Case, Operation, case};

/// Every level whose cost is listed there. They are timed, not counted: an encoder's instructions
/// are no affair of ours.
pub const COMPRESS: &[Case] = &[
    case("compress/gzip_1", || encode(Coding::Gzip, 1)),
    case("compress/gzip_4", || encode(Coding::Gzip, 4)),
    case("compress/gzip_6", || encode(Coding::Gzip, 6)),
    case("compress/gzip_9", || encode(Coding::Gzip, 9)),
    case("compress/brotli_0", || encode(Coding::Brotli, 0)),
    case("compress/brotli_1", || encode(Coding::Brotli, 1)),
    case("compress/brotli_2", || encode(Coding::Brotli, 2)),
    case("compress/brotli_4", || encode(Coding::Brotli, 4)),
    case("compress/brotli_5", || encode(Coding::Brotli, 5)),
    case("compress/brotli_6", || encode(Coding::Brotli, 6)),
    case("compress/brotli_9", || encode(Coding::Brotli, 9)),
    case("compress/brotli_11", || encode(Coding::Brotli, 11)),
];

fn encode(coding: Coding, quality: u32) -> Operation {
    let body = records();
    let recoding = Recoding { coding, quality };
    let mut encoder = Encoder::default();
    let coded = encoder.encode(recoding, &body);
    assert!(coded.is_some_and(|coded| coded.len() * 4 < body.len()));
    Box::new(move || {
        black_box(encoder.encode(black_box(recoding), black_box(&body)));
    })
}

/// A list of records, as JSON.
fn records() -> Vec<u8> {
    let mut text = String::from("[");
    for each in 0..280_u32 {
        let comma = if each > 0 { "," } else { "" };
        let score = each * 37 % 101;
        // A string takes all that is written.
        let _ = write!(
            text,
            "{comma}{{\"id\":{each},\"name\":\"User {each}\",\
             \"email\":\"user{each}@example.com\",\"score\":{score}}}"
        );
    }
    text.push(']');
    text.into_bytes()
}
