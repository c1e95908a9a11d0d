//! JSON Schemas of Rust types, in the words that the engine's errors are written for.
//!
//! `schemars` derives them from the same attributes that serde reads. Here its dialect is made
//! ours: number formats become limits, documented variants one `enum`, and a parameter's `Option`
//! a parameter that may be absent, so that a fault has the same row in every language.
//! Knows nothing of routes or requests.

use schemars::JsonSchema;
use schemars::generate::{Contract, SchemaSettings};
use serde_json::{Map, Value, json};

/// What a type reads of one source.
#[derive(Debug, PartialEq)]
pub(crate) enum Shape {
    /// Named parameters, as the fields of a struct.
    Named(Vec<Member>),
    /// Parameters in order, as a tuple.
    Ordered(Vec<Value>),
    /// One value.
    Single(Value),
    /// Whatever the route declares.
    Any,
}

/// A field of a struct, as a parameter.
#[derive(Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) schema: Value,
    pub(crate) required: bool,
    pub(crate) default: Option<Value>,
}

/// The schema of a JSON body, unless the type takes anything.
pub(crate) fn body<T: JsonSchema>() -> Option<Value> {
    judging(root::<T>(false, Contract::Deserialize))
}

/// The schema of what is written for a type, unless that may be anything.
pub(crate) fn response<T: JsonSchema>() -> Option<Value> {
    judging(root::<T>(false, Contract::Serialize))
}

/// A schema that some value would not satisfy.
fn judging(schema: Value) -> Option<Value> {
    schema
        .as_object()
        .is_some_and(|keywords| keywords.keys().any(|keyword| keyword != "title"))
        .then_some(schema)
}

/// The schema of one value outside the body.
pub(crate) fn value<T: JsonSchema>() -> Value {
    let mut schema = present(root::<T>(true, Contract::Deserialize));
    if let Some(keywords) = schema.as_object_mut() {
        // The name of a Rust type says nothing to clients.
        keywords.remove("title");
    }
    schema
}

/// How a type reads the parameters of one source.
pub(crate) fn shape<T: JsonSchema>() -> Shape {
    let mut schema = value::<T>();
    let definitions = schema.get("$defs").cloned();
    let own = |mut schema: Value| {
        if let (Some(definitions), Some(keywords)) = (&definitions, schema.as_object_mut()) {
            keywords.insert("$defs".to_owned(), definitions.clone());
        }
        schema
    };
    if let Some(Value::Array(items)) = schema.get_mut("prefixItems").map(Value::take) {
        return Shape::Ordered(items.into_iter().map(|item| own(present(item))).collect());
    }
    let required: Vec<Value> = match schema.get("required") {
        Some(Value::Array(names)) => names.clone(),
        _ => Vec::new(),
    };
    match schema.get_mut("properties").map(Value::take) {
        Some(Value::Object(properties)) => {
            let members = properties.into_iter().map(|(name, property)| Member {
                required: required.iter().any(|each| *each == name),
                default: property
                    .get("default")
                    .filter(|each| !each.is_null())
                    .cloned(),
                schema: own(present(property)),
                name,
            });
            Shape::Named(members.collect())
        }
        _ if is_single(&schema) => Shape::Single(schema),
        _ => Shape::Any,
    }
}

/// Whether a schema is that of one value rather than of anything, nothing or some object.
fn is_single(schema: &Value) -> bool {
    let kind = schema.get("type").and_then(Value::as_str);
    !matches!(kind, Some("object" | "null"))
        && ["type", "enum", "const", "anyOf", "oneOf", "$ref"]
            .iter()
            .any(|keyword| schema.get(keyword).is_some())
}

fn root<T: JsonSchema>(inline: bool, contract: Contract) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = inline;
        settings.contract = contract;
    });
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    normalise(&mut schema);
    schema
}

/// A schema without its `null`: what is not sent is absent, and what is sent is never null.
fn present(mut schema: Value) -> Value {
    let Value::Object(keywords) = &mut schema else {
        return schema;
    };
    if let Some(Value::Array(kinds)) = keywords.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            keywords.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = keywords.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(branches)) = keywords.get_mut("anyOf") {
        branches.retain(|branch| branch.get("type") != Some(&json!("null")));
        if let [Value::Object(only)] = branches.as_mut_slice() {
            let only = std::mem::take(only);
            keywords.remove("anyOf");
            for (keyword, value) in only {
                keywords.entry(keyword).or_insert(value);
            }
        }
    }
    schema
}

