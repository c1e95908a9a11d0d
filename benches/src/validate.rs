//! Judging a JSON body of 1 KiB.

use std::hint::black_box;

use spikard_app::validate::fault::Faults;
use spikard_app::validate::json;
use spikard_app::validate::schema::Schema;

use crate::{Operation, requests};

/// The default of `max_json_depth`.
const DEPTH_MAX: u32 = 32;

/// Syntax and duplicate keys only.
pub(crate) fn scan() -> Operation {
    let body = requests::order();
    assert!(
        (900..1200).contains(&body.len()),
        "about 1 KiB: {}",
        body.len()
    );
    assert_eq!(json::check(&body, DEPTH_MAX), Ok(()));
    Box::new(move || {
        let checked = json::check(black_box(&body), DEPTH_MAX);
        black_box(&checked);
    })
}

/// The same, and a schema.
pub(crate) fn schema() -> Operation {
    let body = requests::order();
    let schema = Schema::compile(&requests::order_schema()).expect("the schema is valid");
    let judge = move || {
        let mut faults = Faults::new();
        let laid_out = json::lay_out(black_box(&body), DEPTH_MAX).expect("the body is valid");
        schema.judge_body(&laid_out.tape(), &mut faults);
        faults
    };
    assert!(judge().is_empty(), "the order satisfies its schema");
    Box::new(move || {
        black_box(judge());
    })
}
