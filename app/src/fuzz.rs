//! Entry points for fuzzers, each with the facts that must hold for every input.
//!
//! A fuzz target is one call of one of these; a seeded test calls them on every build.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::{Value, json};
use spikard_contract::config::ServerConfig;
use spikard_contract::route::{ANY_FILE, FileDocument};
use spikard_middleware::{Arguments, BodySink, Exchange, Problem};
use spikard_proto_http::form::pairs;

use crate::params::brackets;
use crate::params::convert::{boolean, integer, number};
use crate::params::shape::{Shape, Spot};
use crate::route::pattern::Pattern;
use crate::route::tree::{Builder, Found};
use crate::upload::intake::{FormIntake, FormRules, IntakeLimits};
use crate::upload::rules::FileRules;
use crate::upload::whole::WholeForm;
use crate::validate::fault::{Fault, Faults, Source};
use crate::validate::form::FormReading;
use crate::validate::json::{self, JsonFaultKind};
use crate::validate::rows::Place;
use crate::validate::schema::Schema;
use crate::validate::tape::Tape;

/// Lines of patterns, then one line that is the request's path.
///
/// # Panics
/// When a fact does not hold.
pub fn fuzz_pattern_and_match(data: &[u8]) {
    let mut lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let path = lines.pop().unwrap_or_default();
    let mut builder = Builder::default();
    let mut literals = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Ok(text) = std::str::from_utf8(line) else {
            continue;
        };
        let pattern = match Pattern::parse(text) {
            Ok(pattern) => pattern,
            Err(error) => {
                assert!(error.position <= text.len(), "{error}");
                continue;
            }
        };
        let inserted = builder.insert(&["GET".to_owned()], &pattern, index as u32);
        if inserted.is_ok() && pattern.is_literal() {
            literals.push((text, index as u32));
        }
    }
    let tree = builder.finish();
    for method in [&b"GET"[..], b"HEAD", b"POST", b"OPTIONS"] {
        let found = tree.find(method, path);
        assert!(!matches!((method, found), (b"POST", Found::Route(_))));
    }
    for (text, index) in literals {
        assert_eq!(
            tree.find(b"GET", text.as_bytes()),
            Found::Route(index),
            "{text}"
        );
    }
}

/// A JSON text.
///
/// # Panics
/// When a fact does not hold.
pub fn fuzz_json(data: &[u8]) {
    const DEPTH_MAX: u32 = 32;
    let checked = json::check(data, DEPTH_MAX);
    let parsed = json::parse(data, DEPTH_MAX);
    assert_eq!(
        checked.as_ref().err(),
        parsed.as_ref().err(),
        "check and parse agree"
    );
    let other: Result<Value, _> = serde_json::from_slice(data);
    match (&checked, &other) {
        // The other parser has no numbers beyond `f64`.
        (Ok(()), Err(error)) => assert!(error.to_string().contains("out of range"), "{error}"),
        (Err(fault), Ok(_)) => assert!(
            matches!(
                fault.kind,
                JsonFaultKind::DuplicateKey { .. } | JsonFaultKind::TooDeep { .. }
            ),
            "{fault:?}"
        ),
        _ => {}
    }
    if let Err(fault) = checked {
        assert!(fault.position <= data.len());
    }
}

/// A JSON text, judged as it lies and as values.
///
/// # Panics
/// When a fact does not hold.
pub fn fuzz_schema(data: &[u8]) {
    let Ok(laid_out) = json::lay_out(data, 32) else {
        return;
    };
    let tape = laid_out.tape();
    let value = tape.to_value();
    for schema in body_schemas() {
        let mut as_laid_out = Faults::new();
        schema.judge_body(&tape, &mut as_laid_out);
        let mut built = Faults::new();
        let place = Place {
            source: Source::Body,
            path: &[],
            input: None,
        };
        schema.judge(&value, &place, &mut built);
        // Only numbers beyond 64 bits may be rounded to something valid, and only the text has them
        // as they were sent.
        let rounded = as_laid_out
            .rows()
            .iter()
            .any(|row| row.kind == "value_error");
        let rows: Vec<Fault> = as_laid_out.rows().to_vec();
        let rows = rows.into_iter().map(|row| Fault { exact: None, ..row });
        assert!(
            rounded || rows.eq(built.rows().iter().cloned()),
            "{value}: {as_laid_out:?} {built:?}"
        );
    }
}

