//! Python: the config classes.
//!
//! Frozen, slotted, keyword-only dataclasses. They hold what the user wrote and turn it into the
//! document the engine reads; ranges are the engine's to refuse, so that all languages agree.

use serde_json::Value;
use spikard_contract::meta::{Field, Kind, Record, sentences};

use super::CONFIG_SOURCE;
use super::python::docstring;
use super::words::{line, notice, range, wrap};

/// `_generated/config.py`. `records` has inner records first.
pub(super) fn module(records: &[&Record]) -> String {
    let mut out = format!("# {}\n{HEAD}", notice(CONFIG_SOURCE));
    out.push_str(&imports(records));
    let mut names: Vec<String> = records
        .iter()
        .map(|record| format!("\"{}\"", record.name))
        .collect();
    names.sort();
    out.push_str(&format!("\n__all__ = [{}]\n", names.join(", ")));
    for record in records {
        push_class(&mut out, record);
    }
    out.push_str(TAIL);
    out
}

fn imports(records: &[&Record]) -> String {
    let fields = || records.iter().flat_map(|record| record.fields);
    let choice = fields().any(|field| matches!(field.kind, Kind::Choice(_)));
    let nested = fields().any(|field| matches!(field.kind, Kind::Record(_)));
    let dataclasses = if nested {
        "dataclass, field"
    } else {
        "dataclass"
    };
    let typing = if choice { "Any, Literal" } else { "Any" };
    format!(
        "import json\nfrom collections.abc import Mapping\nfrom dataclasses import {dataclasses}\n\
         from datetime import timedelta\nfrom typing import {typing}\n"
    )
}

fn push_class(out: &mut String, record: &Record) {
    out.push_str("\n\n@dataclass(frozen=True, slots=True, kw_only=True)\n");
    out.push_str(&format!("class {}:\n", record.name));
    let paragraphs = sentences(record.doc);
    match paragraphs.as_slice() {
        [only] => out.push_str(&docstring(only, 4)),
        paragraphs => {
            let blocks: Vec<String> = paragraphs
                .iter()
                .map(|text| wrap(text, 7).join("\n    "))
                .collect();
            out.push_str(&format!(
                "    \"\"\"{}\n    \"\"\"\n",
                blocks.join("\n\n    ")
            ));
        }
    }
    for field in record.fields {
        let (name, kind, default) = (field.name, annotation(field), default(field));
        out.push_str(&format!("\n    {name}: {kind} = {default}\n"));
        out.push_str(&docstring(&description(field), 4));
    }
    push_methods(out, record);
}

fn push_methods(out: &mut String, record: &Record) {
    out.push_str(TO_DICT);
    for Field { name, kind, .. } in record.fields {
        let value = match kind {
            Kind::Duration | Kind::Record(_) => format!("_plain(self.{name})"),
            _ => format!("self.{name}"),
        };
        out.push_str(&format!("            \"{name}\": {value},\n"));
    }
    out.push_str(TO_JSON);
}

/// The type of the dataclass field.
fn annotation(field: &Field) -> String {
    let kind = match field.kind {
        Kind::Boolean => "bool".to_owned(),
        Kind::Integer => "int".to_owned(),
        Kind::Duration => "float | timedelta".to_owned(),
        Kind::Text => "str".to_owned(),
        Kind::Choice(choices) => {
            let names: Vec<String> = choices
                .iter()
                .map(|choice| format!("\"{}\"", choice.name))
                .collect();
            format!("Literal[{}]", names.join(", "))
        }
        Kind::Record(record) => format!("{} | Mapping[str, Any]", record.name),
    };
    if field.nullable {
        format!("{kind} | None")
    } else {
        kind
    }
}

/// The default as a Python expression.
fn default(field: &Field) -> String {
    match ((field.default)(), field.kind) {
        (Value::Null, _) => "None".to_owned(),
        (Value::Bool(true), _) => "True".to_owned(),
        (Value::Bool(false), _) => "False".to_owned(),
        (Value::Object(_), Kind::Record(record)) => {
            format!("field(default_factory={})", record.name)
        }
        (Value::Number(number), Kind::Integer) => grouped(&number.to_string()),
        // JSON's strings and numbers are Python's.
        (value, _) => value.to_string(),
    }
}

/// Digits in groups of three: `10_485_760`.
fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

/// The knob's doc, then its unit, default and range.
fn description(field: &Field) -> String {
    let mut doc = line(field.doc);
    for (json, python) in [("null", "None"), ("false", "False"), ("true", "True")] {
        doc = doc.replace(&format!("`{json}`"), &format!("`{python}`"));
    }
    let mut parts = vec![doc];
    if let Some(unit) = field.unit {
        parts.push(format!("Unit: {unit}."));
    }
    let default = default(field);
    match field.kind {
        Kind::Record(_) if !default.contains("None") => {}
        _ => parts.push(format!("Default: {default}.")),
    }
    parts.extend(range(field).map(|range| format!("Range: {range}.")));
    parts.join(" ")
}

const HEAD: &str = "\
\"\"\"The engine's configuration: one class per config object, one field per knob.

Nested objects may be given as mappings, durations as seconds or `timedelta`. Values out of range
are refused by the engine when the application is built, with a message that names the key.
\"\"\"

from __future__ import annotations

";

const TO_DICT: &str = "
    def to_dict(self) -> dict[str, Any]:
        \"\"\"Return the document the engine reads: plain values, durations in seconds.\"\"\"
        return {
";

const TO_JSON: &str = "        }

    def to_json(self) -> str:
        \"\"\"Return the same as JSON text.\"\"\"
        return json.dumps(self.to_dict(), allow_nan=False)
";

const TAIL: &str = "

def _plain(value: Any) -> Any:
    \"\"\"Turn a value into what JSON knows: config objects as mappings, durations as seconds.\"\"\"
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    to_dict = getattr(value, \"to_dict\", None)
    return value if to_dict is None else to_dict()
";

#[cfg(test)]
mod tests {
    use super::*;
    use spikard_contract::config;

    config! {
        /// An inner record.
        pub struct InnerConfig {
            /// A wait.
            wait: std::time::Duration = std::time::Duration::from_millis(500), in 0..=3_600;
        }
    }

    config! {
        /// An outer record.
        pub struct OuterConfig {
            /// Always there.
            inner: InnerConfig = InnerConfig::default();
            /// There when asked for.
            extra: Option<InnerConfig> = None;
        }
    }

    #[test]
    fn prints_nested_records() {
        let text = module(&[InnerConfig::RECORD, OuterConfig::RECORD]);
        for line in [
            "from dataclasses import dataclass, field\n",
            "__all__ = [\"InnerConfig\", \"OuterConfig\"]\n",
            "    wait: float | timedelta = 0.5\n",
            "    inner: InnerConfig | Mapping[str, Any] = field(default_factory=InnerConfig)\n",
            "    extra: InnerConfig | Mapping[str, Any] | None = None\n",
            "            \"extra\": _plain(self.extra),\n",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn groups_digits() {
        assert_eq!(grouped("10485760"), "10_485_760");
        assert_eq!(grouped("8000"), "8000");
        assert_eq!(grouped("65536"), "65_536");
    }
}
