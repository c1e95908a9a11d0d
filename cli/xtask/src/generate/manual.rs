//! The manual's reference pages: knobs, problem types, ABI numbers.
//!
//! Tables only; guides are written by hand and link here.

use spikard_contract::meta::{Choice, Field, Kind, Record, sentences};
use spikard_contract::problem::{PROBLEM_TYPE_PREFIX, PROBLEMS};
use spikard_contract::status::GROUPS;

use super::words::{default, kind, line, notice, range};
use super::{CONFIG_SOURCE, PROBLEM_SOURCE, STATUS_SOURCE};

/// `docs/reference/config.md`; the root record is printed first.
pub(super) fn config(records: &[&Record]) -> String {
    let mut out = head(CONFIG_SOURCE, "Configuration");
    out.push_str(
        "Every knob is a key of one document, spelled in snake_case there and in Python. Unknown \
         keys and\nvalues out of range are refused when the application is built, all of them at \
         once, each with a JSON\npointer to its key. Durations are **seconds**, fractions allowed; \
         milliseconds are refused because\nranges end at 3600.\n",
    );
    for record in records.iter().rev() {
        out.push_str(&format!("\n## {}\n\n", record.name));
        out.push_str(&sentences(record.doc).join("\n\n"));
        out.push_str("\n\n| key | type | unit | default | range | what it does |\n");
        out.push_str("| --- | --- | --- | --- | --- | --- |\n");
        for field in record.fields {
            push_row(&mut out, field);
        }
        for field in record.fields {
            let entry = match field.kind {
                Kind::List(entry) | Kind::Map(entry) => *entry,
                kind => kind,
            };
            if let Kind::Choice(choices) = entry {
                push_choices(&mut out, field, choices);
            }
        }
    }
    out
}

fn push_row(out: &mut String, field: &Field) {
    let cells = [
        format!("`{}`", field.name),
        kind(field),
        field.unit.unwrap_or("").to_owned(),
        default_cell(field),
        range(field).unwrap_or_default(),
        line(field.doc),
    ];
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    out.push_str(&format!("| {} |\n", cells.join(" | ")));
}

fn default_cell(field: &Field) -> String {
    match field.kind {
        _ if field.required => "required".to_owned(),
        Kind::Record(_) if (field.default)().is_object() => "its own defaults".to_owned(),
        _ => format!("`{}`", default(field)),
    }
}

fn push_choices(out: &mut String, field: &Field, choices: &[Choice]) {
    out.push_str(&format!("\n`{}` is one of:\n\n", field.name));
    for choice in choices {
        out.push_str(&format!("- `{}`: {}\n", choice.name, line(choice.doc)));
    }
}

/// `docs/reference/problems.md`.
pub(super) fn problems() -> String {
    let mut out = head(PROBLEM_SOURCE, "Problem types");
    out.push_str(&format!(
        "Every error that the engine itself answers is a problem document (RFC 9457) of type\n\
         `application/problem+json`. Its `type` is `{PROBLEM_TYPE_PREFIX}` and the slug.\n\n\
         | status | slug | title | detail, unless there is a more exact one |\n\
         | --- | --- | --- | --- |\n"
    ));
    for problem in PROBLEMS {
        out.push_str(&format!(
            "| {} | `{}` | {} | {} |\n",
            problem.status, problem.slug, problem.title, problem.detail
        ));
    }
    out
}

/// `docs/reference/status.md`.
pub(super) fn status() -> String {
    let mut out = head(STATUS_SOURCE, "Numbers of the C ABI");
    out.push_str(
        "Numbers are append-only: one that has been released never changes its meaning. Each is a\n\
         `uint32_t`.\n",
    );
    for group in GROUPS {
        out.push_str(&format!("\n## {}\n\n{}\n\n", group.name, line(group.doc)));
        out.push_str("| number | name | meaning |\n| --- | --- | --- |\n");
        for row in group.rows {
            out.push_str(&format!(
                "| {} | `{}` | {} |\n",
                row.number,
                row.name,
                line(row.doc)
            ));
        }
    }
    out
}

fn head(source: &str, title: &str) -> String {
    format!("<!-- {} -->\n\n# {title}\n\n", notice(source))
}
