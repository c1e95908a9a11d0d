//! Feeds every request head of `testing_data/wire` in every way and compares all facts.
//!
//! The runner has no opinion: what is right stands in the vectors.

use crate::guard::GuardedPages;
use crate::vectors::{HEAD_FILES, Vector, field_rows, load, text};
use serde_json::{Value, json};
use spikard_proto_http::{BodyLength, Head, HeadError, HeadLimits, Progress, Version};

/// Longest vector that is cut at every place; longer ones are cut at every 97th.
const CUT_EVERYWHERE_BYTES_MAX: usize = 4096;

fn vectors() -> Vec<Vector> {
    HEAD_FILES.iter().flat_map(|file| load(file)).collect()
}

fn limits(vector: &Vector) -> HeadLimits {
    let mut limits = HeadLimits::default();
    for (key, value) in vector.data["limits"].as_object().into_iter().flatten() {
        let value = value.as_u64().unwrap() as usize;
        match key.as_str() {
            "head_bytes_max" => limits.head_bytes_max = value,
            "request_line_bytes_max" => limits.request_line_bytes_max = value,
            "fields_max" => limits.fields_max = value,
            _ => panic!("{key} is no limit"),
        }
    }
    limits
}

/// Compares an outcome with the vector's verdict. `fed` is what the parser saw.
fn judge(vector: &Vector, head: &Head, fed: &[u8], outcome: Result<Progress, HeadError>) {
    let label = &vector.label;
    if let Some(expected) = vector.data.get("complete") {
        let Ok(Progress::Complete { consumed }) = outcome else {
            panic!("{label}: {outcome:?} instead of a complete head");
        };
        let rest = expected.get("rest").map_or(Vec::new(), text);
        assert_eq!(
            consumed,
            vector.bytes.len() - rest.len(),
            "{label}: consumed"
        );
        assert!(
            fed.len() >= consumed,
            "{label}: consumed more than there was"
        );
        compare_facts(label, head, expected);
    } else if let Some(expected) = vector.data.get("refuse") {
        let Err(error) = outcome else {
            panic!("{label}: {outcome:?} instead of a refusal");
        };
        assert_eq!(cause(&error), expected["cause"], "{label}: {error:?}");
        assert_eq!(error.status(), expected["status"], "{label}: {error:?}");
        assert!(
            head.bytes().is_empty() && head.table().is_empty(),
            "{label}: leftovers"
        );
    } else {
        assert_eq!(outcome, Ok(Progress::Partial), "{label}");
    }
}

fn cause(error: &HeadError) -> Value {
    let debug = format!("{error:?}");
    json!(debug.split(' ').next().unwrap())
}

fn compare_facts(label: &str, head: &Head, expected: &Value) {
    const KEYS: &[&str] = &[
        "method",
        "target",
        "path",
        "query",
        "version",
        "body",
        "keep_alive",
        "expects_continue",
        "host",
        "content_type",
        "upgrade",
        "fields",
        "rest",
    ];
    for key in expected.as_object().unwrap().keys() {
        assert!(KEYS.contains(&key.as_str()), "{label}: unknown fact {key}");
    }
    let optional = |key: &str| expected.get(key).map(text);
    assert_eq!(
        head.method_bytes(),
        text(&expected["method"]),
        "{label}: method"
    );
    assert_eq!(head.target(), text(&expected["target"]), "{label}: target");
    let path = optional("path").unwrap_or_else(|| text(&expected["target"]));
    assert_eq!(head.path(), path, "{label}: path");
    assert_eq!(
        head.query().map(<[u8]>::to_vec),
        optional("query"),
        "{label}: query"
    );
    compare_framing(label, head, expected);
    compare_session(label, head, expected);
    assert_eq!(head.host(), text(&expected["host"]), "{label}: host");
    let content_type = head.content_type().map(<[u8]>::to_vec);
    assert_eq!(
        content_type,
        optional("content_type"),
        "{label}: content type"
    );
    assert_eq!(
        head.upgrade().map(<[u8]>::to_vec),
        optional("upgrade"),
        "{label}: upgrade"
    );
    let fields: Vec<_> = head
        .fields()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    assert_eq!(fields, field_rows(&expected["fields"]), "{label}: fields");
    for (name, _) in head.fields() {
        assert!(head.field(name).is_some(), "{label}: field by name");
    }
}