/// A JSON text, read by way of its outline and by `serde_json`.
///
/// # Panics
/// When a fact does not hold.
pub fn fuzz_read(data: &[u8]) {
    if let Ok(laid_out) = json::lay_out(data, 512) {
        same::<Value>(data, laid_out.tape());
        same::<Reading>(data, laid_out.tape());
        same::<BTreeMap<String, Reading>>(data, laid_out.tape());
        same::<Vec<Option<f64>>>(data, laid_out.tape());
        same::<BTreeMap<i64, Value>>(data, laid_out.tape());
    }
}

/// Either reads what the other does.
fn same<'t, T: Deserialize<'t> + fmt::Debug>(data: &'t [u8], tape: Tape<'t>) {
    let (own, other) = (tape.read::<T>(), serde_json::from_slice::<T>(data));
    match (own, other) {
        // Compared as text, which tells minus zero from zero.
        (Some(own), Ok(other)) => assert_eq!(format!("{own:?}"), format!("{other:?}")),
        (None, Err(_)) => {}
        (own, other) => panic!("{own:?}, and serde_json {other:?}"),
    }
}

/// Types whose reading takes different ways through a deserializer.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "compared by what `Debug` shows")]
enum Reading {
    Flag(bool),
    Whole(i32),
    Float(f32),
    Text(Option<String>),
    Pair(u64, Box<Reading>),
    Fields {
        a: Option<f64>,
        #[serde(alias = "c")]
        b: Tagged,
    },
    Rest {
        a: u128,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    },
    Tagged(Tagged),
    List(Vec<Reading>),
    Map(BTreeMap<u8, Reading>),
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "compared by what `Debug` shows")]
#[serde(rename_all = "lowercase")]
enum Tagged {
    A,
    B(Value),
    C(i8, i8),
}

/// The text of a parameter, or a query string.
///
/// # Panics
/// When a fact does not hold.
pub fn fuzz_convert(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(value) = integer(&text) {
        assert_eq!(integer(&value.to_string()), Some(value));
        assert!(number(&text).is_some(), "every integer is a number");
    }
    assert!(number(&text).is_none_or(f64::is_finite));
    if let Some(value) = boolean(&text) {
        assert_eq!(boolean(&value.to_string()), Some(value));
    }
    let name = ["p".to_owned()];
    let spot = Spot {
        source: Source::Query,
        name: &name,
    };
    for shape in shapes() {
        let (mut arguments, mut faults) = (Arguments::new(), Faults::new());
        shape.read(&[Cow::Borrowed(&text)], spot, &mut arguments, &mut faults);
        assert_ne!(
            arguments.table().is_empty(),
            faults.is_empty(),
            "delivered or refused"
        );
        let branches = pairs(data).filter_map(|(name, value)| {
            let (_, keys) = brackets::split_name(&name)?;
            Some((keys, value.into_owned()))
        });
        let branches: Vec<_> = branches.collect();
        if !branches.is_empty() && shape.takes_brackets() {
            let (mut arguments, mut faults) = (Arguments::new(), Faults::new());
            shape.read_tree(branches, spot, &mut arguments, &mut faults);
            assert_ne!(
                arguments.table().is_empty(),
                faults.is_empty(),
                "delivered or refused"
            );
        }
    }
}

fn body_schemas() -> &'static [Schema] {
    static SCHEMAS: OnceLock<Vec<Schema>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let documents = [
            json!({ "type": ["integer", "array", "object"], "minItems": 2, "uniqueItems": true,
                "items": { "type": "integer", "minimum": 1, "multipleOf": 2 } }),
            json!({ "required": ["a"], "maxProperties": 2, "additionalProperties": false,
                "properties": { "a": { "type": "number", "exclusiveMaximum": 10 }, "b": {} } }),
            json!({ "enum": [null, true, 1, "a", [], {}, { "a": 1 }, [1, 1.0]] }),
            json!({ "anyOf": [{ "type": "string", "maxLength": 1 }, { "type": "null" }] }),
            json!({ "oneOf": [{ "items": { "$ref": "#" } },
                    { "propertyNames": { "minLength": 2 } }],
                "contains": { "const": 0 }, "unevaluatedItems": { "type": "integer" } }),
            json!({ "if": { "required": ["a"] }, "then": { "dependentRequired": { "a": ["b"] } },
                "else": { "not": { "type": "boolean" } }, "patternProperties": { "^é": false } }),
        ];
        let schemas: Vec<Schema> = documents
            .iter()
            .filter_map(|document| Schema::compile(document).ok())
            .collect();
        assert_eq!(schemas.len(), documents.len(), "all of them compile");
        schemas
    })
}

