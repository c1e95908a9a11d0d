//! From a request's path, query, header fields and cookies to the arguments of the host's function.
//!
//! Parameters are compiled once per route, in the order in which the host wants them. Every fault
//! is collected, so that one answer names them all.
//! Knows nothing of bodies, tables or hosts.

use std::borrow::Cow;

use serde_json::Value;
use spikard_contract::route::{ParameterDocument, ParameterSource};
use spikard_middleware::{ArgumentKind, Arguments};
use spikard_proto_http::Head;
use spikard_proto_http::cookie::Cookies;
use spikard_proto_http::form::pairs;
use spikard_proto_http::sabotage;
use spikard_proto_http::target::decode_segment;

use super::brackets::split_name;
use super::convert::deliver_json;
use super::shape::{Shape, Spot};
use crate::route::pattern::{Hint, Pattern, Segment};
use crate::validate::fault::{Fault, Faults, Source};
use crate::validate::schema::SchemaError;

/// Most pairs read from one query string. Forms are larger than APIs; this is ten large forms.
pub const QUERY_PAIRS_MAX: usize = 1000;

/// All parameters of one route.
#[derive(Debug)]
pub struct Extractor {
    parameters: Box<[Parameter]>,
    reads_query: bool,
    reads_cookies: bool,
}

/// Why a query string cannot be read; the answer is 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryFault {
    /// More than [`QUERY_PAIRS_MAX`] pairs.
    TooManyPairs,
}

impl std::fmt::Display for QueryFault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooManyPairs => {
                write!(
                    out,
                    "The query string has more than {QUERY_PAIRS_MAX} pairs"
                )
            }
        }
    }
}

/// A pair of the query or a cookie that belongs to a parameter.
struct Found<'h> {
    /// The parameter's place.
    owner: usize,
    /// What its name has in brackets, if it has any.
    keys: Option<Vec<String>>,
    text: Cow<'h, str>,
}

#[derive(Debug)]
struct Parameter {
    origin: Origin,
    /// The name on the wire, as the one element that `loc` has after the source.
    name: [String; 1],
    shape: Shape,
    /// The pattern's hint, and what says the fault of a segment that the router let through only
    /// to be refused here. Needed where the schema does not ask what the hint asks.
    hint: Option<(Hint, Shape)>,
    absent: Absent,
}

/// Where a parameter's text is found.
#[derive(Debug)]
enum Origin {
    /// The segment with this number, or all from it on.
    Path {
        segment: usize,
        rest: bool,
    },
    Query,
    Header,
    Cookie,
}

/// What the host receives when nothing was sent.
#[derive(Debug)]
enum Absent {
    Fault,
    Default(Value),
    Nothing,
}

impl Extractor {
    /// Compiles the parameters of a route, in the order of their documents.
    ///
    /// # Errors
    /// The place of a parameter in `documents`, and why its schema does not compile.
    pub fn compile(
        pattern: &Pattern,
        documents: &[ParameterDocument],
    ) -> Result<Self, (usize, SchemaError)> {
        let mut parameters = Vec::with_capacity(documents.len());
        for (at, document) in documents.iter().enumerate() {
            parameters.push(Parameter::compile(pattern, document).map_err(|why| (at, why))?);
        }
        let reads = |wanted: ParameterSource| documents.iter().any(|each| each.source == wanted);
        Ok(Self {
            reads_query: reads(ParameterSource::Query),
            reads_cookies: reads(ParameterSource::Cookie),
            parameters: parameters.into(),
        })
    }

    /// Whether there is nothing to extract.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Reads all parameters of a request into `arguments`, in order. With a fault added, what was
    /// delivered is incomplete.
    ///
    /// # Errors
    /// [`QueryFault`] when the query cannot be read at all.
    pub fn extract(
        &self,
        head: &Head,
        arguments: &mut Arguments,
        faults: &mut Faults,
    ) -> Result<(), QueryFault> {
        let mut found = Vec::new();
        if self.reads_query {
            self.find_query(head, &mut found)?;
        }
        if self.reads_cookies {
            self.find_cookies(head, &mut found);
        }
        let mut texts = Vec::new();
        for (at, parameter) in self.parameters.iter().enumerate() {
            texts.clear();
            match parameter.origin {
                Origin::Path { segment, rest } => {
                    texts.extend(path_text(head.path(), segment, rest));
                }
                Origin::Header => parameter.find_fields(head, &mut texts),
                Origin::Query | Origin::Cookie => {
                    if found
                        .iter()
                        .any(|each| each.owner == at && each.keys.is_some())
                    {
                        parameter.read_tree(&mut found, at, arguments, faults);
                        continue;
                    }
                    let own = found.iter_mut().filter(|each| each.owner == at);
                    texts.extend(own.map(|each| std::mem::take(&mut each.text)));
                }
            }
            if sabotage::off_in("source/") == Some(parameter.origin.source().name()) {
                texts.clear();
            }
            parameter.read(&texts, arguments, faults);
        }
        Ok(())
    }

