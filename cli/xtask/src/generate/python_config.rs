//! Python: the config classes.
//!
//! Frozen, slotted, keyword-only dataclasses. They hold what the user wrote and turn it into the
//! document the engine reads; ranges are the engine's to refuse, so that all languages agree.

use serde_json::Value;
use spikard_contract::meta::{Field, Kind, Record, sentences};

use super::CONFIG_SOURCE;
use super::python::docstring;
use super::words::{depth, line, notice, range, wrap};

/// `_generated/config.py`. `records` has inner records first.
pub(super) fn module(records: &[&Record]) -> String {
    let mut out = format!("# {}\n{HEAD}", notice(CONFIG_SOURCE));
    out.push_str(&imports(records));
    let mut names: Vec<String> = records
        .iter()
        .map(|record| format!("\"{}\"", record.name))
        .collect();
    names.sort();
    let all = format!("\n__all__ = [{}]\n", names.join(", "));
    let cut = format!("\n__all__ = [\n    {},\n]\n", names.join(",\n    "));
    out.push_str(if all.len() > COLUMNS_MAX { &cut } else { &all });
    for record in records {
        push_class(&mut out, record);
    }
    out.push_str(TAIL);
    out
}

fn imports(records: &[&Record]) -> String {
    let fields = || records.iter().flat_map(|record| record.fields);
    let choice = fields().any(|field| annotation(field).contains("Literal["));
    let sequence = fields().any(|field| annotation(field).contains("Sequence["));
    let special = fields().any(|field| default(field).is_some_and(|text| text.contains("field(")));
    let dataclasses = if special {
        "dataclass, field, replace"
    } else {
        "dataclass, replace"
    };
    let abc = if sequence {
        "Mapping, Sequence"
    } else {
        "Mapping"
    };
    let typing = if choice { "Any, Literal" } else { "Any" };
    format!(
        "import json\nfrom collections.abc import {abc}\nfrom dataclasses import {dataclasses}\n\
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
        let (name, kind) = (field.name, annotation(field));
        let default = default(field).map_or_else(String::new, |default| format!(" = {default}"));
        let line = format!("    {name}: {kind}{default}");
        out.push('\n');
        out.push_str(&wrapped(line));
        out.push('\n');
        out.push_str(&docstring(&description(field), 4));
    }
    push_methods(out, record);
}

/// A line of a field, cut as the formatter does if it is too long for one: at a call's parentheses.
fn wrapped(line: String) -> String {
    match line
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once('('))
    {
        Some((head, inside)) if line.len() > COLUMNS_MAX => {
            format!("{head}(\n        {inside}\n    )")
        }
        _ => line,
    }
}

fn push_methods(out: &mut String, record: &Record) {
    out.push_str(TO_DICT);
    for Field { name, kind, .. } in record.fields {
        let value = match kind {
            Kind::Duration
            | Kind::Record(_)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::TextList
            | Kind::Document => {
                format!("_plain(self.{name})")
            }
            _ => format!("self.{name}"),
        };
        out.push_str(&format!("            \"{name}\": {value},\n"));
    }
    out.push_str(TO_JSON);
    let name = record.name;
    out.push_str(&format!(
        "\n    def copy(self, **changes: Any) -> {name}:\n        \
         \"\"\"Return a copy with some knobs changed.\"\"\"\n        \
         return replace(self, **changes)\n\n    \
         @classmethod\n    \
         def from_dict(cls, document: Mapping[str, Any]) -> {name}:\n        \
         \"\"\"Return the object of a document; the inverse of `to_dict`.\"\"\"\n        \
         values = dict(document)\n"
    ));
    for Field { name, kind, .. } in record.fields {
        if let Some(inner) = kind.record() {
            out.push_str(&format!(
                "        if \"{name}\" in values:\n            \
                 values[\"{name}\"] = _read(values[\"{name}\"], {}, {})\n",
                inner.name,
                depth(kind)
            ));
        }
    }
    out.push_str("        return cls(**values)\n");
}

/// The type of the dataclass field.
fn annotation(field: &Field) -> String {
    let kind = annotation_of(&field.kind);
    if field.nullable {
        format!("{kind} | None")
    } else {
        kind
    }
}

