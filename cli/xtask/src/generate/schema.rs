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
    object
}

fn property(field: &Field) -> Value {
    let mut schema = Map::new();
    let mut description = line(field.doc);
    if let Some(unit) = field.unit {
        description.push_str(&format!(" Unit: {unit}."));
    }
    schema.insert("description".to_owned(), json!(description));
    let kind = match field.kind {
        Kind::Boolean => "boolean",
        Kind::Integer => "integer",
        Kind::Duration => "number",
        Kind::Text | Kind::Choice(_) => "string",
        Kind::Record(_) => "object",
    };
    match field.kind {
        Kind::Record(record) => {
            let reference = json!({ "$ref": format!("#/$defs/{}", record.name) });
            let choices = if field.nullable {
                json!([reference, { "type": "null" }])
            } else {
                json!([reference])
            };
            schema.insert("anyOf".to_owned(), choices);
        }
        _ if field.nullable => drop(schema.insert("type".to_owned(), json!([kind, "null"]))),
        _ => drop(schema.insert("type".to_owned(), json!(kind))),
    }
    if let Kind::Choice(choices) = field.kind {
        let names: Vec<&str> = choices.iter().map(|choice| choice.name).collect();
        schema.insert("enum".to_owned(), json!(names));
    }
    if let Some(range) = field.range {
        let (least, most) = match field.kind {
            Kind::Text => ("minLength", "maxLength"),
            _ => ("minimum", "maximum"),
        };
        let Range { min, max } = range;
        schema.insert(least.to_owned(), number(min));
        schema.insert(most.to_owned(), number(max));
    }
    schema.insert("default".to_owned(), (field.default)());
    Value::Object(schema)
}

/// A bound without a needless fraction.
fn number(bound: f64) -> Value {
    if bound.fract() == 0.0 {
        json!(bound as u64)
    } else {
        json!(bound)
    }
}
