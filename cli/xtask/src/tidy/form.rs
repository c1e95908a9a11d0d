//! Rules on any text: header, length, width, words that must not stay, paths of one machine.
//!
//! Knows nothing of what the text means; Rust's own rules are in `rust.rs`.

use super::Fault;
use crate::rust_text::words;
use crate::tree::File;

/// Checks one file.
pub(super) fn check(file: &File, faults: &mut Vec<Fault>) {
    banned(file, faults);
    rfc_numbers(file, faults);
    if file.is_generated() || !is_source(file) {
        return;
    }
    if !has_header(file) {
        faults.push(Fault::new(
            "header",
            file,
            1,
            "does not open by saying what it is and why",
        ));
    }
    let lines = file.text.lines().count();
    if lines > FILE_LINES_MAX {
        let message = format!("{lines} lines are over {FILE_LINES_MAX}; split it by noun");
        faults.push(Fault::new("file-length", file, lines, message));
    }
    for (index, line) in file.text.lines().enumerate() {
        let width = line.chars().count();
        if width > LINE_WIDTH_MAX {
            let message = format!("{width} columns are over {LINE_WIDTH_MAX}");
            faults.push(Fault::new("line-length", file, index + 1, message));
        }
    }
}

fn is_source(file: &File) -> bool {
    let source = [
        "rs", "py", "pyi", "c", "h", "sh", "rb", "ts", "js", "mjs", "toml", "yaml", "yml",
    ];
    source.contains(&file.extension())
}

/// Whether the file opens with a sentence about itself, in its language's own form.
fn has_header(file: &File) -> bool {
    let mut lines = file.text.lines().skip_while(|line| line.starts_with("#!/"));
    let first = lines.next().unwrap_or_default();
    let (opening, least) = match file.extension() {
        "rs" => ("//!", HEADER_CHARACTERS_MIN),
        "py" | "pyi" => ("\"\"\"", HEADER_CHARACTERS_MIN),
        "c" | "h" => ("/", HEADER_CHARACTERS_MIN),
        "ts" | "js" | "mjs" => ("/", HEADER_CHARACTERS_MIN),
        "rb" if first.contains("frozen_string_literal") => {
            return lines
                .find(|line| !line.is_empty())
                .is_some_and(|line| line.starts_with("# "));
        }
        "sh" | "rb" => ("# ", HEADER_CHARACTERS_MIN),
        // Manifests say what they are by their keys.
        _ => ("", 0),
    };
    first.starts_with(opening) && first.chars().count() >= least
}

/// Words that mark unfinished work, and paths that exist on one machine only.
fn banned(file: &File, faults: &mut Vec<Fault>) {
    for (index, line) in file.text.lines().enumerate() {
        let mut refuse = |message: String| {
            faults.push(Fault::new("banned-word", file, index + 1, message));
        };
        // Data may say what it likes; only what we wrote is unfinished.
        if file.extension() != "json" {
            for word in UNFINISHED {
                if words(line, word).next().is_some() {
                    refuse(format!("{word} marks unfinished work"));
                }
            }
        }
        for path in FOREIGN_PATHS {
            if names_path(line, path) {
                refuse(format!("{path} is a path of one machine"));
            }
        }
    }
}

/// Whether `line` has `path` as a path of its own: not the middle of a longer word or path.
fn names_path(line: &str, path: &str) -> bool {
    let joins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    line.match_indices(path).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + path.len()..].chars().next();
        !before.is_some_and(|c| joins(c) || matches!(c, '.' | '/' | '}'))
            && !after.is_some_and(joins)
    })
}

/// Documents that a newer RFC replaced: only the living one is cited.
fn rfc_numbers(file: &File, faults: &mut Vec<Fault>) {
    for (index, line) in file.text.lines().enumerate() {
        let upper = line.to_ascii_uppercase();
        for (start, _) in upper.match_indices("RFC") {
            let rest = upper[start + 3..].trim_start_matches([' ', '-', '_']);
            let length = rest.bytes().take_while(u8::is_ascii_digit).count();
            let living = OBSOLETE_RFCS
                .iter()
                .find(|(old, _)| *old == &rest[..length]);
            if let Some((old, new)) = living {
                let message = format!("RFC {old} is obsolete; cite {new}");
                faults.push(Fault::new("obsolete-rfc", file, index + 1, message));
            }
        }
    }
}

/// Longest file, in lines: one noun fits.
const FILE_LINES_MAX: usize = 500;

/// Longest line, in characters: two files fit side by side.
const LINE_WIDTH_MAX: usize = 100;

/// Shortest first line that can say anything, with its comment mark.
const HEADER_CHARACTERS_MIN: usize = 16;

// Split, so that this file does not break its own rule.
const UNFINISHED: &[&str] = &[
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
];

const FOREIGN_PATHS: &[&str] = &[concat!("/wo", "rk"), concat!("..", "/shared")];

const OBSOLETE_RFCS: &[(&str, &str)] = &[
    ("2068", "RFC 9110"),
    ("2616", "RFC 9110 or 9112"),
    ("7230", "RFC 9110 or 9112"),
    ("7231", "RFC 9110"),
    ("7232", "RFC 9110"),
    ("7233", "RFC 9110"),
    ("7234", "RFC 9111"),
    ("7235", "RFC 9110"),
    ("7540", "RFC 9113"),
    ("2818", "RFC 9110"),
    ("7807", "RFC 9457"),
    ("4627", "RFC 8259"),
    ("7158", "RFC 8259"),
    ("7159", "RFC 8259"),
    ("2109", "RFC 6265bis"),
    ("2965", "RFC 6265bis"),
    ("2388", "RFC 7578"),
];
