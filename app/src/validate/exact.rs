//! Integers beyond 64 bits in what rows quote: digit for digit, as they were sent.
//!
//! A refused body is built as values, which round such integers. Where a body has one, what each
//! row quotes is found in its text again, and written from there.
//! Knows nothing of how faults are found.

use serde_json::Value;
use spikard_proto_http::sabotage;

use super::fault::Fault;
use super::scanner::Kind;
use super::tape::Tape;

/// Gives rows of a body the text of what they quote, if it holds an integer that values round.
pub(super) fn quote_exactly(body: Tape<'_>, rows: &mut [Fault]) {
    if rows.is_empty() {
        return;
    }
    let count = u32::try_from(body.values()).unwrap_or(u32::MAX);
    if !(0..count).any(|at| is_rounded(body, at)) || sabotage::is_off("rows/exact") {
        return;
    }
    for row in rows {
        let Some(input) = &row.input else { continue };
        let way = way(body, &row.path);
        // Of what is missing the object is quoted that lacks it.
        let quoted = way.iter().rev().find(|at| body.value_at(**at) == *input);
        row.exact = quoted.map(|at| {
            let mut text = String::new();
            write(body, *at, &mut text);
            text.into()
        });
    }
}

/// Whether a value is an integer of more than 64 bits.
fn is_rounded(body: Tape<'_>, at: u32) -> bool {
    let row = body.row(at);
    if row.kind != Kind::Integer {
        return false;
    }
    let digits = body.digits(row);
    // No integer of fewer digits is.
    digits.len() > 18 && digits.parse::<u64>().is_err() && digits.parse::<i64>().is_err()
}

/// The values on the way to a place, the whole body first, as far as the way leads.
fn way(body: Tape<'_>, path: &[String]) -> Vec<u32> {
    let mut way = vec![0];
    let mut at = 0;
    for step in path {
        let mut children = body.children(at);
        let next = match body.row(at).kind {
            Kind::Array => step.parse().ok().and_then(|index| children.nth(index)),
            Kind::Object => {
                let mut found = None;
                while let (None, Some(key), Some(member)) =
                    (found, children.next(), children.next())
                {
                    let name = body.string(body.row(key));
                    found = name.filter(|name| name == step).map(|_| member);
                }
                found
            }
            _ => None,
        };
        let Some(next) = next else { break };
        at = next;
        way.push(at);
    }
    way
}

/// Writes a value compactly. Recursion is bounded by the scanner's depth limit.
fn write(body: Tape<'_>, at: u32, text: &mut String) {
    let row = body.row(at);
    match row.kind {
        Kind::Array => {
            text.push('[');
            for (index, item) in body.children(at).enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                write(body, item, text);
            }
            text.push(']');
        }
        Kind::Object => {
            text.push('{');
            for (index, part) in body.children(at).enumerate() {
                text.push_str(match index {
                    0 => "",
                    // Keys and members take turns.
                    index if index % 2 == 1 => ":",
                    _ => ",",
                });
                write(body, part, text);
            }
            text.push('}');
        }
        _ if is_rounded(body, at) => text.push_str(body.digits(row)),
        _ => text.push_str(&Value::to_string(&body.value_at(at))),
    }
}
