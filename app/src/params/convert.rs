//! Text to scalar: one rule per type, the same for paths, queries, headers and cookies.
//!
//! Only spellings that cannot be misread are taken; nothing is guessed, trimmed or rounded.
//! Knows nothing of schemas beyond the kind it is asked for, nor where a text came from.

use serde_json::{Number, Value};
use spikard_middleware::{ArgumentKind, Arguments};
use spikard_proto_http::sabotage;

use crate::validate::format::Check;

/// One converted value. Text stays borrowed: it is delivered as it was sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'t> {
    /// `true` or `false`.
    Boolean(bool),
    /// Fits `i64`.
    Integer(i64),
    /// Finite.
    Number(f64),
    /// As sent.
    Text(&'t str),
}

/// What a text is to become.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// See [`integer`].
    Integer,
    /// See [`number`].
    Number,
    /// See [`boolean`].
    Boolean,
    /// Any text that passes the check of its format, if it has one.
    Text(Option<(&'static str, Check)>),
}

impl Kind {
    /// The value that `text` stands for, if it stands for one of this kind.
    #[must_use]
    pub fn convert(self, text: &str) -> Option<Scalar<'_>> {
        if sabotage::off_in("convert/").is_some_and(|off| off == self.name()) {
            return Some(Scalar::Text(text));
        }
        match self {
            Self::Integer => integer(text).map(Scalar::Integer),
            Self::Number => number(text).map(Scalar::Number),
            Self::Boolean => boolean(text).map(Scalar::Boolean),
            Self::Text(None) => Some(Scalar::Text(text)),
            Self::Text(Some((_, check))) => check(text).then_some(Scalar::Text(text)),
        }
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Text(None) => "text",
            Self::Text(Some(_)) => "text-format",
        }
    }
}

impl Scalar<'_> {
    /// The value as JSON, for a schema to look at.
    #[must_use]
    pub fn to_json(self) -> Value {
        match self {
            Self::Boolean(value) => value.into(),
            Self::Integer(value) => value.into(),
            // Always finite, see `number`.
            Self::Number(value) => Number::from_f64(value).map_or(Value::Null, Value::Number),
            Self::Text(text) => text.into(),
        }
    }

    /// Adds the value to what the host receives.
    pub fn deliver(self, arguments: &mut Arguments) {
        match self {
            Self::Boolean(value) => arguments.push_bool(value),
            Self::Integer(value) => arguments.push_integer(value),
            Self::Number(value) => arguments.push_float(value),
            Self::Text(text) => arguments.push_string(text),
        }
    }
}

/// An `i64` from an optional sign and decimal digits; leading zeros are fine, `42.5` is not one.
#[must_use]
pub fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// A finite `f64` in decimal notation, exponent allowed.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    // `parse` also takes "inf", "nan" and "infinity"; no other letter than `e` belongs here.
    let plain = text
        .bytes()
        .all(|byte| !byte.is_ascii_alphabetic() || matches!(byte, b'e' | b'E'));
    text.parse()
        .ok()
        .filter(|number: &f64| plain && number.is_finite())
}

/// `true` or `false` in any case, `1` or `0`. (An empty query value is false too; the extractor
/// knows what is a query.)
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Delivers a JSON value, such as a default: scalars and flat lists as themselves, the rest as
/// JSON text.
pub fn deliver_json(value: &Value, arguments: &mut Arguments) {
    match value {
        Value::Null => arguments.push_bare(ArgumentKind::Null),
        Value::Bool(value) => arguments.push_bool(*value),
        Value::String(text) => arguments.push_string(text),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => arguments.push_integer(integer),
            (None, Some(float)) if number.is_f64() => arguments.push_float(float),
            _ => arguments.push_json(&value.to_string()),
        },
        Value::Array(items) => {
            let mark = arguments.begin_list();
            for item in items {
                deliver_json(item, arguments);
            }
            // A schema document is far smaller than 4 GiB.
            arguments.end_list(mark, items.len() as u32);
        }
        Value::Object(_) => arguments.push_json(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn integers_are_signed_decimal_digits() {
        for (text, value) in [
            ("42", Some(42)),
            ("+42", Some(42)),
            ("-42", Some(-42)),
            ("007", Some(7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("42.5", None),
            ("42.0", None),
            ("", None),
            ("+", None),
            (" 1", None),
            ("1e3", None),
            ("0x10", None),
            ("١", None),
        ] {
            assert_eq!(integer(text), value, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_finite_decimals() {
        for (text, value) in [
            ("42.5", Some(42.5)),
            ("-1e3", Some(-1000.0)),
            ("007", Some(7.0)),
            ("1E-2", Some(0.01)),
            ("1e400", None),
            ("inf", None),
            ("NaN", None),
            ("infinity", None),
            ("", None),
            ("1,5", None),
            ("1_000", None),
        ] {
            assert_eq!(number(text), value, "{text:?}");
        }
    }

    #[test]
    fn booleans_have_six_spellings_without_case() {
        for (text, value) in [
            ("true", Some(true)),
            ("TRUE", Some(true)),
            ("False", Some(false)),
            ("1", Some(true)),
            ("0", Some(false)),
            ("yes", None),
            ("", None),
            ("2", None),
        ] {
            assert_eq!(boolean(text), value, "{text:?}");
        }
    }

    #[test]
    fn defaults_are_delivered_as_typed_values() {
        let mut arguments = Arguments::new();
        deliver_json(
            &json!(["a", 1, 2.5, null, true, { "k": 1 }]),
            &mut arguments,
        );
        let kinds: Vec<u32> = arguments.table().iter().map(|each| each.kind).collect();
        assert_eq!(kinds, [8, 6, 4, 5, 1, 3, 7]);
        assert_eq!(arguments.table()[0].length, 6);
        assert_eq!(arguments.text(), br#"a{"k":1}"#);
    }
}
