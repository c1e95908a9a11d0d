//! A schema without the one keyword, type or format that is switched off (`sabotage`).
//!
//! One place instead of a hook per keyword, because all keywords pass through compilation.
//! Does nothing in what is shipped. Knows nothing of what a keyword means.

use serde_json::Value;
use spikard_proto_http::sabotage::off_in;

/// Keywords whose members are schemas under names that a person chose.
pub(super) const MAPS: &[&str] = &[
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
    "dependencies",
    "dependentRequired",
];

/// Keywords whose content is data.
pub(super) const DATA: &[&str] = &["enum", "const", "default", "examples", "example"];

/// The schema without what is switched off; `None` when nothing of a schema is.
pub(super) fn cripple(schema: &Value) -> Option<Value> {
    let (keyword, only) = match (off_in("keyword/"), off_in("type/"), off_in("format/")) {
        (Some(keyword), _, _) => (keyword, None),
        (_, Some(name), _) => ("type", Some(name)),
        (_, _, Some(name)) => ("format", Some(name)),
        _ => return None,
    };
    let mut schema = schema.clone();
    strip(&mut schema, keyword, only);
    Some(schema)
}

/// Recursion ends with the document, which was parsed to a bounded depth.
fn strip(schema: &mut Value, keyword: &str, only: Option<&str>) {
    match schema {
        Value::Array(schemas) => schemas
            .iter_mut()
            .for_each(|each| strip(each, keyword, only)),
        Value::Object(keywords) => {
            keywords.retain(|name, value| name != keyword || !names(value, only));
            for (name, value) in keywords.iter_mut() {
                if let (true, Some(members)) = (MAPS.contains(&&**name), value.as_object_mut()) {
                    members
                        .values_mut()
                        .for_each(|member| strip(member, keyword, only));
                } else if !DATA.contains(&&**name) {
                    strip(value, keyword, only);
                }
            }
        }
        _ => {}
    }
}

/// Whether the keyword's value is, or lists, the one name.
fn names(value: &Value, only: Option<&str>) -> bool {
    let Some(only) = only else { return true };
    let single = std::slice::from_ref(value);
    let names = value.as_array().map_or(single, Vec::as_slice);
    names.iter().any(|name| name == only)
}
