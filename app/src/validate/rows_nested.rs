//! Rows that need more than one error to be told: conditions, optional values, duplicate items.
//!
//! Knows the shape of the validator's errors; the sentences of single keywords are in `rows`.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::Location;
use serde_json::{Map, Value};

use super::fault::{Faults, shortened};
use super::rows::{Judgement, pointer_parts};

/// Folds errors below `then` and `else` into one row per condition, adds those rows, and returns
/// the other errors.
///
/// What a branch asks for depends on other values of the same object, so its rows lead people
/// astray when they stand alone: "Field required" of a field that usually is not.
pub(super) fn conditions<'e, E: Borrow<ValidationError<'e>>>(
    judgement: &Judgement<'_>,
    errors: impl Iterator<Item = E>,
    faults: &mut Faults,
) -> Vec<E> {
    let mut plain = Vec::new();
    let mut found: Vec<Condition> = Vec::new();
    for error in errors {
        match Condition::of(judgement, error.borrow()) {
            None => plain.push(error),
            Some(new) => match found.iter_mut().find(|known| known.is_same(&new)) {
                Some(known) if known.keys.len() >= CONDITION_KEYS_MAX => faults.truncate(),
                Some(known) => known.keys.extend(new.keys),
                None => found.push(new),
            },
        }
    }
    for condition in found {
        condition.report(judgement, faults);
    }
    plain
}

/// Most keys that one row of a condition names.
const CONDITION_KEYS_MAX: usize = 100;

/// A branch of one `if` that one value does not satisfy.
struct Condition {
    branch: &'static str,
    schema: String,
    pointer: String,
    keys: Vec<String>,
}

impl Condition {
    /// The outermost condition that an error stems from, if any.
    fn of(judgement: &Judgement<'_>, error: &ValidationError<'_>) -> Option<Self> {
        let steps: Vec<String> = pointer_parts(error.evaluation_path().as_str()).collect();
        let (at, depth, branch) = find_branch(&steps)?;
        let instance: Vec<&str> = error.instance_path().as_str().split('/').skip(1).collect();
        let depth = depth.min(instance.len());
        let pointer = instance[..depth]
            .iter()
            .map(|part| format!("/{part}"))
            .collect();
        let mut below = judgement
            .path(error)
            .split_off(judgement.place.path.len() + depth);
        if let Kind::Required { property } = error.kind() {
            below.extend(property.as_str().map(str::to_owned));
        }
        let keys = if below.is_empty() {
            Vec::new()
        } else {
            vec![below.join(".")]
        };
        Some(Self {
            branch,
            schema: steps[..at].join("/"),
            pointer,
            keys,
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.branch, &self.schema, &self.pointer) == (other.branch, &other.schema, &other.pointer)
    }

    fn report(self, judgement: &Judgement<'_>, faults: &mut Faults) {
        let mut path = judgement.place.path.to_vec();
        path.extend(pointer_parts(&self.pointer).map(shortened));
        let branch = self.branch;
        let mut message = format!("Input should satisfy the '{branch}' part of its condition");
        if !self.keys.is_empty() {
            let quoted: Vec<String> = self.keys.iter().map(|key| format!("'{key}'")).collect();
            message.push_str(&format!(", which it does not at {}", quoted.join(", ")));
        }
        let mut context = Map::new();
        context.insert("branch".to_owned(), branch.into());
        context.insert("keys".to_owned(), self.keys.into());
        let input = judgement
            .root
            .pointer(&self.pointer)
            .unwrap_or(&Value::Null);
        judgement.push(path, "conditional", message.into(), context, input, faults);
    }
}

/// The first `then` or `else` that is a keyword, as (its place in the path, how many keys deep the
/// judged value is, which). Names of properties are skipped: they may be called `then` too.
fn find_branch(steps: &[String]) -> Option<(usize, usize, &'static str)> {
    let (mut at, mut depth) = (0, 0);
    while at < steps.len() {
        match steps[at].as_str() {
            "then" => return Some((at, depth, "then")),
            "else" => return Some((at, depth, "else")),
            "properties" | "patternProperties" | "prefixItems" => {
                depth += 1;
                at += 2;
            }
            "items"
            | "additionalProperties"
            | "additionalItems"
            | "contains"
            | "unevaluatedProperties"
            | "unevaluatedItems" => {
                depth += 1;
                at += 1;
            }
            "allOf" | "anyOf" | "oneOf" | "dependentSchemas" | "dependencies" => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// Whether an error is one of such a keyword itself, and not of a property that is called like it.
pub(super) fn ends_in(error: &ValidationError<'_>, keywords: &[&str]) -> bool {
    let (mut is_name, mut last) = (false, "");
    for step in error.schema_path().as_str().split('/').skip(1) {
        last = if is_name { "" } else { step };
        is_name = !is_name && NAMING.contains(&step);
    }
    keywords.contains(&last)
}

/// Keywords whose members have a name, or a number, before they are schemas.
const NAMING: [&str; 10] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
    "dependencies",
    "allOf",
    "anyOf",
    "oneOf",
    "prefixItems",
];

/// The errors of the one branch that is not `{"type": "null"}`, when there is exactly one: then
/// the combination only says "optional", and that branch's rows say what is wrong.
pub(super) fn only_real_branch<'c>(
    context: &'c [Vec<ValidationError<'static>>],
    at: &Location,
) -> Option<&'c [ValidationError<'static>]> {
    let is_null = |branch: &[ValidationError<'_>]| match branch {
        [only] => {
            let is_null = |kind: &TypeKind| match kind {
                TypeKind::Single(kind) => kind.as_str() == "null",
                TypeKind::Multiple(_) => false,
            };
            matches!(only.kind(), Kind::Type { kind } if is_null(kind))
                && only.instance_path().as_str() == at.as_str()
        }
        _ => false,
    };
    let mut real = context.iter().filter(|branch| !is_null(branch));
    match (context.len(), real.next(), real.next()) {
        (2.., Some(branch), None) if !branch.is_empty() => Some(branch),
        _ => None,
    }
}

