//! The function table of each example is the committed one: a change of what a program does for a
//! request shows in a diff. With `SPIKARD_WRITE=1` stale files are written instead of refused.

#![expect(clippy::unwrap_used, reason = "tests may stop")]

use std::fs;
use std::path::Path;

use spikard::{App, ServerConfig};

#[path = "../examples/gapless.rs"]
mod gapless;
#[path = "../examples/quickstart.rs"]
mod quickstart;

#[cfg(feature = "tokio")]
#[path = "../examples/visits.rs"]
mod visits;

fn hold(example: &str, app: App) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing_data/tables");
    let path = root.join(format!("rust_{example}.txt"));
    let tables = app.tables(&ServerConfig::default()).unwrap();
    if std::env::var_os("SPIKARD_WRITE").is_some_and(|value| value == "1") {
        fs::write(&path, &tables).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        kept,
        tables,
        "{}: SPIKARD_WRITE=1 writes it anew",
        path.display()
    );
}

#[test]
fn the_tables_of_the_examples_are_the_committed_ones() {
    hold("quickstart", quickstart::app());
    hold("gapless", gapless::app());
    #[cfg(feature = "tokio")]
    hold("visits", visits::app("redis://127.0.0.1:6379").unwrap());
}

#[test]
fn every_example_has_a_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["gapless", "quickstart", "visits"]);
}
