//! From a schema to the graph that [`Proof`] walks, where its keywords allow it.
//!
//! A keyword is known here, or stands for itself and goes to the validator for its node alone, or
//! the whole schema is left to the validator: there is no fourth way.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::proof::{Kinds, Node, NodeId, Places, Proof};
use super::proof_rules::{Length, Members, Property, Range};
use super::scanner::Kind;
use super::schema::options;

/// Compiles a schema; `None` if it has what a proof cannot see.
pub(super) fn compile(document: &Value) -> Option<Proof> {
    let mut compiler = Compiler {
        document,
        nodes: Vec::new(),
        referred: HashMap::new(),
    };
    let root = compiler.refer("")?;
    Some(Proof::new(compiler.nodes, root))
}

struct Compiler<'d> {
    document: &'d Value,
    nodes: Vec<Node>,
    /// Nodes by the JSON pointer of a reference; entered before they are compiled, as they may
    /// refer to themselves.
    referred: HashMap<String, NodeId>,
}

impl Compiler<'_> {
    /// The node of what a JSON pointer leads to.
    fn refer(&mut self, pointer: &str) -> Option<NodeId> {
        if let Some(node) = self.referred.get(pointer) {
            return Some(*node);
        }
        let schema = self.document.pointer(pointer)?;
        let node = self.reserve();
        self.referred.insert(pointer.to_owned(), node);
        self.nodes[node] = self.node(schema)?;
        Some(node)
    }

    fn reserve(&mut self) -> NodeId {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    fn child(&mut self, schema: &Value) -> Option<NodeId> {
        let node = self.reserve();
        self.nodes[node] = self.node(schema)?;
        Some(node)
    }

    fn children(&mut self, schemas: &Value) -> Option<Vec<NodeId>> {
        schemas
            .as_array()?
            .iter()
            .map(|schema| self.child(schema))
            .collect()
    }

    fn node(&mut self, schema: &Value) -> Option<Node> {
        let keywords = match schema {
            Value::Bool(admits) => {
                let kinds = if *admits { Kinds::ALL } else { Kinds::NONE };
                return Some(Node {
                    kinds,
                    ..Node::default()
                });
            }
            Value::Object(keywords) => keywords,
            _ => return None,
        };
        let mut node = Node::default();
        let (mut range, mut rest) = (Range::default(), Map::new());
        for (keyword, value) in keywords {
            match keyword.as_str() {
                "type" => node.kinds = kinds(value)?,
                "minimum" => range.minimum = bound(value)?,
                "maximum" => range.maximum = bound(value)?,
                "exclusiveMinimum" => range.above = bound(value)?,
                "exclusiveMaximum" => range.below = bound(value)?,
                "items" => node.items = Some(self.child(value)?),
                "anyOf" => node.any = self.children(value)?,
                "allOf" => node.also.extend(self.children(value)?),
                "$ref" => {
                    let pointer = value.as_str()?.strip_prefix('#')?;
                    // `%` would have to be decoded, and a plain name is an anchor.
                    let is_pointer = pointer.is_empty() || pointer.starts_with('/');
                    let is_plain = is_pointer && !pointer.contains('%');
                    node.also.push(self.refer(is_plain.then_some(pointer)?)?);
                }
                "enum" if strings(value).is_some() => node.choices = strings(value),
                _ if MEMBERS.contains(&keyword.as_str()) || LENGTHS.contains(&keyword.as_str()) => {
                }
                _ if SAYING_NOTHING.contains(&keyword.as_str()) => {}
                _ if ALONE.contains(&keyword.as_str()) => {
                    rest.insert(keyword.clone(), value.clone());
                }
                _ => return None,
            }
        }
        node.range = (range != Range::default()).then_some(range);
        node.length = length(keywords, "minLength", "maxLength")?;
        node.count = length(keywords, "minItems", "maxItems")?;
        if MEMBERS
            .iter()
            .any(|keyword| keywords.contains_key(*keyword))
        {
            node.members = Some(Box::new(self.members(keywords)?));
        }
        if !rest.is_empty() {
            let rest = Value::Object(rest);
            if refers(&rest) {
                return None;
            }
            node.rest = Some(Box::new(options().build(&rest).ok()?));
        }
        Some(node)
    }

    fn members(&mut self, keywords: &Map<String, Value>) -> Option<Members> {
        let mut properties = Vec::new();
        if let Some(named) = keywords.get("properties") {
            for (name, schema) in named.as_object()? {
                let (name, node) = (name.as_str().into(), self.child(schema)?);
                properties.push(Property {
                    name,
                    node,
                    required: false,
                });
            }
        }
        let additional = match keywords.get("additionalProperties") {
            Some(schema) => Some(self.child(schema)?),
            None => None,
        };
        for name in keywords.get("required").map_or(Some(&[][..]), as_slice)? {
            let name = name.as_str()?;
            match properties.iter_mut().find(|known| *known.name == *name) {
                Some(known) => known.required = true,
                // To the other keywords it is a member like any that is not named.
                None => properties.push(Property {
                    name: name.into(),
                    node: additional.unwrap_or_else(|| self.reserve()),
                    required: true,
                }),
            }
        }
        let place = |(at, property): (usize, &Property)| (property.name.as_bytes().into(), at);
        let is_large = properties.len() > PROPERTIES_SEARCHED_MAX;
        Some(Members {
            required: properties
                .iter()
                .filter(|property| property.required)
                .count(),
            additional,
            count: length(keywords, "minProperties", "maxProperties")?,
            places: is_large.then(|| properties.iter().enumerate().map(place).collect::<Places>()),
            properties: properties.into(),
        })
    }
}

