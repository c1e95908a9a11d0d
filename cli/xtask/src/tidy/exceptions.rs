//! The exceptions to the rules: one per line, `rule path reason`, each still needed.
//!
//! Knows nothing of the rules; it only takes away what is excused and adds what is stale.

use super::Fault;
use crate::tree::File;

/// One line of the list.
struct Exception<'a> {
    line: usize,
    rule: &'a str,
    path: &'a str,
    reason: &'a str,
}

/// The faults that remain, with a fault for each exception that has no reason or excuses nothing.
pub(super) fn apply(files: &[File], mut faults: Vec<Fault>) -> Vec<Fault> {
    let Some(list) = files.iter().find(|file| file.path == LIST) else {
        return faults;
    };
    let mut stale = Vec::new();
    for exception in read(&list.text) {
        let mut refuse = |message: String| {
            stale.push(Fault::new("exception", list, exception.line, message));
        };
        if exception.reason.len() < REASON_CHARACTERS_MIN {
            refuse("an exception says why: rule, path, reason".to_owned());
        }
        let before = faults.len();
        faults.retain(|fault| fault.rule != exception.rule || fault.path != exception.path);
        if faults.len() == before {
            refuse(format!(
                "{} no longer breaks {}",
                exception.path, exception.rule
            ));
        }
    }
    faults.append(&mut stale);
    faults
}

fn read(text: &str) -> impl Iterator<Item = Exception<'_>> {
    text.lines().enumerate().filter_map(|(index, line)| {
        if line.trim().is_empty() || line.starts_with('#') {
            return None;
        }
        let (rule, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let (path, reason) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
        Some(Exception {
            line: index + 1,
            rule,
            path,
            reason: reason.trim(),
        })
    })
}

const LIST: &str = "cli/xtask/tidy-exceptions.txt";

/// Shortest text that can be a reason.
const REASON_CHARACTERS_MIN: usize = 15;
