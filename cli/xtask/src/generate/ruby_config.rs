//! Ruby: the config classes, and their signatures.
//!
//! They hold what the user wrote and turn it into the document the engine reads. Ranges are the
//! engine's to refuse, so that all languages agree; an unknown key is refused by its class.

use serde_json::Value;
use spikard_contract::meta::{Field, Kind, Record, sentences};

use super::CONFIG_SOURCE;
use super::ruby::{comment, head, signatures_head, text};
use super::words::{depth, line, range};

/// `config.rb`. `records` has inner records first.
pub(super) fn module(records: &[&Record]) -> String {
    let mut out = head(CONFIG_SOURCE);
    out.push_str(HEAD);
    for record in records {
        push_class(&mut out, record);
    }
    out.push_str("end\n");
    out
}

fn push_class(out: &mut String, record: &Record) {
    out.push('\n');
    out.push_str(&comment(&paragraphs(record), 2));
    out.push_str(&format!("  class {} < ConfigRecord\n", record.name));
    for field in record.fields {
        out.push_str(&comment(&[description(field)], 4));
        let access = if field.kind.record().is_some() {
            "reader"
        } else {
            "accessor"
        };
        out.push_str(&format!("    attr_{access} :{}\n\n", field.name));
    }
    for field in record.fields {
        if let Some(inner) = field.kind.record() {
            out.push_str(&format!(
                "    def {0}=(value)\n      @{0} = ConfigRecord.read(value, {1}, {2})\n    end\n\n",
                field.name,
                inner.name,
                depth(&field.kind)
            ));
        }
    }
    push_initialize(out, record);
    push_list(out, "knobs", record.fields.iter());
    let secret = record.fields.iter().filter(|field| is_secret(&field.kind));
    push_list(out, "secret_knobs", secret);
    // The last method needs no line below it.
    out.truncate(out.trim_end().len());
    out.push_str("\n  end\n");
}

fn push_initialize(out: &mut String, record: &Record) {
    let parameters: Vec<String> = record
        .fields
        .iter()
        .map(|field| match default(field) {
            Some(default) => format!("{}: {default}", field.name),
            None => format!("{}:", field.name),
        })
        .collect();
    out.push_str(&format!(
        "    def initialize(\n      {}\n    )\n      super()\n",
        parameters.join(",\n      ")
    ));
    for Field { name, kind, .. } in record.fields {
        let target = if kind.record().is_some() {
            format!("self.{name}")
        } else {
            format!("@{name}")
        };
        out.push_str(&format!("      {target} = {name}\n"));
    }
    out.push_str("    end\n\n");
}

/// A class method that returns some of the knobs' names.
fn push_list<'a>(out: &mut String, name: &str, fields: impl Iterator<Item = &'a Field>) {
    let names: Vec<&str> = fields.map(|field| field.name).collect();
    if name == "secret_knobs" && names.is_empty() {
        return;
    }
    let list = super::words::wrap(&names.join(" "), 8).join("\n        ");
    out.push_str(&format!(
        "    def self.{name}\n      %i[\n        {list}\n      ]\n    end\n\n"
    ));
}

/// `config.rbs`.
pub(super) fn signatures(records: &[&Record]) -> String {
    let mut out = signatures_head(CONFIG_SOURCE);
    out.push_str(SIGNATURES_HEAD);
    for record in records {
        out.push('\n');
        out.push_str(&comment(&paragraphs(record), 2));
        out.push_str(&format!("  class {} < ConfigRecord\n", record.name));
        for field in record.fields {
            out.push_str(&comment(&[description(field)], 4));
            let (name, kind) = (field.name, annotation(field, false));
            if field.kind.record().is_some() {
                let given = annotation(field, true);
                out.push_str(&format!(
                    "    attr_reader {name}: {kind}\n\n    def {name}=: ({given} value) -> void\n\n"
                ));
            } else {
                out.push_str(&format!("    attr_accessor {name}: {kind}\n\n"));
            }
        }
        let parameters: Vec<String> = record
            .fields
            .iter()
            .map(|field| {
                let mark = if field.required { "" } else { "?" };
                format!("{mark}{}: {}", field.name, annotation(field, true))
            })
            .collect();
        out.push_str(&format!(
            "    def initialize: (\n      {}\n    ) -> void\n  end\n",
            parameters.join(",\n      ")
        ));
    }
    out.push_str("end\n");
    out
}

