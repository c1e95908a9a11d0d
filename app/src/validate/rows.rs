//! Which row each failed schema keyword becomes: type, sentence, facts.
//!
//! This is the table that clients program against, one arm per keyword. It turns the validator's
//! findings into rows and knows nothing of how they were found.

use std::borrow::Cow;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::{Map, Value};

use super::fault::{Fault, Faults, Source};
use super::format::EMAIL_PATTERN;
use super::rows_nested::{
    conditions, contained_limit, duplicate_index, only_real_branch, unevaluated_indexes,
};

/// Where a judged value lies, and what its rows quote.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    /// Where it came from.
    pub source: Source,
    /// What `loc` has before the value's own keys: a parameter's name.
    pub path: &'p [String],
    /// What rows quote instead of the value: a parameter's text as sent, or a list of them.
    pub input: Option<&'p Value>,
}

/// What rows need to know besides the error itself.
pub(super) struct Judgement<'j> {
    pub(super) schema: &'j Value,
    pub(super) root: &'j Value,
    pub(super) place: &'j Place<'j>,
}

/// Adds the rows of all `errors` that judging `root` by `schema` found.
pub(super) fn report<'e>(
    schema: &Value,
    root: &Value,
    errors: impl Iterator<Item = ValidationError<'e>>,
    place: &Place<'_>,
    faults: &mut Faults,
) {
    let judgement = Judgement {
        schema,
        root,
        place,
    };
    let errors = conditions(&judgement, errors, faults);
    for error in errors {
        if faults.is_full() {
            return faults.truncate();
        }
        judgement.row(&error, faults);
    }
}

impl Judgement<'_> {
    /// Adds the row, or rows, of one error.
    pub(super) fn row(&self, error: &ValidationError<'_>, faults: &mut Faults) {
        let own = self.path(error);
        match error.kind() {
            Kind::Required { property } => self.missing(error, property, faults),
            Kind::AdditionalProperties { unexpected }
            | Kind::UnevaluatedProperties { unexpected } => {
                for key in unexpected {
                    self.extra(error.instance(), own.clone(), key, faults);
                }
            }
            Kind::FalseSchema
                if error
                    .schema_path()
                    .as_str()
                    .ends_with("/additionalProperties") =>
            {
                self.all_extra(error, own, faults);
            }
            Kind::FalseSchema if error.schema_path().as_str().ends_with("/items") => {
                self.too_long(error, own, faults);
            }
            Kind::Type {
                kind: TypeKind::Multiple(_),
            } => {
                let (kind, message, context) = type_sentence_of(self.first_type(error));
                self.push(own, kind, message, context, error.instance(), faults);
            }
            Kind::UnevaluatedItems { unexpected } => {
                let list = error.instance();
                match unevaluated_indexes(list, unexpected) {
                    Some(items) => items.into_iter().for_each(|(index, item)| {
                        self.push_extra(own.clone(), &index.to_string(), item, faults);
                    }),
                    None => self.plain(error, own, faults),
                }
            }
            Kind::Contains => {
                let (kind, message, context) = match contained_limit(self.schema, error) {
                    Some((side, limit)) => contained(side, limit),
                    None => sentence(error),
                };
                self.push(own, kind, message, context, error.instance(), faults);
            }
            Kind::PropertyNames { error: inner } => {
                let key = inner.instance().as_str().unwrap_or_default();
                let (kind, message, context) = sentence(inner);
                let path = [own, vec![key.to_owned()]].concat();
                self.push(path, kind, message, context, inner.instance(), faults);
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                match only_real_branch(context, error.instance_path()) {
                    Some(branch) => branch.iter().for_each(|inner| self.row(inner, faults)),
                    None => self.plain(error, own, faults),
                }
            }
            _ => self.plain(error, own, faults),
        }
    }

    fn plain(&self, error: &ValidationError<'_>, path: Vec<String>, faults: &mut Faults) {
        let (kind, message, context) = sentence(error);
        self.push(path, kind, message, context, error.instance(), faults);
    }

    /// `required`, and its conditional sister `dependentRequired`.
    fn missing(&self, error: &ValidationError<'_>, property: &Value, faults: &mut Faults) {
        let property = property.as_str().unwrap_or_default();
        let path = [self.path(error), vec![property.to_owned()]].concat();
        let because = self.trigger(error, property);
        let (kind, message, context): (_, Cow<'static, str>, _) = match because {
            None => ("missing", "Field required".into(), Map::new()),
            Some(present) => (
                "dependent_required",
                format!("Field '{property}' is required when '{present}' is present").into(),
                facts([("property", present.into()), ("required", property.into())]),
            ),
        };
        self.push(path, kind, message, context, error.instance(), faults);
    }

    /// The present property that makes `property` required, for `dependentRequired`.
    fn trigger<'s>(&'s self, error: &ValidationError<'_>, property: &str) -> Option<&'s str> {
        let pointer = error.schema_path().as_str();
        if !pointer.ends_with("/dependentRequired") && !pointer.ends_with("/dependencies") {
            return None;
        }
        let dependencies = self.schema.pointer(pointer)?.as_object()?;
        let instance = error.instance().as_object()?;
        let lists = |needed: &Value| {
            needed
                .as_array()
                .is_some_and(|names| names.iter().any(|name| name == property))
        };
        dependencies
            .iter()
            .find(|(present, needed)| instance.contains_key(*present) && lists(needed))
            .map(|(present, _)| present.as_str())
    }

    /// `additionalProperties: false` beside no other property keyword: every key is extra.
    fn all_extra(&self, error: &ValidationError<'_>, path: Vec<String>, faults: &mut Faults) {
        let object = self.root.pointer(error.instance_path().as_str());
        let Some(members) = object.and_then(Value::as_object) else {
            return self.plain(error, path, faults);
        };
        for (key, value) in members {
            self.push_extra(path.clone(), key, value, faults);
        }
    }

    /// `items: false`: the list may only be as long as its prefix.
    fn too_long(&self, error: &ValidationError<'_>, mut path: Vec<String>, faults: &mut Faults) {
        let owner = error.schema_path().as_str().trim_end_matches("/items");
        let prefix = self
            .schema
            .pointer(owner)
            .and_then(|owner| owner.get("prefixItems"));
        let limit = prefix.and_then(Value::as_array).map_or(0, Vec::len);
        let (list, _) = error
            .instance_path()
            .as_str()
            .rsplit_once('/')
            .unwrap_or_default();
        path.pop();
        let (kind, message, context) = counted("too_long", "List", "most", limit as u64);
        let input = self.root.pointer(list).unwrap_or(&Value::Null);
        self.push(path, kind, message, context, input, faults);
    }

    /// The first type of a list that is not `null`, which only makes a value optional.
    fn first_type<'s>(&'s self, error: &ValidationError<'_>) -> &'s str {
        let types = self
            .schema
            .pointer(error.schema_path().as_str())
            .and_then(Value::as_array);
        let names = types.into_iter().flatten().filter_map(Value::as_str);
        names
            .into_iter()
            .find(|name| *name != "null")
            .unwrap_or("null")
    }

    fn extra(&self, object: &Value, path: Vec<String>, key: &str, faults: &mut Faults) {
        self.push_extra(path, key, object.get(key).unwrap_or(&Value::Null), faults);
    }

    fn push_extra(&self, path: Vec<String>, key: &str, value: &Value, faults: &mut Faults) {
        let path = [path, vec![key.to_owned()]].concat();
        let message = "Extra inputs are not permitted";
        self.push(
            path,
            "extra_forbidden",
            message.into(),
            Map::new(),
            value,
            faults,
        );
    }

    /// `loc` after the source: the place, then the keys to where the error is.
    pub(super) fn path(&self, error: &ValidationError<'_>) -> Vec<String> {
        let mut path = self.place.path.to_vec();
        path.extend(pointer_parts(error.instance_path().as_str()));
        path
    }

    pub(super) fn push(
        &self,
        path: Vec<String>,
        kind: &'static str,
        message: Cow<'static, str>,
        context: Map<String, Value>,
        input: &Value,
        faults: &mut Faults,
    ) {
        let fault = Fault {
            source: self.place.source,
            path,
            kind,
            message,
            input: None,
            context,
        };
        // Two subschemas may ask the same of one value; the client needs to hear it once.
        let own_keys = &fault.path[self.place.path.len()..];
        let sent = self.place.input.map(|sent| quoted(sent, own_keys).clone());
        faults.push_once(fault, sent.as_ref().unwrap_or(input));
    }
}

