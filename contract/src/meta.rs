//! What is known about every knob: its name, doc, kind, unit, default and range.
//!
//! `config!` fills these tables and `cargo xtask generate` prints each language's config classes,
//! the JSON Schema and the manual from them, so that no fact about a knob is written twice.
//! Knows nothing of any particular knob, and nothing of how one is printed.

use serde_json::Value;

/// One config struct: its name and its knobs, in the order in which they are documented.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    /// The struct's name, the same in every language.
    pub name: &'static str,
    /// Doc lines as written; read them through [`sentences`].
    pub doc: &'static [&'static str],
    /// The knobs.
    pub fields: &'static [Field],
}

/// One knob.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Key in the config document (snake_case; hosts may spell it in their own case).
    pub name: &'static str,
    /// Doc lines as written; read them through [`sentences`].
    pub doc: &'static [&'static str],
    /// What a value is.
    pub kind: Kind,
    /// What a value counts, if it is a number.
    pub unit: Option<&'static str>,
    /// The value of an absent key.
    pub default: fn() -> Value,
    /// Least and greatest value accepted; for text, the length in characters; for lists, the
    /// number of entries.
    pub range: Option<Range>,
    /// Whether `null` is a value, meaning "off" or "no limit".
    pub nullable: bool,
    /// Whether the key must be there; its default then only helps to build the struct in Rust.
    pub required: bool,
}

/// What a knob's value is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number, not negative.
    Integer,
    /// A number, fractions allowed.
    Number,
    /// Seconds, fractions allowed.
    Duration,
    /// A string.
    Text,
    /// A string that is never shown.
    Secret,
    /// One of a closed list of strings.
    Choice(&'static [Choice]),
    /// An object with knobs of its own.
    Record(&'static Record),
    /// A list of such values. A range then bounds how many there are.
    List(&'static Kind),
    /// A list of strings; one alone may stand without the list.
    TextList,
    /// A JSON object, its text, or the path of a file that has it; never shown.
    Document,
    /// An object of such values under names that the user chooses.
    Map(&'static Kind),
}

/// One accepted string of a [`Kind::Choice`].
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// The string as written in the config document.
    pub name: &'static str,
    /// Doc lines as written; read them through [`sentences`].
    pub doc: &'static [&'static str],
}

/// An inclusive range. Bounds are `f64` so that one type serves counts and durations; every bound
/// is below 2^53, where whole numbers are exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Least value accepted.
    pub min: f64,
    /// Greatest value accepted.
    pub max: f64,
}

impl Kind {
    /// The record that a value is, or is made of.
    pub const fn record(&self) -> Option<&'static Record> {
        match self {
            Self::Record(record) => Some(record),
            Self::List(entry) | Self::Map(entry) => entry.record(),
            _ => None,
        }
    }

    /// The unit that the kind itself implies.
    pub const fn unit(&self) -> Option<&'static str> {
        match self {
            Self::Duration => Some("seconds"),
            _ => None,
        }
    }
}

/// Doc lines as one paragraph per blank-line-separated block, without the leading spaces that
/// doc comments carry.
pub fn sentences(doc: &[&str]) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in doc.iter().map(|line| line.trim()) {
        if line.is_empty() {
            paragraphs.push(String::new());
            continue;
        }
        let paragraph = paragraphs
            .last_mut()
            .expect("the list starts with one and only grows");
        if !paragraph.is_empty() {
            paragraph.push(' ');
        }
        paragraph.push_str(line);
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// A number as people write it: whole values without a fraction.
pub fn number_text(number: f64) -> String {
    // `f64`'s Display prints whole values without ".0" and never uses exponents.
    format!("{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_doc_lines_into_paragraphs() {
        let doc = [" First line", " goes on.", "", " Second."];
        assert_eq!(sentences(&doc), ["First line goes on.", "Second."]);
        assert!(sentences(&[]).is_empty());
    }

    #[test]
    fn prints_whole_numbers_without_a_fraction() {
        assert_eq!(number_text(3600.0), "3600");
        assert_eq!(number_text(0.001), "0.001");
        assert_eq!(number_text(1_099_511_627_776.0), "1099511627776");
    }
}
