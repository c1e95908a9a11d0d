//! A JSON Schema, compiled once at start (2020-12, formats asserted).
//!
//! Knows how to compile and when to judge; what a fault is called is the matter of `rows`.

use std::fmt;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::fault::{Faults, Source};
use super::format;
use super::rows::{Place, report};

/// Steps a pattern with look-around may backtrack before it counts as not matching. Patterns
/// without look-around run in linear time; this bounds the others against hostile input.
const BACKTRACK_STEPS_MAX: usize = 100_000;

/// Most values in a document whose faults are all listed. The validator makes every error before
/// the first can be looked at, about a microsecond and 300 bytes each, and a value can have many;
/// of a larger document only the first fault is named.
const LISTED_VALUES_MAX: usize = 4096;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    document: Value,
    validator: Validator,
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
        let mut options = jsonschema::options()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(true)
            .with_pattern_options(
                PatternOptions::fancy_regex().backtrack_limit(BACKTRACK_STEPS_MAX),
            );
        for (name, check) in format::CHECKS {
            options = options.with_format(*name, *check);
        }
        let validator = options.build(document).map_err(|error| SchemaError {
            pointer: error.instance_path().as_str().to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            document: document.clone(),
            validator,
        })
    }

    /// Adds a row for every fault of a body.
    pub fn judge_body(&self, body: &Value, faults: &mut Faults) {
        self.judge(
            body,
            &Place {
                source: Source::Body,
                path: &[],
                input: None,
            },
            faults,
        );
    }

    /// Adds a row for every fault of `value`, which lies at `place`.
    pub fn judge(&self, value: &Value, place: &Place<'_>, faults: &mut Faults) {
        if self.validator.is_valid(value) {
            return;
        }
        if counts_at_most(value, &mut { LISTED_VALUES_MAX }) {
            let errors = self.validator.iter_errors(value);
            report(&self.document, value, errors, place, faults);
        } else {
            let first = self.validator.validate(value).err();
            report(&self.document, value, first.into_iter(), place, faults);
            faults.truncate();
        }
    }

    /// The schema as it was given.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }
}

/// Takes the values of a document from `left`; false when there are more.
fn counts_at_most(value: &Value, left: &mut usize) -> bool {
    let Some(fewer) = left.checked_sub(1) else {
        return false;
    };
    *left = fewer;
    match value {
        Value::Array(items) => items.iter().all(|item| counts_at_most(item, left)),
        Value::Object(members) => members.values().all(|member| counts_at_most(member, left)),
        _ => true,
    }
}