/// What was sent where `keys` lead to; the deepest that was sent, where nothing was sent there.
fn quoted<'s>(sent: &'s Value, keys: &[String]) -> &'s Value {
    let step = |value: &'s Value, key: &String| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    };
    let reached = keys
        .iter()
        .try_fold(sent, |value, key| step(value, key).ok_or(value));
    reached.unwrap_or_else(|deepest| deepest)
}

/// The unescaped parts of a JSON pointer (RFC 6901 §4).
pub(super) fn pointer_parts(pointer: &str) -> impl Iterator<Item = String> {
    pointer
        .split('/')
        .skip(1)
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
}

type Sentence = (&'static str, Cow<'static, str>, Map<String, Value>);

fn facts<const N: usize>(facts: [(&str, Value); N]) -> Map<String, Value> {
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
fn sentence(error: &ValidationError<'_>) -> Sentence {
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
        Kind::MultipleOf { multiple_of } => bound(
            "multiple_of",
            "a multiple of",
            "multiple_of",
            &shortest(*multiple_of),
        ),
        Kind::Enum { options } => expected("enum", options.as_array().map_or(&[], Vec::as_slice)),
        Kind::Constant { expected_value } => {
            expected("literal_error", std::slice::from_ref(expected_value))
        }
        Kind::UniqueItems => match duplicate_index(error.instance()) {
            Some(index) => fact(
                "unique_items",
                "List items should be unique".to_owned(),
                "duplicate_index",
                index,
            ),
            None => bare("unique_items", "List items should be unique"),
        },
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
fn contained(side: &str, limit: u64) -> Sentence {
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
fn counted(kind: &'static str, noun: &str, side: &str, limit: u64) -> Sentence {
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

/// An integral float as an integer, so that a sentence says 5 and not 5.0.
fn shortest(number: f64) -> Value {
    // Below 2^53 the conversion is exact.
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}
