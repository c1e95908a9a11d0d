//! Which rows each failed schema keyword becomes, and where they lie.
//!
//! It turns the validator's findings into rows and knows nothing of how they were found; what a
//! row says is the matter of `sentences`.

use std::borrow::Cow;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::{Map, Value};

use super::fault::{Fault, Faults, Source, shortened};
use super::rows_nested::{
    conditions, contained_limit, ends_in, only_real_branch, unevaluated_indexes,
};
use super::sentences::{contained, counted, facts, multiple_of, sentence, type_sentence_of};

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
            Kind::FalseSchema if ends_in(error, &["additionalProperties", "propertyNames"]) => {
                self.all_extra(error, own, faults);
            }
            Kind::FalseSchema if ends_in(error, &["items"]) => self.too_long(error, own, faults),
            Kind::MultipleOf { multiple_of: given } => {
                // The validator only keeps a float of it.
                let written = self.schema.pointer(error.schema_path().as_str());
                let float = Value::from(*given);
                let (kind, message, context) = multiple_of(written.unwrap_or(&float));
                self.push(own, kind, message, context, error.instance(), faults);
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
                let path = [own, vec![shortened(key.to_owned())]].concat();
                self.push(path, kind, message, context, inner.instance(), faults);
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                match only_real_branch(context, error.instance_path()) {
                    Some(branch) => conditions(self, branch.iter(), faults)
                        .into_iter()
                        .for_each(|inner| self.row(inner, faults)),
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

    /// `additionalProperties: false` beside no other property keyword, or `propertyNames: false`:
    /// every key is extra.
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
        let path = [path, vec![shortened(key.to_owned())]].concat();
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
        let parts = pointer_parts(error.instance_path().as_str());
        path.extend(parts.map(shortened));
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
            exact: None,
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
