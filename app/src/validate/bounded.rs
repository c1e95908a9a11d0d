//! A schema whose alternatives only tell whether they match.
//!
//! The validator lists the faults of every branch of `anyOf` and `oneOf` inside the fault of the
//! whole. Where branches lead back to the schema that has them, as those of any tree of tagged
//! nodes do, each level of a document multiplies that list: a few hundred bytes would take minutes.
//! No row tells those faults, so each branch is negated twice: what it admits stays the same, and
//! why it refuses is never listed. A branch beside nothing but `null` is kept, its rows are told.
//! Knows nothing of rows.

use serde_json::{Map, Value, json};

use super::cripple::{DATA, MAPS};

/// The schema with its alternatives so bounded. `None` if it must stay as it is: references lead
/// into branches, or annotations of them are asked for, which no negated schema gives.
pub(super) fn bound(schema: &Value) -> Option<Value> {
    if reaches_into_branches(schema) {
        return None;
    }
    let mut schema = schema.clone();
    wrap(&mut schema);
    Some(schema)
}

/// How often the validator may list one fault, at most: once per way through the alternatives of
/// a schema that [`bound`] cannot help, in a document nested this deep.
pub(super) fn listings(schema: &Value, document: &Value) -> f64 {
    if !refers(schema) {
        // It ends where its own text ends.
        return 1.0;
    }
    (most_branches(schema) as f64).powi(depth(document))
}

/// Recursion ends with the document, which was parsed to a bounded depth.
fn wrap(schema: &mut Value) {
    each_part(schema, &mut wrap);
    for keyword in ALTERNATIVES {
        let branches = schema.get_mut(keyword).and_then(Value::as_array_mut);
        let Some(branches) = branches.filter(|branches| real(branches) > 1) else {
            continue;
        };
        for branch in branches.iter_mut().filter(|branch| !is_null(branch)) {
            *branch = json!({ "not": { "not": branch.take() } });
        }
    }
}

/// Calls `visit` with every schema directly inside this one, and with every list of schemas.
fn each_part(schema: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    match schema {
        Value::Array(schemas) => schemas.iter_mut().for_each(visit),
        Value::Object(keywords) => {
            for (name, value) in keywords.iter_mut() {
                if let (true, Some(members)) = (MAPS.contains(&&**name), value.as_object_mut()) {
                    members.values_mut().for_each(&mut *visit);
                } else if !DATA.contains(&&**name) {
                    visit(value);
                }
            }
        }
        _ => {}
    }
}

fn reaches_into_branches(schema: &Value) -> bool {
    match schema {
        Value::Array(items) => items.iter().any(reaches_into_branches),
        Value::Object(members) => members.iter().any(|(name, value)| {
            let leads = value.as_str().is_some_and(|reference| {
                is_reference(name)
                    && ALTERNATIVES
                        .iter()
                        .any(|keyword| reference.contains(&format!("/{keyword}/")))
            });
            leads || name.starts_with("unevaluated") || reaches_into_branches(value)
        }),
        _ => false,
    }
}

fn refers(schema: &Value) -> bool {
    match schema {
        Value::Array(items) => items.iter().any(refers),
        Value::Object(members) => {
            let own = |(name, value): (&String, &Value)| is_reference(name) || refers(value);
            members.iter().any(own)
        }
        _ => false,
    }
}

/// Of all the alternatives of a schema, the most that can be taken beside each other.
fn most_branches(schema: &Value) -> usize {
    let own = |members: &Map<String, Value>| {
        let found = ALTERNATIVES
            .iter()
            .filter_map(|keyword| members.get(*keyword)?.as_array());
        found.map(|branches| real(branches)).max().unwrap_or(1)
    };
    match schema {
        Value::Array(items) => items.iter().map(most_branches).max().unwrap_or(1),
        Value::Object(members) => {
            let below = members.values().map(most_branches).max().unwrap_or(1);
            below.max(own(members))
        }
        _ => 1,
    }
}

fn depth(document: &Value) -> i32 {
    let below = match document {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        _ => return 0,
    };
    1 + below.unwrap_or(0)
}

/// `$ref`, `$dynamicRef` and `$recursiveRef`.
fn is_reference(keyword: &str) -> bool {
    keyword.starts_with('$') && keyword.to_ascii_lowercase().ends_with("ref")
}

fn real(branches: &[Value]) -> usize {
    branches.iter().filter(|branch| !is_null(branch)).count()
}

fn is_null(branch: &Value) -> bool {
    branch.get("type").is_some_and(|kind| kind == "null")
}

const ALTERNATIVES: [&str; 2] = ["anyOf", "oneOf"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_beside_others_are_negated_twice() {
        let wrapped = |schema: Value| json!({ "not": { "not": schema } });
        let (a, b) = (json!({ "minimum": 1 }), json!({ "required": ["b"] }));
        let cases = [
            (
                json!({ "anyOf": [a, b] }),
                json!({ "anyOf": [wrapped(a.clone()), wrapped(b.clone())] }),
            ),
            (
                json!({ "oneOf": [a, { "type": "null" }] }),
                json!({ "oneOf": [a, { "type": "null" }] }),
            ),
            // Names of properties, and data, are left alone.
            (
                json!({ "properties": { "anyOf": a } }),
                json!({ "properties": { "anyOf": a } }),
            ),
            (
                json!({ "const": { "anyOf": [a, b] } }),
                json!({ "const": { "anyOf": [a, b] } }),
            ),
        ];
        for (schema, expected) in cases {
            assert_eq!(bound(&schema), Some(expected), "{schema}");
        }
    }

    #[test]
    fn what_needs_the_branches_as_they_are_is_left_alone() {
        let branches = json!([{ "required": ["a"] }, { "required": ["b"] }]);
        for schema in [
            json!({ "anyOf": branches, "unevaluatedProperties": false }),
            json!({ "anyOf": branches, "properties": { "c": { "$ref": "#/anyOf/0" } } }),
        ] {
            assert_eq!(bound(&schema), None, "{schema}");
            assert!(
                listings(&schema, &json!({ "a": [[[]]] })) <= 16.0,
                "{schema}"
            );
        }
    }
}