/// The kinds that `type` admits. An integer written as `1.0` is left to the validator.
fn kinds(value: &Value) -> Option<Kinds> {
    if let Value::Array(names) = value {
        let mut each = names
            .iter()
            .map(|name| if name.is_array() { None } else { kinds(name) });
        return each.try_fold(Kinds::NONE, |all, one| Some(all.and(one?)));
    }
    Some(Kinds::of(match value.as_str()? {
        "null" => &[Kind::Null],
        "boolean" => &[Kind::False, Kind::True],
        "integer" => &[Kind::Integer],
        "number" => &[Kind::Integer, Kind::Number],
        "string" => &[Kind::Plain, Kind::Escaped],
        "array" => &[Kind::Array],
        "object" => &[Kind::Object],
        _ => return None,
    }))
}

fn as_slice(value: &Value) -> Option<&[Value]> {
    value.as_array().map(Vec::as_slice)
}

/// A bound that a float holds exactly.
fn bound(value: &Value) -> Option<f64> {
    value.as_f64().filter(|bound| bound.abs() < 1e15)
}

/// The bounds of a length, if there are any. `None` if they are no lengths.
#[allow(
    clippy::option_option,
    reason = "no bounds, and bounds that cannot be read, differ"
)]
fn length(keywords: &Map<String, Value>, minimum: &str, maximum: &str) -> Option<Option<Length>> {
    let (least, most) = (keywords.get(minimum), keywords.get(maximum));
    if least.is_none() && most.is_none() {
        return Some(None);
    }
    Some(Some(Length {
        minimum: least.map_or(Some(0), Value::as_u64)?,
        maximum: most.map_or(Some(u64::MAX), Value::as_u64)?,
    }))
}

fn strings(value: &Value) -> Option<Box<[Box<str>]>> {
    let choices = value.as_array()?.iter();
    choices
        .map(|choice| choice.as_str().map(Into::into))
        .collect()
}

/// Whether a schema has a reference, or a base for them, anywhere in it.
fn refers(schema: &Value) -> bool {
    match schema {
        Value::Array(items) => items.iter().any(refers),
        Value::Object(members) => members
            .iter()
            .any(|(key, value)| (key.starts_with('$') && key != "$comment") || refers(value)),
        _ => false,
    }
}

/// Read together by [`Compiler::members`].
const MEMBERS: [&str; 5] = [
    "properties",
    "required",
    "additionalProperties",
    "minProperties",
    "maxProperties",
];

/// Read together by [`length`].
const LENGTHS: [&str; 4] = ["minLength", "maxLength", "minItems", "maxItems"];

/// Annotations, and places where schemas are kept.
const SAYING_NOTHING: [&str; 11] = [
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "$defs",
    "definitions",
    "discriminator",
];

/// Keywords that neither read nor change what others beside them do.
const ALONE: [&str; 10] = [
    "pattern",
    "format",
    "multipleOf",
    "uniqueItems",
    "propertyNames",
    "dependentRequired",
    "const",
    "enum",
    "not",
    "oneOf",
];

/// Objects with at most this many properties are searched one by one: faster than hashing.
const PROPERTIES_SEARCHED_MAX: usize = 8;
