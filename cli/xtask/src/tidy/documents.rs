//! The architecture page tells the truth: every path it names exists, every crate is named in it.
//!
//! Knows nothing of what the page says about them.

use std::path::Path;

use super::Fault;
use crate::tree::File;

/// Checks the page against the tree.
pub(super) fn check(root: &Path, files: &[File], faults: &mut Vec<Fault>) {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        let message = "the architecture page is missing".to_owned();
        faults.push(Fault {
            rule: RULE,
            path: PAGE.to_owned(),
            line: 0,
            message,
        });
        return;
    };
    let lines = page.text.lines().count();
    if lines > PAGE_LINES_MAX {
        let message = format!("{lines} lines are over {PAGE_LINES_MAX}; nobody reads a longer one");
        faults.push(Fault::new(RULE, page, lines, message));
    }
    for (index, line) in page.text.lines().enumerate() {
        for path in line.split('`').skip(1).step_by(2).flat_map(alternatives) {
            if is_path(root, &path) && !root.join(&path).exists() {
                let message = format!("{path} does not exist");
                faults.push(Fault::new(RULE, page, index + 1, message));
            }
        }
    }
    let manifest = files.iter().find(|file| file.path == "Cargo.toml");
    for member in manifest.map(|file| members(&file.text)).unwrap_or_default() {
        if !page.text.contains(&format!("`{member}/")) {
            let message = format!("the crate {member}/ is not named");
            faults.push(Fault::new(RULE, page, 0, message));
        }
    }
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn alternatives(span: &str) -> Vec<String> {
    let Some((head, rest)) = span.split_once('{') else {
        return vec![span.to_owned()];
    };
    let Some((names, tail)) = rest.split_once('}') else {
        return vec![span.to_owned()];
    };
    names
        .split(',')
        .map(|name| format!("{head}{}{tail}", name.trim()))
        .collect()
}

/// Whether a code span is meant as a path of this repository.
fn is_path(root: &Path, span: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    if !span.chars().all(plain) || span.starts_with('/') {
        return false;
    }
    let first = span.split('/').next().unwrap_or_default();
    let ours = span.contains('/') && root.join(first).exists();
    let file = span.contains('/')
        && [".rs", ".py", ".md", ".toml", ".c", ".h", ".sh", ".json"]
            .iter()
            .any(|extension| span.ends_with(extension));
    ours || file
}

/// The paths in the workspace manifest's `members`.
fn members(manifest: &str) -> Vec<String> {
    let Some((_, rest)) = manifest.split_once("members = [") else {
        return Vec::new();
    };
    let list = rest.split(']').next().unwrap_or_default();
    list.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

const RULE: &str = "architecture";
const PAGE: &str = "docs/ARCHITECTURE.md";

/// Longest architecture page, in lines.
const PAGE_LINES_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_members_and_alternatives() {
        assert_eq!(
            members("[workspace]\nmembers = [\"a\",\n \"b/c\"]\nx = [\"d\"]"),
            ["a", "b/c"]
        );
        assert_eq!(alternatives("a/{b, c}.rs"), ["a/b.rs", "a/c.rs"]);
        assert_eq!(alternatives("a/b.rs"), ["a/b.rs"]);
    }
}
