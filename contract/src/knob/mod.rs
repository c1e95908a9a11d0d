//! How a config document is read: one reader for every knob, all faults of a document in one error.
//!
//! `config!` declares a struct of knobs once; this file gives that declaration its meaning:
//! types, defaults, ranges, unknown keys refused, a JSON pointer (RFC 6901) for each refusal.
//! Knows nothing of any particular knob; `config.rs` declares them.

mod compound;
mod network;

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

pub use compound::{Document, Secret, TextList};
pub use network::Network;

use crate::meta::{Field, Kind, Range, Record, number_text};

/// Everything that is wrong with a config document, in the order of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer to the key (RFC 6901); empty when the document as a whole is at fault.
    pub pointer: String,
    /// What is wrong with the value there, without the pointer.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.message),
            pointer => write!(f, "{pointer}: {}", self.message),
        }
    }
}

impl fmt::Display for ConfigError {
    /// One fault per line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// A type that a knob's value can have.
pub trait Knob: Sized {
    /// What the generator prints for it.
    const KIND: Kind;
    /// Whether `null` is a value.
    const NULLABLE: bool = false;

    /// Reads a value, or notes what is wrong with it in `faults` and returns `None`.
    fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self>;

    /// The value as it stands in a config document.
    fn json(&self) -> Value;
}

/// Where a value stands and what its knob allows.
#[derive(Debug)]
pub struct Place<'a> {
    /// JSON pointer to the value.
    pub pointer: &'a str,
    /// The knob's range, if it has one.
    pub range: Option<Range>,
}

impl Place<'_> {
    fn refuse(&self, faults: &mut Vec<Fault>, message: String) {
        faults.push(Fault {
            pointer: self.pointer.to_owned(),
            message,
        });
    }

    /// Whether `number` is within the range; if not, the fault is noted. `suffix` ends the
    /// sentence.
    fn check(&self, number: f64, shown: &str, suffix: &str, faults: &mut Vec<Fault>) -> bool {
        let (word, bound) = match self.range {
            Some(range) if number < range.min => ("under", range.min),
            Some(range) if number > range.max => ("over", range.max),
            _ => return true,
        };
        self.refuse(
            faults,
            format!("{shown} is {word} {}{suffix}", number_text(bound)),
        );
        false
    }
}

impl Knob for bool {
    const KIND: Kind = Kind::Boolean;

    fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let read = value.as_bool();
        if read.is_none() {
            place.refuse(faults, format!("{} is not true or false", brief(value)));
        }
        read
    }

    fn json(&self) -> Value {
        Value::Bool(*self)
    }
}

macro_rules! integer_knobs {
    ($($type:ty),*) => {$(
        impl Knob for $type {
            const KIND: Kind = Kind::Integer;

            fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
                let number = value.as_f64().filter(|number| number.fract() == 0.0);
                let Some(number) = number else {
                    place.refuse(faults, format!("{} is not a whole number", brief(value)));
                    return None;
                };
                if !place.check(number, &brief(value), "", faults) {
                    return None;
                }
                // Beyond the type only when a range is wider than it, which a test forbids; `as`
                // is exact below 2^53, where every range ends.
                let whole = value.as_u64().unwrap_or(number as u64);
                Self::try_from(whole).ok()
            }

            fn json(&self) -> Value {
                Value::from(*self)
            }
        }
    )*};
}

integer_knobs!(u16, u32, u64);

impl Knob for Duration {
    const KIND: Kind = Kind::Duration;

    fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(seconds) = value.as_f64() else {
            place.refuse(
                faults,
                format!("{} is not a number of seconds", brief(value)),
            );
            return None;
        };
        let suffix = match place.range {
            Some(range) if seconds > range.max => "; durations are in seconds, not milliseconds",
            _ => "; durations are in seconds",
        };
        if !place.check(seconds, &brief(value), suffix, faults) {
            return None;
        }
        Self::try_from_secs_f64(seconds).ok()
    }

    fn json(&self) -> Value {
        match self.subsec_nanos() {
            0 => Value::from(self.as_secs()),
            _ => Value::from(self.as_secs_f64()),
        }
    }
}

impl Knob for String {
    const KIND: Kind = Kind::Text;

    fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(text) = value.as_str() else {
            place.refuse(faults, format!("{} is not a string", brief(value)));
            return None;
        };
        let length = text.chars().count();
        let shown = format!("a length of {length} characters");
        place
            .check(length as f64, &shown, "", faults)
            .then(|| text.to_owned())
    }

    fn json(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl<T: Knob> Knob for Option<T> {
    const KIND: Kind = T::KIND;
    const NULLABLE: bool = true;

    fn read(value: &Value, place: &Place<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::read(value, place, faults).map(Some),
        }
    }

    fn json(&self) -> Value {
        self.as_ref().map_or(Value::Null, Knob::json)
    }
}