    /// Finds the values of query parameters.
    fn find_query<'h>(&self, head: &'h Head, found: &mut Vec<Found<'h>>) -> Result<(), QueryFault> {
        for (count, (name, text)) in pairs(head.query().unwrap_or_default()).enumerate() {
            if count == QUERY_PAIRS_MAX && !sabotage::is_off("parameter/pairs-max") {
                return Err(QueryFault::TooManyPairs);
            }
            if let Some(owner) = self.query_owner(&name, |_| true) {
                found.push(Found {
                    owner,
                    keys: None,
                    text,
                });
            } else if let Some((root, keys)) = split_name(&name)
                && let Some(owner) = self.query_owner(root, Shape::takes_brackets)
            {
                found.push(Found {
                    owner,
                    keys: Some(keys),
                    text,
                });
            }
        }
        Ok(())
    }

    /// The query parameter of this name whose shape is a wanted one.
    fn query_owner(&self, name: &str, wanted: impl Fn(&Shape) -> bool) -> Option<usize> {
        self.parameters.iter().position(|each| {
            matches!(each.origin, Origin::Query) && each.name[0] == name && wanted(&each.shape)
        })
    }

    /// Finds the values of cookies. Names compare exactly (RFC 6265 §5.4); of two cookies with one
    /// name the first counts, because user agents send the more specific path first (§5.4.2).
    fn find_cookies<'h>(&self, head: &'h Head, found: &mut Vec<Found<'h>>) {
        for (name, value) in head.field_all(b"cookie").flat_map(Cookies::new) {
            let wants = |each: &Parameter| {
                matches!(each.origin, Origin::Cookie) && each.name[0].as_bytes() == name
            };
            let Some(owner) = self.parameters.iter().position(wants) else {
                continue;
            };
            let repeated = found.iter().any(|each| each.owner == owner);
            let repeated = repeated && !sabotage::is_off("parameter/first-cookie");
            if self.parameters[owner].shape.is_list() || !repeated {
                found.push(Found {
                    owner,
                    keys: None,
                    text: String::from_utf8_lossy(value),
                });
            }
        }
    }
}

impl Parameter {
    fn compile(pattern: &Pattern, document: &ParameterDocument) -> Result<Self, SchemaError> {
        let alias = document.alias.as_deref();
        let alias = alias.filter(|_| !sabotage::is_off("parameter/alias"));
        let name = alias.unwrap_or(&document.name);
        let (origin, name) = match document.source {
            ParameterSource::Path => (path_origin(pattern, name), name.to_owned()),
            ParameterSource::Query => (Origin::Query, name.to_owned()),
            // `X_Api_Key`, `x-api-key` and an alias all name one field.
            ParameterSource::Header if sabotage::is_off("parameter/header-underscore") => {
                (Origin::Header, name.to_lowercase())
            }
            ParameterSource::Header => (Origin::Header, name.replace('_', "-").to_lowercase()),
            ParameterSource::Cookie => (Origin::Cookie, name.to_owned()),
        };
        let hint = match origin {
            Origin::Path { .. } => pattern
                .captures()
                .find(|(own, _)| *own == name)
                .and_then(|(_, hint)| hint),
            _ => None,
        };
        let schema = refined(document.schema.as_ref(), hint);
        let shape = Shape::compile(schema.as_deref())?;
        let hint = match hint {
            Some(hint) => Some((hint, Shape::compile(Some(&hint.schema()))?)),
            None => None,
        };
        let absent = match (&document.default, document.required) {
            _ if sabotage::is_off("parameter/required") => Absent::Nothing,
            (Some(_), _) if sabotage::is_off("parameter/default") => Absent::Nothing,
            (Some(default), _) => Absent::Default(default.clone()),
            (None, true) => Absent::Fault,
            (None, false) => Absent::Nothing,
        };
        Ok(Self {
            origin,
            name: [name],
            shape,
            hint,
            absent,
        })
    }