/// Compiled once: that takes far longer than a look at a text.
fn shapes() -> &'static [Shape] {
    static SHAPES: OnceLock<Vec<Shape>> = OnceLock::new();
    SHAPES.get_or_init(|| {
        let schemas = schemas();
        let compiled = schemas.iter().map(|schema| Shape::compile(Some(schema)));
        let shapes: Vec<Shape> = compiled.filter_map(Result::ok).collect();
        assert_eq!(shapes.len(), schemas.len(), "all of them compile");
        shapes
    })
}

fn schemas() -> [Value; 6] {
    [
        json!({ "type": "integer", "minimum": 3 }),
        json!({ "anyOf": [{ "type": "number" }, { "type": "null" }] }),
        json!({ "type": "string", "format": "date-time" }),
        json!({ "type": "array", "items": { "type": "boolean" }, "separator": "," }),
        json!({ "type": "object", "properties": { "a": { "type": "integer" } } }),
        json!({ "enum": ["a", 1, true] }),
    ]
}

/// The body of a multipart form with the boundary `XX`: cut anywhere, it comes to the same.
///
/// # Panics
/// When a fact does not hold.
pub fn fuzz_upload(data: &[u8]) {
    let whole = upload(data, data.len().max(1));
    for size in [1, 7] {
        assert_eq!(upload(data, size), whole, "in pieces of {size} bytes");
    }
    if !data.is_empty() {
        assert_eq!(at_hand(data), whole.map(|(_, brief)| brief), "at hand");
    }
}

/// The same form, read from a body that is at hand.
fn at_hand(data: &[u8]) -> Result<String, String> {
    let config = ServerConfig {
        max_form_fields: 8,
        max_form_memory: 512,
        ..ServerConfig::default()
    };
    let form = WholeForm::read(Some(b"multipart/form-data; boundary=XX"), data, &config)
        .map_err(|problem| problem.document().to_string())?;
    let files = form.files.iter().map(|file| {
        let content = &data[file.content.clone()];
        (&*file.name, &*file.filename, content.len())
    });
    Ok(format!("{} {:?}", form.fields, files.collect::<Vec<_>>()))
}

/// What a form comes to, as text: all of it, and in brief its fields and files; or the problem.
fn upload(data: &[u8], size: usize) -> Result<(String, String), String> {
    let any = FileDocument {
        name: ANY_FILE.to_owned(),
        required: false,
        multiple: true,
        max_size: Some(64),
        types: Vec::new(),
        check_magic: true,
        allow_empty: true,
    };
    let files = FileRules::compile(&[any]).map_err(|(_, error)| error.to_string())?;
    let reading = FormReading::compile(None);
    let limits = IntakeLimits {
        parts_max: 8,
        form_bytes_max: 512,
        memory_bytes_max: 1 << 20,
        directory: None,
    };
    let rules = Arc::new(FormRules { reading, files });
    let mut intake = Box::new(FormIntake::new(b"XX", rules, &limits));
    let told = |problem: Box<Problem>| problem.document().to_string();
    for piece in data.chunks(size) {
        intake.push(piece).map_err(told)?;
    }
    intake.finish().map_err(told)?;
    assert!(intake.work().is_ok_and(|work| work.is_none()));
    let mut x = Exchange::new();
    intake.deliver(&mut x);
    let kept: u64 = x.uploads.table().iter().map(|upload| upload.size).sum();
    assert!(kept <= data.len() as u64);
    let files = x.uploads.table().iter().map(|upload| {
        let (name, filename) = (upload.name, upload.filename);
        let size = upload.size as usize;
        (x.uploads.text(name), x.uploads.text(filename), size)
    });
    let files: Vec<_> = files.collect();
    let brief = format!("{} {files:?}", String::from_utf8_lossy(&x.body));
    Ok((format!("{:?} {:?}", x.body, x.uploads), brief))
}
