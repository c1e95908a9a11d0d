//! How the fixtures' handlers behave: a suite that mostly echoes proves that values are converted.
//!
//! Only counts; what a fixture may say is in its schema.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::tree::File;

/// Lines for people; none before there are fixtures.
///
/// # Errors
/// A fixture file that is not JSON, named.
pub(super) fn shares(files: &[File]) -> Result<Vec<String>, String> {
    let mut fixtures = 0_usize;
    let mut behaviours: BTreeMap<String, usize> = BTreeMap::new();
    let mut echoes = 0_usize;
    for file in files.iter().filter(|file| is_fixture_file(&file.path)) {
        let value: Value = serde_json::from_str(&file.text)
            .map_err(|error| format!("{} is not JSON: {error}", file.path))?;
        for fixture in entries(&value) {
            fixtures += 1;
            for route in fixture["app"]["routes"].as_array().into_iter().flatten() {
                if let Some(behaviour) = behaviour(route) {
                    echoes += usize::from(behaviour == "echo" || is_composed(route));
                    *behaviours.entry(behaviour).or_default() += 1;
                }
            }
        }
    }
    if fixtures == 0 {
        return Ok(Vec::new());
    }
    let routes: usize = behaviours.values().sum();
    let share = (echoes * 100).checked_div(routes).unwrap_or(0);
    let list: Vec<String> = behaviours
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    Ok(vec![
        format!("fixtures: {fixtures}, {routes} routes, {share} % of them echo"),
        format!("fixtures: {}", list.join(", ")),
    ])
}

fn is_fixture_file(path: &str) -> bool {
    path.starts_with("testing_data/fixtures/") && path.ends_with(".json")
}

/// The fixtures of a file: an array of them, an object holding such an array, or a single one.
fn entries(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(object) if object.contains_key("app") => vec![value],
        Value::Object(object) => object
            .values()
            .filter_map(Value::as_array)
            .flatten()
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether the reply is made of the request's converted values.
fn is_composed(route: &Value) -> bool {
    fn has_param(value: &Value) -> bool {
        match value {
            Value::Object(object) => {
                object.contains_key("param")
                    || object.contains_key("params")
                    || object.values().any(has_param)
            }
            Value::Array(list) => list.iter().any(has_param),
            _ => false,
        }
    }
    route["behavior"]["kind"] == "compose" && has_param(&route["behavior"])
}

/// A behaviour is a name, or an object whose `kind` or only key is the name.
fn behaviour(route: &Value) -> Option<String> {
    match &route["behavior"] {
        Value::String(name) => Some(name.clone()),
        Value::Object(object) => match object.get("kind").and_then(Value::as_str) {
            Some(kind) => Some(kind.to_owned()),
            None => object.keys().next().cloned(),
        },
        _ => None,
    }
}
