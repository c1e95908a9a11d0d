//! A JSON Schema, compiled once at start (2020-12, formats asserted).
//!
//! Knows how to compile and when to judge; what a fault is called is the matter of `rows`.

use std::fmt;
use std::sync::Arc;

use jsonschema::json::Json;
use jsonschema::{PatternOptions, Retrieve, ValidationError, ValidationOptions, Validator};
use serde_json::Value;
use spikard_proto_http::sabotage;

use super::bounded;
use super::exact::quote_exactly;
use super::fault::{Fault, Faults, Source};
use super::format;
use super::proof::Proof;
use super::proof_compile;
use super::rows::{Place, report};
use super::tape::Tape;
use super::tape_node::{TapeNode, Taped};

/// Steps a pattern with look-around may backtrack before it counts as not matching. Patterns
/// without look-around run in linear time; this bounds the others against hostile input.
const BACKTRACK_STEPS_MAX: usize = 100_000;

/// Most values in a document whose faults are all listed. The validator makes every error before
/// the first can be looked at, about a microsecond and 300 bytes each, and a value can have many;
/// of a larger document only the first fault is named.
const LISTED_VALUES_MAX: usize = 4096;

/// Most bytes of names on the ways to all values of such a document. A long name stands in the
/// error of everything below it: one of a megabyte above a thousand faults would be a gigabyte.
const LISTED_PATH_BYTES_MAX: usize = 1 << 20;

/// Most times that one fault may be listed, of a schema whose alternatives cannot be bounded. Of
/// a document that may make more of them it is only said that it is not valid.
const LISTINGS_MAX: f64 = 4096.0;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    /// As its faults are listed by: what was given, or what says the same.
    document: Value,
    /// Sees cheaply that most bodies are valid.
    proof: Option<Proof>,
    /// Judges bodies as they lie in their text.
    bodies: Validator<Taped>,
    /// Finds the first fault of a large body, in time linear to it.
    body_faults: Validator<Taped>,
    /// Judges parameters and forms, and finds all faults of what is not large.
    values: Validator,
    /// Whether a document can make the validator list its faults time and again.
    may_multiply: bool,
}

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    /// JSON pointer into the schema; empty for the whole.
    pub pointer: String,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => write!(out, "the schema does not compile: {}", self.reason),
            pointer => write!(
                out,
                "the schema does not compile at {pointer}: {}",
                self.reason
            ),
        }
    }
}

impl std::error::Error for SchemaError {}

impl Schema {
    /// Compiles a schema. References are resolved within it only; nothing is fetched.
    ///
    /// # Errors
    /// [`SchemaError`] when it is not a valid schema or a reference leads nowhere.
    pub fn compile(document: &Value) -> Result<Self, SchemaError> {
        let crippled = super::cripple::cripple(document);
        let document = crippled.as_ref().unwrap_or(document);
        let bounded = bounded::bound(document);
        let listed = bounded.as_ref().unwrap_or(document);
        Ok(Self {
            bodies: options().build(document).map_err(refused)?,
            body_faults: options().build(listed).map_err(refused)?,
            values: options().build(listed).map_err(refused)?,
            proof: proof_compile::compile(document),
            may_multiply: bounded.is_none(),
            document: listed.clone(),
        })
    }

    /// Says whether a schema compiles, and keeps nothing of it.
    ///
    /// # Errors
    /// As for [`Schema::compile`].
    pub fn check(document: &Value) -> Result<(), SchemaError> {
        let built: Result<Validator, _> = options().build(document);
        built.map(drop).map_err(refused)
    }

    /// Adds a row for every fault of a body. It is judged as it lies in its text, and built as
    /// values only when it is refused.
    pub fn judge_body(&self, body: &Tape<'_>, faults: &mut Faults) {
        let proven = self.proof.as_ref().is_some_and(|proof| proof.holds(*body));
        let root = TapeNode::root(body);
        if proven || self.bodies.is_valid(root) {
            return;
        }
        let place = Place {
            source: Source::Body,
            path: &[],
            input: None,
        };
        let value = body.to_value();
        let before = faults.rows().len();
        self.list(
            &value,
            || self.body_faults.validate(root).err(),
            &place,
            faults,
        );
        quote_exactly(*body, faults.rows_from(before));
    }

    /// Adds a row for every fault of `value`, which lies at `place`.
    pub fn judge(&self, value: &Value, place: &Place<'_>, faults: &mut Faults) {
        if !self.values.is_valid(value) {
            self.list(value, || self.values.validate(value).err(), place, faults);
        }
    }

    /// Adds the rows of a value that is not valid; of a large one only its first fault.
    fn list<'v>(
        &self,
        value: &'v Value,
        first: impl FnOnce() -> Option<ValidationError<'v>>,
        place: &Place<'_>,
        faults: &mut Faults,
    ) {
        let before = faults.rows().len();
        let document = &self.document;
        if self.may_multiply && bounded::listings(document, value) > LISTINGS_MAX {
            faults.truncate();
        } else if Listed::default().takes(value, 0) || sabotage::is_off("rows/values-max") {
            let errors = self.values.iter_errors(value);
            report(document, value, errors, place, faults);
        } else {
            report(document, value, first().into_iter(), place, faults);
            faults.truncate();
        }
        if faults.rows().len() == before && !faults.is_full() {
            // Built as values, numbers beyond 64 bits are rounded and may look valid.
            let path = place.path.to_vec();
            faults.push(
                Fault::new(place.source, path, "value_error", "Input should be valid"),
                value,
            );
        }
    }

    /// Whether `value` satisfies the schema.
    #[must_use]
    pub fn admits(&self, value: &Value) -> bool {
        self.values.is_valid(value)
    }
}

fn refused(error: ValidationError<'_>) -> SchemaError {
    SchemaError {
        pointer: error.instance_path().as_str().to_owned(),
        reason: error.to_string(),
    }
}

pub(super) fn options<'o, F: Json>() -> ValidationOptions<'o, Arc<dyn Retrieve>, F> {
    let patterns = PatternOptions::fancy_regex().backtrack_limit(BACKTRACK_STEPS_MAX);
    let options = jsonschema::options_for()
        .should_validate_formats(true)
        .should_ignore_unknown_formats(true)
        .with_pattern_options(patterns);
    format::CHECKS
        .iter()
        .fold(options, |options, (name, check)| {
            options.with_format(*name, *check)
        })
}

/// What is counted of a document to decide whether all its faults are listed.
#[derive(Default)]
struct Listed {
    values: usize,
    /// Of the names on the way to each value: every error has them all.
    path_bytes: usize,
}

impl Listed {
    /// Takes a value under names of so many bytes; false when it is too much.
    fn takes(&mut self, value: &Value, path_bytes: usize) -> bool {
        self.values += 1;
        self.path_bytes += path_bytes;
        self.values <= LISTED_VALUES_MAX
            && self.path_bytes <= LISTED_PATH_BYTES_MAX
            && match value {
                Value::Array(items) => items
                    .iter()
                    .all(|item| self.takes(item, path_bytes + INDEX_BYTES)),
                Value::Object(members) => members
                    .iter()
                    .all(|(name, member)| self.takes(member, path_bytes + name.len())),
                _ => true,
            }
    }
}

/// What an index takes in a path, roughly.
const INDEX_BYTES: usize = 4;
