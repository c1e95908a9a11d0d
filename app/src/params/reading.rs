//! Reading a schema for what its texts are to become: the types it allows.
//!
//! It looks through references and combinations, to a bounded depth, and says whether conversion
//! alone decides the schema. Knows nothing of values.

use serde_json::Value;

use super::convert::Kind;
use crate::validate::format;

/// How deep references and combinations are followed when a type is looked for. A schema deeper
/// than this, or one that refers to itself, is text.
const SCHEMA_DEPTH_MAX: usize = 16;

/// Reading a schema for the types it allows.
pub(super) struct Reading<'r> {
    root: &'r Value,
    /// References that were followed; each is followed once.
    followed: Vec<&'r str>,
    /// Whether it allows a list.
    pub(super) list: bool,
    /// Whether it allows objects, or lists of lists or of objects.
    pub(super) nested: bool,
    /// Whether it allows null.
    null: bool,
    /// Conversions of one text, in the order in which they are tried.
    pub(super) kinds: Vec<Kind>,
    /// Whether conversion alone decides the schema.
    pub(super) plain: bool,
}

impl<'r> Reading<'r> {
    /// Reads `schema`, whose references lead into `root`.
    pub(super) fn of(schema: &'r Value, root: &'r Value) -> Self {
        let mut reading = Self {
            root,
            followed: Vec::new(),
            list: false,
            nested: false,
            null: false,
            kinds: Vec::new(),
            plain: true,
        };
        reading.read(schema, SCHEMA_DEPTH_MAX);
        if reading.kinds.is_empty() {
            reading.kinds.push(Kind::Text(None));
            reading.plain &= reading.list || !reading.null;
        }
        reading
    }

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
                "properties" => {
                    self.plain = false;
                    self.nested = true;
                }
                // Ours: how one text spells a list.
                "separator" => {}
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
                // A text is never null; what is sent is judged as the other type, if there is one.
                Some("null") => self.null = true,
                other => {
                    self.plain = false;
                    self.nested |= other == Some("object");
                }
            }
        }
    }

    /// The items of a list decide what each value is converted to.
    fn items(&mut self, items: &'r Value, depth: usize) {
        let outer = std::mem::take(&mut self.list);
        self.read(items, depth);
        self.nested |= self.list;
        self.plain &= !self.nested;
        self.list |= outer;
    }

    /// A reference within the schema itself.
    fn reference(&mut self, target: &'r Value, depth: usize) {
        let name = target.as_str().unwrap_or_default();
        match resolve(self.root, name) {
            Some(schema) if !self.followed.contains(&name) => {
                self.followed.push(name);
                self.read(schema, depth);
            }
            _ => self.plain = false,
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

/// What a reference within the schema itself leads to.
pub(super) fn resolve<'r>(root: &'r Value, reference: &str) -> Option<&'r Value> {
    root.pointer(reference.strip_prefix('#')?)
}

/// Whether a format's check is ours, so that conversion decides it.
fn is_decided(format: &str) -> bool {
    format::check_of(format).is_some()
}
