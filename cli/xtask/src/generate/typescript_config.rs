//! TypeScript: the config interfaces, and the table between their names and the document's.
//!
//! Interfaces only say what a user may write; values are the engine's to refuse, so that all
//! languages agree. Unknown keys are refused where they are translated, by the names of the user.

use serde_json::Value;
use spikard_contract::meta::{Field, Kind, Record, sentences};

use super::CONFIG_SOURCE;
use super::typescript::{camel, comment, head, text};
use super::words::{depth, line, range};

/// `config.ts`. `records` has inner records first.
pub(super) fn module(records: &[&Record]) -> String {
    let mut out = head(
        CONFIG_SOURCE,
        "The engine's configuration: one interface per config object, one property per knob.",
    );
    let names = Names(records);
    for record in records {
        push_interface(&mut out, record, &names);
    }
    out.push_str("\n/** Every config object by its name. */\nexport interface ConfigRecords {\n");
    for record in records {
        out.push_str(&format!("  {0}: {0};\n", record.name));
    }
    out.push_str("}\n\n");
    out.push_str(TABLE_HEAD);
    for record in records {
        out.push_str(&format!("  {}: {{\n", record.name));
        for field in record.fields {
            push_row(&mut out, field);
        }
        out.push_str("  },\n");
    }
    out.push_str(TAIL);
    out
}

/// The names of all knobs, which docs say as the contract spells them.
struct Names<'a>(&'a [&'a Record]);

impl Names<'_> {
    /// A doc in which every knob has its TypeScript name, and `null` stays what it is.
    fn of(&self, doc: &str) -> String {
        let mut parts: Vec<String> = doc.split('`').map(str::to_owned).collect();
        for part in parts.iter_mut().skip(1).step_by(2) {
            let mut fields = self.0.iter().flat_map(|record| record.fields);
            if fields.any(|field| field.name == part) {
                *part = camel(part);
            }
        }
        parts.join("`")
    }
}

fn push_interface(out: &mut String, record: &Record, names: &Names<'_>) {
    let paragraphs: Vec<String> = sentences(record.doc)
        .iter()
        .map(|doc| names.of(doc))
        .collect();
    out.push('\n');
    out.push_str(&comment(&paragraphs, 0));
    out.push_str(&format!("export interface {} {{\n", record.name));
    for (index, field) in record.fields.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str(&comment(&description(field, names), 2));
        let name = camel(field.name);
        let kind = annotation(field);
        if field.required {
            out.push_str(&format!("  readonly {name}: {kind};\n"));
        } else {
            // `undefined` is "not said", also where a compiler tells it from an absent property.
            out.push_str(&format!("  readonly {name}?: {kind} | undefined;\n"));
        }
    }
    out.push_str("}\n");
}

/// A knob's line of the table: its key, and the record of its value with the collections around it.
fn push_row(out: &mut String, field: &Field) {
    let name = camel(field.name);
    let row = match field.kind.record() {
        Some(record) => format!(
            "[\"{}\", \"{}\", {}]",
            field.name,
            record.name,
            depth(&field.kind)
        ),
        None => format!("[\"{}\"]", field.name),
    };
    out.push_str(&format!("    {name}: {row},\n"));
}

fn annotation(field: &Field) -> String {
    let kind = annotation_of(&field.kind);
    if field.nullable {
        format!("{kind} | null")
    } else {
        kind
    }
}

fn annotation_of(kind: &Kind) -> String {
    match kind {
        Kind::Boolean => "boolean".to_owned(),
        Kind::Integer | Kind::Number | Kind::Duration => "number".to_owned(),
        Kind::Text | Kind::Secret => "string".to_owned(),
        Kind::Choice(choices) => {
            let names: Vec<String> = choices.iter().map(|choice| text(choice.name)).collect();
            names.join(" | ")
        }
        Kind::Record(record) => record.name.to_owned(),
        Kind::List(entry) => match annotation_of(entry) {
            union if union.contains(" | ") => format!("readonly ({union})[]"),
            one => format!("readonly {one}[]"),
        },
        Kind::TextList => "string | readonly string[]".to_owned(),
        Kind::Document => "string | Readonly<Record<string, unknown>>".to_owned(),
        Kind::Map(entry) => format!("Readonly<Record<string, {}>>", annotation_of(entry)),
    }
}

/// The knob's doc, then its unit and range, then its default as a tag.
fn description(field: &Field, names: &Names<'_>) -> Vec<String> {
    let mut parts = vec![names.of(&line(field.doc))];
    if let Some(unit) = field.unit {
        parts.push(format!("Unit: {unit}."));
    }
    parts.extend(range(field).map(|range| format!("Range: {range}.")));
    if field.required {
        parts.push("Required.".to_owned());
        return vec![parts.join(" ")];
    }
    vec![
        parts.join(" "),
        format!("@defaultValue `{}`", default(field)),
    ]
}

