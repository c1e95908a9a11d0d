//! What each fault says: its type, its sentence, and the facts in the sentence for programs.
//!
//! The wording is part of the table that clients program against. Knows nothing of where a fault
//! lies, which is the matter of `rows`.

use std::borrow::Cow;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::{Map, Value};

use super::format::EMAIL_PATTERN;
use super::rows_nested::duplicate_index;

/// A row's type, message and context.
pub(crate) type Sentence = (&'static str, Cow<'static, str>, Map<String, Value>);

pub(super) fn facts<const N: usize>(facts: [(&str, Value); N]) -> Map<String, Value> {
    facts
        .into_iter()
        .map(|(name, fact)| (name.to_owned(), fact))
        .collect()
}

fn bare(kind: &'static str, message: impl Into<Cow<'static, str>>) -> Sentence {
    (kind, message.into(), Map::new())
}

fn fact(kind: &'static str, message: String, name: &str, value: impl Into<Value>) -> Sentence {
    (kind, message.into(), facts([(name, value.into())]))
}

/// Type, message and context of an error that is about one value alone.
pub(super) fn sentence(error: &ValidationError<'_>) -> Sentence {
    match error.kind() {
        Kind::Type {
            kind: TypeKind::Single(kind),
        } => type_sentence_of(kind.as_str()),
        Kind::Format { format } => format_sentence(format),
        Kind::MinLength { limit } => counted("string_too_short", "String", "least", *limit),
        Kind::MaxLength { limit } => counted("string_too_long", "String", "most", *limit),
        Kind::MinItems { limit } => counted("too_short", "List", "least", *limit),
        Kind::MaxItems { limit } => counted("too_long", "List", "most", *limit),
        Kind::AdditionalItems { limit } => counted("too_long", "List", "most", *limit as u64),
        Kind::MinProperties { limit } => counted("too_few_properties", "Object", "least", *limit),
        Kind::MaxProperties { limit } => counted("too_many_properties", "Object", "most", *limit),
        Kind::Pattern { pattern } => pattern_sentence(pattern),
        Kind::Minimum { limit } => bound(
            "greater_than_equal",
            "greater than or equal to",
            "ge",
            limit,
        ),
        Kind::ExclusiveMinimum { limit } => bound("greater_than", "greater than", "gt", limit),
        Kind::Maximum { limit } => bound("less_than_equal", "less than or equal to", "le", limit),
        Kind::ExclusiveMaximum { limit } => bound("less_than", "less than", "lt", limit),
        Kind::Enum { options } => expected("enum", options.as_array().map_or(&[], Vec::as_slice)),
        Kind::Constant { expected_value } => {
            expected("literal_error", std::slice::from_ref(expected_value))
        }
        Kind::UniqueItems => {
            match duplicate_index(error.instance().as_array().into_iter().flatten()) {
                Some(index) => fact(
                    "unique_items",
                    "List items should be unique".to_owned(),
                    "duplicate_index",
                    index,
                ),
                None => bare("unique_items", "List items should be unique"),
            }
        }
        Kind::Contains => bare(
            "contains",
            "List should contain an item that matches 'contains'",
        ),
        _ => combination_sentence(error.kind()),
    }
}

/// Keywords that combine other schemas, and the few that should not occur.
fn combination_sentence(kind: &Kind) -> Sentence {
    match kind {
        Kind::AnyOf { context } => combined("any_of", "at least one", context.len(), 0),
        Kind::OneOfNotValid { context } => combined("one_of", "exactly one", context.len(), 0),
        Kind::OneOfMultipleValid { context } => {
            let matched = context.iter().filter(|branch| branch.is_empty()).count();
            combined("one_of", "exactly one", context.len(), matched)
        }
        Kind::Not { schema } => (
            "not_allowed",
            "Input should not match the schema under 'not'".into(),
            facts([("not", schema.clone())]),
        ),
        Kind::FalseSchema | Kind::UnevaluatedItems { .. } => {
            bare("extra_forbidden", "Extra inputs are not permitted")
        }
        Kind::ContentEncoding {
            content_encoding: name,
        }
        | Kind::ContentMediaType {
            content_media_type: name,
        } => format_sentence(name),
        // The engine gave up on the pattern, so it did not match.
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            bare("string_pattern_mismatch", "String should match the pattern")
        }
        _ => bare("value_error", "Input should be valid"),
    }
}

