//! The wire vectors of `testing_data/wire`, loaded. Their format is told by the README there.
//!
//! Knows nothing of parsers; a key it does not know is a mistake in the data and stops the test.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Files with request heads.
pub(crate) const HEAD_FILES: &[&str] = &[
    "request_line",
    "target",
    "host",
    "fields",
    "framing",
    "session",
];
/// The file with bodies.
pub(crate) const BODY_FILE: &str = "body";
/// The file with replies.
pub(crate) const REPLY_FILE: &str = "reply";
/// The file with multipart bodies.
pub(crate) const MULTIPART_FILE: &str = "multipart";

/// One vector.
#[derive(Clone, Debug)]
pub(crate) struct Vector {
    /// File and name, for messages.
    pub(crate) label: String,
    /// The message.
    pub(crate) bytes: Vec<u8>,
    /// All keys, as in the file.
    pub(crate) data: Value,
}

/// The vectors of one file.
pub(crate) fn load(file: &str) -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find_map(|ancestor| {
            let folder = ancestor.join("testing_data/wire");
            folder.is_dir().then_some(folder)
        });
    let path = folder
        .expect("testing_data/wire is above the crate")
        .join(format!("{file}.json"));
    let text = fs::read_to_string(&path).expect("the file of vectors is readable");
    let rows: Vec<Value> = serde_json::from_str(&text).expect("a file of vectors is an array");
    rows.into_iter().map(|data| vector(file, data)).collect()
}

fn vector(file: &str, data: Value) -> Vector {
    let label = format!(
        "{file}/{}",
        data["name"].as_str().expect("a vector has a name")
    );
    let keys = data.as_object().expect("a vector is an object");
    for key in ["why", "spec"] {
        assert!(
            data[key].as_str().is_some_and(|text| !text.is_empty()),
            "{label} lacks {key}"
        );
    }
    let verdicts = ["complete", "refuse", "partial"]
        .iter()
        .filter(|key| keys.contains_key(**key));
    assert_eq!(verdicts.count(), 1, "{label} has one verdict");
    Vector {
        bytes: text(&data["bytes"]),
        label,
        data,
    }
}

/// A text of the data as bytes: a string, or a list of strings and repetitions.
pub(crate) fn text(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => latin1(text),
        Value::Array(parts) => parts.iter().flat_map(text).collect(),
        Value::Object(part) => {
            let times = part["times"].as_u64().expect("times is a number") as usize;
            text(&part["repeat"]).repeat(times)
        }
        _ => panic!("{value} is no text"),
    }
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|char| u8::try_from(char).expect("a character is one byte"))
        .collect()
}

/// The rows of a list of fields, repetitions written out.
pub(crate) fn field_rows(value: &Value) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = value.as_array().expect("fields are a list");
    let pair = |row: &Value| (text(&row[0]), text(&row[1]));
    rows.iter()
        .flat_map(|row| match row {
            Value::Object(repeated) => {
                let times = repeated["times"].as_u64().expect("times is a number") as usize;
                vec![pair(&repeated["repeat"]); times]
            }
            row => vec![pair(row)],
        })
        .collect()
}
