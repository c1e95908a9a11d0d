//! What a parameter's schema asks of its text: which conversions to try, and what to judge after.
//!
//! Read once at start. Most schemas only name a type or a format; those are decided by conversion
//! alone and need no validator at run time.
//! Knows nothing of names, sources' syntax or requests.

use std::borrow::Cow;

use serde_json::Value;
use spikard_middleware::Arguments;

use super::convert::{Kind, Scalar};
use crate::validate::fault::{Fault, Faults, Source};
use crate::validate::format;
use crate::validate::rows::{Place, format_sentence, type_sentence_of};
use crate::validate::schema::{Schema, SchemaError};

/// How deep references and combinations are followed when a type is looked for. A schema deeper
/// than this, or one that refers to itself, is text.
const SCHEMA_DEPTH_MAX: usize = 16;

/// A compiled parameter schema.
#[derive(Debug)]
pub struct Shape {
    /// Whether repeated values become a list.
    list: bool,
    /// Conversions of one value, in the order in which they are tried.
    kinds: Box<[Kind]>,
    /// What conversion does not decide.
    schema: Option<Schema>,
}

/// Where a parameter's faults are reported.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'s> {
    /// Its source.
    pub source: Source,
    /// Its name on the wire, as the one element that `loc` has after the source.
    pub name: &'s [String],
}

impl Shape {
    /// Compiles a schema; without one, a value is text.
    ///
    /// # Errors
    /// [`SchemaError`] when the schema does not compile.
    pub fn compile(document: Option<&Value>) -> Result<Self, SchemaError> {
        let Some(document) = document else {
            return Ok(Self {
                list: false,
                kinds: [Kind::Text(None)].into(),
                schema: None,
            });
        };
        let schema = Schema::compile(document)?;
        let mut reading = Reading {
            root: document,
            list: false,
            kinds: Vec::new(),
            plain: true,
        };
        reading.read(document, SCHEMA_DEPTH_MAX);
        if reading.kinds.is_empty() {
            reading.kinds.push(Kind::Text(None));
        }
        let schema = if reading.plain { None } else { Some(schema) };
        Ok(Self {
            list: reading.list,
            kinds: reading.kinds.into(),
            schema,
        })
    }

    /// Whether repeated values become a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.list
    }

    /// Converts and judges what was sent, at least one text, and delivers it. Nothing is delivered
    /// when a fault is added; the caller answers with the faults then.
    pub fn read(
        &self,
        texts: &[Cow<'_, str>],
        spot: Spot<'_>,
        arguments: &mut Arguments,
        faults: &mut Faults,
    ) {
        if self.list {
            return self.read_list(texts, spot, arguments, faults);
        }
        // The last value wins, as it does for form fields in most frameworks.
        let Some(text) = texts.last() else { return };
        let Some(scalar) = self.convert(text, spot.source) else {
            let fault = self.refusal(spot, spot.name.to_vec());
            return faults.push(fault, &Value::from(text.as_ref()));
        };
        if self.judge(spot, || scalar.to_json(), || text.as_ref().into(), faults) {
            scalar.deliver(arguments);
        }
    }

    fn read_list(
        &self,
        texts: &[Cow<'_, str>],
        spot: Spot<'_>,
        arguments: &mut Arguments,
        faults: &mut Faults,
    ) {
        let mut scalars = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match self.convert(text, spot.source) {
                Some(scalar) => scalars.push(scalar),
                None => {
                    let path = [spot.name, &[index.to_string()]].concat();
                    faults.push(self.refusal(spot, path), &Value::from(text.as_ref()));
                }
            }
        }
        let json = || scalars.iter().map(|scalar| scalar.to_json()).collect();
        let sent = || {
            texts
                .iter()
                .map(|text| Value::from(text.as_ref()))
                .collect()
        };
        if scalars.len() < texts.len() || !self.judge(spot, json, sent, faults) {
            return;
        }
        let mark = arguments.begin_list();
        for scalar in &scalars {
            scalar.deliver(arguments);
        }
        // Bounded by the head's size.
        arguments.end_list(mark, scalars.len() as u32);
    }

    /// The first conversion that succeeds.
    fn convert<'t>(&self, text: &'t str, source: Source) -> Option<Scalar<'t>> {
        let flag = text.is_empty() && source == Source::Query;
        self.kinds.iter().find_map(|kind| match kind {
            Kind::Boolean if flag => Some(Scalar::Boolean(false)),
            kind => kind.convert(text),
        })
    }

    /// Judges a converted value by what conversion did not decide.
    fn judge(
        &self,
        spot: Spot<'_>,
        value: impl FnOnce() -> Value,
        sent: impl FnOnce() -> Value,
        faults: &mut Faults,
    ) -> bool {
        let Some(schema) = &self.schema else {
            return true;
        };
        let before = faults.rows().len();
        let sent = sent();
        let place = Place {
            source: spot.source,
            path: spot.name,
            input: Some(&sent),
        };
        schema.judge(&value(), &place, faults);
        faults.rows().len() == before
    }

    /// The row for a text that is of none of the kinds: it names the first.
    fn refusal(&self, spot: Spot<'_>, path: Vec<String>) -> Fault {
        let (kind, message, context) = match self.kinds.first() {
            Some(Kind::Integer) => type_sentence_of("integer"),
            Some(Kind::Number) => type_sentence_of("number"),
            Some(Kind::Boolean) => type_sentence_of("boolean"),
            Some(Kind::Text(Some((format, _)))) => format_sentence(format),
            Some(Kind::Text(None)) | None => type_sentence_of("string"),
        };
        Fault {
            source: spot.source,
            path,
            kind,
            message,
            input: None,
            context,
        }
    }
}

