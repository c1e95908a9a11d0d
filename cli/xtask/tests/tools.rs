//! Each tool finds a planted fault of each kind, and is content without it.

mod support;

use support::Tree;

/// A tree that breaks no rule.
fn clean(name: &str) -> Tree {
    let tree = Tree::new(name);
    tree.write("Cargo.toml", "[workspace]\nmembers = [\"app\"]\n")
        .write(
            "docs/ARCHITECTURE.md",
            "# Architecture\n\n`app/` is `app/src/lib.rs`.\n",
        )
        .write(
            "app/src/lib.rs",
            "//! What it is and why.\n#![forbid(unsafe_code)]\n\n/// Says yes.\npub fn yes() {}\n",
        )
        .write("scripts/run.py", "\"\"\"What it is and why.\"\"\"\n");
    tree
}

/// Writes `text` at `path` in a clean tree and expects `tidy` to name `fault`.
fn refuses(name: &str, path: &str, text: &str, fault: &str) {
    let tree = clean(name);
    tree.write(path, text);
    let (good, said) = tree.run(&["tidy"]);
    assert!(!good && said.contains(fault), "{fault} is not in\n{said}");
}

#[test]
fn tidy_is_content_with_a_clean_tree() {
    let (good, said) = clean("clean").run(&["tidy"]);
    assert!(good, "{said}");
    assert_eq!(said, "tidy: 4 files, 0 faults\n");
}

#[test]
fn tidy_refuses_a_file_without_a_header() {
    let fault = ":1: header: ";
    refuses(
        "header_rs",
        "app/src/x.rs",
        "use std::fmt;\n",
        &format!("app/src/x.rs{fault}"),
    );
    refuses(
        "header_py",
        "scripts/x.py",
        "import os\n",
        &format!("scripts/x.py{fault}"),
    );
    refuses("header_c", "ffi/tests/c/x.c", "#include <x.h>\n", fault);
    refuses("header_sh", "taskw", "#!/bin/sh\nset -eu\n", fault);
    refuses("header_short", "app/src/x.rs", "//! X.\n", fault);
}

#[test]
fn tidy_refuses_what_is_too_long() {
    let header = "//! What it is and why.\n";
    let long_file = format!("{header}{}", "\n".repeat(500));
    refuses(
        "long_file",
        "app/src/x.rs",
        &long_file,
        "x.rs:501: file-length: 501 lines",
    );
    let long_line = format!("{header}// {}\n", "é".repeat(98));
    refuses(
        "long_line",
        "app/src/x.rs",
        &long_line,
        "x.rs:2: line-length: 101 columns",
    );
    let long_function = format!("{header}fn long() {{{}}}\n", "\n".repeat(70));
    refuses(
        "long_function",
        "app/src/x.rs",
        &long_function,
        "x.rs:2: function-length: long: 71",
    );
}

#[test]
fn tidy_refuses_words_that_mark_unfinished_work() {
    let header = "//! What it is and why.\n";
    for (name, word) in [
        ("word_1", concat!("// FIX", "ME later")),
        ("word_2", concat!("// TO", "DO: later")),
        ("word_3", concat!("fn x() { todo", "!() }")),
    ] {
        refuses(
            name,
            "app/src/x.rs",
            &format!("{header}{word}\n"),
            "x.rs:2: banned-word: ",
        );
    }
}

#[test]
fn tidy_refuses_paths_of_one_machine() {
    let foreign = concat!("see /wo", "rk/notes.md\n");
    refuses("path_1", "README.md", foreign, "README.md:1: banned-word: ");
    let above = concat!("see ..", "/shared/notes.md\n");
    refuses("path_2", "README.md", above, "README.md:1: banned-word: ");
    let tree = clean("path_3");
    tree.write(
        "README.md",
        "a /worker, a home/work, a /workspace and a.shared/path\n",
    );
    let (good, said) = tree.run(&["tidy"]);
    assert!(good, "{said}");
}

#[test]
fn tidy_refuses_unsafe_outside_its_places() {
    let text = "//! What it is and why.\nfn x() { unsafe { y() } } // unsafe in words is fine\n";
    refuses("unsafe_1", "app/src/x.rs", text, "app/src/x.rs:2: unsafe: ");
    refuses(
        "unsafe_2",
        "runtime/src/conn.rs",
        text,
        "runtime/src/conn.rs:2: unsafe: ",
    );
    let root = "//! What it is and why.\n";
    refuses(
        "unsafe_3",
        "app/src/lib.rs",
        root,
        "app/src/lib.rs:1: forbid-unsafe: ",
    );
    let tree = clean("unsafe_4");
    for path in [
        "ffi/src/x.rs",
        "runtime/src/driver.rs",
        "runtime/src/supervise/signals.rs",
        "bindings/python/src/pump.rs",
    ] {
        tree.write(path, text);
    }
    let (good, said) = tree.run(&["tidy"]);
    assert!(good, "{said}");
}

#[test]
fn tidy_refuses_obsolete_rfcs() {
    // Split, so that this file does not break the rule.
    for (name, number) in [("rfc_1", "C 7230"), ("rfc_2", "c2616"), ("rfc_3", "C-7807")] {
        let text = format!("//! What it is and why: RF{number} §3.\n");
        refuses(
            name,
            "app/src/x.rs",
            &text,
            "app/src/x.rs:1: obsolete-rfc: ",
        );
    }
}

