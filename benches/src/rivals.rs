//! Other ways to look at a JSON body before a handler does, beside the one the engine has.
//!
//! Each starts from the bytes as they were received and ends where a schema could be asked. Only
//! the engine's own scan refuses duplicate keys; the others would need a pass of their own for it.
//! Knows nothing of how it is measured.

use std::hint::black_box;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use simd_json::{Buffers, Tape, fill_tape};
use spikard_app::validate::json;

use crate::{Case, Operation, case, requests};

/// The default of `max_json_depth`.
const DEPTH_MAX: u32 = 32;

/// An order read through its outline, in whole.
pub(crate) fn order() -> Operation {
    own_read::<Order>()
}

/// Every rival, beside the engine's own scan.
pub const RIVALS: &[Case] = &[
    case("body_1k/own_tape", || own(1)),
    case("body_1k/simd_json_tape", || simd(1)),
    case("body_1k/serde_json_value", || value(1)),
    case("order_1k/own_read", own_read::<Order>),
    case("order_1k/serde_json_read", serde_json_read::<Order>),
    case("order_1k/own_read_of_few", own_read::<Few>),
    case("order_1k/serde_json_read_of_few", serde_json_read::<Few>),
    case("body_100k/own_tape", || own(100)),
    case("body_100k/simd_json_tape", || simd(100)),
    case("body_100k/serde_json_value", || value(100)),
];

/// A list of `count` orders of about 1 KiB each.
fn orders(count: usize) -> Vec<u8> {
    let order = requests::order();
    let orders = vec![order.as_slice(); count].join(&b',');
    [b"[".as_slice(), &orders, b"]"].concat()
}

fn own(count: usize) -> Operation {
    let body = orders(count);
    assert!(json::lay_out(&body, DEPTH_MAX).is_ok(), "the body is valid");
    Box::new(move || {
        black_box(json::lay_out(black_box(&body), DEPTH_MAX).is_ok());
    })
}

/// An order as a handler may take it.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only made")]
struct Order {
    id: i64,
    customer: Customer,
    express: bool,
    voucher: Option<String>,
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only made")]
struct Customer {
    name: String,
    email: String,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only made")]
struct Line {
    sku: String,
    quantity: u32,
    price: f64,
    note: Option<String>,
}

/// What the application of the benchmarks takes of one.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only made")]
struct Few {
    id: i64,
    lines: Vec<Sku>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only made")]
struct Sku {
    sku: String,
}

/// A typed value by way of the outline, which is there once a body was judged.
fn own_read<T: DeserializeOwned>() -> Operation {
    let (body, mut outline) = (requests::order(), Vec::new());
    let laid_out = json::lay_out(&body, DEPTH_MAX).expect("the body is valid");
    laid_out.keep(&mut outline);
    assert!(json::read::<T>(&body, &outline).is_ok(), "it is an order");
    Box::new(move || {
        black_box(json::read::<T>(black_box(&body), &outline).is_ok());
    })
}

/// The same from the bytes.
fn serde_json_read<T: DeserializeOwned>() -> Operation {
    let body = requests::order();
    assert!(serde_json::from_slice::<T>(&body).is_ok(), "it is an order");
    Box::new(move || {
        black_box(serde_json::from_slice::<T>(black_box(&body)).is_ok());
    })
}

/// It unescapes in place, so it works on a copy: the host gets the bytes as they were sent.
fn simd(count: usize) -> Operation {
    let body = orders(count);
    let (mut copy, mut buffers) = (Vec::new(), Buffers::new(body.len()));
    let mut parse = move || {
        copy.clear();
        copy.extend_from_slice(black_box(&body));
        let mut tape = Tape::null();
        fill_tape(&mut copy, &mut buffers, &mut tape).is_ok()
    };
    assert!(parse(), "the body is valid");
    Box::new(move || {
        black_box(parse());
    })
}

fn value(count: usize) -> Operation {
    let body = orders(count);
    let parse = move || serde_json::from_slice::<Value>(black_box(&body)).is_ok();
    assert!(parse(), "the body is valid");
    Box::new(move || {
        black_box(parse());
    })
}