fn paragraphs(record: &Record) -> Vec<String> {
    sentences(record.doc).iter().map(|doc| ruby(doc)).collect()
}

/// A doc in which `null` is `nil`.
fn ruby(doc: &str) -> String {
    doc.replace("`null`", "`nil`")
}

/// The type of a value, as it is held or as it may be given.
fn annotation(field: &Field, given: bool) -> String {
    let kind = annotation_of(&field.kind, given);
    match (field.nullable, kind.contains(" | ")) {
        (false, _) => kind,
        (true, true) => format!("({kind})?"),
        (true, false) => format!("{kind}?"),
    }
}

fn annotation_of(kind: &Kind, given: bool) -> String {
    match kind {
        Kind::Boolean => "bool".to_owned(),
        Kind::Integer => "Integer".to_owned(),
        Kind::Number | Kind::Duration => "Numeric".to_owned(),
        Kind::Text | Kind::Secret => "String".to_owned(),
        // Symbols are how Ruby writes words of a closed list; the document has them as text.
        Kind::Choice(choices) => {
            let names: Vec<String> = choices.iter().map(|choice| text(choice.name)).collect();
            format!("{} | Symbol", names.join(" | "))
        }
        Kind::Record(record) if given => {
            format!("{} | Hash[String | Symbol, untyped]", record.name)
        }
        Kind::Record(record) => record.name.to_owned(),
        Kind::List(entry) => format!("Array[{}]", annotation_of(entry, given)),
        Kind::TextList => "String | Array[String]".to_owned(),
        Kind::Document => "String | Hash[String | Symbol, untyped]".to_owned(),
        Kind::Map(entry) => {
            format!("Hash[String | Symbol, {}]", annotation_of(entry, given))
        }
    }
}

fn is_secret(kind: &Kind) -> bool {
    match kind {
        Kind::Secret | Kind::Document => true,
        Kind::List(entry) | Kind::Map(entry) => is_secret(entry),
        _ => false,
    }
}

/// The default as a Ruby expression. `None` if a value has to be given.
fn default(field: &Field) -> Option<String> {
    if field.required {
        return None;
    }
    Some(match ((field.default)(), field.kind) {
        (Value::Null, _) => "nil".to_owned(),
        (Value::Object(_), Kind::Record(record)) => format!("{}.new", record.name),
        (Value::Object(_), _) => "{}".to_owned(),
        (Value::Array(entries), _) => {
            let entries: Vec<String> = entries.iter().map(literal).collect();
            format!("[{}]", entries.join(", "))
        }
        (value, _) => literal(&value),
    })
}

/// JSON's strings, numbers and booleans are Ruby's.
fn literal(value: &Value) -> String {
    match value {
        Value::String(word) => text(word),
        other => other.to_string(),
    }
}

/// The knob's doc, then its unit, default and range.
fn description(field: &Field) -> String {
    let mut parts = vec![ruby(&line(field.doc))];
    if let Some(unit) = field.unit {
        parts.push(format!("Unit: {unit}."));
    }
    match default(field) {
        None => parts.push("Required.".to_owned()),
        Some(default) => parts.push(format!("Default: {default}.")),
    }
    parts.extend(range(field).map(|range| format!("Range: {range}.")));
    parts.join(" ")
}

