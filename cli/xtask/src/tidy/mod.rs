//! The house rules that a program can check, over the whole tree.
//!
//! Every rule has a name; `tidy-exceptions.txt` may excuse a file from one, with a reason, and an
//! exception that excuses nothing is itself a fault.
//! Knows nothing of how files are found (`tree.rs`).

mod documents;
mod exceptions;
mod fixtures;
mod form;
mod rust;

use std::path::Path;

use crate::tree::{self, File};
use crate::{Outcome, Report};

/// One broken rule.
#[derive(Debug)]
struct Fault {
    rule: &'static str,
    path: String,
    /// Counted from 1; 0 when the file as a whole is at fault.
    line: usize,
    message: String,
}

impl Fault {
    fn new(rule: &'static str, file: &File, line: usize, message: impl Into<String>) -> Self {
        Self {
            rule,
            path: file.path.clone(),
            line,
            message: message.into(),
        }
    }
}

/// Checks every file below `root`.
pub(crate) fn run(root: &Path) -> Outcome {
    let files = tree::files(root)?;
    let mut faults = Vec::new();
    for file in &files {
        form::check(file, &mut faults);
        if file.extension() == "rs" {
            rust::check(file, &mut faults);
        }
    }
    documents::check(root, &files, &mut faults);
    let mut faults = exceptions::apply(&files, faults);
    faults.sort_by(|a, b| (&a.path, a.line, a.rule).cmp(&(&b.path, b.line, b.rule)));
    let mut lines: Vec<String> = faults
        .iter()
        .map(|fault| {
            format!(
                "{}:{}: {}: {}",
                fault.path, fault.line, fault.rule, fault.message
            )
        })
        .collect();
    lines.extend(fixtures::shares(&files)?);
    lines.push(format!(
        "tidy: {} files, {} faults",
        files.len(),
        faults.len()
    ));
    Ok(Report {
        lines,
        good: faults.is_empty(),
    })
}