#[test]
fn tidy_holds_the_architecture_page_to_the_tree() {
    let page = "docs/ARCHITECTURE.md";
    refuses(
        "page_1",
        page,
        "`app/src/gone.rs`, `app/`\n",
        "app/src/gone.rs does not exist",
    );
    refuses(
        "page_2",
        page,
        "# Architecture\n",
        "the crate app/ is not named",
    );
    let long = format!("`app/`{}", "\n".repeat(301));
    refuses("page_3", page, &long, "301 lines are over 300");
}

#[test]
fn tidy_excuses_what_is_listed_and_refuses_stale_exceptions() {
    let list = "cli/xtask/tidy-exceptions.txt";
    let tree = clean("exceptions");
    tree.write("scripts/x.py", "import os\n").write(
        list,
        "# Comment.\nheader scripts/x.py it is read as a template by its neighbour\n",
    );
    let (good, said) = tree.run(&["tidy"]);
    assert!(good, "{said}");
    tree.write("scripts/x.py", "\"\"\"What it is and why.\"\"\"\n");
    let (good, said) = tree.run(&["tidy"]);
    assert!(
        !good && said.contains("scripts/x.py no longer breaks header"),
        "{said}"
    );
    refuses(
        "exception_reason",
        list,
        "header scripts/run.py because\n",
        "says why",
    );
}

#[test]
fn tidy_counts_what_fixtures_do() {
    let tree = clean("fixtures");
    tree.write(
        "testing_data/fixtures/a/one.json",
        r#"{"app": {"routes": [{"behavior": {"kind": "echo"}}, {"behavior": "raise"}]}}"#,
    )
    .write(
        "testing_data/fixtures/two.json",
        r#"[{"app": {"routes": [{"behavior": "echo"}]}}]"#,
    );
    let (good, said) = tree.run(&["tidy"]);
    assert!(good, "{said}");
    assert!(
        said.contains("fixtures: 2, 3 routes, 66 % of them echo\n"),
        "{said}"
    );
    assert!(said.contains("fixtures: echo 2, raise 1\n"), "{said}");
}

/// The output of `cargo metadata` for crates that depend on each other as listed.
fn metadata(crates: &[(&str, &[&str])]) -> String {
    let packages: Vec<serde_json::Value> = crates
        .iter()
        .map(|(name, dependencies)| {
            let dependencies: Vec<_> = dependencies
                .iter()
                .map(|name| serde_json::json!({"name": name, "kind": null}))
                .collect();
            serde_json::json!({"name": name, "dependencies": dependencies})
        })
        .collect();
    serde_json::json!({ "packages": packages }).to_string()
}

fn layers(name: &str, crates: &[(&str, &[&str])]) -> (bool, String) {
    let tree = Tree::new(name);
    tree.write("metadata.json", &metadata(crates));
    tree.run(&["layers", "--metadata", &tree.path("metadata.json")])
}

#[test]
fn layers_prints_edges_and_refuses_a_planted_one() {
    let app: (&str, &[&str]) = ("spikard-app", &["spikard-contract", "serde"]);
    let contract: (&str, &[&str]) = ("spikard-contract", &["serde"]);
    let (good, said) = layers("layers_good", &[app, contract]);
    assert!(good, "{said}");
    assert_eq!(
        said,
        "spikard-app -> spikard-contract\nlayers: 2 crates, 1 edges\n"
    );

    let wrong: (&str, &[&str]) = ("spikard-contract", &["spikard-app"]);
    let (good, said) = layers("layers_bad", &[app, wrong]);
    assert!(!good, "{said}");
    assert!(
        said.contains("layers: spikard-contract may not depend on spikard-app"),
        "{said}"
    );

    let (good, said) = layers("layers_unknown", &[("spikard-extra", &[])]);
    assert!(
        !good && said.contains("spikard-extra has no layer"),
        "{said}"
    );
}

#[test]
fn generate_writes_once_and_check_names_what_is_stale() {
    let tree = Tree::new("generate");
    let (good, said) = tree.run(&["generate"]);
    assert!(
        good && said.contains("wrote: docs/reference/config.md"),
        "{said}"
    );
    assert_eq!(tree.run(&["generate", "--check"]), (true, String::new()));

    for page in [
        "docs/reference/config.md",
        "bindings/node/src-ts/_generated/config.ts",
        "bindings/ruby/lib/spikard/_generated/config.rb",
        "bindings/ruby/sig/_generated/config.rbs",
    ] {
        let fresh = tree.read(page);
        let edited = fresh.replace("65536", "65537");
        assert_ne!(edited, fresh, "{page} has the number");
        tree.write(page, &edited);
        let (good, said) = tree.run(&["generate", "--check"]);
        assert!(
            !good && said.starts_with(&format!("stale: {page}\n")),
            "{said}"
        );
        assert_eq!(tree.read(page), edited, "--check writes nothing");
        tree.write(page, &fresh);
    }
}

#[test]
fn an_unknown_command_shows_the_usage() {
    let (good, said) = Tree::new("usage").run(&["polish"]);
    assert!(!good && said.contains("usage: cargo xtask"), "{said}");
}
