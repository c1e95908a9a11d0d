//! The repository's own tools, run as `cargo xtask <command>`.
//!
//! They turn the house rules into programs: generated files are fresh (`generate`), crates know
//! only what they may (`layers`), the text of the tree keeps its form (`tidy`), and the fixtures
//! notice what breaks (`fixtures --mutate`, `sabotage`).
//! Knows nothing of HTTP; no crate may depend on it.
#![forbid(unsafe_code)]

mod fixtures;
mod generate;
mod layers;
mod rust_text;
mod tidy;
mod tree;

use std::path::PathBuf;
use std::process::ExitCode;

/// What a command found: lines for people, and whether it is content.
struct Report {
    lines: Vec<String>,
    good: bool,
}

type Outcome = Result<Report, String>;

const USAGE: &str = "\
usage: cargo xtask <command> [--root DIR]

  generate [--check]       write every generated file, or name those that are stale
  layers [--metadata FILE] print the workspace's dependency edges, refuse those not allowed
                           (FILE: saved output of `cargo metadata`, instead of running it)
  fixtures --mutate        run the fixtures; each altered expectation must be noticed
  sabotage [--json]        switch off one rule of the engine at a time; a fixture must fail
  tidy                     check headers, lengths, banned words, unsafe, RFC numbers, documents
";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(report) => {
            for line in &report.lines {
                println!("{line}");
            }
            if report.good {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Vec<String>) -> Outcome {
    let mut arguments = Arguments(arguments);
    let root = match arguments.value("--root")? {
        Some(directory) => PathBuf::from(directory),
        None => tree::root(),
    };
    let check = arguments.flag("--check");
    let metadata = arguments.value("--metadata")?;
    let mutate = arguments.flag("--mutate");
    let json = arguments.flag("--json");
    match (arguments.0.as_slice(), check, metadata) {
        ([command], check, None) if command == "generate" => generate::run(&root, check),
        ([command], false, file) if command == "layers" => layers::run(&root, file.as_deref()),
        ([command], false, None) if command == "tidy" => tidy::run(&root),
        ([command], false, None) if command == "fixtures" && mutate => fixtures::mutate(&root),
        ([command], false, None) if command == "sabotage" => fixtures::sabotage(&root, json),
        _ => Err(USAGE.to_owned()),
    }
}

/// The words of the command line that are not yet understood.
struct Arguments(Vec<String>);

impl Arguments {
    fn flag(&mut self, name: &str) -> bool {
        let found = self.0.iter().position(|word| word == name);
        found.map(|index| self.0.remove(index)).is_some()
    }

    fn value(&mut self, name: &str) -> Result<Option<String>, String> {
        let Some(index) = self.0.iter().position(|word| word == name) else {
            return Ok(None);
        };
        self.0.remove(index);
        if index == self.0.len() {
            return Err(format!("{name} wants a value"));
        }
        Ok(Some(self.0.remove(index)))
    }
}
