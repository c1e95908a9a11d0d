//! Kinds of value beside the plain ones: fractions, secrets, lists, and objects with free names.
//!
//! Knows nothing of any particular knob.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::{Fault, Knob, Place, brief, join};
use crate::meta::Kind;

/// A string that is never shown: neither `Debug` nor a message about the configuration has it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// The string. Whoever asks must not show it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

impl Knob for Secret {
    const KIND: Kind = Kind::Secret;

    fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        if !value.is_string() {
            // Not even its brief form: a number may be somebody's password.
            place.refuse(faults, "the value is not a string".to_owned());
            return None;
        }
        String::read(value, place, faults).map(Self)
    }

    fn json(&self) -> Value {
        Value::from(self.expose())
    }
}

/// Strings, of which one alone may be given without a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextList(pub Vec<String>);

impl Knob for TextList {
    const KIND: Kind = Kind::TextList;

    fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self(vec![text.clone()])),
            Value::Array(_) => Vec::read(value, place, faults).map(Self),
            _ => {
                let message = format!("{} is neither a string nor a list", brief(value));
                place.refuse(faults, message);
                None
            }
        }
    }

    fn json(&self) -> Value {
        self.0.json()
    }
}

/// A JSON object: itself, its text, or the path of a file that has it. Never shown, like a
/// [`Secret`].
#[derive(Clone, PartialEq)]
pub enum Document {
    /// The object.
    Object(Map<String, Value>),
    /// Its text, or a path.
    Text(String),
}

impl fmt::Debug for Document {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Document(…)")
    }
}

impl Knob for Document {
    const KIND: Kind = Kind::Document;

    fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        match value {
            Value::Object(object) => Some(Self::Object(object.clone())),
            Value::String(_) => String::read(value, place, faults).map(Self::Text),
            _ => {
                place.refuse(
                    faults,
                    "the value is neither an object nor a string".to_owned(),
                );
                None
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Object(object) => Value::Object(object.clone()),
            Self::Text(text) => Value::from(text.as_str()),
        }
    }
}

impl Knob for f64 {
    const KIND: Kind = Kind::Number;

    fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(number) = value.as_f64() else {
            place.refuse(faults, format!("{} is not a number", brief(value)));
            return None;
        };
        place
            .check(number, &brief(value), "", faults)
            .then_some(number)
    }

    fn json(&self) -> Value {
        // As people write it: whole numbers without a fraction.
        if self.fract() == 0.0 && self.abs() < 9e15 {
            Value::from(*self as i64)
        } else {
            Value::from(*self)
        }
    }
}

impl<T: Knob + 'static> Knob for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);

    fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(entries) = value.as_array() else {
            let words = match T::KIND {
                Kind::Secret => "the value is not a list".to_owned(),
                _ => format!("{} is not a list", brief(value)),
            };
            place.refuse(faults, words);
            return None;
        };
        let shown = match entries.len() {
            1 => "a list of 1 entry".to_owned(),
            length => format!("a list of {length} entries"),
        };
        let fits = place.check(entries.len() as f64, &shown, "", faults);
        let read = (entries.iter().enumerate())
            .map(|(index, entry)| read_entry(entry, place, &index.to_string(), faults));
        // Every entry is read before the first fault ends the reading.
        let read: Vec<Option<T>> = read.collect();
        let read: Option<Self> = read.into_iter().collect();
        read.filter(|_| fits)
    }

    fn json(&self) -> Value {
        self.iter().map(Knob::json).collect()
    }
}

impl<T: Knob + 'static> Knob for BTreeMap<String, T> {
    const KIND: Kind = Kind::Map(&T::KIND);

    fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(entries) = value.as_object() else {
            place.refuse(faults, format!("{} is not an object", brief(value)));
            return None;
        };
        let read = entries
            .iter()
            .map(|(key, entry)| Some((key.clone(), read_entry(entry, place, key, faults)?)));
        let read: Vec<Option<(String, T)>> = read.collect();
        read.into_iter().collect()
    }

    fn json(&self) -> Value {
        let entries = self.iter().map(|(key, entry)| (key.clone(), entry.json()));
        Value::Object(entries.collect())
    }
}

fn read_entry<T: Knob>(
    entry: &Value,
    place: &Place<'_>,
    key: &str,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    let place = Place {
        pointer: &join(place.pointer, key),
        range: None,
    };
    T::read(entry, &place, faults)
}