const HEAD: &str = "\
module Spikard
  # What all config classes can do: compare, copy, and become the document that the engine reads.
  # Nested objects may be given as hashes; an unknown key is an `ArgumentError` that names it.
  class ConfigRecord
    # The object of a hash whose keys are strings or symbols; the inverse of `to_h`.
    def self.from_h(document)
      values = document.to_h.transform_keys { |key| key.to_s.to_sym }
      unknown = values.keys - knobs
      unless unknown.empty?
        raise ArgumentError, \"unknown key of #{name}: #{unknown.map(&:inspect).join(', ')}\"
      end

      new(**values)
    end

    # Turns the hashes of a value into objects of `record`, `depth` collections deep.
    def self.read(value, record, depth)
      if depth.positive?
        case value
        when Array then value.map { |entry| read(entry, record, depth - 1) }
        when Hash then value.transform_values { |entry| read(entry, record, depth - 1) }
        else value
        end
      else
        value.is_a?(Hash) ? record.from_h(value) : value
      end
    end

    # Turns a value into what JSON knows.
    def self.plain(value)
      case value
      when ConfigRecord then value.to_h
      when Array then value.map { |entry| plain(entry) }
      when Hash then value.transform_values { |entry| plain(entry) }
      when Symbol then value.to_s
      else value
      end
    end

    # Names of knobs that must not be shown.
    def self.secret_knobs
      []
    end

    # Every knob and its value, those of nested objects as hashes.
    def to_h
      self.class.knobs.to_h { |key| [key, ConfigRecord.plain(public_send(key))] }
    end

    # A copy with some knobs changed.
    def with(**changes)
      self.class.from_h(to_h.merge(changes))
    end

    def ==(other)
      other.class == self.class && other.to_h == to_h
    end
    alias eql? ==

    def hash
      [self.class, to_h].hash
    end

    # The object without its secrets, which people print.
    def inspect
      shown = (self.class.knobs - self.class.secret_knobs).map do |key|
        \" #{key}=#{public_send(key).inspect}\"
      end
      \"#<#{self.class.name}#{shown.join(',')}>\"
    end
    alias to_s inspect
  end
";

const SIGNATURES_HEAD: &str = "\
module Spikard
  class ConfigRecord
    def self.from_h: (Hash[String | Symbol, untyped] document) -> instance

    def self.read: (untyped value, singleton(ConfigRecord) record, Integer depth) -> untyped

    def self.plain: (untyped value) -> untyped

    def self.knobs: () -> Array[Symbol]

    def self.secret_knobs: () -> Array[Symbol]

    def to_h: () -> Hash[Symbol, untyped]

    def with: (**untyped changes) -> self

    def ==: (untyped other) -> bool

    def hash: () -> Integer

    def inspect: () -> String
  end
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::sample::{InnerConfig, OuterConfig};

    const RECORDS: [&Record; 2] = [InnerConfig::RECORD, OuterConfig::RECORD];

    fn holds(text: &str, lines: &[&str]) {
        for line in lines {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn prints_nested_records() {
        let lines = [
            "  class OuterConfig < ConfigRecord\n",
            "    # A wait. Unit: seconds. Default: 0.5. Range: 0 to 3600.\n",
            "    attr_accessor :wait\n",
            "      inner: InnerConfig.new,\n      extra: nil,\n      several_of_them: [],\n",
            "      keys:,\n",
            "      verbs: [\"GET\"],\n",
            "      @several_of_them = ConfigRecord.read(value, InnerConfig, 1)\n",
            "      self.inner = inner\n",
            "    def self.secret_knobs\n      %i[\n        keys pass\n      ]\n",
        ];
        holds(&module(&RECORDS), &lines);
    }

    #[test]
    fn prints_their_signatures() {
        let lines = [
            "    attr_accessor wait: Numeric\n",
            "    attr_reader extra: InnerConfig?\n",
            "    def extra=: ((InnerConfig | Hash[String | Symbol, untyped])? value) -> void\n",
            "      ?several_of_them: Array[InnerConfig | Hash[String | Symbol, untyped]],\n",
            "      keys: Array[String],\n",
        ];
        holds(&signatures(&RECORDS), &lines);
    }

    #[test]
    fn no_knob_is_a_word_of_the_language() {
        let words = [
            "class", "end", "in", "next", "not", "or", "self", "then", "when",
        ];
        for record in crate::generate::records(spikard_contract::config::ServerConfig::RECORD) {
            for field in record.fields {
                assert!(!words.contains(&field.name), "{}", field.name);
            }
        }
    }
}
