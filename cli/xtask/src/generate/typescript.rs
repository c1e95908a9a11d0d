//! TypeScript: numbers of the ABI, problem types, and how names and comments are written.
//!
//! Output is clean under `tsc` in its strictest settings and imports nothing.

use spikard_contract::problem::{PROBLEM_TYPE_PREFIX, PROBLEMS};
use spikard_contract::status::{GROUPS, Group};

use super::words::{line, notice, wrap};
use super::{PROBLEM_SOURCE, STATUS_SOURCE};

/// `status.ts`: the numbers under their C names, and a type of each list.
pub(super) fn status() -> String {
    let mut out = head(
        STATUS_SOURCE,
        "The numbers of the engine's C ABI, under their C names.",
    );
    for group in GROUPS {
        push_group(&mut out, group);
    }
    out
}

fn push_group(out: &mut String, group: &Group) {
    for row in group.rows {
        out.push('\n');
        out.push_str(&comment(&[line(row.doc)], 0));
        out.push_str(&format!("export const {} = {};\n", row.name, row.number));
    }
    let names: Vec<String> = group
        .rows
        .iter()
        .map(|row| format!("  | typeof {}", row.name))
        .collect();
    out.push('\n');
    out.push_str(&comment(&[line(group.doc)], 0));
    out.push_str(&format!(
        "export type {} =\n{};\n",
        group.name,
        names.join("\n")
    ));
}

/// `problems.ts`: the table of problem types, and a type of their slugs.
pub(super) fn problems() -> String {
    let mut out = head(
        PROBLEM_SOURCE,
        "The problem types that the engine itself answers with (RFC 9457).",
    );
    out.push_str(&format!(
        "\n/** What stands before the slug in the `type` of a problem. */\n\
         export const PROBLEM_TYPE_PREFIX = {};\n\n\
         /** What a problem is called, and which status carries it. */\n\
         export interface ProblemType {{\n  readonly status: number;\n  readonly slug: string;\n  \
         readonly title: string;\n  /** The detail where there is none more exact. */\n  \
         readonly detail: string;\n}}\n\n\
         /** Every problem type, in order of status. */\n\
         export const PROBLEMS = [\n",
        text(PROBLEM_TYPE_PREFIX)
    ));
    for problem in PROBLEMS {
        out.push_str(&format!(
            "  {{\n    status: {},\n    slug: {},\n    title: {},\n    detail: {},\n  }},\n",
            problem.status,
            text(problem.slug),
            text(problem.title),
            text(problem.detail)
        ));
    }
    out.push_str(
        "] as const satisfies readonly ProblemType[];\n\n\
         /** The last part of the `type` of an engine's problem. */\n\
         export type ProblemSlug = (typeof PROBLEMS)[number][\"slug\"];\n",
    );
    out
}

/// The notice, and the comment of a module.
pub(super) fn head(source: &str, about: &str) -> String {
    format!("// {}\n\n/** {about} */\n", notice(source))
}

/// A doc comment of some paragraphs.
pub(super) fn comment(paragraphs: &[String], indent: usize) -> String {
    let margin = " ".repeat(indent);
    let blocks: Vec<Vec<String>> = paragraphs
        .iter()
        .map(|text| wrap(&text.replace("*/", "*\\/"), indent + 3))
        .collect();
    if let [only] = blocks.as_slice()
        && let [only] = only.as_slice()
        && indent + only.len() + 7 <= COLUMNS_MAX
    {
        return format!("{margin}/** {only} */\n");
    }
    let mut out = format!("{margin}/**\n");
    for (index, block) in blocks.iter().enumerate() {
        if index > 0 {
            out.push_str(&format!("{margin} *\n"));
        }
        for text in block {
            out.push_str(&format!("{margin} * {text}\n"));
        }
    }
    out.push_str(&format!("{margin} */\n"));
    out
}

/// A string literal: JSON's are TypeScript's.
pub(super) fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// `max_body_size` as `maxBodySize`.
pub(super) fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// Widest line of a one-line comment.
const COLUMNS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_names_as_the_language_does() {
        assert_eq!(camel("max_body_size"), "maxBodySize");
        assert_eq!(camel("host"), "host");
        assert_eq!(camel("ipv6_prefix"), "ipv6Prefix");
    }

    #[test]
    fn comments_cannot_end_early() {
        assert_eq!(comment(&["A */ b.".to_owned()], 2), "  /** A *\\/ b. */\n");
        let both = comment(&["One.".to_owned(), "Two.".to_owned()], 0);
        assert_eq!(both, "/**\n * One.\n *\n * Two.\n */\n");
    }

    #[test]
    fn every_number_and_problem_is_there() {
        let (numbers, problems) = (status(), problems());
        for row in GROUPS.iter().flat_map(|group| group.rows) {
            let line = format!("export const {} = {};\n", row.name, row.number);
            assert!(numbers.contains(&line), "{line} is missing");
            assert!(numbers.contains(&format!("  | typeof {}", row.name)));
        }
        for problem in PROBLEMS {
            assert!(problems.contains(&format!("slug: \"{}\"", problem.slug)));
        }
    }
}