/// Says a schema, and those in it, in our words.
fn normalise(schema: &mut Value) {
    let Value::Object(keywords) = schema else {
        return;
    };
    for (keyword, value) in keywords.iter_mut() {
        match (keyword.as_str(), value) {
            (
                "properties" | "patternProperties" | "$defs" | "dependentSchemas",
                Value::Object(schemas),
            ) => schemas.values_mut().for_each(normalise),
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(normalise);
            }
            (
                "items"
                | "additionalProperties"
                | "unevaluatedProperties"
                | "unevaluatedItems"
                | "propertyNames"
                | "contains"
                | "not"
                | "if"
                | "then"
                | "else",
                value,
            ) => normalise(value),
            _ => {}
        }
    }
    limit_number(keywords);
    join_variants(keywords);
}

/// A number's format, which is no format of JSON Schema, becomes the limits that it stands for.
fn limit_number(keywords: &mut Map<String, Value>) {
    let Some(format) = keywords.get("format").and_then(Value::as_str) else {
        return;
    };
    let (least, greatest): (Option<i64>, Option<i64>) = match format {
        "int8" => (Some(i8::MIN.into()), Some(i8::MAX.into())),
        "int16" => (Some(i16::MIN.into()), Some(i16::MAX.into())),
        "int32" => (Some(i32::MIN.into()), Some(i32::MAX.into())),
        "uint8" => (Some(0), Some(u8::MAX.into())),
        "uint16" => (Some(0), Some(u16::MAX.into())),
        "uint32" => (Some(0), Some(u32::MAX.into())),
        "uint64" | "uint128" | "uint" => (Some(0), None),
        "int64" | "int128" | "int" | "float" | "double" => (None, None),
        _ => return,
    };
    keywords.remove("format");
    // A limit that the author gave is the narrower one, or the type would not be the field's.
    let mut limit = |keyword: &str, other: &str, value: Option<i64>| {
        if let Some(value) = value
            && !keywords.contains_key(other)
        {
            keywords.entry(keyword).or_insert(value.into());
        }
    };
    limit("minimum", "exclusiveMinimum", least);
    limit("maximum", "exclusiveMaximum", greatest);
}

/// Variants without fields, some of them documented, are one list of values.
fn join_variants(keywords: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = keywords.get("oneOf") else {
        return;
    };
    let mut values = Vec::new();
    for variant in variants {
        match (variant.get("const"), variant.get("enum")) {
            (Some(value), None) => values.push(value.clone()),
            (None, Some(Value::Array(several))) => values.extend(several.iter().cloned()),
            _ => return,
        }
    }
    if values.iter().all(Value::is_string) {
        keywords.remove("oneOf");
        keywords.insert("type".to_owned(), "string".into());
        keywords.insert("enum".to_owned(), values.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Sort {
        /// By name.
        Name,
        Age,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Page {
        /// How many.
        #[schemars(range(min = 1, max = 100))]
        #[serde(default = "ten")]
        limit: u8,
        sort: Option<Sort>,
        #[serde(rename = "tag")]
        tags: Vec<String>,
        ratio: Option<f64>,
    }

    fn ten() -> u8 {
        10
    }

    fn members() -> Vec<Member> {
        match shape::<Page>() {
            Shape::Named(members) => members,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_struct_is_its_fields() {
        let members = members();
        let names: Vec<_> = members
            .iter()
            .map(|each| (&*each.name, each.required))
            .collect();
        assert_eq!(
            names,
            [
                ("limit", false),
                ("sort", false),
                ("tag", true),
                ("ratio", false)
            ]
        );
        assert_eq!(members[0].default, Some(json!(10)));
        let expected = json!({"description": "How many.", "type": "integer", "minimum": 1,
            "maximum": 100, "default": 10});
        assert_eq!(members[0].schema, expected);
        assert_eq!(members[3].schema, json!({"type": "number"}));
    }

    #[test]
    fn documented_variants_are_one_enum() {
        let sort = &members()[1].schema;
        assert_eq!(sort["type"], "string");
        let mut values = sort["enum"].as_array().unwrap().clone();
        values.sort_by_key(ToString::to_string);
        assert_eq!(values, ["age", "name"]);
    }

    #[test]
    fn what_a_type_reads_follows_its_form() {
        assert_eq!(shape::<Value>(), Shape::Any);
        assert_eq!(shape::<Map<String, Value>>(), Shape::Any);
        assert_eq!(shape::<()>(), Shape::Any);
        assert_eq!(shape::<Option<i64>>(), Shape::Single(value::<i64>()));
        let both = vec![json!({"type": "integer"}), json!({"type": "string"})];
        assert_eq!(shape::<(i64, String)>(), Shape::Ordered(both));
        assert_eq!(body::<Value>(), None);
        assert_eq!(value::<u8>()["maximum"], 255);
    }
}
