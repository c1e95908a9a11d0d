//! JSON Schema 2020-12 of the config document, for editors and fixtures.
//!
//! Says what `contract/src/knob.rs` checks, no more and no less.

use serde_json::{Map, Value, json};
use spikard_contract::meta::{Field, Kind, Range, Record};

use super::CONFIG_SOURCE;
use super::words::{line, notice};

/// The whole document; `records` has the inner records first and `root` last.
pub(super) fn document(root: &Record, records: &[&Record]) -> String {
    let mut schema = object(root);
    schema.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    schema.insert("$comment".to_owned(), json!(notice(CONFIG_SOURCE)));
    let inner: Map<String, Value> = records
        .iter()
        .filter(|record| record.name != root.name)
        .map(|record| (record.name.to_owned(), Value::Object(object(record))))
        .collect();
    if !inner.is_empty() {
        schema.insert("$defs".to_owned(), Value::Object(inner));
    }
    // The notice stands first, where people look for it.
    let (mut head, mut body) = (Map::new(), Map::new());
    for (key, value) in schema {
        if key.starts_with('$') && key != "$defs" {
            &mut head
        } else {
            &mut body
        }
        .insert(key, value);
    }
    head.append(&mut body);
    // A tree of strings, numbers and booleans always prints.
    let text = serde_json::to_string_pretty(&head).expect("maps with string keys print");
    format!("{text}\n")
}

fn object(record: &Record) -> Map<String, Value> {
    let properties: Map<String, Value> = record
        .fields
        .iter()
        .map(|field| (field.name.to_owned(), property(field)))
        .collect();
    let mut object = Map::new();
    object.insert("title".to_owned(), json!(record.name));
    object.insert("description".to_owned(), json!(line(record.doc)));
    object.insert("type".to_owned(), json!("object"));
    object.insert("additionalProperties".to_owned(), json!(false));
    object.insert("properties".to_owned(), Value::Object(properties));
    let required = record.fields.iter().filter(|field| field.required);
    let required: Vec<&str> = required.map(|field| field.name).collect();
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object
}

fn property(field: &Field) -> Value {
    let mut schema = value_schema(&field.kind);
    let mut description = line(field.doc);
    if let Some(unit) = field.unit {
        description.push_str(&format!(" Unit: {unit}."));
    }
    if let Some(Range { min, max }) = field.range {
        let (least, most) = match field.kind {
            Kind::Text | Kind::Secret | Kind::Document => ("minLength", "maxLength"),
            Kind::List(_) | Kind::TextList => ("minItems", "maxItems"),
            _ => ("minimum", "maximum"),
        };
        schema.insert(least.to_owned(), number(min));
        schema.insert(most.to_owned(), number(max));
    }
    if field.nullable {
        schema = or_null(schema);
    }
    let mut property = Map::new();
    property.insert("description".to_owned(), json!(description));
    property.append(&mut schema);
    if !field.required {
        property.insert("default".to_owned(), (field.default)());
    }
    Value::Object(property)
}

/// What a value of a kind is, whatever knob it belongs to.
fn value_schema(kind: &Kind) -> Map<String, Value> {
    let schema = match kind {
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Integer => json!({ "type": "integer" }),
        Kind::Number | Kind::Duration => json!({ "type": "number" }),
        Kind::Text | Kind::Secret => json!({ "type": "string" }),
        Kind::Choice(choices) => {
            let names: Vec<&str> = choices.iter().map(|choice| choice.name).collect();
            json!({ "type": "string", "enum": names })
        }
        Kind::Record(record) => json!({ "$ref": format!("#/$defs/{}", record.name) }),
        Kind::List(entry) => json!({ "type": "array", "items": value_schema(entry) }),
        Kind::TextList => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        Kind::Document => json!({ "type": ["string", "object"] }),
        Kind::Map(entry) => {
            json!({ "type": "object", "additionalProperties": value_schema(entry) })
        }
    };
    match schema {
        Value::Object(schema) => schema,
        // Every arm above is an object.
        _ => Map::new(),
    }
}

/// The schema, or null.
fn or_null(mut schema: Map<String, Value>) -> Map<String, Value> {
    if schema.contains_key("$ref") || schema.contains_key("enum") {
        let mut either = Map::new();
        either.insert(
            "anyOf".to_owned(),
            json!([Value::Object(schema), { "type": "null" }]),
        );
        return either;
    }
    match schema.get_mut("type") {
        Some(Value::Array(kinds)) => kinds.push(json!("null")),
        Some(kind) => *kind = json!([kind.clone(), "null"]),
        None => {}
    }
    schema
}

/// A bound without a needless fraction.
fn number(bound: f64) -> Value {
    if bound.fract() == 0.0 {
        json!(bound as u64)
    } else {
        json!(bound)
    }
}
