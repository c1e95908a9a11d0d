//! The faults of one request, collected from all its sources, and the one 422 that lists them.
//!
//! An answer must not be larger than what provoked it by more than a bounded amount: rows and the
//! input they quote are limited. Knows nothing of how faults are found.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};
use spikard_contract::problem::VALIDATION_ERROR;
use spikard_middleware::Problem;
use spikard_proto_http::sabotage;

/// Most rows in one answer; a person reads far fewer, and a hostile body can provoke millions.
pub const FAULTS_MAX: usize = 1000;

/// Most bytes of quoted input in one answer, roughly. Beyond it rows go without `input`.
pub const INPUT_BYTES_MAX: usize = 65_536;

/// Most bytes of a key that an answer repeats: a place is told by names, not by megabytes of one.
pub const KEY_BYTES_MAX: usize = 1024;

/// Where a value came from, in the order in which faults are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A segment of the path.
    Path,
    /// The query string.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
    /// The body.
    Body,
    /// A file of a form.
    Files,
}

/// One row of the `errors` list.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Where the value came from.
    pub source: Source,
    /// The rest of `loc`: a parameter's name, or keys and indexes into the body.
    pub path: Vec<String>,
    /// Stable name of the fault.
    pub kind: &'static str,
    /// A sentence for people.
    pub message: Cow<'static, str>,
    /// The offending value; `None` leaves the member out.
    pub input: Option<Value>,
    /// The same as JSON text, where a value could not hold it.
    pub exact: Option<Box<str>>,
    /// The facts in the message, for programs; empty leaves the member out.
    pub context: Map<String, Value>,
}

/// All faults found so far.
#[derive(Debug, Default)]
pub struct Faults {
    rows: Vec<Fault>,
    input_bytes: usize,
    dropped: bool,
    /// Hashes of the rows that may have twins.
    keys: HashSet<u64>,
}

impl Source {
    /// First element of `loc`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "headers",
            Self::Cookie => "cookie",
            Self::Body => "body",
            Self::Files => "files",
        }
    }
}

impl Fault {
    /// A fault without context.
    #[must_use]
    pub fn new(
        source: Source,
        path: Vec<String>,
        kind: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            source,
            path,
            kind,
            message: message.into(),
            input: None,
            exact: None,
            context: Map::new(),
        }
    }

    /// Adds one fact.
    #[must_use]
    pub fn with(mut self, name: &str, fact: impl Into<Value>) -> Self {
        self.context.insert(name.to_owned(), fact.into());
        self
    }

    /// The row as it stands in the answer.
    fn into_row(self) -> Value {
        let mut loc = vec![Value::from(self.source.name())];
        loc.extend(self.path.into_iter().map(Value::from));
        if sabotage::is_off("rows/loc") {
            loc.truncate(1);
        }
        let mut row = Map::new();
        let kind = match sabotage::off_in("row/") {
            Some(off) if off == self.kind => "switched_off",
            _ => self.kind,
        };
        row.insert("type".into(), kind.into());
        row.insert("loc".into(), loc.into());
        row.insert("msg".into(), self.message.into());
        if let Some(input) = self.input
            && !sabotage::is_off("rows/input")
        {
            row.insert("input".into(), input);
        }
        if !self.context.is_empty() && !sabotage::is_off("rows/ctx") {
            row.insert("ctx".into(), self.context.into());
        }
        row.into()
    }
}