/// Reads one choice by its name.
pub fn read_choice<T: Copy>(
    names: &[(&str, T)],
    value: &Value,
    place: &Place<'_>,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    let found = value
        .as_str()
        .and_then(|text| names.iter().find(|(name, _)| *name == text));
    if found.is_none() {
        let accepted: Vec<String> = names
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        let accepted = accepted.join(", ");
        place.refuse(faults, format!("{} is not one of {accepted}", brief(value)));
    }
    found.map(|(_, choice)| *choice)
}

/// The object a record is read from, with its unknown keys already noted as faults.
#[derive(Debug)]
pub struct Keys<'a> {
    object: &'a Map<String, Value>,
    pointer: &'a str,
}

impl<'a> Keys<'a> {
    /// Opens `value` as the document of `record`, or notes that it is not an object.
    pub fn open(
        record: &Record,
        value: &'a Value,
        pointer: &'a str,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let Some(object) = value.as_object() else {
            let message = format!("{} is not an object of {} keys", brief(value), record.name);
            faults.push(Fault {
                pointer: pointer.to_owned(),
                message,
            });
            return None;
        };
        let known = |key: &str| record.fields.iter().any(|field| field.name == key);
        let mut unknown: Vec<&String> = object.keys().filter(|key| !known(key)).collect();
        unknown.sort();
        faults.extend(unknown.into_iter().map(|key| Fault {
            pointer: join(pointer, key),
            message: unknown_key(record, key),
        }));
        Some(Self { object, pointer })
    }

    /// Reads one knob; an absent key has its default.
    pub fn read<T: Knob>(
        &self,
        field: &Field,
        default: impl FnOnce() -> T,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        let Some(value) = self.object.get(field.name) else {
            if field.required {
                faults.push(Fault {
                    pointer: join(self.pointer, field.name),
                    message: "missing; it has no default".to_owned(),
                });
                return None;
            }
            return Some(default());
        };
        let pointer = join(self.pointer, field.name);
        T::read(
            value,
            &Place {
                pointer: &pointer,
                range: field.range,
            },
            faults,
        )
    }

    /// Reads what no single knob can tell: `check` names what does not fit together, each by its
    /// knob. `None` if there is something.
    pub fn agree<T>(
        &self,
        read: T,
        check: fn(&T) -> Vec<(&'static str, String)>,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        let disagreements = check(&read);
        let agrees = disagreements.is_empty();
        faults.extend(disagreements.into_iter().map(|(key, message)| Fault {
            pointer: join(self.pointer, key),
            message,
        }));
        agrees.then_some(read)
    }
}

/// Reads a whole document: `Err` holds every fault in it.
pub fn read_document<T: Knob>(value: &Value) -> Result<T, ConfigError> {
    let mut faults = Vec::new();
    match T::read(
        value,
        &Place {
            pointer: "",
            range: None,
        },
        &mut faults,
    ) {
        Some(read) if faults.is_empty() => Ok(read),
        _ => Err(ConfigError { faults }),
    }
}

/// Parses a whole document from its text.
pub fn parse_document<T: Knob>(text: &str) -> Result<T, ConfigError> {
    let value = serde_json::from_str(text).map_err(|error| {
        let message = format!("the configuration is not JSON: {error}");
        ConfigError {
            faults: vec![Fault {
                pointer: String::new(),
                message,
            }],
        }
    })?;
    read_document(&value)
}

/// Appends a key to a JSON pointer (RFC 6901 §3: `~` and `/` are escaped).
fn join(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A value short enough for a message.
fn brief(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::String(text) if text.chars().count() > TEXT_SHOWN_MAX => {
            format!("a string of {} characters", text.chars().count())
        }
        value => value.to_string(),
    }
}

fn unknown_key(record: &Record, key: &str) -> String {
    let nearest = record
        .fields
        .iter()
        .map(|field| (edits(field.name, key), field.name))
        .min()
        .filter(|(edits, name)| edits * 3 <= name.len() + 1);
    match nearest {
        Some((_, name)) => format!("unknown key; did you mean \"{name}\"?"),
        None => format!("unknown key; {} has no such knob", record.name),
    }
}

/// Levenshtein distance: how many letters must change to turn one name into the other.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

/// Longest string repeated in a message, in characters: longer ones are described.
const TEXT_SHOWN_MAX: usize = 64;
