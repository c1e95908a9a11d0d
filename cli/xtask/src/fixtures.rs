//! Whether the fixtures can fail: for altered expectations, and for rules that are switched off.
//!
//! Both are judged by the fixture runner of the Rust binding; this builds it the right way and runs
//! it. Knows nothing of fixtures or rules.

use std::path::Path;
use std::process::Command;

use crate::{Outcome, Report};

/// Runs all fixtures and all altered expectations.
pub(crate) fn mutate(root: &Path) -> Outcome {
    runner(root, &[])
}

/// Builds the engine once with its rules made switchable, and switches off each in turn.
pub(crate) fn sabotage(root: &Path, json: bool) -> Outcome {
    let mut words = vec!["--features", "spikard-proto-http/sabotage"];
    words.extend(["--", "sabotage"]);
    words.extend(json.then_some("--json"));
    runner(root, &words)
}

fn runner(root: &Path, words: &[&str]) -> Outcome {
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args(["test", "--quiet", "--package", "spikard"])
        .args(["--test", "fixtures"])
        .args(words)
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    Ok(Report {
        lines: Vec::new(),
        good: status.success(),
    })
}
