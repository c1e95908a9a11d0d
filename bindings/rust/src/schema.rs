//! JSON Schemas of parameters, built in Rust rather than written as documents.
//!
//! A keyword that has no method here can be added with [`Schema::with`]; a whole document is as
//! good as a built one, since `serde_json::Value` turns into a [`Schema`].
//! Knows nothing of what the keywords mean; the engine does.

use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::derived;

/// The schema of one parameter: JSON Schema 2020-12, its default, and whether it may be absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    pub(crate) document: Value,
    pub(crate) default: Option<Value>,
    pub(crate) required: bool,
    pub(crate) alias: Option<String>,
}

/// A whole number.
#[must_use]
pub fn integer() -> Schema {
    typed("integer")
}

/// A number.
#[must_use]
pub fn number() -> Schema {
    typed("number")
}

/// A boolean.
#[must_use]
pub fn boolean() -> Schema {
    typed("boolean")
}

/// A text.
#[must_use]
pub fn string() -> Schema {
    typed("string")
}

/// A list of such values; in a query, a parameter that may be repeated.
#[must_use]
pub fn list(items: Schema) -> Schema {
    typed("array").with("items", items.document)
}

/// What a Rust type says of itself: `schema::of::<Sort>()`.
#[must_use]
pub fn of<T: JsonSchema>() -> Schema {
    Schema::from(derived::value::<T>())
}

fn typed(name: &str) -> Schema {
    Schema::from(Value::Object(Map::new())).with("type", name)
}

impl From<Value> for Schema {
    fn from(document: Value) -> Self {
        Self {
            document,
            default: None,
            required: true,
            alias: None,
        }
    }
}

impl Schema {
    /// Adds a keyword.
    #[must_use]
    pub fn with(mut self, keyword: &str, value: impl Into<Value>) -> Self {
        // A schema that is `true` or `false` has no keywords to add to.
        if let Value::Object(keywords) = &mut self.document {
            keywords.insert(keyword.to_owned(), value.into());
        }
        self
    }

    /// Least value.
    #[must_use]
    pub fn minimum(self, least: impl Into<Value>) -> Self {
        self.with("minimum", least)
    }

    /// Greatest value.
    #[must_use]
    pub fn maximum(self, greatest: impl Into<Value>) -> Self {
        self.with("maximum", greatest)
    }

    /// Least length, in characters.
    #[must_use]
    pub fn min_length(self, characters: u64) -> Self {
        self.with("minLength", characters)
    }

    /// Greatest length, in characters.
    #[must_use]
    pub fn max_length(self, characters: u64) -> Self {
        self.with("maxLength", characters)
    }

    /// A regular expression that the text contains.
    #[must_use]
    pub fn pattern(self, expression: &str) -> Self {
        self.with("pattern", expression)
    }

    /// A format such as `uuid` or `date-time`.
    #[must_use]
    pub fn format(self, name: &str) -> Self {
        self.with("format", name)
    }

    /// The values that are allowed.
    #[must_use]
    pub fn one_of<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Self {
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        self.with("enum", values)
    }

    /// The value of an absent parameter.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self.required = false;
        self
    }

    /// The parameter may be absent; the handler then receives `None`.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// The name on the wire, if it differs from the handler's.
    #[must_use]
    pub fn alias(mut self, name: impl Into<String>) -> Self {
        self.alias = Some(name.into());
        self
    }
}