    fn read(&self, texts: &[Cow<'_, str>], arguments: &mut Arguments, faults: &mut Faults) {
        let source = self.origin.source();
        let spot = Spot {
            source,
            name: &self.name,
        };
        if texts.is_empty() {
            return match &self.absent {
                Absent::Fault => {
                    let fault = Fault::new(source, self.name.to_vec(), "missing", "Field required");
                    faults.push(fault, &Value::Null);
                }
                Absent::Default(value) => deliver_json(value, arguments),
                Absent::Nothing => arguments.push_bare(ArgumentKind::Absent),
            };
        }
        let before = faults.rows().len();
        self.shape.read(texts, spot, arguments, faults);
        // A schema that does not ask what the hint asks must not let through what the router
        // refused: no other route took the request.
        if let Some((hint, shape)) = &self.hint
            && faults.rows().len() == before
            && !hint.accepts(&texts[0])
            && !sabotage::is_off("parameter/hint")
        {
            shape.read(texts, spot, arguments, faults);
        }
    }

    /// Reads a value that was spelled with brackets.
    fn read_tree(
        &self,
        found: &mut [Found<'_>],
        owner: usize,
        arguments: &mut Arguments,
        faults: &mut Faults,
    ) {
        let own = found.iter_mut().filter(|each| each.owner == owner);
        let branches = own
            .map(|each| {
                (
                    each.keys.take().unwrap_or_default(),
                    std::mem::take(&mut each.text),
                )
            })
            .map(|(keys, text)| (keys, text.into_owned()));
        let spot = Spot {
            source: self.origin.source(),
            name: &self.name,
        };
        self.shape
            .read_tree(branches.collect(), spot, arguments, faults);
    }

    /// The values of a header field: all lines of it. A list is split at commas too, because a
    /// list may be sent either way (RFC 9110 §5.3); otherwise lines are joined as that section
    /// says.
    fn find_fields<'h>(&self, head: &'h Head, texts: &mut Vec<Cow<'h, str>>) {
        let name = self.name[0].as_bytes();
        let mut values = head
            .fields()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| String::from_utf8_lossy(value));
        if self.shape.is_list() && !sabotage::is_off("parameter/header-commas") {
            for value in values {
                let parts = value
                    .split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty());
                texts.extend(parts.map(|part| Cow::Owned(part.to_owned())));
            }
            return;
        }
        let Some(first) = values.next() else { return };
        if sabotage::is_off("parameter/header-lines") {
            return texts.push(first);
        }
        texts.push(values.fold(first, |joined, next| {
            Cow::Owned(format!("{joined}, {next}"))
        }));
    }
}

impl Origin {
    fn source(&self) -> Source {
        match self {
            Self::Path { .. } => Source::Path,
            Self::Query => Source::Query,
            Self::Header => Source::Header,
            Self::Cookie => Source::Cookie,
        }
    }
}

/// Where a path parameter lies. `App::add_route` has checked that it exists.
fn path_origin(pattern: &Pattern, name: &str) -> Origin {
    let place = pattern
        .segments()
        .iter()
        .enumerate()
        .find_map(|(segment, each)| match each {
            Segment::Capture { name: own, .. } if own == name => Some((segment, false)),
            Segment::Rest { name: own } if own == name => Some((segment, true)),
            _ => None,
        });
    let (segment, rest) = place.unwrap_or((usize::MAX, false));
    Origin::Path { segment, rest }
}

/// A parameter's schema together with its hint: the hint stands where the schema names no type.
fn refined(schema: Option<&Value>, hint: Option<Hint>) -> Option<Cow<'_, Value>> {
    let (Some(schema), Some(hint)) = (schema, hint) else {
        return schema
            .map(Cow::Borrowed)
            .or(hint.map(|hint| Cow::Owned(hint.schema())));
    };
    let typed = [
        "type", "format", "anyOf", "oneOf", "allOf", "$ref", "enum", "const",
    ];
    if typed.iter().any(|keyword| schema.get(keyword).is_some()) {
        return Some(Cow::Borrowed(schema));
    }
    let mut merged = hint.schema();
    if let (Some(merged), Some(own)) = (merged.as_object_mut(), schema.as_object()) {
        merged.extend(own.clone());
    }
    Some(Cow::Owned(merged))
}

/// The decoded text of a segment of the raw path, or of everything from it on.
fn path_text(path: &[u8], segment: usize, rest: bool) -> Option<Cow<'_, str>> {
    let tail = path.strip_prefix(b"/")?;
    let mut start = 0;
    for _ in 0..segment {
        start += memchr::memchr(b'/', &tail[start..])? + 1;
    }
    let tail = &tail[start..];
    let end = if rest && !sabotage::is_off("parameter/rest") {
        None
    } else {
        memchr::memchr(b'/', tail)
    };
    // The router has refused paths that do not decode. A rest decodes as one: slashes that were
    // encoded in it become slashes of the value.
    decode_segment(&tail[..end.unwrap_or(tail.len())]).ok()
}