impl Fault {
    /// The row as JSON text.
    fn into_text(mut self) -> String {
        let exact = self.exact.take();
        let row = self.into_row();
        let members = row.as_object().into_iter().flatten();
        let members = members.map(|(name, value)| match &exact {
            Some(text) if name == "input" => format!("{}:{text}", Value::from(&**name)),
            _ => format!("{}:{value}", Value::from(&**name)),
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether no further row would be kept.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows.len() >= FAULTS_MAX
    }

    /// The rows found so far, in the order found.
    #[must_use]
    pub fn rows(&self) -> &[Fault] {
        &self.rows
    }

    /// The rows from this one on.
    pub(super) fn rows_from(&mut self, first: usize) -> &mut [Fault] {
        &mut self.rows[first..]
    }

    /// Whether there may be more faults than are listed.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.dropped
    }

    /// Notes that there may be more faults than are listed.
    pub fn truncate(&mut self) {
        self.dropped = true;
    }

    /// Adds a fault, quoting `input` while there is room for it.
    pub fn push(&mut self, mut fault: Fault, input: &Value) {
        if self.is_full() {
            return self.truncate();
        }
        let mut budget = INPUT_BYTES_MAX.saturating_sub(self.input_bytes);
        let before = budget;
        if spend(input, &mut budget) || sabotage::is_off("rows/input-max") {
            fault.input = Some(input.clone());
            self.input_bytes += before - budget;
        }
        self.rows.push(fault);
    }

    /// Adds a fault unless its twin is there already: same place, type and message.
    pub fn push_once(&mut self, fault: Fault, input: &Value) {
        let twin = (fault.source, &fault.path, fault.kind, &fault.message);
        if self.keys.insert(hash_of(&twin)) || sabotage::is_off("rows/once") {
            self.push(fault, input);
        }
    }

    /// Puts the rows in the order in which they are told: by source, then by name, then by type.
    pub fn sort(&mut self) {
        self.rows.sort_by(|one, other| {
            if sabotage::is_off("rows/order") {
                return Ordering::Equal;
            }
            one.source
                .cmp(&other.source)
                .then_with(|| compare_paths(&one.path, &other.path))
                .then_with(|| one.kind.cmp(other.kind))
        });
    }

    /// The 422 document (RFC 9457) with all rows, sorted.
    #[must_use]
    pub fn into_problem(mut self) -> Problem {
        if sabotage::is_off("rows/all") {
            self.rows.truncate(1);
        }
        self.sort();
        let detail = match self.rows.len() {
            1 if !sabotage::is_off("rows/count") => Cow::Borrowed("1 validation error in request"),
            count => Cow::Owned(format!("{count} validation errors in request")),
        };
        let problem = Problem::of(&VALIDATION_ERROR).with_detail(detail);
        if self.rows.iter().any(|row| row.exact.is_some()) {
            let rows: Vec<String> = self.rows.into_iter().map(Fault::into_text).collect();
            let problem = problem.with_text("errors", format!("[{}]", rows.join(",")));
            return match self.dropped {
                true => problem.with_text("truncated", "true".to_owned()),
                false => problem,
            };
        }
        let rows: Vec<Value> = self.rows.into_iter().map(Fault::into_row).collect();
        let problem = problem.with("errors", rows);
        if self.dropped {
            problem.with("truncated", true)
        } else {
            problem
        }
    }
}

/// A key as an answer repeats it: cut, and marked as cut, if it is too long.
#[must_use]
pub fn shortened(mut key: String) -> String {
    if key.len() > KEY_BYTES_MAX && !sabotage::is_off("rows/key-max") {
        key.truncate(key.floor_char_boundary(KEY_BYTES_MAX));
        key.push('…');
        // The rest of its memory would last as long as the row.
        key.shrink_to_fit();
    }
    key
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Takes the size of `value`, roughly its JSON text, from `budget`; false if it does not fit.
fn spend(value: &Value, budget: &mut usize) -> bool {
    let own = match value {
        Value::String(text) => text.len() + 2,
        _ => 8,
    };
    let Some(left) = budget.checked_sub(own) else {
        return false;
    };
    *budget = left;
    match value {
        Value::Array(items) => items.iter().all(|item| spend(item, budget)),
        Value::Object(members) => members.iter().all(|(key, member)| {
            *budget = budget.saturating_sub(key.len());
            spend(member, budget)
        }),
        _ => true,
    }
}

/// Element by element. Indexes compare as numbers and come before names, so that the order is
/// total whatever a client calls its fields: sorting by one that is not may panic.
fn compare_paths(one: &[String], other: &[String]) -> Ordering {
    // Of two numbers without leading zeros the longer one is the larger.
    let rank = |element: &String| match is_index(element) {
        true => (false, element.len()),
        false => (true, 0),
    };
    for (left, right) in one.iter().zip(other) {
        let order = rank(left).cmp(&rank(right)).then_with(|| left.cmp(right));
        if order != Ordering::Equal {
            return order;
        }
    }
    one.len().cmp(&other.len())
}

/// Whether an element is written as the index of an item is.
fn is_index(element: &str) -> bool {
    let digits = element.bytes().all(|byte| byte.is_ascii_digit());
    digits && !element.is_empty() && (element == "0" || !element.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(source: Source, path: &[&str]) -> Fault {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        Fault::new(source, path, "missing", "Field required")
    }

    #[test]
    fn rows_are_ordered_by_source_then_name_then_index() {
        let mut faults = Faults::new();
        for (source, path) in [
            (Source::Body, &["b", "10"][..]),
            (Source::Body, &["b", "9"]),
            (Source::Cookie, &["z"]),
            (Source::Header, &["z"]),
            (Source::Query, &["b"]),
            (Source::Query, &["a"]),
            (Source::Body, &[]),
            (Source::Path, &["z"]),
        ] {
            faults.push(fault(source, path), &Value::Null);
        }
        let document = faults.into_problem().document();
        let locs: Vec<&Value> = document["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| &row["loc"])
            .collect();
        assert_eq!(
            json!(locs),
            json!([
                ["path", "z"],
                ["query", "a"],
                ["query", "b"],
                ["headers", "z"],
                ["cookie", "z"],
                ["body"],
                ["body", "b", "9"],
                ["body", "b", "10"],
            ])
        );
        assert_eq!(document["detail"], "8 validation errors in request");
        assert_eq!(document["status"], 422);
    }

    #[test]
    fn names_that_look_like_numbers_are_in_a_total_order() {
        let names = [
            "b",
            "1a",
            "10",
            "+1",
            "9",
            "01",
            "",
            "0",
            "$",
            "18446744073709551616",
        ];
        let mut faults = Faults::new();
        for turn in 0..40 {
            for name in &names {
                faults.push(
                    fault(Source::Body, &[name, &turn.to_string()]),
                    &Value::Null,
                );
            }
        }
        let document = faults.into_problem().document();
        let rows = document["errors"].as_array().unwrap();
        let found: Vec<&str> = rows
            .iter()
            .filter_map(|row| row["loc"][1].as_str())
            .collect();
        let sorted = [
            "0",
            "9",
            "10",
            "18446744073709551616",
            "",
            "$",
            "+1",
            "01",
            "1a",
            "b",
        ];
        let wanted: Vec<&str> = sorted.iter().flat_map(|name| [*name; 40]).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn one_fault_is_singular_and_shows_all_its_members() {
        let mut faults = Faults::new();
        faults.push(fault(Source::Query, &["n"]).with("ge", 3), &json!("2"));
        let document = faults.into_problem().document();
        assert_eq!(document["detail"], "1 validation error in request");
        assert_eq!(
            document["errors"].to_string(),
            [
                r#"[{"type":"missing","loc":["query","n"],"msg":"Field required","#,
                r#""input":"2","ctx":{"ge":3}}]"#,
            ]
            .concat()
        );
    }

    #[test]
    fn rows_and_quoted_input_are_bounded() {
        let mut faults = Faults::new();
        let large = json!({ "text": "x".repeat(INPUT_BYTES_MAX / 2) });
        for _ in 0..=FAULTS_MAX {
            faults.push(fault(Source::Body, &["a"]), &large);
        }
        let quoted = faults
            .rows()
            .iter()
            .filter(|row| row.input.is_some())
            .count();
        assert_eq!(quoted, 1);
        let document = faults.into_problem().document();
        assert_eq!(document["errors"].as_array().unwrap().len(), FAULTS_MAX);
        assert_eq!(document["truncated"], true);
    }
}
