//! The official JSON Schema test suite, draft 2020-12, against both ways in which schemas judge.
//!
//! Each case of the suite is one test here: its instance is judged as a body, as it lies in its
//! text, and as a value, and both must say what the suite says. What we answer otherwise on purpose
//! stands in `testing_data/json_schema_exceptions.json` with its reason, and an exception that is
//! not needed any more is a failure. Without the suite, which a script fetches, one is ignored.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::{Map, Value};
use spikard_app::validate::fault::{Faults, Source};
use spikard_app::validate::json::lay_out;
use spikard_app::validate::rows::Place;
use spikard_app::validate::schema::Schema;

/// Deeper than any instance of the suite.
const DEPTH_MAX: u32 = 128;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let suite = root.join(".tools/json-schema-suite/tests/draft2020-12");
    if let Err(reason) = fetch(&root, &suite) {
        println!("test json_schema_suite ... ignored, {reason}");
        println!("test result: ok. 0 passed; 0 failed; 1 ignored");
        return ExitCode::SUCCESS;
    }
    let mut run = Run::new(&root);
    for file in files(&suite)
        .into_iter()
        .chain(files(&suite.join("optional/format")))
    {
        run.file(&suite, &file);
    }
    run.settle()
}

/// Gets the suite unless it is there.
fn fetch(root: &Path, suite: &Path) -> Result<(), String> {
    if suite.is_dir() {
        return Ok(());
    }
    let script = Command::new(root.join("scripts/json_schema_suite.sh")).output();
    match script {
        Ok(output) if output.status.success() && suite.is_dir() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or("no reason given").to_owned();
            Err(format!("the suite cannot be fetched: {last}"))
        }
        Err(error) => Err(format!(
            "scripts/json_schema_suite.sh cannot be run: {error}"
        )),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the suite has this folder");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

struct Run {
    exceptions: Map<String, Value>,
    /// Exceptions that something needed.
    needed: Vec<String>,
    passed: usize,
    excepted: usize,
    failures: Vec<String>,
}

impl Run {
    fn new(root: &Path) -> Self {
        let path = root.join("testing_data/json_schema_exceptions.json");
        let Value::Object(exceptions) = read(&path) else {
            panic!("{path:?} is an object");
        };
        Self {
            exceptions,
            needed: Vec::new(),
            passed: 0,
            excepted: 0,
            failures: Vec::new(),
        }
    }

    fn file(&mut self, suite: &Path, path: &Path) {
        let name = path.strip_prefix(suite).unwrap_or(path).with_extension("");
        let name = name.to_string_lossy().into_owned();
        for group in read(path)
            .as_array()
            .expect("a file of the suite is a list")
        {
            let whole = format!("{name}: {}", text(group, "description"));
            let schema = Schema::compile(&group["schema"]).map_err(|error| error.to_string());
            for case in group["tests"].as_array().expect("a group has tests") {
                let label = format!("{whole}: {}", text(case, "description"));
                let told = match &schema {
                    Ok(schema) => judge(schema, &case["data"], case["valid"] == true),
                    Err(error) => Err(error.clone()),
                };
                self.count([&name, &whole, &label], told);
            }
        }
    }

    /// Counts one case. An exception names its file, its group or itself.
    fn count(&mut self, keys: [&str; 3], told: Result<(), String>) {
        let [.., label] = keys;
        let mut keys = keys.into_iter();
        let key = keys.find(|key| self.exceptions.contains_key(*key));
        match (told, key) {
            (Ok(()), _) => self.passed += 1,
            (Err(_), Some(key)) => {
                self.excepted += 1;
                self.needed.push(key.to_owned());
            }
            (Err(why), None) => self.failures.push(format!("{label}\n    {why}")),
        }
    }

    fn settle(mut self) -> ExitCode {
        for key in self.exceptions.keys() {
            if !self.needed.contains(key) {
                self.failures
                    .push(format!("{key}: excepted, but it passes"));
            }
        }
        for failure in &self.failures {
            println!("test {} ... FAILED", failure.replace('\n', " "));
        }
        println!(
            "JSON Schema 2020-12: {} cases as the suite says, {} otherwise on purpose",
            self.passed, self.excepted
        );
        let word = if self.failures.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        let (passed, failed) = (self.passed + self.excepted, self.failures.len());
        println!("test result: {word}. {passed} passed; {failed} failed; 0 ignored");
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// Whether both ways say `valid` of the instance, and an invalid one gets rows.
fn judge(schema: &Schema, instance: &Value, valid: bool) -> Result<(), String> {
    let text = instance.to_string();
    let laid_out = lay_out(text.as_bytes(), DEPTH_MAX).map_err(|fault| format!("{fault:?}"))?;
    let mut as_body = Faults::new();
    schema.judge_body(&laid_out.tape(), &mut as_body);
    let mut as_value = Faults::new();
    let place = Place {
        source: Source::Body,
        path: &[],
        input: None,
    };
    schema.judge(instance, &place, &mut as_value);
    for (way, faults) in [("as a body", as_body), ("as a value", as_value)] {
        if faults.is_empty() != valid {
            let word = if valid { "invalid" } else { "valid" };
            return Err(format!("{text} is {word} {way}"));
        }
    }
    Ok(())
}