/// The default as a TypeScript expression.
fn default(field: &Field) -> String {
    match ((field.default)(), field.kind) {
        (Value::Object(_), Kind::Record(_)) => "{}".to_owned(),
        (Value::Array(entries), _) => {
            let entries: Vec<String> = entries.iter().map(Value::to_string).collect();
            format!("[{}]", entries.join(", "))
        }
        (value, _) => value.to_string(),
    }
}

const TABLE_HEAD: &str = "\
/** The name of a config object. */
export type ConfigRecordName = keyof ConfigRecords;

/** A config document, as the engine reads it. */
export type ConfigDocument = Record<string, unknown>;

/**
 * A knob's key in the document; of one made of config objects also their name, and how many lists
 * or maps are around them.
 */
type Knob = readonly [key: string, record?: ConfigRecordName, depth?: number];

const RECORDS: Readonly<Record<ConfigRecordName, Readonly<Record<string, Knob>>>> = {
";

const TAIL: &str = "};

/**
 * The document of a config object, for the engine. A property that is `undefined` is not said.
 * Throws a `TypeError` that names a key which is no knob.
 */
export function toDocument(
  config: object,
  record: ConfigRecordName = \"ServerConfig\",
): ConfigDocument {
  return documentOf(config, record, \"\");
}

/** The config object of a document; the inverse of `toDocument`. */
export function fromDocument<Name extends ConfigRecordName = \"ServerConfig\">(
  document: object,
  record?: Name,
): ConfigRecords[Name] {
  return configOf(document, record ?? \"ServerConfig\", \"\") as unknown as ConfigRecords[Name];
}

function documentOf(config: object, record: ConfigRecordName, path: string): ConfigDocument {
  const knobs = RECORDS[record];
  const entries: [string, unknown][] = [];
  for (const [name, value] of Object.entries(config)) {
    const place = `${path}/${name}`;
    const knob = Object.hasOwn(knobs, name) ? knobs[name] : undefined;
    if (knob === undefined) {
      const meant = Object.keys(knobs).find((known) => knobs[known]?.[0] === name);
      const hint = meant === undefined ? \"\" : `; it is spelled ${meant}`;
      throw new TypeError(`config: ${place} is no key of ${record}${hint}`);
    }
    if (value !== undefined) {
      entries.push([knob[0], translated(value, knob, place, documentOf)]);
    }
  }
  return Object.fromEntries(entries);
}

function configOf(document: object, record: ConfigRecordName, path: string): ConfigDocument {
  const knobs = RECORDS[record];
  const entries: [string, unknown][] = [];
  for (const [key, value] of Object.entries(document)) {
    const place = `${path}/${key}`;
    const name = Object.keys(knobs).find((known) => knobs[known]?.[0] === key);
    const knob = name === undefined ? undefined : knobs[name];
    if (name === undefined || knob === undefined) {
      throw new TypeError(`config: ${place} is no key of ${record}`);
    }
    entries.push([name, translated(value, knob, place, configOf)]);
  }
  return Object.fromEntries(entries);
}

type Translation = (value: object, record: ConfigRecordName, path: string) => ConfigDocument;

/** A knob's value with the config objects in it translated; what is none of them stays as it is. */
function translated(value: unknown, knob: Knob, path: string, translate: Translation): unknown {
  const [, record, depth = 0] = knob;
  const within = (inner: unknown, left: number, place: string): unknown => {
    if (record === undefined || typeof inner !== \"object\" || inner === null) {
      return inner;
    }
    if (left > 0) {
      if (Array.isArray(inner)) {
        return inner.map((entry, index) => within(entry, left - 1, `${place}/${index}`));
      }
      const entries = Object.entries(inner).map(
        ([key, entry]) => [key, within(entry, left - 1, `${place}/${key}`)] as const,
      );
      return Object.fromEntries(entries);
    }
    return Array.isArray(inner) ? inner : translate(inner, record, place);
  };
  return within(value, depth, path);
}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::sample::{InnerConfig, OuterConfig};

    #[test]
    fn prints_nested_records() {
        let text = module(&[InnerConfig::RECORD, OuterConfig::RECORD]);
        for line in [
            "export interface OuterConfig {\n",
            "   * A wait. Unit: seconds. Range: 0 to 3600.\n   *\n   * @defaultValue `0.5`\n",
            "  readonly wait?: number | undefined;\n",
            "  readonly inner?: InnerConfig | undefined;\n",
            "  readonly extra?: InnerConfig | null | undefined;\n",
            "  readonly severalOfThem?: readonly InnerConfig[] | undefined;\n",
            "  /** Words nobody may see. Range: 1 to 8. Required. */\n  readonly keys: readonly",
            "  readonly named?: Readonly<Record<string, InnerConfig>> | undefined;\n",
            "    severalOfThem: [\"several_of_them\", \"InnerConfig\", 1],\n",
            "    inner: [\"inner\", \"InnerConfig\", 0],\n",
            "    keys: [\"keys\"],\n",
            "   * There when asked for, unlike `severalOfThem`.\n",
            "  InnerConfig: InnerConfig;\n",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