/// Type, message and context for a value that is not of the JSON type `name`.
pub(crate) fn type_sentence_of(name: &str) -> Sentence {
    match name {
        "integer" => bare(
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
        "number" => bare(
            "float_parsing",
            "Input should be a valid number, unable to parse string as a number",
        ),
        "boolean" => bare(
            "bool_parsing",
            "Input should be a valid boolean, unable to interpret input",
        ),
        "string" => bare("string_type", "Input should be a valid string"),
        "array" => bare("list_type", "Input should be a valid list"),
        "object" => bare("dict_type", "Input should be a valid dictionary"),
        _ => bare("none_required", "Input should be None"),
    }
}

/// Type, message and context for a text that is not of a format.
pub(crate) fn format_sentence(format: &str) -> Sentence {
    match format {
        "uuid" => bare("uuid_parsing", "Input should be a valid UUID"),
        "date-time" => bare("datetime_parsing", "Input should be a valid datetime"),
        "date" => bare("date_parsing", "Input should be a valid date"),
        "time" => bare("time_parsing", "Input should be a valid time"),
        "duration" => bare("duration_parsing", "Input should be a valid duration"),
        "email" => pattern_sentence(EMAIL_PATTERN),
        other => fact(
            "format_error",
            format!("Input should be a valid {other}"),
            "format",
            other,
        ),
    }
}

fn pattern_sentence(pattern: &str) -> Sentence {
    let message = format!("String should match pattern '{pattern}'");
    fact("string_pattern_mismatch", message, "pattern", pattern)
}

/// A limit on how many items match `contains`.
pub(super) fn contained(side: &str, limit: u64) -> Sentence {
    let name = format!("{side}_contains");
    let items = if limit == 1 {
        "item that matches"
    } else {
        "items that match"
    };
    let side = if side == "min" { "least" } else { "most" };
    let message = format!("List should contain at {side} {limit} {items} 'contains'");
    fact("contains", message, &name, limit)
}

/// A limit on how many of something there are.
pub(super) fn counted(kind: &'static str, noun: &str, side: &str, limit: u64) -> Sentence {
    let (what, suffix) = match noun {
        "String" => ("character", ""),
        "List" => ("item", " after validation"),
        _ => ("property", ""),
    };
    let what = match (limit, what) {
        (1, what) => what.to_owned(),
        (_, "property") => "properties".to_owned(),
        (_, what) => format!("{what}s"),
    };
    let name = match (noun, side) {
        ("Object", "least") => "min_properties",
        ("Object", _) => "max_properties",
        (_, "least") => "min_length",
        _ => "max_length",
    };
    fact(
        kind,
        format!("{noun} should have at {side} {limit} {what}{suffix}"),
        name,
        limit,
    )
}

fn bound(kind: &'static str, relation: &str, name: &str, limit: &Value) -> Sentence {
    fact(
        kind,
        format!("Input should be {relation} {limit}"),
        name,
        limit.clone(),
    )
}

/// A number that must divide, as the schema writes it.
pub(super) fn multiple_of(divisor: &Value) -> Sentence {
    bound("multiple_of", "a multiple of", "multiple_of", divisor)
}

fn combined(kind: &'static str, how_many: &str, schemas: usize, matched: usize) -> Sentence {
    let message =
        format!("Input should match {how_many} of {schemas} schemas, it matches {matched}");
    (
        kind,
        message.into(),
        facts([("schemas", schemas.into()), ("matched", matched.into())]),
    )
}

/// `'a', 'b' or 'c'`; values other than strings stand as JSON.
fn expected(kind: &'static str, options: &[Value]) -> Sentence {
    let quoted: Vec<String> = options
        .iter()
        .map(|option| {
            option
                .as_str()
                .map_or_else(|| option.to_string(), |text| format!("'{text}'"))
        })
        .collect();
    let list = match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    };
    fact(kind, format!("Input should be {list}"), "expected", list)
}
