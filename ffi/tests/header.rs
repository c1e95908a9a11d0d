//! The committed header and layout table are what the sources say.
//!
//! cbindgen prints the functions and structs; the lists of numbers come from the contract, which
//! is their one truth. With `SPIKARD_WRITE=1` stale files are written instead of refused.
//! Whether a C compiler likes the result is the business of `tests/c.rs`.

mod layout;

use std::{fs, path::Path};

use cbindgen::{Builder, Config};
use spikard_contract::status::{GROUPS, Group};

const HEADER: &str = "include/spikard.h";
const LAYOUT: &str = "tests/c/layout.h";

/// Doc lines as written in the contract, as a comment.
fn comment(open: &str, doc: &[&str]) -> String {
    let lines: Vec<String> = doc
        .iter()
        .map(|line| format!(" * {}", line.trim()))
        .collect();
    format!("\n{open}\n{}\n */\n", lines.join("\n"))
}

/// The numbers of one list, as C has them.
fn numbers(group: &Group) -> String {
    let rows = group.rows.iter().map(|row| {
        let define = format!("#define {} {}\n", row.name, row.number);
        comment("/**", row.doc) + &define
    });
    // Of no declaration, so no doc comment.
    comment("/*", group.doc) + &rows.collect::<String>()
}

/// Turns what is Rust's way of writing into C's.
fn translate(printed: &str) -> String {
    let mut lines = Vec::new();
    for line in printed.lines() {
        // A link of rustdoc is a name.
        let line = line.replace("[`", "`").replace("`]", "`");
        lines.push(
            line.replace(" * # Safety", " * The caller owes:")
                .trim_end()
                .to_owned(),
        );
    }
    lines.join("\n") + "\n"
}

fn header() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml reads");
    config.header = Some(
        "/* The C ABI of Spikard. docs: ffi/README.md\n \
         * Printed from ffi/src and contract/src/status.rs by ffi/tests/header.rs. Do not edit. */"
            .to_owned(),
    );
    config.after_includes = Some(GROUPS.iter().map(numbers).collect());
    let builder = Builder::new()
        .with_config(config)
        .with_src(root.join("src/lib.rs"));
    let mut printed = Vec::new();
    builder
        .generate()
        .expect("cbindgen reads the sources")
        .write(&mut printed);
    translate(&String::from_utf8(printed).expect("cbindgen writes UTF-8"))
}

/// Compares a committed file with what it should be, or writes it.
fn hold(path: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let found = fs::read_to_string(&path).unwrap_or_default();
    if found == wanted {
        return;
    }
    if std::env::var_os("SPIKARD_WRITE").is_some_and(|value| value == "1") {
        fs::write(&path, wanted).expect("the file can be written");
        return;
    }
    let line = found.lines().zip(wanted.lines()).position(|(a, b)| a != b);
    panic!(
        "{} is stale (line {}): run SPIKARD_WRITE=1 cargo test -p spikard-ffi --test header",
        path.display(),
        line.unwrap_or_else(|| found.lines().count().min(wanted.lines().count())) + 1,
    );
}

/// Each declared function with the comment above it.
fn functions(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in header.split("/**").skip(1) {
        let (doc, code) = part.split_once("*/").expect("comments end");
        let code = code.trim_start();
        let declaration = code.split(';').next().unwrap_or_default();
        let Some((head, _)) = declaration.split_once('(') else {
            continue;
        };
        let name = head.rsplit([' ', '*']).next().unwrap_or_default();
        if name.starts_with("spk_") && !code.starts_with("typedef") {
            found.push((name.to_owned(), doc.to_owned()));
        }
    }
    found
}

#[test]
fn the_header_is_what_the_sources_say() {
    hold(HEADER, &header());
}

#[test]
fn the_layout_table_is_what_the_compiler_says() {
    hold(LAYOUT, &layout::table());
}

#[test]
fn every_function_tells_its_thread_and_whether_it_blocks() {
    let functions = functions(&header());
    assert!(functions.len() > 25, "{} functions found", functions.len());
    for (name, doc) in functions {
        let doc = doc.to_lowercase();
        assert!(doc.contains("thread"), "{name} does not tell its thread");
        assert!(doc.contains("block"), "{name} does not tell if it blocks");
        assert!(
            doc.contains("the caller owes") || name == "spk_abi_version",
            "{name} does not tell what its caller owes"
        );
    }
}

#[test]
fn every_exported_function_is_declared() {
    let header = header();
    let declared: Vec<String> = functions(&header)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let sources = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("it is");
    let mut exported = 0;
    for entry in sources {
        let source = fs::read_to_string(entry.expect("readable").path()).expect("UTF-8");
        for part in source.split("extern \"C\" fn spk_").skip(1) {
            let name = part.split('(').next().unwrap_or_default();
            let name = format!("spk_{name}");
            assert!(declared.contains(&name), "{name} is not in the header");
            exported += 1;
        }
    }
    assert_eq!(exported, declared.len());
}

#[test]
fn every_struct_of_the_header_has_its_layout_checked() {
    let table = layout::table();
    for part in header().split("typedef struct ").skip(1) {
        let name = part.split([' ', ';']).next().unwrap_or_default();
        let opaque = part[name.len()..].trim_start().starts_with(name);
        if !opaque {
            assert!(
                table.contains(&format!("SIZE({name}, ")),
                "{name} has no layout"
            );
        }
    }
}
