//! Compiling C against the header and linking it with the library of this very build.
//!
//! `CC` and `CXX` name the compilers, else `cc` and `c++`. A missing tool skips with a word, or
//! fails where `SPIKARD_REQUIRE=all` says that nothing may be missing.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

/// What the header must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Language {
    C11,
    Cpp17,
}

/// A file of this crate.
pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A library that Cargo built beside this test, of the same profile and features.
pub(crate) fn library(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a running program has a path");
    let path = test.with_file_name(name);
    assert!(path.exists(), "{} was not built", path.display());
    path
}

/// Says why something is not tested, or fails if nothing may be left out.
pub(crate) fn skip(reason: &str) {
    let required = env::var_os("SPIKARD_REQUIRE").is_some_and(|value| value == "all");
    assert!(!required, "SPIKARD_REQUIRE=all, but {reason}");
    println!("skipped: {reason}");
}

/// Whether a tool is missing, with a word about it.
pub(crate) fn is_missing(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        skip(&format!("{tool} is missing"));
    }
    !found
}

fn command(language: Language) -> Option<Command> {
    let (variable, usual, standard, kind) = match language {
        Language::C11 => ("CC", "cc", "-std=c11", "c"),
        Language::Cpp17 => ("CXX", "c++", "-std=c++17", "c++"),
    };
    let tool = env::var(variable).unwrap_or_else(|_| usual.to_owned());
    if is_missing(&tool) {
        return None;
    }
    let mut command = Command::new(tool);
    command.args([
        standard,
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pedantic",
        "-g",
        "-O1",
    ]);
    command.arg("-I").arg(source("include"));
    command.args(["-x", kind]);
    Some(command)
}

fn run(mut command: Command) {
    let output = command
        .output()
        .expect("the compiler was there a moment ago");
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Compiles a file without making a program.
pub(crate) fn compile_only(language: Language, path: &str) {
    if let Some(mut command) = command(language) {
        command.arg("-fsyntax-only").arg(source(path));
        run(command);
    }
}

/// A program linked with the shared library; `None` without a compiler.
pub(crate) fn program(name: &str, sources: &[&str]) -> Option<PathBuf> {
    build(name, sources, |command| {
        let folder = library("libspikard_ffi.so").with_file_name("");
        command.arg("-L").arg(&folder).arg("-lspikard_ffi");
        command.arg(format!("-Wl,-rpath,{}", folder.display()));
        // Cargo sets a library path for its tests, with a folder that may hold an older library;
        // the program's own word shall count.
        command.arg("-Wl,--disable-new-dtags");
        command.arg("-lpthread");
    })
}

/// A program with the library inside; `None` without a compiler. The line is what a user writes.
pub(crate) fn static_program(name: &str, sources: &[&str]) -> Option<PathBuf> {
    build(name, sources, |command| {
        command.arg(library("libspikard_ffi.a"));
        command.args(["-lgcc_s", "-lpthread", "-ldl", "-lm", "-lrt"]);
    })
}

/// Builds once per run: tests share programs, and run at the same time.
fn build(name: &str, sources: &[&str], link: impl FnOnce(&mut Command)) -> Option<PathBuf> {
    static BUILT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

    let mut built = BUILT.lock().unwrap_or_else(|error| error.into_inner());
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ffi-{name}"));
    if built.contains(&program) {
        return Some(program);
    }
    let mut command = command(Language::C11)?;
    command.args(sources.iter().map(|path| source(path)));
    command.args(["-x", "none"]);
    link(&mut command);
    // Under another name first: a program of an earlier run may still be running.
    let fresh = program.with_extension("new");
    command.arg("-o").arg(&fresh);
    run(command);
    fs::rename(&fresh, &program).expect("the folder is ours");
    built.push(program.clone());
    Some(program)
}