/// The side (`min` or `max`) and the limit of an error of `minContains` or `maxContains`; nothing
/// for one of `contains` alone.
pub(super) fn contained_limit(
    schema: &Value,
    error: &ValidationError<'_>,
) -> Option<(&'static str, u64)> {
    let path = error.schema_path().as_str();
    let side = match path.rsplit_once('/')?.1 {
        "minContains" => "min",
        "maxContains" => "max",
        _ => return None,
    };
    // A limit of 2.0 is an integer too.
    let limit = schema.pointer(path)?.as_f64()?;
    Some((side, limit as u64))
}

/// Places and values of the items that the validator calls unexpected, of which it only tells the
/// text. Of equal items the later ones are meant: a prefix is known from the front, and what
/// `contains` matches it matches wherever it stands.
pub(super) fn unevaluated_indexes<'l>(
    list: &'l Value,
    unexpected: &[String],
) -> Option<Vec<(usize, &'l Value)>> {
    let mut left = unexpected.iter().rev().peekable();
    let mut found: Vec<_> = list
        .as_array()?
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, item)| left.next_if(|text| **text == item.to_string()).is_some())
        .collect();
    found.reverse();
    (found.len() == unexpected.len()).then_some(found)
}

/// Index of the first item that equals an earlier one.
///
/// In time linear to the items' text, whatever they are: the validator's own hashes are equal for
/// all lists that differ in their brackets only, so that it compares such items pair by pair.
pub(super) fn duplicate_index<V: Borrow<Value>>(
    mut items: impl Iterator<Item = V>,
) -> Option<usize> {
    // 128 bits under keys that no client knows stand for the text, which may be long.
    let keys = [RandomState::new(), RandomState::new()];
    let (mut seen, mut text) = (HashSet::new(), String::new());
    items.position(|item| {
        text.clear();
        canonical(item.borrow(), &mut text);
        !seen.insert(keys.each_ref().map(|key| key.hash_one(&text)))
    })
}

/// A text that is equal for equal values only: keys sorted, numbers by value.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| key.as_str());
            text.push('{');
            for (key, member) in sorted {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                canonical(member, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(0.0) => text.push('0'),
            // All its digits, as an integer has them.
            Some(float) if float.fract() == 0.0 => text.push_str(&format!("{float:.0}")),
            _ => text.push_str(&number.to_string()),
        },
        other => text.push_str(&other.to_string()),
    }
}