/// Reading a schema for the types it allows.
struct Reading<'r> {
    root: &'r Value,
    list: bool,
    kinds: Vec<Kind>,
    /// Whether conversion alone decides the schema.
    plain: bool,
}

impl<'r> Reading<'r> {
    fn read(&mut self, schema: &'r Value, depth: usize) {
        let (Some(keywords), Some(depth)) = (schema.as_object(), depth.checked_sub(1)) else {
            self.plain &= schema == &Value::Bool(true);
            return;
        };
        let format = keywords.get("format").and_then(Value::as_str);
        for (keyword, value) in keywords {
            match keyword.as_str() {
                "title" | "description" | "default" | "examples" | "example" | "deprecated"
                | "$schema" | "$comment" | "$defs" | "definitions" => {}
                "type" => self.types(value, format),
                // Decided together with its type; alone it does not say what to convert to.
                "format" => self.plain &= format.is_some_and(is_decided),
                "anyOf" | "oneOf" => {
                    self.plain &= keyword == "anyOf";
                    value
                        .as_array()
                        .into_iter()
                        .flatten()
                        .for_each(|each| self.read(each, depth));
                }
                "items" => self.items(value, depth),
                "allOf" => {
                    self.plain = false;
                    value
                        .as_array()
                        .into_iter()
                        .flatten()
                        .for_each(|each| self.read(each, depth));
                }
                "$ref" => self.reference(value, depth),
                "enum" | "const" => {
                    self.plain = false;
                    self.examples(value);
                }
                _ => self.plain = false,
            }
        }
        self.plain &= format.is_none() || keywords.contains_key("type");
    }

    fn types(&mut self, types: &'r Value, format: Option<&str>) {
        let single = std::slice::from_ref(types);
        for name in types.as_array().map_or(single, Vec::as_slice) {
            match name.as_str() {
                Some("integer") => self.push(Kind::Integer),
                Some("number") => self.push(Kind::Number),
                Some("boolean") => self.push(Kind::Boolean),
                Some("string") => {
                    let check = format
                        .and_then(|format| format::CHECKS.iter().find(|(name, _)| *name == format));
                    self.push(Kind::Text(check.copied()));
                }
                Some("array") => self.list = true,
                // A text is never null; what is sent is judged as the other type.
                Some("null") => {}
                _ => self.plain = false,
            }
        }
    }

    /// The items of a list decide what each value is converted to.
    fn items(&mut self, items: &'r Value, depth: usize) {
        let outer = std::mem::take(&mut self.list);
        self.read(items, depth);
        // A list of lists has no spelling in a query; the schema judges and refuses it.
        self.plain &= !self.list;
        self.list |= outer;
    }

    /// A reference within the schema itself.
    fn reference(&mut self, target: &'r Value, depth: usize) {
        let pointer = target.as_str().and_then(|target| target.strip_prefix('#'));
        match pointer.and_then(|pointer| self.root.pointer(pointer)) {
            Some(schema) => self.read(schema, depth),
            None => self.plain = false,
        }
    }

    /// Types of the values that `enum` or `const` allows, for schemas that name no type.
    fn examples(&mut self, values: &'r Value) {
        let single = std::slice::from_ref(values);
        for value in values.as_array().map_or(single, Vec::as_slice) {
            match value {
                Value::Bool(_) => self.push(Kind::Boolean),
                Value::Number(number) if number.is_f64() => self.push(Kind::Number),
                Value::Number(_) => self.push(Kind::Integer),
                Value::String(_) => self.push(Kind::Text(None)),
                _ => {}
            }
        }
    }

    /// Adds a conversion, kept before plain text if it is a narrower one of the same schema.
    fn push(&mut self, kind: Kind) {
        let known = self.kinds.iter().any(|known| match (known, &kind) {
            (Kind::Text(one), Kind::Text(other)) => {
                one.map(|(name, _)| name) == other.map(|(name, _)| name)
            }
            (known, kind) => std::mem::discriminant(known) == std::mem::discriminant(kind),
        });
        if !known {
            self.kinds.push(kind);
        }
    }
}

/// Whether a format's check is ours, so that conversion decides it.
fn is_decided(format: &str) -> bool {
    format::check_of(format).is_some()
}