fn compare_framing(label: &str, head: &Head, expected: &Value) {
    let version = match expected.get("version").and_then(Value::as_str) {
        None => Version::Http11,
        Some("1.0") => Version::Http10,
        other => panic!("{label}: version {other:?}"),
    };
    assert_eq!(head.version(), version, "{label}: version");
    let body = match expected.get("body") {
        None => BodyLength::None,
        Some(Value::Number(length)) => BodyLength::Known(length.as_u64().unwrap()),
        Some(length) => {
            assert_eq!(length, "chunked");
            BodyLength::Chunked
        }
    };
    assert_eq!(head.body_length(), body, "{label}: body");
}

fn compare_session(label: &str, head: &Head, expected: &Value) {
    let flag = |key: &str, default| {
        expected
            .get(key)
            .map_or(default, |it| it.as_bool().unwrap())
    };
    assert_eq!(
        head.keep_alive(),
        flag("keep_alive", true),
        "{label}: keep_alive"
    );
    assert_eq!(
        head.expects_continue(),
        flag("expects_continue", false),
        "{label}: expects"
    );
}

#[test]
fn there_are_enough_vectors() {
    assert!(
        vectors().len() >= 190,
        "only {} head vectors",
        vectors().len()
    );
}

#[test]
fn whole() {
    let mut head = Head::new();
    for vector in vectors() {
        let outcome = head.parse(&vector.bytes, &limits(&vector));
        judge(&vector, &head, &vector.bytes, outcome);
        head.clear();
    }
}

#[test]
fn byte_by_byte() {
    let mut head = Head::new();
    for vector in vectors() {
        let limits = limits(&vector);
        let mut length = 0;
        let outcome = loop {
            let outcome = head.parse(&vector.bytes[..length], &limits);
            if outcome != Ok(Progress::Partial) || length == vector.bytes.len() {
                break outcome;
            }
            length += 1;
        };
        judge(&vector, &head, &vector.bytes[..length], outcome);
        head.clear();
    }
}

#[test]
fn cut_in_two_with_and_without_memory() {
    for vector in vectors() {
        let limits = limits(&vector);
        let step = if vector.bytes.len() > CUT_EVERYWHERE_BYTES_MAX {
            97
        } else {
            1
        };
        for cut in (0..vector.bytes.len()).step_by(step) {
            let mut head = Head::new();
            match head.parse(&vector.bytes[..cut], &limits) {
                Ok(Progress::Partial) => {
                    let outcome = head.parse(&vector.bytes, &limits);
                    judge(&vector, &head, &vector.bytes, outcome);
                }
                early => judge(&vector, &head, &vector.bytes[..cut], early),
            }
        }
    }
}

#[test]
fn between_guard_pages() {
    let longest = vectors()
        .iter()
        .map(|vector| vector.bytes.len())
        .max()
        .unwrap();
    let mut pages = GuardedPages::new(longest);
    for vector in vectors() {
        let limits = limits(&vector);
        let mut head = Head::new();
        let input = pages.flush_with_end(&vector.bytes);
        let outcome = head.parse(input, &limits);
        judge(&vector, &head, input, outcome);
        head.clear();
        let input = pages.flush_with_start(&vector.bytes);
        let outcome = head.parse(input, &limits);
        judge(&vector, &head, input, outcome);
        // Every prefix ends at the guard page too; only touching it would be a fault here.
        for length in 0..vector.bytes.len().min(512) {
            head.clear();
            let _ = head.parse(pages.flush_with_end(&vector.bytes[..length]), &limits);
        }
    }
}

#[test]
fn details_are_sentences_without_the_clients_bytes() {
    for vector in vectors() {
        if let Err(error) = Head::new().parse(&vector.bytes, &limits(&vector)) {
            let detail = error.detail();
            let printable = detail
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic());
            assert!(
                printable && (10..120).contains(&detail.len()),
                "{}: {detail}",
                vector.label
            );
            assert_eq!(detail, error.to_string());
        }
    }
}
