//! Ruby: numbers of the ABI and problem types, and their signatures.
//!
//! Output is frozen and valid under `rbs`; nothing in it is required from elsewhere.

use spikard_contract::problem::{PROBLEM_TYPE_PREFIX, PROBLEMS};
use spikard_contract::status::GROUPS;

use super::words::{line, notice, wrap};
use super::{PROBLEM_SOURCE, STATUS_SOURCE};

/// `status.rb`: the numbers under their C names.
pub(super) fn status() -> String {
    let mut out = head(STATUS_SOURCE);
    out.push_str(
        "module Spikard\n  # The numbers of the engine's C ABI, under their C names.\n  \
         module Status\n",
    );
    for (index, group) in GROUPS.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str(&comment(&[line(group.doc)], 4));
        for row in group.rows {
            out.push('\n');
            out.push_str(&comment(&[line(row.doc)], 4));
            out.push_str(&format!("    {} = {}\n", row.name, row.number));
        }
    }
    out.push_str("  end\nend\n");
    out
}

/// `status.rbs`.
pub(super) fn status_signatures() -> String {
    let mut out = signatures_head(STATUS_SOURCE);
    out.push_str("module Spikard\n  module Status\n");
    for row in GROUPS.iter().flat_map(|group| group.rows) {
        out.push_str(&format!("    {}: Integer\n", row.name));
    }
    out.push_str("  end\nend\n");
    out
}

/// `problems.rb`: the table of problem types.
pub(super) fn problems() -> String {
    let mut out = head(PROBLEM_SOURCE);
    out.push_str(&format!(
        "module Spikard\n  \
         # What a problem of the engine is called, and which status carries it (RFC 9457).\n  \
         ProblemType = Struct.new(:status, :slug, :title, :detail, keyword_init: true)\n\n  \
         # What stands before the slug in the `type` of a problem.\n  \
         PROBLEM_TYPE_PREFIX = {}\n\n  \
         # Every problem type, in order of status.\n  PROBLEMS = [\n",
        text(PROBLEM_TYPE_PREFIX)
    ));
    for problem in PROBLEMS {
        out.push_str(&format!(
            "    ProblemType.new(\n      status: {},\n      slug: {},\n      title: {},\n      \
             detail: {}\n    ),\n",
            problem.status,
            text(problem.slug),
            text(problem.title),
            text(problem.detail)
        ));
    }
    out.push_str("  ].each(&:freeze).freeze\nend\n");
    out
}

/// `problems.rbs`.
pub(super) fn problems_signatures() -> String {
    format!(
        "{}module Spikard\n  class ProblemType < Struct[untyped]\n    \
         attr_reader status: Integer\n    attr_reader slug: String\n    \
         attr_reader title: String\n    attr_reader detail: String\n\n    \
         def initialize: (status: Integer, slug: String, title: String, detail: String) -> void\n  \
         end\n\n  PROBLEM_TYPE_PREFIX: String\n  PROBLEMS: Array[ProblemType]\nend\n",
        signatures_head(PROBLEM_SOURCE)
    )
}

/// The magic comment and the notice.
pub(super) fn head(source: &str) -> String {
    format!("# frozen_string_literal: true\n\n# {}\n\n", notice(source))
}

/// The notice of a file of signatures.
pub(super) fn signatures_head(source: &str) -> String {
    format!("# {}\n\n", notice(source))
}

/// A comment of some paragraphs.
pub(super) fn comment(paragraphs: &[String], indent: usize) -> String {
    let margin = " ".repeat(indent);
    let blocks: Vec<String> = paragraphs
        .iter()
        .map(|text| {
            let lines = wrap(text, indent + 2);
            let lines: Vec<String> = lines
                .iter()
                .map(|line| format!("{margin}# {line}\n"))
                .collect();
            lines.concat()
        })
        .collect();
    blocks.join(&format!("{margin}#\n"))
}

/// A string literal. JSON's are Ruby's, once nothing in them is interpolated.
pub(super) fn text(value: &str) -> String {
    serde_json::Value::from(value)
        .to_string()
        .replace('#', "\\#")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_interpolated() {
        assert_eq!(text("a #{b} \"c\""), "\"a \\#{b} \\\"c\\\"\"");
    }

    #[test]
    fn every_number_and_problem_is_there() {
        let (numbers, signatures, problems) = (status(), status_signatures(), problems());
        for row in GROUPS.iter().flat_map(|group| group.rows) {
            assert!(numbers.contains(&format!("    {} = {}\n", row.name, row.number)));
            assert!(signatures.contains(&format!("    {}: Integer\n", row.name)));
        }
        for problem in PROBLEMS {
            assert!(problems.contains(&format!("slug: \"{}\"", problem.slug)));
        }
    }
}
