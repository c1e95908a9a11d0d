//! From a tree of texts to typed values, as a schema asks.
//!
//! What cannot be converted stays text, so that the validator says what is wrong with it, and
//! where. Knows nothing of how the tree was spelled.

use serde_json::Value;

use super::brackets::BRACKETS_MAX;
use super::convert::Kind;
use super::reading::{Reading, resolve};

/// How the texts below one place are converted.
#[derive(Debug)]
pub struct Coercion {
    /// Of a text.
    kinds: Box<[Kind]>,
    /// Of the items, where a list is allowed; then a single text is a list of one.
    items: Option<Box<Coercion>>,
    /// Of the members that the schema names.
    members: Vec<(String, Coercion)>,
    /// Of the members that it does not name.
    others: Option<Box<Coercion>>,
}

impl Coercion {
    /// Reads a schema. It follows no deeper than brackets can spell.
    #[must_use]
    pub fn compile(schema: &Value) -> Self {
        Self::at(schema, schema, BRACKETS_MAX)
    }

    fn at(schema: &Value, root: &Value, depth: usize) -> Self {
        let reading = Reading::of(schema, root);
        let mut coercion = Self {
            items: None,
            members: Vec::new(),
            others: None,
            // The kinds of a list are those of its items.
            kinds: if reading.nested || reading.list {
                [].into()
            } else {
                reading.kinds.into()
            },
        };
        let is_list = reading.list;
        coercion.read(schema, root, depth);
        if is_list && coercion.items.is_none() {
            let texts = Self {
                kinds: [Kind::Text(None)].into(),
                items: None,
                members: Vec::new(),
                others: None,
            };
            coercion.items = Some(Box::new(texts));
        }
        coercion
    }

    /// Adds what `schema` and the schemas it combines say of items and members.
    fn read(&mut self, schema: &Value, root: &Value, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str)
            && let Some(target) = resolve(root, reference)
        {
            self.read(target, root, depth);
        }
        for keyword in ["anyOf", "oneOf", "allOf"] {
            let branches = schema.get(keyword).and_then(Value::as_array);
            branches
                .into_iter()
                .flatten()
                .for_each(|branch| self.read(branch, root, depth));
        }
        if let Some(items) = schema.get("items") {
            self.items = Some(Box::new(Self::at(items, root, depth)));
        }
        for (name, member) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            self.members
                .push((name.clone(), Self::at(member, root, depth)));
        }
        if let Some(others) = schema
            .get("additionalProperties")
            .filter(|each| each.is_object())
        {
            self.others = Some(Box::new(Self::at(others, root, depth)));
        }
    }

    /// The typed value of a tree of texts.
    #[must_use]
    pub fn apply(&self, tree: &Value) -> Value {
        match (tree, &self.items) {
            (Value::String(_), Some(items)) if self.kinds.is_empty() => {
                Value::Array(vec![items.apply(tree)])
            }
            (Value::String(text), _) => self.text(text),
            (Value::Array(list), Some(items)) => {
                list.iter().map(|item| items.apply(item)).collect()
            }
            // A repeated name where no list is allowed: the last counts.
            (Value::Array(list), None) if !self.kinds.is_empty() => match list.last() {
                Some(last) => self.apply(last),
                None => tree.clone(),
            },
            (Value::Object(members), _) => {
                let typed = members.iter().map(|(name, member)| {
                    let value = match self.member(name) {
                        Some(coercion) => coercion.apply(member),
                        None => member.clone(),
                    };
                    (name.clone(), value)
                });
                Value::Object(typed.collect())
            }
            _ => tree.clone(),
        }
    }

    /// Whether the schema names this member.
    #[must_use]
    pub fn names(&self, member: &str) -> bool {
        self.members.iter().any(|(own, _)| own == member)
    }

    fn text(&self, text: &str) -> Value {
        let converted = self.kinds.iter().find_map(|kind| kind.convert(text));
        converted.map_or_else(|| text.into(), |scalar| scalar.to_json())
    }

    fn member(&self, name: &str) -> Option<&Self> {
        let named = self
            .members
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, member)| member);
        named.or(self.others.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_become_what_the_schema_asks() {
        let schema = json!({
            "type": "object",
            "properties": {
                "min": { "type": "integer" },
                "ids": { "type": "array", "items": { "type": "integer" } },
                "any": { "type": ["array", "null"] },
                "sub": { "$ref": "#/$defs/sub" },
            },
            "additionalProperties": { "type": "boolean" },
            "$defs": { "sub": { "properties": { "on": { "type": "boolean" } } } },
        });
        let coercion = Coercion::compile(&schema);
        let cases = [
            (json!({ "min": "3" }), json!({ "min": 3 })),
            (json!({ "min": "x" }), json!({ "min": "x" })),
            (json!({ "min": ["1", "2"] }), json!({ "min": 2 })),
            (json!({ "ids": ["1", "x"] }), json!({ "ids": [1, "x"] })),
            (json!({ "ids": "1" }), json!({ "ids": [1] })),
            (json!({ "any": "1" }), json!({ "any": ["1"] })),
            (
                json!({ "sub": { "on": "true" } }),
                json!({ "sub": { "on": true } }),
            ),
            (json!({ "else": "0" }), json!({ "else": false })),
            (json!("text"), json!("text")),
        ];
        for (tree, value) in cases {
            assert_eq!(coercion.apply(&tree), value, "{tree}");
        }
    }
}