fn annotation_of(kind: &Kind) -> String {
    match kind {
        Kind::Boolean => "bool".to_owned(),
        Kind::Integer => "int".to_owned(),
        Kind::Number => "float".to_owned(),
        Kind::Duration => "float | timedelta".to_owned(),
        Kind::Text | Kind::Secret => "str".to_owned(),
        Kind::Choice(choices) => {
            let names: Vec<String> = choices
                .iter()
                .map(|choice| format!("\"{}\"", choice.name))
                .collect();
            format!("Literal[{}]", names.join(", "))
        }
        Kind::Record(record) => format!("{} | Mapping[str, Any]", record.name),
        Kind::List(entry) => format!("Sequence[{}]", annotation_of(entry)),
        Kind::TextList => "str | Sequence[str]".to_owned(),
        Kind::Document => "str | Mapping[str, Any]".to_owned(),
        Kind::Map(entry) => format!("Mapping[str, {}]", annotation_of(entry)),
    }
}

/// What stands behind the annotation: the default as a Python expression. `None` if a value has to
/// be given.
fn default(field: &Field) -> Option<String> {
    if is_secret(&field.kind) {
        // Not in the object's `repr`, which people print.
        return Some(match default_value(field) {
            Some(default) => match default.strip_prefix("field(") {
                Some(rest) => format!("field(repr=False, {rest}"),
                None => format!("field(repr=False, default={default})"),
            },
            None => "field(repr=False)".to_owned(),
        });
    }
    default_value(field)
}

fn is_secret(kind: &Kind) -> bool {
    match kind {
        Kind::Secret | Kind::Document => true,
        Kind::List(entry) | Kind::Map(entry) => is_secret(entry),
        _ => false,
    }
}

fn default_value(field: &Field) -> Option<String> {
    if field.required {
        return None;
    }
    Some(match ((field.default)(), field.kind) {
        (Value::Null, _) => "None".to_owned(),
        (Value::Bool(true), _) => "True".to_owned(),
        (Value::Bool(false), _) => "False".to_owned(),
        (Value::Object(_), Kind::Record(record)) => {
            format!("field(default_factory={})", record.name)
        }
        (Value::Object(_), _) => "field(default_factory=dict)".to_owned(),
        (Value::Array(entries), _) if entries.is_empty() => "()".to_owned(),
        (Value::Array(entries), _) => {
            // A tuple, which cannot change: one default serves all objects.
            let entries: Vec<String> = entries.iter().map(Value::to_string).collect();
            match entries.as_slice() {
                [only] => format!("({only},)"),
                entries => format!("({})", entries.join(", ")),
            }
        }
        (Value::Number(number), Kind::Integer) => grouped(&number.to_string()),
        // JSON's strings and numbers are Python's.
        (value, _) => value.to_string(),
    })
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
    match (default_value(field), field.kind) {
        (None, _) => parts.push("Required.".to_owned()),
        (Some(default), Kind::Record(_)) if !default.contains("None") => {}
        (Some(default), _) if default == "()" => parts.push("Default: empty.".to_owned()),
        (Some(default), _) if default.starts_with("field(") => {}
        (Some(default), _) => parts.push(format!("Default: {default}.")),
    }
    parts.extend(range(field).map(|range| format!("Range: {range}.")));
    parts.join(" ")
}

/// Longest line of the formatter that the repository uses.
const COLUMNS_MAX: usize = 100;

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

def _read(value: Any, kind: Any, depth: int) -> Any:
    \"\"\"Turn the mappings of a document into objects of `kind`, `depth` collections deep.\"\"\"
    if depth and isinstance(value, Mapping):
        return {key: _read(entry, kind, depth - 1) for key, entry in value.items()}
    if depth and isinstance(value, list | tuple):
        return [_read(entry, kind, depth - 1) for entry in value]
    return kind.from_dict(value) if isinstance(value, Mapping) else value


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
    use crate::generate::sample::{InnerConfig, OuterConfig};

    #[test]
    fn prints_nested_records() {
        let text = module(&[InnerConfig::RECORD, OuterConfig::RECORD]);
        for line in [
            "from collections.abc import Mapping, Sequence\n",
            "from dataclasses import dataclass, field, replace\n",
            "__all__ = [\"InnerConfig\", \"OuterConfig\"]\n",
            "    wait: float | timedelta = 0.5\n",
            "    inner: InnerConfig | Mapping[str, Any] = field(default_factory=InnerConfig)\n",
            "    extra: InnerConfig | Mapping[str, Any] | None = None\n",
            "    several_of_them: Sequence[InnerConfig | Mapping[str, Any]] = ()\n",
            "    keys: Sequence[str] = field(repr=False)\n",
            "    pass: str | None = field(repr=False, default=None)\n",
            "    verbs: Sequence[str] = (\"GET\",)\n",
            "            \"extra\": _plain(self.extra),\n",
            "_read(values[\"several_of_them\"], InnerConfig, 1)\n",
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
